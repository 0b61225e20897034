/** Bytes that come in pieces, and the lines in them. */
const NEWLINE = 10;
/** Several arrays as one. */
export function joined(parts) {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
        whole.set(part, at);
        at += part.length;
    }
    return whole;
}
/** How many lines end in these bytes. */
export function lineEnds(bytes) {
    let count = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1))
        count++;
    return count;
}
/** What stands behind so many lines. */
export function behindLines(bytes, count) {
    let at = 0;
    for (let line = 0; line < count; line++)
        at = bytes.indexOf(NEWLINE, at) + 1;
    return bytes.subarray(at);
}
/** The same bytes in pieces that end where a line does. A line of more than `most` bytes is not waited for. */
export async function* wholeLines(chunks, most, tooLong) {
    let rest = [];
    let held = 0;
    for await (const chunk of chunks) {
        const end = chunk.lastIndexOf(NEWLINE) + 1;
        held = end === 0 ? held + chunk.length : chunk.length - end;
        if (held > most)
            throw tooLong();
        if (end === 0) {
            rest.push(chunk);
            continue;
        }
        const bytes = rest.length === 0 ? chunk.subarray(0, end) : joined([...rest, chunk.subarray(0, end)]);
        rest = end < chunk.length ? [chunk.subarray(end)] : [];
        yield { bytes, rows: lineEnds(bytes) };
    }
    const last = joined(rest);
    if (last.length > 0)
        yield { bytes: joined([last, Uint8Array.of(NEWLINE)]), rows: 1 };
}
/** The lines of these bytes as texts, without their ends. */
export async function* linesOf(chunks, most, tooLong) {
    const decoder = new TextDecoder();
    for await (const { bytes } of wholeLines(chunks, most, tooLong)) {
        const lines = decoder.decode(bytes).split("\n");
        lines.pop();
        yield* lines;
    }
}
/** What a stream gives; leaving the loop ends it. Not every browser has streams that are iterators themselves. */
export async function* chunksOf(stream) {
    const reader = stream.getReader();
    let ended = false;
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done) {
                ended = true;
                return;
            }
            yield value;
        }
    }
    finally {
        // What cannot be ended has ended by itself.
        if (!ended)
            await reader.cancel().catch(() => undefined);
    }
}
/** A stream of what an iterator gives. */
export function streamOf(chunks) {
    const iterator = chunks[Symbol.asyncIterator]();
    return new ReadableStream({
        async pull(controller) {
            const { done, value } = await iterator.next();
            if (done)
                controller.close();
            else
                controller.enqueue(value);
        },
        async cancel() {
            await iterator.return?.();
        },
    }, { highWaterMark: 0 });
}
