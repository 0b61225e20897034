"""Bodies of uploads: what is sent line by line, in constant memory, and again from its beginning."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ._query import json_of
from .errors import FormDBError

NDJSON = "application/x-ndjson"
SEQUENCE = "application/geo+json-seq"
CSV = "text/csv"
CHUNK_BYTES = 1 << 18
# So much is looked at of input that has no name.
HEAD_BYTES = 1 << 20
# As the server's FORMDB_MAX_BODY_BYTES unless it is set otherwise: what is larger it would not take either.
FEATURE_BYTES = 64 << 20
CODINGS = {".gz": "gzip", ".zst": "zstd"}
# What such files begin with.
PACKED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
TYPES = {".csv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".geojsonl": NDJSON, ".ldgeojson": NDJSON, ".geojsons": SEQUENCE,
          ".geojsonseq": SEQUENCE}


class BadSource(FormDBError):
    """What is to be uploaded cannot be read as what it should be."""


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes: ...


@runtime_checkable
class Source(Protocol):
    """A body. `size` is in bytes where it is known; `replayable` says that `chunks` may be called again."""

    content_type: str
    content_encoding: str | None
    size: int | None
    replayable: bool

    def chunks(self) -> Iterator[bytes]: ...


async def achunks(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def digest(source: Source, about: Iterable[tuple[str, str]]) -> str:
    """A key that this body gets with these parameters every time."""
    hashed = hashlib.sha256(json.dumps([source.content_type, sorted(about)]).encode())
    # What is made of a file is the same as long as the file is.
    for chunk in File(source.path, source.content_type).chunks() if isinstance(source, Collection) else source.chunks():
        hashed.update(chunk)
    return hashed.hexdigest()[:40]


class File:
    """A file, sent as it is; with `header` that stands in place of its first line."""

    replayable = True

    def __init__(self, path: Path, content_type: str, content_encoding: str | None = None, header: str | None = None) -> None:
        if header is not None and content_encoding is not None:
            raise BadSource(f"{path}: the header of a packed table cannot be replaced; unpack it first")
        self.path, self.content_type, self.content_encoding = path, content_type, content_encoding
        self._header = None if header is None else header.encode() + b"\n"
        self.size: int | None = path.stat().st_size
        if self._header is not None:
            with open(path, "rb") as file:
                self.size += len(self._header) - len(file.readline())

    def chunks(self) -> Iterator[bytes]:
        with open(self.path, "rb") as file:
            if self._header is not None:
                file.readline()
                yield self._header
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


class Lines:
    """Objects, a line each. `make` gives all of them anew; without that they can be sent once only."""

    content_type = NDJSON
    content_encoding: str | None = None
    size: int | None = None

    def __init__(self, make: Callable[[], Iterable[Mapping[str, Any]]], replayable: bool) -> None:
        self._make, self.replayable = make, replayable

    def chunks(self) -> Iterator[bytes]:
        return packed(json_of(each, (",", ":")) for each in self._make())


class Collection:
    """A file with a GeoJSON document, sent as lines: of a FeatureCollection a feature each. It may be packed with gzip."""

    content_type = NDJSON
    content_encoding: str | None = None
    size: int | None = None
    replayable = True

    def __init__(self, path: Path, gzipped: bool = False) -> None:
        self.path, self.gzipped = path, gzipped

    def chunks(self) -> Iterator[bytes]:
        try:
            with gzip.open(self.path) if self.gzipped else open(self.path, "rb") as file:
                yield from packed(features_of(file, str(self.path)))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadSource(f"{self.path} is not packed with gzip, or is cut off: {error}") from None


def packed(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, many to a piece."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"\n".join(held) + b"\n"
            held, size = [], 0
    if held:
        yield b"\n".join(held) + b"\n"


def features_of(file: Readable, name: str) -> Iterator[bytes]:
    """The features of a GeoJSON document, each in one line with the bytes it has there, one after the other.

    What is no FeatureCollection is one line. Memory is that of the largest feature.
    """
    text = _Text(file, name)
    text.expect("{")
    members: dict[str, Any] = {}
    found = False
    while not text.taken("}"):
        if members:
            text.expect(",")
        key, _ = text.value()
        text.expect(":")
        if key == "features":
            _check_crs(members, name)
            text.expect("[")
            found = True
            first = True
            while not text.taken("]"):
                if not first:
                    text.expect(",")
                first = False
                yield text.value()[1].replace("\r", " ").replace("\n", " ").encode()
            members["features"] = None
        else:
            members[str(key)] = text.value()[0]
    _check_crs(members, name)
    if not found:
        if members.get("type") == "FeatureCollection":
            raise BadSource(f"{name}: the FeatureCollection has no features")
        yield json.dumps(members, ensure_ascii=False).encode()
    text.expect("")


def _check_crs(members: Mapping[str, Any], name: str) -> None:
    crs = members.get("crs")
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    system = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if not system.upper().replace("::", ":").endswith(("CRS84", "EPSG:4326")):
        raise BadSource(f"{name}: its coordinates are in {system or crs}, and not in longitude and latitude (WGS 84); "
                        "convert them first, for instance with ogr2ogr -t_srs EPSG:4326")


class _Text:
    """A text of JSON that is read a value at a time."""

    def __init__(self, file: Readable, name: str) -> None:
        self._file, self._name = file, name
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._parse = json.JSONDecoder().raw_decode
        self._buffer, self._at, self._ended, self._before = "", 0, False, 0

    def _fill(self, size: int = CHUNK_BYTES) -> None:
        more = self._file.read(size)
        self._ended = len(more) < size
        try:
            text = self._decode.decode(more, self._ended)
        except UnicodeDecodeError as error:
            raise BadSource(f"{self._name} is not UTF-8: {error}") from None
        self._before += self._at
        self._buffer, self._at = self._buffer[self._at:] + text, 0

    def _next(self) -> str:
        """The next character that is no space, or none at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in " \t\r\n":
                    return self._buffer[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._fill()

    def expect(self, character: str) -> None:
        found = self._next()
        if found != character:
            raise BadSource(f"{self._name} is no GeoJSON: found {found or 'its end'!r} at character {self._before + self._at + 1}; "
                            f"expected {character or 'its end'!r}")
        self._at += len(character)

    def taken(self, character: str) -> bool:
        if self._next() != character:
            return False
        self._at += 1
        return True

    def value(self) -> tuple[Any, str]:
        """The next value, and its text."""
        self._next()
        size = CHUNK_BYTES
        while True:
            try:
                value, end = self._parse(self._buffer, self._at)
                # A number may go on behind the end of what was read.
                if end < len(self._buffer) or self._ended:
                    text = self._buffer[self._at:end]
                    self._at = end
                    return value, text
                problem = "it is cut off"
            except (json.JSONDecodeError, RecursionError) as error:
                problem = str(error)
            if self._ended or len(self._buffer) - self._at > FEATURE_BYTES:
                raise BadSource(f"{self._name} is no GeoJSON at character {self._before + self._at + 1}, or has a value "
                                f"of more than {FEATURE_BYTES >> 20} MiB there: {problem}")
            self._fill(size)
            size = min(2 * size, FEATURE_BYTES)


def file_source(path: Path, header: str | None = None) -> Source:
    """A file as what its name says it is, and its first byte where the name does not tell lines from sequences."""
    coding = CODINGS.get(path.suffix.lower())
    suffix = (path.with_suffix("") if coding else path).suffix.lower()
    kind = TYPES.get(suffix)
    if suffix in (".geojson", ".json"):
        if coding == "zstd":
            raise BadSource(f"{path}: a FeatureCollection that is packed with zstd cannot be sent as lines; unpack it first, or pack it "
                            "with gzip")
        return Collection(path, gzipped=coding is not None)
    if kind is None:
        known = ", ".join([*TYPES, ".geojson"])
        raise BadSource(f"{path}: its name does not say what it has; names end in one of {known}")
    if kind != CSV and coding is None:
        with open(path, "rb") as file:
            kind = SEQUENCE if file.read(1) == b"\x1e" else NDJSON
    return File(path, kind, coding, header)


def ending_of(head: bytes) -> str:
    """The end of the name that a file with these first bytes has to have, for input that has no name."""
    if head.startswith(PACKED[".zst"]):
        raise BadSource("what is packed with zstd does not say what it has: give --format")
    coding = ""
    if head.startswith(PACKED[".gz"]):
        coding = ".gz"
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error as error:
            raise BadSource(f"it begins as what is packed with gzip, and is not: {error}") from None
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"\x1e"):
        return ".geojsons" + coding
    try:
        good = "\0" not in codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        good = False
    if not good:
        raise BadSource("what came is no text in UTF-8: it is neither GeoJSON nor a table. What is packed otherwise is to be unpacked first")
    if not text.startswith(b"{"):
        return ".csv" + coding
    try:
        document = json.loads(text.split(b"\n", 1)[0])
    except ValueError:
        # It goes on in the next line, or in a line that is longer than what is looked at.
        return ".geojson" + coding
    return (".geojson" if document.get("type") == "FeatureCollection" else ".ndjson") + coding
