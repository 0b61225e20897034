/** Uploads: streams that are sent once more from their beginning when they broke off. */

import { objectOf, tooLong } from "./answer.js";
import { lineEnds, linesOf, streamOf } from "./bytes.js";
import { ApiError, NotReplayable, UploadFailed, type Problem } from "./errors.js";
import { askerOf, Lost, newKey, type Answer, type Asked, type Content } from "./http.js";
import { checkedKey, type Pairs } from "./query.js";
import { Attempts, sleep, transient } from "./retry.js";
import type { Scope } from "./scope.js";
import { sourceOf, type Source, type UploadSource } from "./source.js";
import type { Progress, Upload, Write } from "./types.js";

/** Options of an upload. */
export interface UploadOptions extends Write {
  /** Is told how far it has come, with each piece that is sent. */
  progress?: ((progress: Progress) => void) | undefined;
}

// Browsers send streams over HTTP/2 alone, and some do not at all. There the body is a Blob, which they keep on disk.
const streams = typeof process !== "undefined" && process.versions?.node !== undefined;

/** The body of one attempt, which tells how far it has been sent. */
class Body {
  begun = false;
  sent = 0;
  // What reading the source threw: it is the caller's, and no fault of the connection.
  failure: { readonly error: unknown } | undefined;
  touch: () => void = () => undefined;

  constructor(readonly source: Source, readonly attempt: number, readonly progress: ((progress: Progress) => void) | undefined) {}

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    this.begun = true;
    let rows = 0;
    try {
      for await (const chunk of this.source.chunks()) {
        yield chunk;
        this.touch();
        this.sent += chunk.length;
        if (this.progress === undefined) continue;
        rows += lineEnds(chunk);
        this.progress({ sentBytes: this.sent, totalBytes: this.source.size, rows, attempt: this.attempt });
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  async content(): Promise<Content> {
    if (streams) return streamOf(this.chunks());
    const parts: BlobPart[] = [];
    for await (const chunk of this.chunks()) parts.push(new Blob([chunk as BlobPart]));
    return new Blob(parts);
  }
}

/** Sends a stream until all of it is written, once. */
export async function upload(scope: Scope, path: string, given: UploadSource, params: Pairs,
  { key, signal, progress }: UploadOptions): Promise<Upload> {
  scope.checkWritable();
  const sent = key === undefined ? newKey() : checkedKey(key);
  const source = await sourceOf(given);
  const headers: Record<string, string> = { "content-type": source.contentType, "idempotency-key": sent };
  if (source.contentEncoding !== undefined) headers["content-encoding"] = source.contentEncoding;
  const { http } = scope;
  const attempts = new Attempts(http.retry);
  let furthest = 0;
  for (;;) {
    const body = new Body(source, attempts.count, progress);
    let failure: Error;
    let again: boolean;
    let retryAfter: number | undefined;
    try {
      const asked = { method: "POST", path: scope.path + path, params, content: await body.content(), headers, signal };
      return await result(await http.attempt(asked, (touch) => { body.touch = touch; }), asked, http.most);
    } catch (error) {
      if (body.failure !== undefined) throw body.failure.error;
      if (error instanceof Lost) {
        failure = http.unreachable(error, attempts);
        again = true;
      } else if (error instanceof ApiError) {
        failure = error;
        again = transient(error);
        retryAfter = error.retryAfter;
      } else throw error;
    }
    if (!again) throw failure;
    if (!source.replayable && body.begun)
      throw new NotReplayable(`${failure.message}; what was written stays, and this source cannot be read again`, { cause: failure });
    // A long upload may outlive any number of restarts of the server, as long as each attempt comes further.
    if (body.sent > furthest) attempts.progressed();
    furthest = Math.max(furthest, body.sent);
    const wait = attempts.pause(retryAfter);
    if (wait === undefined) throw failure;
    await sleep(wait, signal);
  }
}

async function result({ response, chunks }: Answer, asked: Asked, most: number): Promise<Upload> {
  let last: (Upload & { error?: Problem }) | undefined;
  const asker = askerOf(asked, response);
  for await (const line of linesOf(chunks, most, () => tooLong(asker, most))) if (line !== "") last = objectOf(line, asker);
  if (last === undefined || !("done" in last)) throw new Lost(new Error("the answer ends before its last line"));
  if (last.done) return last;
  const problem = last.error ?? {};
  throw new UploadFailed(Number(problem["status"] ?? 500), problem, last);
}
