"""Parameters and paths as the API writes them."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .errors import BadCall

# As httpx declares them; all of ours are text.
Params = list[tuple[str, str | int | float | bool | None]]
# More than the path of a request can have.
PATH_CHARACTERS = 16_384
# Words that are searches where an id of a feature stands.
_SEARCHES = {"bbox", "nearby", "geometry", "within", "contains", "intersects", "heatmap"}


def text_of(value: Any) -> str:
    """One value of a parameter."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise BadCall(f"{value!r} has no time zone: give it one, or send text together with tz")
        return value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise BadCall(f"{value!r} is no value of a parameter: nothing was sent")
    if isinstance(value, str):
        return checked_text(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return ",".join(text_of(item) for item in value)
    raise BadCall(f"{_named(value)} is no value of a parameter: nothing was sent")


def params(where: Mapping[str, Any] | None = None, /, **named: Any) -> Params:
    """The parameters that are given; a filter that is a list comes once for each."""
    found: Params = [(name, text_of(value)) for name, value in named.items() if value is not None]
    for name, value in (where or {}).items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        found += [(name, text_of(each)) for each in several]
    return found


def provenance_params(provenance: Mapping[str, Any] | None) -> Params:
    """Provenance of all that an upload writes."""
    return [(f"provenance.{name}", text_of(value)) for name, value in (provenance or {}).items()]


def _named(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def checked_text(text: str) -> str:
    """The same text, where it is one of Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadCall(f"{_named(text)} has half of a surrogate pair, and is no text: nothing was sent") from None
    return text


def checked_key(key: object) -> str:
    """The key of a write, as the server takes it."""
    if not isinstance(key, str) or not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise BadCall("a key (Idempotency-Key) is 1 to 255 visible ASCII characters: nothing was sent")
    return key


def segment(text: object) -> str:
    """One part of a path: what would lead to another path, and so to another call, does not."""
    if text == "":
        raise BadCall("an id or a name has at least one character")
    if not isinstance(text, str):
        raise BadCall(f"{_named(text)} is no id and no name: these are texts")
    if len(text) > PATH_CHARACTERS:
        raise BadCall(f"an id or a name of {len(text)} characters is longer than any that there is: {_named(text)}")
    encoded = quote(checked_text(text), safe="")
    return encoded.replace(".", "%2E") if text in (".", "..") else encoded


def feature_path(id: object) -> str:
    # The same number is written in several ways in a path and in a body, but for integers.
    if isinstance(id, float):
        raise BadCall(f"{id!r} is no id: a number that is one is an integer; give others as text")
    text = str(id) if isinstance(id, int) and not isinstance(id, bool) else id
    encoded = segment(text)
    if isinstance(text, str) and text in _SEARCHES:
        encoded = f"%{ord(text[0]):02x}{text[1:]}"
    return f"/features/{encoded}"


def series_path(series: object) -> str:
    """Of a series, or with a star at the end of all whose ids begin so."""
    if isinstance(series, str) and series.endswith("*"):
        return f"/timeseries/{quote(checked_text(series[:-1]), safe='')}*"
    return f"/timeseries/{segment(series)}"


def jsonable(value: Any) -> Any:
    """What json.dumps does not know: times."""
    if isinstance(value, datetime.datetime | datetime.date):
        return text_of(value)
    raise BadCall(f"{_named(value)} cannot be written as JSON: nothing was sent")


def json_of(document: Any, separators: tuple[str, str] | None = None) -> bytes:
    """A document as JSON; what that cannot hold is refused."""
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, default=jsonable, separators=separators).encode()
    except BadCall:
        raise
    except UnicodeEncodeError:
        raise BadCall("a text with half of a surrogate pair cannot be written as JSON: nothing was sent") from None
    except (ValueError, TypeError, RecursionError) as error:
        # Not a number, a name that is no text, or what holds itself.
        raise BadCall(f"this cannot be written as JSON, and nothing was sent: {error}") from None
