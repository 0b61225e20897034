"""Parameters and paths as the API writes them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

# As httpx declares them; all of ours are text.
Params = list[tuple[str, str | int | float | bool | None]]
# Words that are searches where an id of a feature stands.
_SEARCHES = {"bbox", "nearby", "geometry", "within", "contains", "intersects", "heatmap"}


def text_of(value: Any) -> str:
    """One value of a parameter."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give it one, or send text together with tz")
        return value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Iterable):
        return ",".join(text_of(item) for item in value)
    raise TypeError(f"{value!r} is no parameter")


def params(where: Mapping[str, Any] | None = None, /, **named: Any) -> Params:
    """The parameters that are given; a filter that is a list comes once for each."""
    found: Params = [(name, text_of(value)) for name, value in named.items() if value is not None]
    for name, value in (where or {}).items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        found += [(name, text_of(each)) for each in several]
    return found


def provenance_params(provenance: Mapping[str, Any] | None) -> Params:
    """Provenance of all that an upload writes."""
    return [(f"provenance.{name}", text_of(value)) for name, value in (provenance or {}).items()]


def segment(text: str) -> str:
    """One part of a path: what would lead to another path, and so to another call, does not."""
    if text == "":
        raise ValueError("an id or a name has at least one character")
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if text in (".", "..") else encoded


def feature_path(id: str | int | float) -> str:
    text = str(id)
    encoded = segment(text)
    if text in _SEARCHES:
        encoded = f"%{ord(text[0]):02x}{text[1:]}"
    return f"/features/{encoded}"


def series_path(series: str) -> str:
    """Of a series, or with a star at the end of all whose ids begin so."""
    if series.endswith("*"):
        return f"/timeseries/{quote(series[:-1], safe='')}*"
    return f"/timeseries/{segment(series)}"


def jsonable(value: Any) -> Any:
    """What json.dumps does not know: times."""
    if isinstance(value, datetime.datetime | datetime.date):
        return text_of(value)
    raise TypeError(f"{value!r} cannot be written as JSON")
