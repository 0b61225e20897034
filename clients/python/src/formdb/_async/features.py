"""Features of a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from .. import _frames
from .._models import Bbox, Entry, Feature, Geometry, Progress, Provenance, Upload, When, Where, Written
from .._query import Params, feature_path, params, provenance_params
from .._source import Source
from ..errors import BadCall
from .download import download
from .scope import AsyncScope
from .upload import UploadSource, upload

if TYPE_CHECKING:
    import geopandas

Predicate = Literal["intersects", "within", "contains"]


class AsyncFeatures:
    """The features of a database. `db.features` is one."""

    def __init__(self, scope: AsyncScope) -> None:
        self._scope = scope

    async def get(self, id: str | int, *, as_of: When | None = None) -> Feature:
        """One feature. Raises NotFound where there is none, with the block that deleted it where one did."""
        feature: Feature = await self._scope.at(as_of).read(feature_path(id))
        return feature

    async def put(self, feature: Mapping[str, Any], *, provenance: Provenance | None = None, if_match: str | None = None,
                  if_absent: bool = False, antimeridian: str | None = None, durability: str | None = None,
                  key: str | None = None) -> Written:
        """Writes a feature: a new one, or a new version. One without an id is given one.

        `if_match` is the hash of the version that it is to replace, `if_absent` says that there is to be none; else the
        write is refused with PreconditionFailed.
        """
        body = dict(feature) if provenance is None else {**feature, "provenance": dict(provenance)}
        given = params(antimeridian=antimeridian, durability=durability)
        conditions = {"If-Match": f'"{if_match}"'} if if_match else {"If-None-Match": "*"} if if_absent else {}
        if body.get("id") is None:
            if conditions:
                raise BadCall("a condition is about a feature with an id")
            return Written.of(await self._scope.write("POST", "/features", given, body, key=key))
        return Written.of(await self._scope.write("PUT", feature_path(body["id"]), given, body, key=key, headers=conditions))

    async def put_many(self, features: Iterable[Mapping[str, Any]], *, provenance: Provenance | None = None,
                       on_error: Literal["refuse", "skip"] = "refuse", antimeridian: str | None = None,
                       durability: str | None = None, key: str | None = None) -> Written:
        """Writes features as one transaction, all or none; with `on_error="skip"` all that have no fault.

        For more than fits into one request (64 MiB) there is `upload`.
        """
        body = {"type": "FeatureCollection", "features": list(features)}
        given = params(on_error=on_error, antimeridian=antimeridian, durability=durability)
        return Written.of(await self._scope.write("POST", "/features", given + provenance_params(provenance), body, key=key))

    async def patch(self, id: str | int, changes: Mapping[str, Any], *, provenance: Provenance | None = None,
                    if_match: str | None = None, durability: str | None = None, key: str | None = None) -> Written:
        """Changes a part of a feature (a JSON merge patch: None removes a member)."""
        body = dict(changes) if provenance is None else {**changes, "provenance": dict(provenance)}
        headers = {"If-Match": f'"{if_match}"'} if if_match else {}
        return Written.of(await self._scope.write("PATCH", feature_path(id), params(durability=durability), body, key=key,
                                                  headers=headers))

    async def delete(self, id: str | int, *, provenance: Provenance | None = None, if_match: str | None = None,
                     durability: str | None = None, key: str | None = None) -> Written:
        """Deletes a feature. Its versions stay readable as of before."""
        body = None if provenance is None else {"provenance": dict(provenance)}
        headers = {"If-Match": f'"{if_match}"'} if if_match else {}
        return Written.of(await self._scope.write("DELETE", feature_path(id), params(durability=durability), body, key=key,
                                                  headers=headers))

    async def search(self, *, bbox: Bbox | None = None, geometry: Geometry | None = None, feature: str | None = None,
                     predicate: Predicate | None = None, where: Where | None = None, limit: int | None = None,
                     as_of: When | None = None) -> AsyncIterator[Feature]:
        """All features, or those that are related to a box, a geometry or a stored feature; all as of one state.

        `where` are filters in the words of the API, such as ``{"prop.mag": ["gte:5", "lt:9"]}``.
        """
        method, path, given, body = _search(bbox, geometry, feature, predicate, where)
        rows = self._scope.at(as_of).rows(path, given + params(limit=limit), body, method=method)
        async for found in rows:
            yield found

    async def nearby(self, point: tuple[float, float] | None = None, *, feature: str | None = None, k: int | None = None,
                     radius: float | None = None, where: Where | None = None,
                     as_of: When | None = None) -> AsyncIterator[Feature]:
        """Features around a position or a stored feature, the nearest first, each with its `distance` in metres."""
        given = params(where, point=point, feature=feature, k=k, radius=radius)
        async for found in self._scope.at(as_of).rows("/features/nearby", given):
            yield found

    async def count(self, *, bbox: Bbox | None = None, geometry: Geometry | None = None, feature: str | None = None,
                    predicate: Predicate | None = None, where: Where | None = None, as_of: When | None = None) -> int:
        """How many features `search` would find."""
        method, path, given, body = _search(bbox, geometry, feature, predicate, where)
        answer = await self._scope.at(as_of).read(path, given + params(count=True), body, method=method, has={"numberMatched": int})
        return int(answer["numberMatched"])

    async def heatmap(self, *, cell: float | tuple[float, float] | None = None, zoom: int | None = None,
                      bbox: Bbox | None = None, sum: str | None = None, where: Where | None = None,
                      as_of: When | None = None) -> list[dict[str, Any]]:
        """How many features are in each cell, `cell` degrees wide or a tile of `zoom`."""
        given = params(where, cell=cell, zoom=zoom, bbox=bbox, sum=sum)
        cells: list[dict[str, Any]] = (await self._scope.at(as_of).read("/features/heatmap", given, has={"cells": list}))["cells"]
        return cells

    async def history(self, id: str | int, *, as_of: When | None = None) -> AsyncIterator[Entry]:
        """The versions of a feature, the oldest first, with their provenance."""
        since: int | None = None
        scope = self._scope.at(as_of)
        while True:
            page = await scope.read(feature_path(id) + "/provenance", params(since=since), has={"provenance_chain": list, "next": int | None})
            for entry in page["provenance_chain"]:
                yield entry
            since = page["next"]
            if since is None:
                return

    async def diff(self, id: str | int, start: When, end: When | None = None) -> dict[str, Any]:
        """What changed in a feature between two sequences or times, as operations of a JSON Patch in `changes`."""
        answer: dict[str, Any] = await self._scope.plain(feature_path(id) + "/diff", params({"from": start}, to=end))
        return answer

    async def lineage(self, id: str | int, *, as_of: When | None = None) -> dict[str, Any]:
        """What a feature was derived from, over all steps."""
        answer: dict[str, Any] = await self._scope.at(as_of).read(feature_path(id) + "/lineage")
        return answer

    async def upload(self, source: UploadSource, *, provenance: Provenance | None = None,
                     on_error: Literal["skip", "stop"] = "skip", antimeridian: str | None = None,
                     durability: str | None = None, key: str | None = None,
                     progress: Callable[[Progress], None] | None = None) -> Upload:
        """Writes any number of features in constant memory: of a file, or of what gives them one after the other.

        A file is known by its name's end (.geojson, .ndjson, .geojsonl, .geojsons, and the lines also packed as .gz or
        .zst). What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for
        as long as the server knows keys (a day). Faulty lines are left out and are in `rejected` of what is returned.
        """
        given = params(on_error=on_error, antimeridian=antimeridian, durability=durability) + provenance_params(provenance)
        return await upload(self._scope, "/features", source, given, key, progress)

    async def download(self, target: Path | str | BinaryIO, *, bbox: Bbox | None = None, where: Where | None = None,
                       as_of: When | None = None, form: Literal["ndjson", "geojson", "geojson-seq"] | None = None,
                       progress: Callable[[int], None] | None = None) -> int:
        """Writes all features into a file, in constant memory; how many there were.

        The form is what the file's name says. The file is there when it is whole.
        """
        return await download(self._scope.at(as_of), "/features", params(where, bbox=bbox), target, form, progress)

    async def to_geodataframe(self, *, bbox: Bbox | None = None, geometry: Geometry | None = None, feature: str | None = None,
                              predicate: Predicate | None = None, where: Where | None = None, limit: int | None = None,
                              as_of: When | None = None) -> geopandas.GeoDataFrame:
        """What `search` finds as a GeoDataFrame in WGS 84, with ids as its index. Needs geopandas."""
        found = [each async for each in self.search(bbox=bbox, geometry=geometry, feature=feature, predicate=predicate,
                                                    where=where, limit=limit, as_of=as_of)]
        return _frames.geodataframe(found)

    async def from_geodataframe(self, frame: geopandas.GeoDataFrame, *, provenance: Provenance | None = None,
                                key: str | None = None, progress: Callable[[Progress], None] | None = None) -> Upload:
        """Writes the rows of a GeoDataFrame, in WGS 84 whatever its system; its index has the ids."""
        source: Source = _frames.feature_source(frame)
        return await self.upload(source, provenance=provenance, key=key, progress=progress)



def _search(bbox: Bbox | None, geometry: Geometry | None, feature: str | None, predicate: Predicate | None,
            where: Where | None) -> tuple[str, str, Params, Any]:
    """Method, path, parameters and body of a search."""
    if sum(each is not None for each in (bbox, geometry, feature)) > 1:
        raise BadCall("of bbox, geometry and feature there can be one")
    if geometry is not None:
        return "POST", "/features/geometry", params(where, predicate=predicate), {"geometry": geometry}
    path = "/features/geometry" if feature is not None else "/features"
    return "GET", path, params(where, bbox=bbox, feature=feature, predicate=predicate), None
