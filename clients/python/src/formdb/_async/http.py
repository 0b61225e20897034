"""Calls: sent, sent again where that is safe, and their refusals as exceptions."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from .._answer import ANSWER_BYTES, Answer, Members, bad_answer, shown, too_long
from .._config import Secret
from .._io import asleep
from .._query import Params, checked_key, json_of
from .._retry import TRANSIENT_CODES, TRANSIENT_STATUSES, Attempts, Retry
from ..errors import ApiError, BadCall, ConnectionFailed, error_of

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


def refusal(response: httpx.Response, content: bytes) -> ApiError:
    """The exception for an answer with this content."""
    try:
        problem = json.loads(content)
    except (ValueError, RecursionError):
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


class AsyncHttp:
    """Connections to one server."""

    def __init__(self, url: str, token: Secret | None, retry: Retry, timeout: float,
                 transport: httpx.AsyncBaseTransport | None = None, most: int = ANSWER_BYTES) -> None:
        self.url, self.retry, self.most = url, retry, most
        self.client = httpx.AsyncClient(
            base_url=url, transport=transport, auth=Bearer(token) if token else None,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)), headers={"User-Agent": USER_AGENT})

    async def aclose(self) -> None:
        await self.client.aclose()

    async def call(self, method: str, path: str, params: Params | None = None, body: Any = None, *,
                   headers: dict[str, str] | None = None, repeat: bool = True) -> Answer:
        """An answer as a whole. With `repeat` off it is sent again only where it surely did not arrive."""
        fields = dict(headers or {})
        content = None
        if body is not None:
            content = json_of(body)
            fields.setdefault("Content-Type", "application/json")
        attempts = self.retry.begin()
        while True:
            try:
                response = await self.client.send(self.request(method, path, params, content, fields), stream=True)
                try:
                    found = await whole(response, self.most)
                finally:
                    await response.aclose()
            except httpx.TransportError as error:
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                wait = attempts.pause() if repeat or unsent else None
                if wait is None:
                    raise unreachable(self.url, error, attempts) from error
            else:
                if response.is_success:
                    return Answer(call_of(response), response.status_code, found)
                refused = refusal(response, found)
                wait = attempts.pause(refused.retry_after) if transient(refused) and (repeat or refused.status == 429) else None
                if wait is None:
                    raise refused
            await asleep(wait)

    def request(self, method: str, path: str, params: Params | None, content: Any, headers: dict[str, str]) -> httpx.Request:
        try:
            return self.client.build_request(method, path, params=params, content=content, headers=headers)
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise BadCall(f"this call cannot be sent: {error}") from None

    async def read(self, path: str, params: Params | None = None, body: Any = None, *, method: str = "GET",
                   has: Members | None = None) -> Any:
        """The object of an answer to a question, which has these members."""
        return (await self.call(method, path, params, body)).json(has)

    async def write(self, method: str, path: str, params: Params | None = None, body: Any = None, *, key: str | None = None,
                    headers: dict[str, str] | None = None, has: Members | None = None) -> Any:
        """The object of the answer to a write, which is done once however often it is sent."""
        fields = {**(headers or {}), "Idempotency-Key": new_key() if key is None else checked_key(key)}
        return (await self.call(method, path, params, body, headers=fields)).json(has)

    @asynccontextmanager
    async def stream(self, path: str, params: Params, accept: str, attempts: Attempts, *, method: str = "GET",
                     body: Any = None) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read as it comes."""
        content = None if body is None else json_of(body)
        fields = {"Accept": accept} if content is None else {"Accept": accept, "Content-Type": "application/json"}
        while True:
            refused: ApiError | None = None
            try:
                request = self.request(method, path, params, content, fields)
                response = await self.client.send(request, stream=True)
                if not response.is_success:
                    try:
                        refused = refusal(response, await whole(response, self.most))
                    finally:
                        await response.aclose()
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
            await asleep(wait)
        try:
            found = response.headers.get("content-type")
            if found is not None and found.split(";")[0].strip().lower() != accept:
                raise bad_answer(call_of(response), response.status_code, accept, shown(found.encode()))
            yield response
        finally:
            await response.aclose()

    async def lines(self, path: str, params: Params, accept: str, *, method: str = "GET", body: Any = None) -> AsyncIterator[bytes]:
        """All lines of an answer, in constant memory.

        When the connection is lost the question is asked again and what was given is passed over, so the question
        has to be about one state: with `as_of`, or in a transaction.
        """
        attempts = self.retry.begin()
        given = 0
        while True:
            seen = 0
            try:
                async with self.stream(path, params, accept, attempts, method=method, body=body) as response:
                    async for line in lines(response, self.most):
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
            await asleep(wait)


def call_of(response: httpx.Response) -> str:
    """The call that an answer is of, for messages."""
    return f"{response.request.method} {response.request.url.path[:200]}"


async def whole(response: httpx.Response, most: int) -> bytes:
    """The bytes of an answer, of which there may be so many."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > most:
            raise too_long(call_of(response), response.status_code, most)
        parts.append(chunk)
    return b"".join(parts)


async def lines(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The lines of an answer, of which each may have so many bytes."""
    rest: list[bytes] = []
    held = 0
    async for chunk in response.aiter_bytes():
        first, *others = chunk.split(b"\n")
        held = held + len(first) if not others else len(others[-1])
        if held > most:
            raise too_long(call_of(response), response.status_code, most)
        if not others:
            rest.append(first)
            continue
        yield b"".join((*rest, first))
        *whole, last = others
        for line in whole:
            yield line
        rest = [last] if last else []
    if rest:
        yield b"".join(rest)
