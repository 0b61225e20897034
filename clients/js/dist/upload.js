/** Uploads: streams that are sent once more from their beginning when they broke off. */
import { objectOf, tooLong } from "./answer.js";
import { lineEnds, linesOf, streamOf } from "./bytes.js";
import { ApiError, NotReplayable, UploadFailed } from "./errors.js";
import { askerOf, Lost, newKey } from "./http.js";
import { checkedKey } from "./query.js";
import { Attempts, sleep, transient } from "./retry.js";
import { sourceOf } from "./source.js";
// Browsers send streams over HTTP/2 alone, and some do not at all. There the body is a Blob, which they keep on disk.
const streams = typeof process !== "undefined" && process.versions?.node !== undefined;
/** The body of one attempt, which tells how far it has been sent. */
class Body {
    source;
    attempt;
    progress;
    begun = false;
    sent = 0;
    // What reading the source threw: it is the caller's, and no fault of the connection.
    failure;
    touch = () => undefined;
    constructor(source, attempt, progress) {
        this.source = source;
        this.attempt = attempt;
        this.progress = progress;
    }
    async *chunks() {
        this.begun = true;
        let rows = 0;
        try {
            for await (const chunk of this.source.chunks()) {
                yield chunk;
                this.touch();
                this.sent += chunk.length;
                if (this.progress === undefined)
                    continue;
                rows += lineEnds(chunk);
                this.progress({ sentBytes: this.sent, totalBytes: this.source.size, rows, attempt: this.attempt });
            }
        }
        catch (error) {
            this.failure = { error };
            throw error;
        }
    }
    async content() {
        if (streams)
            return streamOf(this.chunks());
        const parts = [];
        for await (const chunk of this.chunks())
            parts.push(new Blob([chunk]));
        return new Blob(parts);
    }
}
/** Sends a stream until all of it is written, once. */
export async function upload(scope, path, given, params, { key, signal, progress }) {
    scope.checkWritable();
    const sent = key === undefined ? newKey() : checkedKey(key);
    const source = await sourceOf(given);
    const headers = { "content-type": source.contentType, "idempotency-key": sent };
    if (source.contentEncoding !== undefined)
        headers["content-encoding"] = source.contentEncoding;
    const { http } = scope;
    const attempts = new Attempts(http.retry);
    let furthest = 0;
    for (;;) {
        const body = new Body(source, attempts.count, progress);
        let failure;
        let again;
        let retryAfter;
        try {
            const asked = { method: "POST", path: scope.path + path, params, content: await body.content(), headers, signal };
            return await result(await http.attempt(asked, (touch) => { body.touch = touch; }), asked, http.most);
        }
        catch (error) {
            if (body.failure !== undefined)
                throw body.failure.error;
            if (error instanceof Lost) {
                failure = http.unreachable(error, attempts);
                again = true;
            }
            else if (error instanceof ApiError) {
                failure = error;
                again = transient(error);
                retryAfter = error.retryAfter;
            }
            else
                throw error;
        }
        if (!again)
            throw failure;
        if (!source.replayable && body.begun)
            throw new NotReplayable(`${failure.message}; what was written stays, and this source cannot be read again`, { cause: failure });
        // A long upload may outlive any number of restarts of the server, as long as each attempt comes further.
        if (body.sent > furthest)
            attempts.progressed();
        furthest = Math.max(furthest, body.sent);
        const wait = attempts.pause(retryAfter);
        if (wait === undefined)
            throw failure;
        await sleep(wait, signal);
    }
}
async function result({ response, chunks }, asked, most) {
    let last;
    const asker = askerOf(asked, response);
    for await (const line of linesOf(chunks, most, () => tooLong(asker, most)))
        if (line !== "")
            last = objectOf(line, asker);
    if (last === undefined || !("done" in last))
        throw new Lost(new Error("the answer ends before its last line"));
    if (last.done)
        return last;
    const problem = last.error ?? {};
    throw new UploadFailed(Number(problem["status"] ?? 500), problem, last);
}
