"""Tables of pandas and geopandas. Neither is needed for anything else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from ._models import Feature
from ._source import CSV, Lines, Source, packed

if TYPE_CHECKING:
    import geopandas
    import pandas


def geodataframe(features: Sequence[Feature]) -> geopandas.GeoDataFrame:
    import geopandas

    frame = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326", columns=_columns(features))
    frame.index = [feature.get("id") for feature in features]
    frame.index.name = "id"
    return frame


def _columns(features: Sequence[Feature]) -> list[str]:
    """The geometry, also where there are no features, and the properties in the order in which they first come."""
    names: dict[str, None] = {}
    for feature in features:
        names.update(dict.fromkeys(feature["properties"] or {}))
    return ["geometry", *(name for name in names if name != "geometry")]


def feature_source(frame: geopandas.GeoDataFrame) -> Source:
    """The rows as features in WGS 84. The index has the ids."""
    if frame.crs is None:
        raise ValueError("the frame has no coordinate reference system: set it with set_crs")
    if not frame.index.is_unique:
        raise ValueError("the index has the ids of the features, and some come twice: choose another with set_index")
    return Lines(frame.to_crs("EPSG:4326").iterfeatures, replayable=True)


def series_table(table: IO[bytes], tz: str | None, name: str | None) -> pandas.DataFrame:
    import pandas

    frame = pandas.read_csv(table, index_col="timestamp")
    frame.index = pandas.to_datetime(frame.index, utc=True, format="ISO8601")
    if tz is not None:
        frame.index = frame.index.tz_convert(tz)
    return frame if name is None else frame.rename(columns={"value": name})


class Table:
    """A frame as the table that the server takes: times, and a column a series."""

    content_type = CSV
    content_encoding: str | None = None
    size: int | None = None
    replayable = True

    def __init__(self, frame: pandas.DataFrame) -> None:
        self._frame = frame

    def chunks(self) -> Iterator[bytes]:
        frame = self._frame
        yield _row(["timestamp", *map(str, frame.columns)]) + b"\n"
        cells = zip(frame.index, frame.itertuples(index=False, name=None))
        yield from packed(_row([time.isoformat(), *(_cell(value) for value in values)]) for time, values in cells)


def _cell(value: Any) -> str:
    # Not a number is no value, and neither is NA or None.
    return "" if value is None or value != value or type(value).__name__ == "NAType" else repr(float(value))


def _row(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()


def table_source(frame: pandas.DataFrame) -> Source:
    import pandas

    if not isinstance(frame.index, pandas.DatetimeIndex):
        raise ValueError("the index of the frame has to be times (a DatetimeIndex)")
    return Table(frame)
