"""Whole answers, into files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from .._query import Params
from .scope import AsyncScope

TYPES = {"ndjson": "application/x-ndjson", "geojson": "application/x-ndjson", "geojson-seq": "application/geo+json-seq",
         "csv": "text/csv"}
_FORMS = {".csv": "csv", ".geojson": "geojson", ".json": "geojson", ".geojsons": "geojson-seq", ".geojsonseq": "geojson-seq"}
SPOOLED_BYTES = 64 << 20


async def download(scope: AsyncScope, path: str, params: Params, target: Path | str | BinaryIO, form: str | None,
                   progress: Callable[[int], None] | None) -> int:
    """Writes an answer into a file; how many rows it has, without a header. The file is there when it is whole."""
    if not isinstance(target, str | Path):
        return await _copy(scope, path, params, target, form or "ndjson", progress)
    file = Path(target)
    form = form or _FORMS.get(file.suffix.lower(), "ndjson")
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as part:
            rows = await _copy(scope, path, params, part, form, progress)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    return rows


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def _copy(scope: AsyncScope, path: str, params: Params, target: IO[bytes], form: str,
                progress: Callable[[int], None] | None) -> int:
    rows = 0
    if form == "geojson":
        target.write(b'{"type":"FeatureCollection","features":[')
    async for line in scope.lines(path, params, TYPES[form]):
        if form == "geojson":
            target.write(b",\n" if rows else b"\n")
            target.write(line)
        else:
            target.write(line + b"\n")
        rows += 1
        if progress is not None and rows % 1000 == 0:
            progress(rows)
    if form == "geojson":
        target.write(b"\n]}\n")
    return rows - 1 if form == "csv" else rows


async def spooled(scope: AsyncScope, path: str, params: Params, accept: str) -> IO[Any]:
    """An answer as a file: in memory while it is small."""
    file = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES)
    try:
        async for line in scope.lines(path, params, accept):
            file.write(line + b"\n")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
