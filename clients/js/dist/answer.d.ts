/** Answers as documents: what is none of the server's is told with the call, its status and what was expected. */
import { BadAnswer } from "./errors.js";
/** What the answer to a call has to have: names of members, and their kinds. */
export type Members = Readonly<Record<string, "array" | "number" | "string" | "object" | "any">>;
/** The call that an answer is of. */
export interface Asker {
    readonly method: string;
    readonly path: string;
    readonly status: number;
}
/** The exception for an answer that is not what the call has to be answered with. */
export declare function badAnswer({ method, path, status }: Asker, expected: string, found: string): BadAnswer;
/** A text in a few characters, with nothing in it that a terminal would obey. */
export declare function shown(text: string): string;
/** The object that a text has. */
export declare function objectOf<T>(text: string, asker: Asker, members?: Members): T;
/** The exception for an answer, or a line of one, of more bytes than there may be. */
export declare function tooLong(asker: Asker, most: number): BadAnswer;
/** The bytes of an answer as a whole, of which there may be so many. */
export declare function wholeOf(chunks: AsyncIterable<Uint8Array>, most: number, asker: Asker): Promise<Uint8Array>;
