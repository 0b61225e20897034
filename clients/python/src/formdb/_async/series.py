"""Time series of a database."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from urllib.parse import parse_qs, urlsplit

from .. import _frames
from .._models import Entry, Point, Progress, Provenance, Upload, When, Where, Written
from .._query import Params, params, provenance_params, segment, series_path
from .download import download, spooled
from .scope import AsyncScope
from .upload import UploadSource, upload

if TYPE_CHECKING:
    import pandas

OnDuplicate = Literal["keep", "replace", "ignore", "refuse"]
Conditions = str | int | float | Sequence[str | int | float]


class AsyncSeries:
    """The time series of a database. `db.series` is one.

    Where a series is named, a star at the end (``"mitte/*"``) means all whose ids begin so; `pattern`, `attributes`
    and `feature` choose among them.
    """

    def __init__(self, scope: AsyncScope) -> None:
        self._scope = scope

    async def list(self, *, prefix: str | None = None, pattern: str | None = None, attributes: Where | None = None,
                   feature: str | None = None, as_of: When | None = None) -> AsyncIterator[dict[str, Any]]:
        """The series there are, each with the number of its points, its ends, and its attributes."""
        given = params(_attributes(attributes), prefix=prefix, pattern=pattern, feature=feature, include="attributes")
        async for each in self._scope.at(as_of).rows("/timeseries", given):
            yield each

    async def points(self, series: str, start: When | None = None, end: When | None = None, *, value: Conditions | None = None,
                     order: Literal["asc", "desc"] | None = None, limit: int | None = None, tz: str | None = None,
                     unit: str | None = None, include: Sequence[str] | None = None, pattern: str | None = None,
                     attributes: Where | None = None, feature: str | None = None,
                     as_of: When | None = None) -> AsyncIterator[Point]:
        """The points from `start` on and before `end`, all as of one state.

        `value` are conditions such as ``"gte:5"``; `include` asks for where points come from (``["seq", "provenance"]``).
        """
        given = _range(start, end, value, order=order, limit=limit, tz=tz, unit=unit, include=include, pattern=pattern,
                       attributes=attributes, feature=feature)
        async for point in self._scope.at(as_of).rows(series_path(series), given):
            yield point

    async def aggregate(self, series: str, aggregation: str | Sequence[str], *, start: When | None = None,
                        end: When | None = None, interval: str | None = None, window: str | None = None,
                        group_by: str | None = None, fill: str | None = None, expected: str | None = None,
                        tz: str | None = None, origin: When | None = None, unit: str | None = None,
                        order: Literal["asc", "desc"] | None = None, value: Conditions | None = None,
                        pattern: str | None = None, attributes: Where | None = None, feature: str | None = None,
                        as_of: When | None = None) -> dict[str, Any]:
        """Aggregates, of the whole range or of each bucket of `interval`, exact and rounded once."""
        given = _range(start, end, value, aggregation=aggregation, interval=interval, window=window, group_by=group_by,
                       fill=fill, expected=expected, tz=tz, origin=origin, unit=unit, order=order, pattern=pattern,
                       attributes=attributes, feature=feature)
        answer: dict[str, Any] = await self._scope.at(as_of).read(series_path(series) + "/aggregate", given)
        return answer

    async def latest(self, series: str, *, as_of: When | None = None) -> Point:
        """The point with the greatest timestamp of one series."""
        point: Point = await self._scope.at(as_of).read(series_path(series) + "/latest")
        return point

    async def summary(self, series: str, *, start: When | None = None, end: When | None = None,
                      value: Conditions | None = None, as_of: When | None = None) -> dict[str, Any]:
        """Count, ends, extremes, mean and standard deviation of one series."""
        answer: dict[str, Any] = await self._scope.at(as_of).read(series_path(series) + "/summary", _range(start, end, value))
        return answer

    async def write(self, series: str, timestamps: Sequence[When], values: Sequence[float], *,
                    on_duplicate: OnDuplicate | None = None, tz: str | None = None, unit: str | None = None,
                    metadata: Sequence[Mapping[str, Any] | None] | None = None, provenance: Provenance | None = None,
                    durability: str | None = None, key: str | None = None) -> Written:
        """Writes points of one series, as one block. `on_duplicate="replace"` corrects those of the same times."""
        body: dict[str, Any] = {"series_id": series, "timestamps": [*timestamps], "values": [*values]}
        if metadata is not None:
            body["metadata"] = [*metadata]
        if provenance is not None:
            body["provenance"] = dict(provenance)
        given = params(on_duplicate=on_duplicate, tz=tz, unit=unit, durability=durability)
        return Written.of(await self._scope.write("POST", "/timeseries", given, body, key=key))

    async def write_points(self, points: Iterable[Mapping[str, Any]], *, on_duplicate: OnDuplicate | None = None,
                           tz: str | None = None, unit: str | None = None, provenance: Provenance | None = None,
                           durability: str | None = None, key: str | None = None) -> Written:
        """Writes points of any series (`series_id`, `timestamp`, `value`), all or none."""
        given = params(on_duplicate=on_duplicate, tz=tz, unit=unit, durability=durability) + provenance_params(provenance)
        return Written.of(await self._scope.write("POST", "/timeseries", given, {"points": [*points]}, key=key))

    async def correct(self, series: str, point_id: str, value: float, *, timestamp: When | None = None,
                      provenance: Provenance | None = None, key: str | None = None) -> Written:
        """Puts another point in the place of one."""
        body: dict[str, Any] = {"value": value}
        if timestamp is not None:
            body["timestamp"] = timestamp
        if provenance is not None:
            body["provenance"] = dict(provenance)
        path = f"{series_path(series)}/points/{segment(point_id)}"
        return Written.of(await self._scope.write("PUT", path, None, body, key=key))

    async def delete(self, series: str, start: When | None = None, end: When | None = None, *, tz: str | None = None,
                     provenance: Provenance | None = None, key: str | None = None) -> Written:
        """Deletes the points of a range, without one all of the series. They stay readable as of before."""
        body = None if provenance is None else {"provenance": dict(provenance)}
        return Written.of(await self._scope.write("DELETE", series_path(series), params(start=start, end=end, tz=tz), body, key=key))

    async def replace(self, series: str, start: When, end: When, timestamps: Sequence[When], values: Sequence[float], *,
                      tz: str | None = None, unit: str | None = None, provenance: Provenance | None = None,
                      key: str | None = None) -> Written:
        """Puts these points in the place of all of a range, in one transaction."""
        body: dict[str, Any] = {"timestamps": [*timestamps], "values": [*values]}
        if provenance is not None:
            body["provenance"] = dict(provenance)
        given = params(start=start, end=end, tz=tz, unit=unit)
        return Written.of(await self._scope.write("PUT", series_path(series), given, body, key=key))

    async def attributes(self, series: str, *, as_of: When | None = None) -> dict[str, Any]:
        """What is known about a series: its unit, its feature, and the like."""
        answer: dict[str, Any] = await self._scope.at(as_of).read(series_path(series) + "/attributes")
        return answer

    async def set_attributes(self, series: str, attributes: Mapping[str, Any], *, provenance: Provenance | None = None,
                             key: str | None = None) -> Written:
        """Replaces all attributes of a series."""
        body = dict(attributes) if provenance is None else {**attributes, "provenance": dict(provenance)}
        return Written.of(await self._scope.write("PUT", series_path(series) + "/attributes", None, body, key=key))

    async def history(self, series: str, start: When | None = None, end: When | None = None, *,
                      as_of: When | None = None) -> AsyncIterator[Entry]:
        """The blocks that wrote or deleted points of a range, the oldest first."""
        scope, since = self._scope.at(as_of), None
        while True:
            page = await scope.read(series_path(series) + "/provenance", params(start=start, end=end, since=since))
            for entry in page["provenance_chain"]:
                yield entry
            since = page["next"]
            if since is None:
                return

    async def diff(self, series: str, start: When, end: When | None = None) -> dict[str, Any]:
        """The points that were `added` and `removed` between two sequences or times."""
        added: builtins.list[Any] = []
        removed: builtins.list[Any] = []
        cursor: str | None = None
        while True:
            page = await self._scope.plain(series_path(series) + "/diff", params({"from": start}, to=end, cursor=cursor))
            added += page["added"]
            removed += page["removed"]
            cursor = _cursor(page)
            if cursor is None:
                return {"series_id": series, "from": page["from"], "to": page["to"], "added": added, "removed": removed}

    async def upload(self, source: UploadSource, *, series: str | None = None, shape: str | None = None, tz: str | None = None,
                     unit: str | None = None, missing: Sequence[str | float] | None = None,
                     on_duplicate: OnDuplicate | None = None, on_error: Literal["skip", "stop"] = "skip",
                     provenance: Provenance | None = None, durability: str | None = None, key: str | None = None,
                     progress: Callable[[Progress], None] | None = None) -> Upload:
        """Writes any number of points in constant memory: a table (.csv), lines (.ndjson), or what gives points.

        What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for as long
        as the server knows keys (a day). Faulty rows are left out and are in `rejected` of what is returned.
        """
        given = params(series_id=series, shape=shape, tz=tz, unit=unit, missing=missing, on_duplicate=on_duplicate,
                       on_error=on_error, durability=durability) + provenance_params(provenance)
        return await upload(self._scope, "/timeseries", source, given, key, progress)

    async def download(self, target: Path | str | BinaryIO, series: str = "*", *, start: When | None = None,
                       end: When | None = None, tz: str | None = None, shape: Literal["long", "wide"] | None = None,
                       as_of: When | None = None, form: Literal["csv", "ndjson"] | None = None,
                       progress: Callable[[int], None] | None = None) -> int:
        """Writes all points into a file (.csv or .ndjson), in constant memory; how many rows it has."""
        given = params(start=start, end=end, tz=tz, shape=shape)
        return await download(self._scope.at(as_of), series_path(series), given, target, form, progress)

    async def to_dataframe(self, series: str = "*", start: When | None = None, end: When | None = None, *, tz: str | None = None,
                           value: Conditions | None = None, pattern: str | None = None, attributes: Where | None = None,
                           feature: str | None = None, as_of: When | None = None) -> pandas.DataFrame:
        """A table with a column a series, and times as its index: in UTC, or in the zone `tz`. Needs pandas."""
        several = series.endswith("*")
        given = _range(start, end, value, tz=tz, pattern=pattern, attributes=attributes, feature=feature,
                       shape="wide" if several else None)
        with await spooled(self._scope.at(as_of), series_path(series), given, "text/csv") as table:
            return _frames.series_table(table, tz, None if several else series)

    async def from_dataframe(self, frame: pandas.DataFrame, *, on_duplicate: OnDuplicate | None = None, tz: str | None = None,
                             provenance: Provenance | None = None, key: str | None = None,
                             progress: Callable[[Progress], None] | None = None) -> Upload:
        """Writes a table: times as its index, a column a series. Cells without a value are left out."""
        source = _frames.table_source(frame)
        return await self.upload(source, shape="wide", on_duplicate=on_duplicate, tz=tz, provenance=provenance, key=key,
                                 progress=progress)


def _attributes(attributes: Where | None) -> dict[str, Any]:
    return {f"attr.{name}": condition for name, condition in (attributes or {}).items()}


def _range(start: When | None, end: When | None, value: Conditions | None, *, attributes: Where | None = None,
           **named: Any) -> Params:
    conditions: dict[str, Any] = {} if value is None else {"value": value}
    return params({**conditions, **_attributes(attributes)}, start=start, end=end, **named)


def _cursor(page: Mapping[str, Any]) -> str | None:
    """The cursor of the next page, from the link to it."""
    for link in page["links"]:
        if link["rel"] == "next":
            return str(parse_qs(urlsplit(link["href"]).query)["cursor"][0])
    return None
