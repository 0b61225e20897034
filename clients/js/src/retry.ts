/** How often, and when, a call is sent again. */

import type { ApiError } from "./errors.js";

// Nothing was written, or a write with its Idempotency-Key is answered as the first time.
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "busy", "memory_full", "too_many_connections", "too_many_requests", "database_opening", "database_closed", "write_timeout",
  "request_timeout", "cancelled",
]);
// Of a proxy in between, which has no codes of ours.
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** Whether the same call may be answered otherwise a moment later, and nothing is done twice by it. */
export function transient(error: ApiError): boolean {
  return TRANSIENT_CODES.has(error.code) || (TRANSIENT_STATUSES.has(error.status) && error.code.startsWith("http_"));
}

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
export const RETRY: Retry = { seconds: 30, first: 0.1, longest: 5 };

/** Nothing is sent again. */
export const NEVER: Retry = { ...RETRY, seconds: 0 };

/** The attempts of one call. */
export class Attempts {
  readonly #retry: Retry;
  #deadline: number | undefined;
  count = 1;

  constructor(retry: Retry) {
    this.#retry = retry;
  }

  /** Seconds to wait before the next attempt, or undefined where there is to be none. */
  pause(retryAfter = 0): number | undefined {
    const now = performance.now() / 1000;
    this.#deadline ??= now + this.#retry.seconds;
    const longest = Math.min(this.#retry.longest, this.#retry.first * 2 ** Math.min(this.count - 1, 30));
    const wait = Math.max(longest * (0.5 + Math.random() / 2), retryAfter);
    if (now + wait > this.#deadline) return undefined;
    this.count++;
    return wait;
  }

  /** What fails next is a new failure: it has all of its time again. */
  progressed(): void {
    this.#deadline = undefined;
    this.count = 1;
  }
}

/** Waits; rejects with the reason of the signal once that is aborted. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
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
