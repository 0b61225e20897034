/** Files, for Node and what runs its modules. */
import type { Download } from "./download.js";
import { type Source } from "./source.js";
import type { HeadStore } from "./verify.js";
/** A file to be uploaded, as what its name says it is; `header` stands in place of the first line of a table. */
export declare function file(path: string | URL, { header }?: {
    header?: string;
}): Promise<Source>;
/** Writes a download into a file, which is there when it is whole; how many rows it has. */
export declare function save(path: string | URL, download: Download): Promise<number>;
/** A file with a head, for `KeptHead` of `formdb/verify`. */
export declare function headFile(path: string | URL): HeadStore;
