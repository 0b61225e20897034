/** Whole answers as bytes, to be written where they are to be. */
import { type Piece } from "./bytes.js";
/** Forms of features in files. */
export type FeatureForm = "ndjson" | "geojson" | "geojson-seq";
/** Forms of points in files. */
export type PointForm = "ndjson" | "csv";
/** What is asked of the server for each form. */
export declare const ACCEPTED: Readonly<Record<FeatureForm | PointForm, string>>;
/**
 * An answer as it comes, in pieces of whole lines: an iterator over bytes, or a stream. All of it is of one state, and a
 * connection that is lost is bridged.
 */
export declare class Download implements AsyncIterable<Uint8Array> {
    #private;
    constructor(pieces: AsyncIterable<Piece>, form: FeatureForm | PointForm);
    /** How many rows have come, without a header. */
    get rows(): number;
    [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined>;
    /** The same as a stream, such as for `new Response(download.stream())`. */
    stream(): ReadableStream<Uint8Array>;
}
