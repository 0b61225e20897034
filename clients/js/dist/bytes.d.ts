/** Bytes that come in pieces, and the lines in them. */
/** Whole lines, each with its end, and how many they are. */
export interface Piece {
    readonly bytes: Uint8Array;
    readonly rows: number;
}
/** Several arrays as one. */
export declare function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
/** How many lines end in these bytes. */
export declare function lineEnds(bytes: Uint8Array): number;
/** What stands behind so many lines. */
export declare function behindLines(bytes: Uint8Array, count: number): Uint8Array;
/** The same bytes in pieces that end where a line does. A line of more than `most` bytes is not waited for. */
export declare function wholeLines(chunks: AsyncIterable<Uint8Array>, most: number, tooLong: () => Error): AsyncGenerator<Piece, void, undefined>;
/** The lines of these bytes as texts, without their ends. */
export declare function linesOf(chunks: AsyncIterable<Uint8Array>, most: number, tooLong: () => Error): AsyncGenerator<string, void, undefined>;
/** What a stream gives; leaving the loop ends it. Not every browser has streams that are iterators themselves. */
export declare function chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined>;
/** A stream of what an iterator gives. */
export declare function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array>;
