/** What goes wrong, as exceptions. The server's refusals have its code, detail and pointer. */
import type { Fault, Upload } from "./types.js";
/** The base of everything that this package throws. */
export declare class FormDBError extends Error {
    get name(): string;
}
/** The server cannot be reached, or went away, and trying again did not help. */
export declare class ConnectionFailed extends FormDBError {
}
/** An upload broke off whose source cannot be read from its beginning again. */
export declare class NotReplayable extends FormDBError {
}
/** What is to be uploaded cannot be read as what it should be. */
export declare class BadSource extends FormDBError {
}
/** What was given to a call cannot be sent; nothing was. */
export declare class BadCall extends FormDBError {
}
/** What came is not what a FormDB server answers with, or is larger than `maxAnswerBytes`. */
export declare class BadAnswer extends FormDBError {
    /** The status of HTTP. */
    readonly status: number;
    constructor(message: string, status: number);
}
/** A problem document (RFC 9457), as far as it is known. */
export type Problem = Readonly<Record<string, unknown>>;
/** What comes with a problem beside its document. */
export interface Circumstances {
    readonly requestId?: string | undefined;
    readonly retryAfter?: number | undefined;
}
/** The server refused a call. */
export declare class ApiError extends FormDBError {
    /** The status of HTTP. */
    readonly status: number;
    /** The stable code, such as `feature_not_found`. */
    readonly code: string;
    /** What was found, what was expected, and what to do. */
    readonly detail: string;
    /** A JSON pointer into the body, or the name of a parameter. */
    readonly pointer: string | undefined;
    /** All faults of a document that has several. */
    readonly errors: readonly Fault[];
    /** The problem document as it came. */
    readonly members: Problem;
    /** By which the log of the server tells this request. */
    readonly requestId: string | undefined;
    /** Seconds after which the server says to ask again. */
    readonly retryAfter: number | undefined;
    constructor(status: number, problem: Problem, { requestId, retryAfter }?: Circumstances);
}
/** 400, 413, 415, 422 and the like: the call itself is wrong. */
export declare class BadRequest extends ApiError {
}
/** 401: there is no credential, or it is not valid. */
export declare class Unauthorized extends ApiError {
}
/** 403: the credential does not allow this. */
export declare class Forbidden extends ApiError {
}
/** 404. What is gone has `members.seq` and `members.time`, the block that deleted it. */
export declare class NotFound extends ApiError {
}
/** 409: somebody else wrote first, a point is there already, or a block cannot be undone. */
export declare class Conflict extends ApiError {
}
/** 412: the feature is not at the version that the call expects. */
export declare class PreconditionFailed extends ApiError {
}
/** 429: ask again after `retryAfter` seconds. */
export declare class TooManyRequests extends ApiError {
}
/** 5xx: the server cannot do this, now or at all. */
export declare class ServerError extends ApiError {
}
/** An upload ended early. `written` is what stays; sending the same source again with the same key goes on. */
export declare class UploadFailed extends ApiError {
    readonly written: Upload;
    constructor(status: number, problem: Problem, written: Upload);
}
/** The exception for an answer. */
export declare function errorOf(status: number, problem: Problem, circumstances?: Circumstances): ApiError;
