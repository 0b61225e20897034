"""The database that calls are about, and the state of it that questions are about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from .._answer import Members, object_of
from .._models import When
from .._query import Params, params, segment, text_of
from ..errors import BadCall
from .http import AsyncHttp


@dataclass(frozen=True)
class AsyncScope:
    """A database, as it is now, as of a sequence or time, or in a transaction."""

    http: AsyncHttp
    name: str
    as_of: When | None = None
    transaction: str | None = None

    @property
    def path(self) -> str:
        return f"/api/v1/databases/{segment(self.name)}"

    def at(self, as_of: When | None) -> AsyncScope:
        return self if as_of is None else replace(self, as_of=as_of)

    def state(self) -> Params:
        return params(as_of=self.as_of, transaction=self.transaction)

    async def read(self, path: str, given: Params | None = None, body: Any = None, *, method: str = "GET",
                   has: Members | None = None) -> Any:
        """A question about the state of this scope."""
        return await self.http.read(self.path + path, [*(given or []), *self.state()], body, method=method, has=has)

    async def plain(self, path: str, given: Params | None = None, has: Members | None = None) -> Any:
        """A question that has its own way to name a state."""
        return await self.http.read(self.path + path, given, has=has)

    async def write(self, method: str, path: str, given: Params | None = None, body: Any = None, *, key: str | None = None,
                    headers: dict[str, str] | None = None) -> Any:
        self.check_writable()
        return await self.http.write(method, self.path + path, given, body, key=key, headers=headers)

    def check_writable(self) -> None:
        if self.as_of is not None:
            raise BadCall(f"this is the database as of {text_of(self.as_of)}: the past cannot be written")

    async def pinned(self) -> AsyncScope:
        """The same, as of one sequence: what is asked of it twice is answered the same."""
        if self.as_of is not None or self.transaction is not None:
            return self
        return replace(self, as_of=(await self.http.read(self.path, has={"seq": int}))["seq"])

    async def lines(self, path: str, given: Params, accept: str, body: Any = None, *, method: str = "GET") -> AsyncIterator[bytes]:
        """All lines of an answer, as of one state."""
        scope = await self.pinned()
        async for line in scope.http.lines(scope.path + path, [*given, *scope.state()], accept, method=method, body=body):
            yield line

    async def rows(self, path: str, given: Params, body: Any = None, *, method: str = "GET") -> AsyncIterator[Any]:
        """All rows of an answer, as of one state."""
        async for line in self.lines(path, given, "application/x-ndjson", body, method=method):
            yield object_of(line, f"{method} {self.path}{path}", 200)
