/** How often, and when, a call is sent again. */
import type { ApiError } from "./errors.js";
/** Whether the same call may be answered otherwise a moment later, and nothing is done twice by it. */
export declare function transient(error: ApiError): boolean;
/**
 * Tries again for `seconds` after a first failure, with pauses that double from `first` up to `longest`.
 *
 * Each pause is drawn from the upper half of its length, so that clients do not come back at the same moment. Where the
 * server says `Retry-After`, that is waited for; if that is longer than what is left, the failure is thrown at once.
 */
export interface Retry {
    readonly seconds: number;
    readonly first: number;
    readonly longest: number;
}
/** What holds where nothing else is said. */
export declare const RETRY: Retry;
/** Nothing is sent again. */
export declare const NEVER: Retry;
/** The attempts of one call. */
export declare class Attempts {
    #private;
    count: number;
    constructor(retry: Retry);
    /** Seconds to wait before the next attempt, or undefined where there is to be none. */
    pause(retryAfter?: number): number | undefined;
    /** What fails next is a new failure: it has all of its time again. */
    progressed(): void;
}
/** Waits; rejects with the reason of the signal once that is aborted. */
export declare function sleep(seconds: number, signal?: AbortSignal): Promise<void>;
