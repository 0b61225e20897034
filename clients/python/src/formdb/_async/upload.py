"""Uploads: streams that are sent once more from their beginning when they broke off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from .._answer import object_of
from .._io import asleep
from .._models import Progress, Upload
from .._query import Params, checked_key, json_of
from .._retry import TRANSIENT_CODES
from .._source import Lines, Source, achunks, file_source
from ..errors import ApiError, NotReplayable, UploadFailed
from .http import call_of, lines, new_key, refusal, transient, unreachable, whole
from .scope import AsyncScope

# A file; or features or points, as a list, as what is called for them anew, or as they come (which can be sent once).
UploadSource = Source | Path | str | Iterable[Mapping[str, Any]] | Callable[[], Iterable[Mapping[str, Any]]]


def source_of(given: UploadSource) -> Source:
    if isinstance(given, str | Path):
        return file_source(Path(given))
    if isinstance(given, Source):
        return given
    if callable(given):
        return Lines(given, replayable=True)
    items = given
    if isinstance(items, Sequence):
        # Of what is all there, nothing is sent where one cannot be.
        for each in items:
            json_of(each)
    return Lines(lambda: items, replayable=isinstance(items, Sequence))


async def upload(scope: AsyncScope, path: str, given: UploadSource, params: Params, key: str | None,
                 progress: Callable[[Progress], None] | None) -> Upload:
    """Sends a stream until all of it is written, once."""
    scope.check_writable()
    source = source_of(given)
    fields = {"Content-Type": source.content_type, "Idempotency-Key": new_key() if key is None else checked_key(key)}
    if source.content_encoding:
        fields["Content-Encoding"] = source.content_encoding
    if source.size is not None:
        fields["Content-Length"] = str(source.size)
    http = scope.http
    attempts = http.retry.begin()
    furthest = 0
    while True:
        watch = _Watch(source, progress, attempts.count)
        retry_after: float | None = None
        try:
            request = http.request("POST", scope.path + path, params, watch.body(), fields)
            response = await http.client.send(request, stream=True)
            try:
                result = await _result(response, http.most)
            finally:
                await response.aclose()
            if isinstance(result, Upload):
                return result
            failure: Exception = result
            retry_after = result.retry_after
            again = transient(result) or result.code in TRANSIENT_CODES
        except httpx.TransportError as error:
            failure, again = unreachable(http.url, error, attempts), True
        if not again:
            raise failure
        if not source.replayable and watch.begun:
            raise NotReplayable(f"{failure}; what was written stays, and this source cannot be read again") from failure
        # A long upload may outlive any number of restarts of the server, as long as each attempt comes further.
        if watch.sent > furthest:
            attempts.progressed()
        furthest = max(furthest, watch.sent)
        wait = attempts.pause(retry_after)
        if wait is None:
            raise failure
        await asleep(wait)


class _Watch:
    """A body that tells how far it has been sent."""

    def __init__(self, source: Source, progress: Callable[[Progress], None] | None, attempt: int) -> None:
        self._source, self._progress, self._attempt = source, progress, attempt
        self.begun = False
        self.sent = 0

    async def body(self) -> AsyncIterator[bytes]:
        self.begun = True
        rows = 0
        async for chunk in achunks(self._source.chunks()):
            yield chunk
            self.sent += len(chunk)
            if self._progress is not None:
                rows += chunk.count(b"\n")
                self._progress(Progress(self.sent, self._source.size, rows, self._attempt))


async def _result(response: httpx.Response, most: int) -> Upload | ApiError:
    if not response.is_success:
        return refusal(response, await whole(response, most))
    last: Any = None
    async for line in lines(response, most):
        last = object_of(line, call_of(response), response.status_code)
    if not isinstance(last, dict) or "done" not in last:
        raise httpx.RemoteProtocolError("the answer ends before its last line")
    written = Upload.of(last)
    if last["done"]:
        return written
    problem = last.get("error", {})
    return UploadFailed(int(problem.get("status", 500)), problem, written)
