"""Calls: sent, sent again where that is safe, and their refusals as exceptions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from .._config import Secret
from .._io import sleep
from .._query import Params, jsonable
from .._retry import TRANSIENT_CODES, TRANSIENT_STATUSES, Attempts, Retry
from ..errors import ApiError, ConnectionFailed, error_of

USER_AGENT = "formdb-python/0.1.0"


class Bearer(httpx.Auth):
    """Sends the credential with each request to the server."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = f"Bearer {str(self._token)}"
        yield request


def new_key() -> str:
    return uuid.uuid4().hex


def refusal(response: httpx.Response) -> ApiError:
    """The exception for an answer whose body was read."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": f"{response.status_code} {response.reason_phrase} of something that is no FormDB server"}
    after = response.headers.get("retry-after", "")
    return error_of(response.status_code, problem, request_id=response.headers.get("x-request-id"),
                    retry_after=float(after) if after.isdigit() else None)


def transient(error: ApiError) -> bool:
    """Whether the same call may be answered otherwise a moment later, and nothing is done twice by it."""
    if error.code in TRANSIENT_CODES:
        return True
    return error.status in TRANSIENT_STATUSES and error.code.startswith("http_")


def unreachable(url: httpx.URL | str, error: Exception, attempts: Attempts) -> ConnectionFailed:
    times = "" if attempts.count == 1 else f" ({attempts.count} attempts)"
    return ConnectionFailed(f"{url}: {str(error) or type(error).__name__}{times}")


class Http:
    """Connections to one server."""

    def __init__(self, url: str, token: Secret | None, retry: Retry, timeout: float,
                 transport: httpx.BaseTransport | None = None) -> None:
        self.url, self.retry = url, retry
        self.client = httpx.Client(
            base_url=url, transport=transport, auth=Bearer(token) if token else None,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)), headers={"User-Agent": USER_AGENT})

    def close(self) -> None:
        self.client.close()

    def call(self, method: str, path: str, params: Params | None = None, body: Any = None, *,
                   headers: dict[str, str] | None = None, repeat: bool = True) -> httpx.Response:
        """An answer as a whole. With `repeat` off it is sent again only where it surely did not arrive."""
        fields = dict(headers or {})
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False, default=jsonable).encode()
            fields.setdefault("Content-Type", "application/json")
        attempts = self.retry.begin()
        while True:
            try:
                response = self.client.request(method, path, params=params, content=content, headers=fields)
            except httpx.TransportError as error:
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                wait = attempts.pause() if repeat or unsent else None
                if wait is None:
                    raise unreachable(self.url, error, attempts) from error
            else:
                if response.is_success:
                    return response
                refused = refusal(response)
                wait = attempts.pause(refused.retry_after) if transient(refused) and (repeat or refused.status == 429) else None
                if wait is None:
                    raise refused
            sleep(wait)

    def read(self, path: str, params: Params | None = None, body: Any = None, *, method: str = "GET") -> Any:
        """The JSON of an answer to a question."""
        return (self.call(method, path, params, body)).json()

    def write(self, method: str, path: str, params: Params | None = None, body: Any = None, *, key: str | None = None,
                    headers: dict[str, str] | None = None) -> Any:
        """The JSON of the answer to a write, which is done once however often it is sent."""
        fields = {**(headers or {}), "Idempotency-Key": key or new_key()}
        return (self.call(method, path, params, body, headers=fields)).json()

    @contextmanager
    def stream(self, path: str, params: Params, accept: str, attempts: Attempts, *, method: str = "GET",
                     body: Any = None) -> Iterator[httpx.Response]:
        """An answer whose body is read as it comes."""
        content = None if body is None else json.dumps(body, default=jsonable).encode()
        fields = {"Accept": accept} if content is None else {"Accept": accept, "Content-Type": "application/json"}
        while True:
            refused: ApiError | None = None
            try:
                request = self.client.build_request(method, path, params=params, content=content, headers=fields)
                response = self.client.send(request, stream=True)
                if not response.is_success:
                    response.read()
                    refused = refusal(response)
            except httpx.TransportError as error:
                wait = attempts.pause()
                if wait is None:
                    raise unreachable(self.url, error, attempts) from error
            else:
                if refused is None:
                    break
                wait = attempts.pause(refused.retry_after) if transient(refused) else None
                if wait is None:
                    raise refused
            sleep(wait)
        try:
            yield response
        finally:
            response.close()

    def lines(self, path: str, params: Params, accept: str, *, method: str = "GET", body: Any = None) -> Iterator[bytes]:
        """All lines of an answer, in constant memory.

        When the connection is lost the question is asked again and what was given is passed over, so the question
        has to be about one state: with `as_of`, or in a transaction.
        """
        attempts = self.retry.begin()
        given = 0
        while True:
            seen = 0
            try:
                with self.stream(path, params, accept, attempts, method=method, body=body) as response:
                    for line in lines(response):
                        seen += 1
                        if seen > given:
                            given = seen
                            attempts.progressed()
                            yield line
                return
            except httpx.TransportError as error:
                wait = attempts.pause()
                if wait is None:
                    raise unreachable(self.url, error, attempts) from error
            sleep(wait)


def lines(response: httpx.Response) -> Iterator[bytes]:
    """The lines of an answer."""
    rest: Sequence[bytes] = ()
    for chunk in response.iter_bytes():
        first, *others = chunk.split(b"\n")
        if not others:
            rest = (*rest, first)
            continue
        yield b"".join((*rest, first))
        *whole, last = others
        for line in whole:
            yield line
        rest = (last,) if last else ()
    if rest:
        yield b"".join(rest)
