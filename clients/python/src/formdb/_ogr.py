"""Files that GDAL reads, as features. Needs pyogrio and geopandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._source import BadSource, Lines, Source

ROWS = 10_000


def ogr_source(path: Path, layer: str | None, id_column: str | None) -> Source:
    """The rows of a layer in WGS 84, some thousands at a time; `id_column` has their ids."""
    try:
        import pyogrio
    except ImportError:
        raise BadSource(f"{path}: to read this, install pyogrio and geopandas: pip install 'formdb[geopandas]'") from None
    try:
        about = pyogrio.read_info(path, layer=layer)
    except pyogrio.errors.DataSourceError as error:
        raise BadSource(f"{path}: {error}") from None
    if about["crs"] is None:
        raise BadSource(f"{path} does not say in which reference system its coordinates are; set it, for instance with ogr2ogr -a_srs")
    if id_column is not None and id_column not in about["fields"]:
        raise BadSource(f"{path} has no column {id_column!r}; it has {', '.join(about['fields'])}")

    def rows() -> Iterator[dict[str, Any]]:
        first = 0
        while True:
            frame = pyogrio.read_dataframe(path, layer=layer, skip_features=first, max_features=ROWS)
            if len(frame) == 0:
                return
            frame = frame.to_crs("EPSG:4326")
            frame.index = range(first, first + len(frame)) if id_column is None else frame[id_column]
            for feature in frame.drop(columns=id_column or []).iterfeatures(na="drop"):
                if id_column is None:
                    del feature["id"]
                feature.pop("bbox", None)
                yield feature
            first += len(frame)

    return Lines(rows, replayable=True)
