"""How often, and when, a call is sent again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

# Nothing was written, or a write with its Idempotency-Key is answered as the first time.
TRANSIENT_CODES = frozenset({
    "busy", "memory_full", "too_many_connections", "too_many_requests", "database_opening", "database_closed", "write_timeout",
    "request_timeout", "cancelled",
})
# Of a proxy in between, which has no codes of ours.
TRANSIENT_STATUSES = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Retry:
    """Tries again for `seconds` after a first failure, with pauses that double from `first` up to `longest`.

    Each pause is drawn from the upper half of its length, so that clients do not come back at the same moment. Where the server says
    `Retry-After`, that is waited for; if that is longer than what is left, the failure is raised at once.
    """

    seconds: float = 30.0
    first: float = 0.1
    longest: float = 5.0

    def begin(self) -> Attempts:
        return Attempts(self)


NEVER = Retry(seconds=0)


class Attempts:
    """The attempts of one call."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._deadline: float | None = None
        self.count = 1

    def pause(self, retry_after: float | None = None) -> float | None:
        """Seconds to wait before the next attempt, or None where there is to be none."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._retry.seconds
        longest = min(self._retry.longest, self._retry.first * 2.0 ** min(self.count - 1, 30))
        wait = max(longest * random.uniform(0.5, 1), retry_after or 0)
        if now + wait > self._deadline:
            return None
        self.count += 1
        return wait

    def progressed(self) -> None:
        """What fails next is a new failure: it has all of its time again."""
        self._deadline = None
        self.count = 1
