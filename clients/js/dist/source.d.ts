/** Bodies of uploads: what is sent line by line, in constant memory, and again from its beginning. */
/** A body. `size` is in bytes where it is known; `replayable` says that `chunks` may be called again. */
export interface Source {
    readonly contentType: string;
    readonly contentEncoding?: string | undefined;
    readonly size?: number | undefined;
    readonly replayable: boolean;
    chunks(): AsyncIterable<Uint8Array>;
}
/** Objects one after the other. */
export type Items = Iterable<object> | AsyncIterable<object>;
/**
 * What can be uploaded: a `File` of a page, a file of `formdb/node`; or features or points, as an array, as a function
 * that gives them anew, or as they come (which can be sent once).
 */
export type UploadSource = Source | Blob | Items | (() => Items);
/** A file as it is read; `bytes` may be called several times. */
export interface Readable {
    readonly name: string;
    readonly size: number;
    bytes(): AsyncIterable<Uint8Array>;
}
/** A file as what its name says it is, and its first byte where the name does not tell lines from sequences. */
export declare function fileSource(file: Readable): Promise<Source>;
/** What is given as a source. */
export declare function sourceOf(given: UploadSource): Promise<Source>;
