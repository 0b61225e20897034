"""Several writes that happen together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from .._models import Provenance, When, Written
from .._query import params
from .features import Features
from .http import new_key
from .scope import Scope
from .series import Series


class Transaction:
    """A transaction as a context: committed at its end, aborted where an exception leaves it.

    It sees the database as it was when it began, and its own writes. Where somebody else has written the same since, its
    end raises Conflict and nothing is written. `receipt` is what was written, once it is.
    """

    def __init__(self, scope: Scope, *, read_only: bool = False, tz: str | None = None, unit: str | None = None) -> None:
        scope.check_writable()
        self._outside = scope
        self._scope = scope
        self._read_only = read_only
        self._given = params(tz=tz, unit=unit)
        self.id: str | None = None
        self.seq: int | None = None
        self.receipt: Written | None = None

    def __enter__(self) -> Self:
        outside = self._outside
        body = {"read_only": True} if self._read_only else None
        # A beginning whose answer is lost ends by itself.
        begun = (outside.http.call("POST", outside.path + "/transactions", None, body)).json({"transaction_id": str, "seq": int})
        self.id, self.seq = begun["transaction_id"], begun["seq"]
        self._scope = replace(outside, transaction=self.id)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        if kind is None and not self._read_only:
            answer = self._outside.write("POST", f"/transactions/{self.id}/commit")
            self.receipt = Written.of(answer)
            return
        try:
            self._outside.http.call("POST", f"{self._outside.path}/transactions/{self.id}/abort")
        except Exception:
            # It ends by itself; what is to be told is why it was left.
            if kind is None:
                raise

    @property
    def features(self) -> Features:
        """Reading features as this transaction sees them."""
        return Features(self._scope)

    @property
    def series(self) -> Series:
        """Reading points as this transaction sees them."""
        return Series(self._scope)

    def add(self, *operations: Mapping[str, Any]) -> list[str]:
        """Adds operations as the API has them, all or none; the ids of the features that they put."""
        body = {"operations": [dict(each) for each in operations]}
        answer = self._outside.http.write("POST", f"{self._outside.path}/transactions/{self.id}/operations", self._given, body,
                                                key=new_key(), has={"feature_ids": list})
        return list(answer["feature_ids"])

    def put(self, feature: Mapping[str, Any], *, provenance: Provenance | None = None) -> str:
        """Puts a feature; its id."""
        return (self.add({"op": "put_feature", "feature": _with(feature, provenance)}))[0]

    def delete(self, id: str | int, *, provenance: Provenance | None = None) -> None:
        """Deletes a feature."""
        self.add(_with({"op": "delete_feature", "id": id}, provenance))

    def write(self, series: str, timestamps: Sequence[When], values: Sequence[float], *, on_duplicate: str | None = None,
                    provenance: Provenance | None = None) -> None:
        """Writes points of one series."""
        points = _with({"series_id": series, "timestamps": [*timestamps], "values": [*values]}, provenance)
        operation: dict[str, Any] = {"op": "put_points", "points": points}
        if on_duplicate is not None:
            operation["on_duplicate"] = on_duplicate
        self.add(operation)

    def delete_points(self, series: str, start: When | None = None, end: When | None = None, *,
                            provenance: Provenance | None = None) -> None:
        """Deletes the points of a range."""
        ends = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
        self.add(_with({"op": "delete_points", "series_id": series, **ends}, provenance))

    def set_attributes(self, series: str, attributes: Mapping[str, Any] | None, *,
                             provenance: Provenance | None = None) -> None:
        """Sets the attributes of a series, or with None deletes them."""
        self.add(_with({"op": "set_attributes", "series_id": series, "attributes": attributes}, provenance))


def _with(document: Mapping[str, Any], provenance: Provenance | None) -> dict[str, Any]:
    return dict(document) if provenance is None else {**document, "provenance": dict(provenance)}
