/** Whole answers as bytes, to be written where they are to be. */
import { streamOf } from "./bytes.js";
/** What is asked of the server for each form. */
export const ACCEPTED = {
    ndjson: "application/x-ndjson", geojson: "application/x-ndjson", "geojson-seq": "application/geo+json-seq", csv: "text/csv",
};
const NEWLINE = 10;
/**
 * An answer as it comes, in pieces of whole lines: an iterator over bytes, or a stream. All of it is of one state, and a
 * connection that is lost is bridged.
 */
export class Download {
    #pieces;
    #form;
    #rows = 0;
    constructor(pieces, form) {
        this.#pieces = pieces;
        this.#form = form;
    }
    /** How many rows have come, without a header. */
    get rows() {
        return this.#form === "csv" ? Math.max(this.#rows - 1, 0) : this.#rows;
    }
    async *[Symbol.asyncIterator]() {
        const encoder = new TextEncoder();
        if (this.#form === "geojson")
            yield encoder.encode('{"type":"FeatureCollection","features":[');
        for await (const { bytes, rows } of this.#pieces) {
            const first = this.#rows === 0;
            this.#rows += rows;
            yield this.#form === "geojson" ? inList(bytes, rows, first) : bytes;
        }
        if (this.#form === "geojson")
            yield encoder.encode("\n]}\n");
    }
    /** The same as a stream, such as for `new Response(download.stream())`. */
    stream() {
        return streamOf(this);
    }
}
/** Lines as members of a list, each behind a comma and on a line of its own. */
function inList(lines, rows, first) {
    const made = new Uint8Array(lines.length + rows);
    let from = 0, to = 0;
    for (let row = 0; row < rows; row++) {
        const end = lines.indexOf(NEWLINE, from);
        if (row > 0 || !first)
            made[to++] = 0x2c;
        made[to++] = NEWLINE;
        made.set(lines.subarray(from, end), to);
        to += end - from;
        from = end + 1;
    }
    return made.subarray(0, to);
}
