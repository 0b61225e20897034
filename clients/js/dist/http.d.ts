/** Calls: sent, sent again where that is safe, and their refusals as exceptions. */
import { type Asker, type Members } from "./answer.js";
import { type Piece } from "./bytes.js";
import { ConnectionFailed } from "./errors.js";
import type { Pairs } from "./query.js";
import { Attempts, type Retry } from "./retry.js";
/** `fetch`, or what is called in its place. */
export type Fetch = (request: Request) => Promise<Response>;
/** What is sent as it is. Not all platforms name what their `fetch` takes. */
export type Content = string | Blob | ReadableStream<Uint8Array>;
/** A request, without where it goes to. */
export interface Asked {
    readonly method: string;
    readonly path: string;
    readonly params?: Pairs | undefined;
    /** A document, sent as JSON. */
    readonly body?: unknown;
    /** Bytes to be sent as they are. */
    readonly content?: Content | undefined;
    readonly headers?: Readonly<Record<string, string>> | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** A connection that was lost, or could not be made. */
export declare class Lost extends Error {
    /** Whether the request surely did not arrive. */
    readonly unsent: boolean;
    constructor(cause: unknown);
}
/** An answer of 2xx whose body comes. */
export interface Answer {
    readonly response: Response;
    /** The body; it throws Lost where it breaks off. Leaving the loop ends the request. */
    readonly chunks: AsyncIterable<Uint8Array>;
}
/** A new key of a write. */
export declare function newKey(): string;
/** Connections to one server. */
export declare class Http {
    #private;
    readonly url: string;
    readonly retry: Retry;
    /** Seconds after which a request is given up in which nothing comes or goes. */
    readonly timeout: number;
    /** What calls go through. */
    readonly fetch: Fetch;
    /** So many bytes an answer may have that is held whole, and a line of one that is not. */
    readonly most: number;
    constructor(url: string, token: string | undefined, retry: Retry, timeout: number, fetch: Fetch, most: number);
    /** Gives the credential to who opens a connection of another kind. */
    credential(): string | undefined;
    /** One attempt. It throws Lost where there is no answer, and ApiError for a refusal. */
    attempt(asked: Asked, onActivity?: (touch: () => void) => void): Promise<Answer>;
    /** An answer of 2xx, after as many attempts as it takes. With `repeat` off it is sent again only where it surely did not arrive. */
    ask<T>(asked: Asked, use: (answer: Answer) => Promise<T>, attempts: Attempts, repeat?: boolean): Promise<T>;
    /** The bytes of an answer as a whole. */
    call(asked: Asked, repeat?: boolean): Promise<Uint8Array>;
    /** The object of an answer, which has these members. */
    json<T>(asked: Asked, { repeat, has }?: {
        repeat?: boolean;
        has?: Members | undefined;
    }): Promise<T>;
    /**
     * All lines of an answer, in constant memory.
     *
     * When the connection is lost the question is asked again and what was given is passed over, so the question has to be
     * about one state: with `as_of`, or in a transaction.
     */
    pieces(asked: Asked): AsyncGenerator<Piece, void, undefined>;
    /** The exception for a connection that was given up. */
    unreachable(error: Lost, attempts: Attempts): ConnectionFailed;
}
/** The call that an answer is of, for messages. */
export declare function askerOf({ method, path }: Asked, { status }: Response): Asker;
/** Throws where an answer says that it is of another kind than was asked for. */
export declare function checkKind(response: Response, asker: Asker, kind: string | undefined): void;
/** The messages of an answer of server-sent events (HTML, 9.2.6): name, id and data. Comments only keep the connection. */
export declare function messagesOf(chunks: AsyncIterable<Uint8Array>, most: number, tooLong: () => Error): AsyncGenerator<{
    name: string;
    id: string;
    data: string;
}, void, undefined>;
