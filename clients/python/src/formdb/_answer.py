"""Answers as documents: what is none of the server's is told with the call, its status and what was expected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import BadAnswer

# What the answer to a call has to have: names of members, and their types.
Members = Mapping[str, Any]
# So many bytes an answer may have that is held whole, and a line of one that is not.
ANSWER_BYTES = 128 << 20
_SHOWN = 60


def bad_answer(call: str, status: int, expected: str, found: str) -> BadAnswer:
    return BadAnswer(f"{call} was answered with {status} and {found}; expected {expected}. Is this the address of a FormDB server?", status)


def too_long(call: str, status: int, most: int) -> BadAnswer:
    return bad_answer(call, status, f"at most {most} bytes at a time (max_answer_bytes)", "more")


def shown(content: bytes) -> str:
    """Content in a few characters, with nothing in it that a terminal would obey."""
    text = content[:_SHOWN].decode(errors="replace")
    return "nothing" if not content else ascii(text) + ("..." if len(content) > _SHOWN else "")


def object_of(content: bytes, call: str, status: int, members: Members | None = None) -> dict[str, Any]:
    """The object that an answer, or a line of one, has."""
    expected = "a JSON object" + (f" with {', '.join(members)}" if members else "")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise bad_answer(call, status, expected, shown(content)) from None
    if not isinstance(document, dict) or not document or any(
            not isinstance(document.get(name), kind) for name, kind in (members or {}).items()):
        raise bad_answer(call, status, expected, shown(content))
    return document


@dataclass(frozen=True)
class Answer:
    """An answer of 2xx that was read whole."""

    call: str
    status: int
    content: bytes

    def json(self, members: Members | None = None) -> dict[str, Any]:
        return object_of(self.content, self.call, self.status, members)
