/** The database that calls are about, and the state of it that questions are about. */
import { type Members } from "./answer.js";
import type { Piece } from "./bytes.js";
import { type Http } from "./http.js";
import { type Pairs } from "./query.js";
import type { Call, When, Write } from "./types.js";
/** What a question has beside its path. */
export interface Question extends Call {
    readonly given?: Pairs;
    readonly body?: unknown;
    readonly method?: string;
    /** What the answer has to have. */
    readonly has?: Members;
}
/** A database, as it is now, as of a sequence or time, or in a transaction. */
export declare class Scope {
    #private;
    readonly http: Http;
    readonly name: string;
    readonly asOf?: When | undefined;
    readonly transaction?: string | undefined;
    constructor(http: Http, name: string, asOf?: When | undefined, transaction?: string | undefined);
    get path(): string;
    /** The same as of another state, where one is named. */
    at(asOf: When | undefined): Scope;
    /** The same in a transaction. */
    within(transaction: string): Scope;
    /** A question about the state of this scope. */
    read<T>(path: string, { given, body, method, has, signal }?: Question): Promise<T>;
    /** A question that has its own way to name a state. */
    plain<T>(path: string, { given, has, signal }?: Question): Promise<T>;
    /** A write, which is done once however often it is sent. */
    write<T>(method: string, path: string, { key, signal }: Write, given?: Pairs, body?: unknown, headers?: Record<string, string>, has?: Members): Promise<T>;
    /** Throws where this is the past. */
    checkWritable(): void;
    /** All lines of an answer, as of one state. */
    pieces(path: string, accept: string, { given, body, method, signal }: Question): AsyncGenerator<Piece, void, undefined>;
    /** All rows of an answer, as of one state. */
    rows<T>(path: string, question: Question): AsyncGenerator<T, void, undefined>;
}
