"""A server, and its databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from .._answer import ANSWER_BYTES
from .._config import Secret, settings
from .._models import Bbox, Event, Geometry, Info, Provenance, When, Where, Written
from .._query import json_of, params, segment
from .._retry import Retry
from ..errors import NotFound
from .features import Features
from .http import Http
from .journal import Journal
from .live import subscribe
from .scope import Scope
from .series import Series
from .transaction import Transaction


class Database:
    """A database. Making this object asks nothing of the server."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.features = Features(scope)
        self.series = Series(scope)
        self.journal = Journal(scope)

    def __repr__(self) -> str:
        as_of = "" if self._scope.as_of is None else f" as of {self._scope.as_of}"
        return f"<formdb database {self.name}{as_of} at {self._scope.http.url}>"

    @property
    def name(self) -> str:
        return self._scope.name

    def as_of(self, when: When) -> Database:
        """The database as it was after a block (a sequence), or at a time. It can only be read."""
        return Database(self._scope.at(when))

    def transaction(self, *, read_only: bool = False, tz: str | None = None, unit: str | None = None) -> Transaction:
        """Several writes that happen together or not at all: ``with db.transaction() as txn: ...``."""
        return Transaction(self._scope, read_only=read_only, tz=tz, unit=unit)

    def subscribe(self, since: When | None = None, *, bbox: Bbox | None = None, geometry: Geometry | None = None,
                        predicate: str | None = None, where: Where | None = None, ids: Sequence[str] | None = None,
                        series: str | None = None, type: str | None = None) -> Iterator[Event]:
        """Every block that is written from now on, or after `since` (0 for all), as it is written: in order, each once.

        Lost connections and restarts of the server are bridged; it ends where the server refuses to go on, with the exception of that.
        A filter is about features (a box, a geometry, properties, ids) or about series (one, or with a star at its end all that begin
        so); `matched` says whether a feature came in ("after"), changed ("both") or left ("before"). To go on in another run, keep the
        `seq` of the last event and give it as `since`.
        """
        filter = params(where, bbox=bbox, geometry=None if geometry is None else json_of(geometry).decode(), predicate=predicate, ids=ids,
                        series_id=series, type=type)
        for event in subscribe(self._scope, filter, since):
            yield event

    def info(self) -> Info:
        """The database in figures."""
        return Info.of(self._scope.plain("", has={"id": str, "status": str}))

    def schema(self) -> dict[str, Any]:
        """What is in it: properties and their types, geometries, series."""
        answer: dict[str, Any] = self._scope.read("/schema")
        return answer

    def set_defaults(self, *, on_duplicate: Literal["keep", "replace", "ignore", "refuse"],
                           provenance: Provenance | None = None) -> Written:
        """What holds for writes that do not say otherwise."""
        body: dict[str, Any] = {"on_duplicate": on_duplicate}
        if provenance is not None:
            body["provenance"] = dict(provenance)
        return Written.of(self._scope.write("PATCH", "", None, body))

    def close(self) -> None:
        """Closes the database on the server; its files stay. Creating it opens it again."""
        self._scope.http.call("DELETE", self._scope.path, repeat=False)

    def purge(self) -> None:
        """Removes the database and all of its history. There is no way back."""
        self._scope.http.call("DELETE", self._scope.path, params(purge=True), repeat=False)


class Client:
    """A FormDB server.

    Without `url` and `token` these are `FORMDB_URL` and `FORMDB_TOKEN`, or those of the configuration file; without any
    it is http://127.0.0.1:4000. Calls that fail for a moment are sent again as `retry` says, and a write has an
    `Idempotency-Key`, so that it happens once. One client serves any number of calls at a time. An answer that is held whole, and a line of one that is
    not, may have `max_answer_bytes` (128 MiB); downloads have no bound.
    """

    def __init__(self, url: str | None = None, *, token: str | None = None, retry: Retry = Retry(), timeout: float = 75.0,
                 transport: httpx.BaseTransport | None = None, max_answer_bytes: int = ANSWER_BYTES) -> None:
        found = settings(url, token)
        self._http = Http(found.url, found.token, retry, timeout, transport, max_answer_bytes)

    def __repr__(self) -> str:
        return f"<formdb server {self.url}>"

    @property
    def url(self) -> str:
        return self._http.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def database(self, name: str) -> Database:
        """A database that is there. Nothing is asked of the server yet."""
        return Database(Scope(self._http, name))

    def create(self, name: str | None = None) -> Database:
        """Creates a database, or opens the one of this name; without a name the server makes one up."""
        if name is not None:
            segment(name)
        answer = self._http.call("POST", "/api/v1/databases", None, {} if name is None else {"name": name},
                                       repeat=name is not None)
        return self.database(answer.json({"id": str})["id"])

    def databases(self) -> list[Info]:
        """The databases that one may read."""
        answer = self._http.read("/api/v1/databases", has={"databases": list})
        return [Info.of(each) for each in answer["databases"]]

    def version(self) -> dict[str, Any]:
        """Versions of the server, and of the rules of time zones."""
        answer: dict[str, Any] = self._http.read("/api/v1/version")
        return answer

    def sign_in(self, username: str, password: str) -> Client:
        """A client with the token that a user is given, for as long as that is good."""
        answer = self._http.call("POST", "/auth/token", None, {"username": username, "password": password}, repeat=False)
        return Client(self.url, token=Secret(answer.json({"access_token": str})["access_token"]), retry=self._http.retry)

    def whoami(self) -> dict[str, Any] | None:
        """Who the credential is of and what it allows; None where the server asks for none."""
        try:
            answer: dict[str, Any] = (self._http.call("POST", "/auth/verify")).json()
        except NotFound:
            return None
        return answer
