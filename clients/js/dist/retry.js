/** How often, and when, a call is sent again. */
// Nothing was written, or a write with its Idempotency-Key is answered as the first time.
const TRANSIENT_CODES = new Set([
    "busy", "memory_full", "too_many_connections", "too_many_requests", "database_opening", "database_closed", "write_timeout",
    "request_timeout", "cancelled",
]);
// Of a proxy in between, which has no codes of ours.
const TRANSIENT_STATUSES = new Set([502, 503, 504]);
/** Whether the same call may be answered otherwise a moment later, and nothing is done twice by it. */
export function transient(error) {
    return TRANSIENT_CODES.has(error.code) || (TRANSIENT_STATUSES.has(error.status) && error.code.startsWith("http_"));
}
/** What holds where nothing else is said. */
export const RETRY = { seconds: 30, first: 0.1, longest: 5 };
/** Nothing is sent again. */
export const NEVER = { ...RETRY, seconds: 0 };
/** The attempts of one call. */
export class Attempts {
    #retry;
    #deadline;
    count = 1;
    constructor(retry) {
        this.#retry = retry;
    }
    /** Seconds to wait before the next attempt, or undefined where there is to be none. */
    pause(retryAfter = 0) {
        const now = performance.now() / 1000;
        this.#deadline ??= now + this.#retry.seconds;
        const longest = Math.min(this.#retry.longest, this.#retry.first * 2 ** Math.min(this.count - 1, 30));
        const wait = Math.max(longest * (0.5 + Math.random() / 2), retryAfter);
        if (now + wait > this.#deadline)
            return undefined;
        this.count++;
        return wait;
    }
    /** What fails next is a new failure: it has all of its time again. */
    progressed() {
        this.#deadline = undefined;
        this.count = 1;
    }
}
/** Waits; rejects with the reason of the signal once that is aborted. */
export function sleep(seconds, signal) {
    return new Promise((resolve, reject) => {
        if (signal?.aborted)
            return reject(signal.reason);
        const aborted = () => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", aborted);
            resolve();
        }, seconds * 1000);
        signal?.addEventListener("abort", aborted, { once: true });
    });
}
