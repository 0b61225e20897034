/** What goes wrong, as exceptions. The server's refusals have its code, detail and pointer. */

import type { Fault, Upload } from "./types.js";

/** The base of everything that this package throws. */
export class FormDBError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** The server cannot be reached, or went away, and trying again did not help. */
export class ConnectionFailed extends FormDBError {}

/** An upload broke off whose source cannot be read from its beginning again. */
export class NotReplayable extends FormDBError {}

/** What is to be uploaded cannot be read as what it should be. */
export class BadSource extends FormDBError {}

/** What was given to a call cannot be sent; nothing was. */
export class BadCall extends FormDBError {}

/** What came is not what a FormDB server answers with, or is larger than `maxAnswerBytes`. */
export class BadAnswer extends FormDBError {
  /** The status of HTTP. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A problem document (RFC 9457), as far as it is known. */
export type Problem = Readonly<Record<string, unknown>>;

/** What comes with a problem beside its document. */
export interface Circumstances {
  readonly requestId?: string | undefined;
  readonly retryAfter?: number | undefined;
}

/** The server refused a call. */
export class ApiError extends FormDBError {
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

  constructor(status: number, problem: Problem, { requestId, retryAfter }: Circumstances = {}) {
    const code = textIn(problem, "code") ?? `http_${status}`;
    const detail = textIn(problem, "detail") ?? textIn(problem, "title") ?? `the server answered ${status}`;
    const pointer = textIn(problem, "pointer");
    const errors = Array.isArray(problem["errors"]) ? (problem["errors"] as Fault[]) : [];
    const more = errors.length > 1 ? `; ${errors.length - 1} more in .errors` : "";
    super(`${code}: ${detail}${pointer ? ` (at ${pointer})` : ""}${more}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.pointer = pointer;
    this.errors = errors;
    this.members = problem;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** 400, 413, 415, 422 and the like: the call itself is wrong. */
export class BadRequest extends ApiError {}

/** 401: there is no credential, or it is not valid. */
export class Unauthorized extends ApiError {}

/** 403: the credential does not allow this. */
export class Forbidden extends ApiError {}

/** 404. What is gone has `members.seq` and `members.time`, the block that deleted it. */
export class NotFound extends ApiError {}

/** 409: somebody else wrote first, a point is there already, or a block cannot be undone. */
export class Conflict extends ApiError {}

/** 412: the feature is not at the version that the call expects. */
export class PreconditionFailed extends ApiError {}

/** 429: ask again after `retryAfter` seconds. */
export class TooManyRequests extends ApiError {}

/** 5xx: the server cannot do this, now or at all. */
export class ServerError extends ApiError {}

/** An upload ended early. `written` is what stays; sending the same source again with the same key goes on. */
export class UploadFailed extends ApiError {
  readonly written: Upload;

  constructor(status: number, problem: Problem, written: Upload) {
    super(status, problem);
    this.written = written;
  }
}

const BY_STATUS: ReadonlyMap<number, typeof ApiError> = new Map<number, typeof ApiError>([
  [401, Unauthorized], [403, Forbidden], [404, NotFound], [409, Conflict], [412, PreconditionFailed], [429, TooManyRequests],
]);

function textIn(problem: Problem, name: string): string | undefined {
  const value = problem[name];
  return typeof value === "string" ? value : undefined;
}

/** The exception for an answer. */
export function errorOf(status: number, problem: Problem, circumstances: Circumstances = {}): ApiError {
  const kind = BY_STATUS.get(status) ?? (status >= 500 ? ServerError : BadRequest);
  return new kind(status, problem, circumstances);
}
