/** Calls: sent, sent again where that is safe, and their refusals as exceptions. */
import { badAnswer, objectOf, shown, tooLong, wholeOf } from "./answer.js";
import { behindLines, chunksOf, linesOf, wholeLines } from "./bytes.js";
import { ApiError, BadAnswer, ConnectionFailed, errorOf } from "./errors.js";
import { jsonOf } from "./json.js";
import { Attempts, sleep, transient } from "./retry.js";
/** A connection that was lost, or could not be made. */
export class Lost extends Error {
    /** Whether the request surely did not arrive. */
    unsent;
    constructor(cause) {
        const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
        super(inner instanceof Error ? inner.message || inner.name : String(inner), { cause });
        const code = typeof inner === "object" && inner !== null && "code" in inner ? String(inner.code) : "";
        this.unsent = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(code);
    }
}
/** Ends a request when nothing has come or gone for so long, or when its caller says so. */
class Watch {
    #controller = new AbortController();
    #milliseconds;
    #outer;
    #aborted = () => this.#controller.abort(this.#outer?.reason);
    #timer;
    #ended = false;
    constructor(seconds, outer) {
        this.#milliseconds = seconds * 1000;
        this.#outer = outer;
        outer?.throwIfAborted();
        outer?.addEventListener("abort", this.#aborted, { once: true });
        this.touch();
    }
    get signal() {
        return this.#controller.signal;
    }
    touch() {
        // What is sent may go on for a moment after the answer.
        if (this.#ended)
            return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#controller.abort(new Error(`nothing came for ${this.#milliseconds / 1000} s`)), this.#milliseconds);
    }
    end() {
        this.#ended = true;
        clearTimeout(this.#timer);
        this.#outer?.removeEventListener("abort", this.#aborted);
    }
    /** What an error of fetch means. */
    meaning(error) {
        if (this.#outer?.aborted)
            return this.#outer.reason;
        return new Lost(this.signal.aborted ? this.signal.reason : error);
    }
}
/** A new key of a write. */
export function newKey() {
    // Pages that did not come over TLS have no randomUUID, and Node 18 has none of this.
    const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(16)) ?? Uint8Array.from({ length: 16 }, () => Math.random() * 256);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
/** Connections to one server. */
export class Http {
    url;
    retry;
    /** Seconds after which a request is given up in which nothing comes or goes. */
    timeout;
    #token;
    /** What calls go through. */
    fetch;
    /** So many bytes an answer may have that is held whole, and a line of one that is not. */
    most;
    constructor(url, token, retry, timeout, fetch, most) {
        this.url = url;
        this.retry = retry;
        this.timeout = timeout;
        this.#token = token;
        this.fetch = fetch;
        this.most = most;
    }
    /** Gives the credential to who opens a connection of another kind. */
    credential() {
        return this.#token;
    }
    /** One attempt. It throws Lost where there is no answer, and ApiError for a refusal. */
    async attempt(asked, onActivity = () => undefined) {
        const headers = new Headers(asked.headers);
        if (this.#token !== undefined)
            headers.set("authorization", `Bearer ${this.#token}`);
        let content = asked.content;
        if (asked.body !== undefined) {
            content = jsonOf(asked.body);
            if (!headers.has("content-type"))
                headers.set("content-type", "application/json");
        }
        const query = asked.params?.length ? `?${new URLSearchParams(asked.params.map(([name, value]) => [name, value]))}` : "";
        const watch = new Watch(this.timeout, asked.signal);
        onActivity(() => watch.touch());
        let response;
        try {
            // What is wrong with the request itself is thrown as it is; after that fetch fails for connections alone.
            const init = { method: asked.method, headers, body: content ?? null, signal: watch.signal, redirect: "manual", duplex: "half" };
            const request = new Request(this.url + asked.path + query, init);
            try {
                response = await this.fetch(request);
                if (!response.ok)
                    throw await refusal(response, asked, this.most);
            }
            catch (error) {
                throw error instanceof ApiError || error instanceof BadAnswer ? error : watch.meaning(error);
            }
        }
        catch (error) {
            watch.end();
            throw error;
        }
        return { response, chunks: watched(response, watch) };
    }
    /** An answer of 2xx, after as many attempts as it takes. With `repeat` off it is sent again only where it surely did not arrive. */
    async ask(asked, use, attempts, repeat = true) {
        for (;;) {
            let failure;
            let wait;
            try {
                return await use(await this.attempt(asked));
            }
            catch (error) {
                if (error instanceof Lost) {
                    wait = repeat || error.unsent ? attempts.pause() : undefined;
                    failure = this.unreachable(error, attempts);
                }
                else if (error instanceof ApiError) {
                    wait = transient(error) && (repeat || error.status === 429) ? attempts.pause(error.retryAfter) : undefined;
                    failure = error;
                }
                else
                    throw error;
            }
            if (wait === undefined)
                throw failure;
            await sleep(wait, asked.signal);
        }
    }
    /** The bytes of an answer as a whole. */
    async call(asked, repeat = true) {
        const whole = ({ response, chunks }) => wholeOf(chunks, this.most, askerOf(asked, response));
        return this.ask(asked, whole, new Attempts(this.retry), repeat);
    }
    /** The object of an answer, which has these members. */
    async json(asked, { repeat = true, has } = {}) {
        const parsed = async ({ response, chunks }) => {
            const asker = askerOf(asked, response);
            return objectOf(new TextDecoder().decode(await wholeOf(chunks, this.most, asker)), asker, has);
        };
        return this.ask(asked, parsed, new Attempts(this.retry), repeat);
    }
    /**
     * All lines of an answer, in constant memory.
     *
     * When the connection is lost the question is asked again and what was given is passed over, so the question has to be
     * about one state: with `as_of`, or in a transaction.
     */
    async *pieces(asked) {
        const attempts = new Attempts(this.retry);
        let given = 0;
        for (;;) {
            try {
                const { response, chunks } = await this.ask(asked, async (answer) => answer, attempts);
                const asker = askerOf(asked, response);
                checkKind(response, asker, asked.headers?.["accept"]);
                let known = given;
                for await (const { bytes, rows } of wholeLines(chunks, this.most, () => tooLong(asker, this.most))) {
                    const fresh = Math.max(rows - known, 0);
                    if (fresh > 0) {
                        given += fresh;
                        attempts.progressed();
                        yield { bytes: behindLines(bytes, rows - fresh), rows: fresh };
                    }
                    known -= rows - fresh;
                }
                return;
            }
            catch (error) {
                if (!(error instanceof Lost))
                    throw error;
                const wait = attempts.pause();
                if (wait === undefined)
                    throw this.unreachable(error, attempts);
                await sleep(wait, asked.signal);
            }
        }
    }
    /** The exception for a connection that was given up. */
    unreachable(error, attempts) {
        const times = attempts.count === 1 ? "" : ` (${attempts.count} attempts)`;
        return new ConnectionFailed(`${this.url}: ${error.message}${times}`, { cause: error });
    }
}
async function* watched(response, watch) {
    try {
        if (response.body === null)
            return;
        for await (const chunk of chunksOf(response.body)) {
            watch.touch();
            yield chunk;
        }
    }
    catch (error) {
        throw watch.meaning(error);
    }
    finally {
        watch.end();
    }
}
/** The call that an answer is of, for messages. */
export function askerOf({ method, path }, { status }) {
    return { method, path, status };
}
/** Throws where an answer says that it is of another kind than was asked for. */
export function checkKind(response, asker, kind) {
    const found = response.headers.get("content-type");
    if (found !== null && kind !== undefined && found.split(";")[0].trim().toLowerCase() !== kind)
        throw badAnswer(asker, kind, shown(found));
}
async function refusal(response, asked, most) {
    const chunks = chunksOf(response.body ?? new Blob().stream());
    const text = new TextDecoder().decode(await wholeOf(chunks, most, askerOf(asked, response)));
    let problem;
    try {
        const document = JSON.parse(text);
        if (typeof document === "object" && document !== null && !Array.isArray(document))
            problem = document;
    }
    catch {
        // Not of ours.
    }
    problem ??= { detail: `${response.status} ${response.statusText} of something that is no FormDB server` };
    const after = response.headers.get("retry-after") ?? "";
    return errorOf(response.status, problem, {
        requestId: response.headers.get("x-request-id") ?? undefined,
        retryAfter: /^\d+$/.test(after) ? Number(after) : undefined,
    });
}
/** The messages of an answer of server-sent events (HTML, 9.2.6): name, id and data. Comments only keep the connection. */
export async function* messagesOf(chunks, most, tooLong) {
    let name = "message", id = "";
    let data = [];
    for await (const full of linesOf(chunks, most, tooLong)) {
        const line = full.endsWith("\r") ? full.slice(0, -1) : full;
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
        if (field === "event")
            name = value;
        else if (field === "id")
            id = value;
        else if (field === "data")
            data.push(value);
        else if (line === "") {
            yield { name, id, data: data.join("\n") };
            name = "message";
            data = [];
        }
    }
}
