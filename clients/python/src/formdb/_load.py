"""Loads of files that go on where they were when they are run again, after whatever ended them."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ._config import state_folder
from ._models import Progress, Upload
from ._ogr import ogr_source
from ._query import params, provenance_params
from ._source import CHUNK_BYTES, CODINGS, CSV, HEAD_BYTES, NDJSON, PACKED, TYPES, Collection, File, Source, digest, ending_of, file_source
from ._sync.client import Database
from ._sync.upload import upload
from .errors import FormDBError

# A server knows keys for a day unless it is set otherwise. What is older could be written twice.
KNOWN_SECONDS = 23 * 3600


class LoadedBefore(FormDBError):
    """The file was loaded, or begun, so long ago that the server may not know it any more."""


@dataclass(frozen=True)
class Plan:
    """A file, what it has, and how it is to be read."""

    source: Source
    points: bool
    given: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    again: bool = False

    def key(self) -> str:
        about = [(name, str(value)) for name, value in self._params()]
        return digest(self.source, [*about, *([("again", str(time.time_ns()))] if self.again else [])])

    def _params(self) -> list[tuple[str, Any]]:
        return [*params(**self.given), *provenance_params(self.provenance)]

    def load(self, db: Database, progress: Callable[[Progress], None]) -> tuple[str, Upload]:
        """Loads it; the key, which is in the provenance of all that is written (`load`), and what became of it."""
        key = self.key()
        note = state_folder() / "loads" / f"{db.name}-{key}.json"
        _refuse_forgotten(note, db, key)
        note.parent.mkdir(parents=True, exist_ok=True)
        began = _read(note).get("began") or time.time()
        note.write_text(json.dumps({"began": began}))
        path = "/timeseries" if self.points else "/features"
        result = upload(db._scope, path, self.source, [*self._params(), ("provenance.load", key)], f"load-{key}", progress)
        return key, result


def _read(note: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content


def _refuse_forgotten(note: Path, db: Database, key: str) -> None:
    began = _read(note).get("began")
    if began is not None and time.time() - began > KNOWN_SECONDS:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(began))
        raise LoadedBefore(
            f"this file was loaded into {db.name} from {when} on, and the server may have forgotten it: loading it now could "
            f"write it twice. See what it wrote: formdb log --provenance load={key}. Undo that, if it is not whole: "
            f"formdb revert --provenance load={key}. Then load it with --again")


@contextmanager
def input_file(path: Path, form: str | None) -> Iterator[Path]:
    """A file to be loaded; in place of "-", or of a pipe, one with what comes there, as long as it is needed.

    What is on disk can be sent again where a connection breaks off, and has a key by which it is known when it comes again.
    """
    if str(path) == "-":
        yield from _kept(sys.stdin.buffer, form)
    elif path.is_fifo() or path.is_char_device():
        # What a shell gives for <(...) can be read once, as standard input can.
        with open(path, "rb") as given:
            yield from _kept(given, form)
    else:
        yield path


def _kept(given: IO[bytes], form: str | None) -> Iterator[Path]:
    head = given.read(HEAD_BYTES)
    if not head:
        raise FormDBError("nothing came: what was to be loaded is empty")
    packed = next((ending for ending, magic in PACKED.items() if head.startswith(magic)), "")
    ending = ending_of(head) if form is None else f".{form}{packed}"
    with tempfile.NamedTemporaryFile(prefix="formdb-load-", suffix=ending) as file:
        file.write(head)
        shutil.copyfileobj(given, file, CHUNK_BYTES)
        file.flush()
        yield Path(file.name)


def plan(path: Path, *, kind: str | None, header: str | None, layer: str | None, id_column: str | None, given: dict[str, Any],
         provenance: dict[str, str], again: bool) -> Plan:
    """What a file has: `kind` is "features" or "points" where its name and its first line do not tell."""
    if not path.is_file() and not path.is_dir():
        raise FormDBError(f"{path}: there is no such file")
    known = path.suffix.lower() in {*TYPES, *CODINGS, ".geojson", ".json"}
    source = file_source(path, header) if known and layer is None and id_column is None else ogr_source(path, layer, id_column)
    points = kind == "points" if kind else source.content_type == CSV or _has_points(source)
    return Plan(source, points, given, provenance, again)


def _has_points(source: Source) -> bool:
    """Whether the first line of a file is a point and no feature."""
    if not isinstance(source, File) or source.content_type != NDJSON or source.content_encoding == "zstd":
        return False
    try:
        with gzip.open(source.path) if source.content_encoding else open(source.path, "rb") as file:
            first = next((line for line in file if line.strip()), b"")
        document = json.loads(first)
    except (ValueError, gzip.BadGzipFile, EOFError, zlib.error):
        # What is wrong with it is for the server to say.
        return False
    return isinstance(document, dict) and "timestamp" in document and "type" not in document


def size_of(source: Source) -> int | None:
    """How long a file is about, for a bar that shows how far it has come."""
    if source.size is not None:
        return source.size
    return source.path.stat().st_size if isinstance(source, Collection) and not source.gzipped else None
