"""Following a database as it is written, over server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from .._answer import object_of
from .._io import sleep
from .._models import Event, When
from .._query import Params, params
from .._retry import Retry
from ..errors import FormDBError
from .http import call_of, lines
from .scope import Scope

# Whoever follows goes on following, for as long as the server may be away.
FOREVER = Retry(seconds=float("inf"), first=0.1, longest=10.0)
# As often the server may send what does not follow on what came, until it is believed to be at fault.
FAULTS = 5


def subscribe(scope: Scope, filter: Params, since: When | None) -> Iterator[Event]:
    """Events in their order, each once, over as many connections as it takes."""
    about = scope.http.read(scope.path, has={"durable_seq": int, "log": str})
    # A history that is another one by now, such as of a copy, is refused by its log.
    place = params(since=about["durable_seq"] if since is None else since, log=about["log"])
    attempts = FOREVER.begin()
    # The sequence that the next event has to say it comes after, and how often one did not.
    last = since if isinstance(since, int) else about["durable_seq"] if since is None else None
    faults = 0
    while True:
        try:
            with scope.http.stream(scope.path + "/journal/stream", filter + place, "text/event-stream", attempts) as response:
                for name, data in _messages(response, scope.http.most):
                    if name == "closed":
                        break
                    attempts.progressed()
                    if name == "journal_event":
                        seq, after = data["seq"], data["after"]
                        last = after if last is None else last
                        if after != last or seq <= after:
                            # It is asked for again, from the last one on.
                            faults += 1
                            if faults == FAULTS:
                                raise FormDBError(f"the server told of block {seq} after {after}, and block {last} came last")
                            break
                        faults, last = 0, seq
                        event = Event(seq, after, data.get("matched"), _entry(scope, data))
                        place = params(since=event.seq, log=about["log"], hash=data["hash"])
                        yield event
        except httpx.TransportError:
            pass
        # Whether it goes on, and why not, is said by the answer to the next request.
        sleep(attempts.pause() or 0)


def _messages(response: httpx.Response, most: int) -> Iterator[tuple[str, Any]]:
    """Name and data of each message (HTML, 9.2.6). Comments only keep the connection."""
    name, data = "message", list[bytes]()
    for line in lines(response, most):
        field, _, value = line.rstrip(b"\r").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode()
        elif field == b"data":
            data.append(value)
        elif line.rstrip(b"\r") == b"":
            if data:
                yield name, object_of(b"\n".join(data), call_of(response), response.status_code,
                                      {"seq": int, "after": int} if name == "journal_event" else None)
            name, data = "message", []


def _entry(scope: Scope, data: dict[str, Any]) -> Any:
    """The entry of an event. The body of one that is too large for an event is fetched."""
    entry = {name: value for name, value in data.items() if name not in ("after", "matched", "link")}
    if "link" in data:
        entry = {**scope.plain(f"/blocks/{data['seq']}"), **entry}
    return entry
