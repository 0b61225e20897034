"""What calls take and give: documents as they are on the wire, receipts as objects."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NotRequired, Self, TypedDict

# A point in time: ISO 8601 text, a datetime with a zone, or an integer (microseconds since 1970, or what `unit`
# says). As `as_of` an integer is a sequence.
When = str | int | datetime.datetime | datetime.date
Provenance = Mapping[str, Any]
# Filters in the words of the API, such as {"prop.mag": "gte:5"}; a list of several that all have to hold.
Where = Mapping[str, str | int | float | Sequence[str | int | float]]
Bbox = tuple[float, float, float, float]
Geometry = Mapping[str, Any]


class Feature(TypedDict):
    """A GeoJSON Feature. `formdb` and `provenance` are the version's, where an answer adds them."""

    type: str
    id: NotRequired[str | int | float]
    geometry: dict[str, Any] | None
    properties: dict[str, Any] | None
    provenance: NotRequired[dict[str, Any]]
    formdb: NotRequired[dict[str, Any]]
    distance: NotRequired[float]


class Entry(TypedDict):
    """A block as the journal shows it."""

    seq: int
    hash: str
    time: str
    txn: int
    op: str
    prev: NotRequired[int]
    actor: NotRequired[str]
    provenance: NotRequired[dict[str, Any]]
    body: NotRequired[dict[str, Any]]
    feature_id: NotRequired[str]
    series_id: NotRequired[str]
    points: NotRequired[int]
    effect: NotRequired[str]
    reverts: NotRequired[int]


class Point(TypedDict):
    """A point of a series; the last six are there when `include` asks for them."""

    timestamp: str
    value: float
    series_id: NotRequired[str]
    point_id: NotRequired[str | None]
    seq: NotRequired[int | None]
    hash: NotRequired[str | None]
    time: NotRequired[str | None]
    metadata: NotRequired[dict[str, Any] | None]
    provenance: NotRequired[dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True, repr=False)
class _Answer:
    """An object of an answer; `raw` has all of its members."""

    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    def __repr__(self) -> str:
        told = ((each.name, getattr(self, each.name)) for each in fields(self) if each.name in self.raw)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in told)})"

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {each.name: answer[each.name] for each in fields(cls) if each.name != "raw" and each.name in answer}
        return cls(raw=answer, **known)


@dataclass(frozen=True, kw_only=True, repr=False)
class Written(_Answer):
    """The receipt of a write. A write that is one block has `seq`, others `first_seq` and `last_seq`."""

    seq: int | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    hash: str | None = None
    time: str | None = None
    feature_id: str | None = None
    feature_ids: list[str] = field(default_factory=list)
    series_id: str | None = None
    point_id: str | None = None
    inserted: int = 0
    replaced: int = 0
    ignored: int = 0
    deleted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    warning_counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, repr=False)
class Upload(_Answer):
    """What became of a stream: the lines that were left out are in `rejected`, those of an earlier try in `skipped`."""

    inserted: int = 0
    replaced: int = 0
    ignored: int = 0
    skipped: int = 0
    missing: int = 0
    blocks: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    rejected: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    warning_counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, repr=False)
class Reverted(_Answer):
    """What was undone, or of a dry run what would be: `operations`, and `conflicts` that stand in the way."""

    reverted: int = 0
    unchanged: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    hash: str | None = None
    time: str | None = None
    operations: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    conflict_count: int = 0


@dataclass(frozen=True, kw_only=True, repr=False)
class Info(_Answer):
    """A database in figures."""

    id: str
    status: str
    log: str | None = None
    seq: int = 0
    durable_seq: int = 0
    root: str | None = None
    features: int = 0
    series: int = 0
    points: int = 0
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far an upload has come. `rows` counts the lines that were sent."""

    sent_bytes: int
    total_bytes: int | None
    rows: int
    attempt: int


@dataclass(frozen=True)
class Event:
    """A block that a subscription was told of. `matched` says which version the filter takes: before, after or both."""

    seq: int
    after: int
    matched: str | None
    entry: Entry
