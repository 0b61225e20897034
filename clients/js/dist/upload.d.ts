/** Uploads: streams that are sent once more from their beginning when they broke off. */
import { type Pairs } from "./query.js";
import type { Scope } from "./scope.js";
import { type UploadSource } from "./source.js";
import type { Progress, Upload, Write } from "./types.js";
/** Options of an upload. */
export interface UploadOptions extends Write {
    /** Is told how far it has come, with each piece that is sent. */
    progress?: ((progress: Progress) => void) | undefined;
}
/** Sends a stream until all of it is written, once. */
export declare function upload(scope: Scope, path: string, given: UploadSource, params: Pairs, { key, signal, progress }: UploadOptions): Promise<Upload>;
