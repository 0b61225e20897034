"""formdb query, get, export, as-of."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any, Literal, cast

import click

from .._models import Feature
from .._sync.client import Database
from .context import Commands, Shared, as_of_option, many, numbers, pass_shared, shared_options, when
from .output import console, document, errors, line, shape, table

SHOWN = 100
# More columns than this are no table for people.
COLUMNS = 8
FEATURE_ENDINGS = (".geojson", ".json", ".ndjson", ".jsonl", ".geojsonl", ".geojsons", ".geojsonseq", ".csv")
POINT_ENDINGS = (".csv", ".ndjson", ".jsonl")


@click.command()
@click.argument("series", required=False)
@click.option("--bbox", callback=numbers(4), metavar="W,S,E,N", help="Features in a box.")
@click.option("--near", callback=numbers(2), metavar="LON,LAT", help="Features around a position, the nearest first.")
@click.option("-k", type=int, metavar="N", help="With --near: so many.")
@click.option("--radius", type=float, metavar="METRES", help="With --near: so far.")
@click.option("-w", "--where", multiple=True, callback=many, metavar="NAME=FILTER", help="Such as prop.mag=gte:5. Several have to hold all.")
@click.option("--count", is_flag=True, help="Only how many there are.")
@click.option("--start", metavar="TIME", help="Points from then on.")
@click.option("--end", metavar="TIME", help="Points before then.")
@click.option("--value", multiple=True, metavar="FILTER", help="Points with such values: gte:5.")
@click.option("-a", "--aggregate", metavar="NAME,...", help="Such as avg,max,p95.")
@click.option("--interval", metavar="1d", help="How long the buckets of an aggregate are.")
@click.option("--tz", metavar="ZONE", help="The zone of times and of calendar days.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"At most so many ({SHOWN} in a table unless said otherwise).")
@as_of_option
@shared_options
@pass_shared
def query(shared: Shared, series: str | None, bbox: tuple[float, ...] | None, near: tuple[float, ...] | None, k: int | None,
          radius: float | None, where: dict[str, list[str]], count: bool, start: str | None, end: str | None, value: tuple[str, ...],
          aggregate: str | None, interval: str | None, tz: str | None, limit: int | None) -> None:
    """Ask for features, or for the points of SERIES (a star at its end means all that begin so).

    \b
    formdb query --bbox 13,52,14,53 -w prop.kind=station
    formdb query 'mitte/*' --start 2026-03-01 -a avg,max --interval 1d --tz Europe/Berlin
    """
    _check_kinds(series, {"--bbox": bbox, "--near": near, "-k": k, "--radius": radius, "--where": where},
                 {"--start": start, "--end": end, "--value": value, "--aggregate": aggregate, "--interval": interval, "--tz": tz})
    with shared.client() as client:
        db = shared.database_of(client)
        if series is None:
            _features(shared, db, bbox, near, k, radius, where, count, limit)
        elif aggregate is not None:
            answer = db.series.aggregate(series, aggregate.split(","), start=start, end=end, interval=interval, tz=tz, value=value or None)
            _aggregates(shared, answer, aggregate.split(","))
        else:
            points = db.series.points(series, start, end, tz=tz, value=value or None,
                                      limit=limit if shared.json or count else (limit or SHOWN) + 1)
            if count:
                click.echo(sum(1 for _ in points))
            else:
                _show(shared, points, ["series_id", "timestamp", "value"], limit)


def _check_kinds(series: str | None, of_features: dict[str, Any], of_points: dict[str, Any]) -> None:
    """Refuses what would be passed over: options of features where points are asked for, and the other way round."""
    wrong = [name for name, value in (of_features if series is not None else of_points).items() if value not in (None, (), {}, False)]
    if not wrong:
        return
    if series is not None:
        raise click.UsageError(f"{', '.join(wrong)}: these are for features, and {series} is a series. Leave SERIES away, or ask for its "
                               "points with --start, --end and --value")
    raise click.UsageError(f"{', '.join(wrong)}: these are for points. Name a series, or * for all")


def _features(shared: Shared, db: Database, bbox: tuple[float, ...] | None, near: tuple[float, ...] | None, k: int | None,
              radius: float | None, where: dict[str, list[str]], count: bool, limit: int | None) -> None:
    box = cast("tuple[float, float, float, float] | None", bbox)
    if count and near is None:
        click.echo(db.features.count(bbox=box, where=where))
        return
    if near is not None:
        if bbox is not None:
            raise click.UsageError("of --bbox and --near there can be one")
        found = db.features.nearby((near[0], near[1]), k=k or (None if radius else SHOWN), radius=radius, where=where)
    else:
        found = db.features.search(bbox=box, where=where, limit=limit if shared.json else (limit or SHOWN) + 1)
    if count:
        click.echo(sum(1 for _ in found))
    elif shared.json:
        for feature in itertools.islice(found, limit):
            line(feature)
    else:
        rows = [*itertools.islice(found, (limit or SHOWN) + 1)]
        names = [*dict.fromkeys(name for feature in rows
                                for name, value in (feature["properties"] or {}).items() if value is not None)]
        _show(shared, (_row(feature) for feature in rows), ["id", "where", *(["distance"] if near else []), *names[:COLUMNS]], limit)
        if len(names) > COLUMNS:
            errors().print(f"... and {len(names) - COLUMNS} more properties; --json has all", style="dim")


def _row(feature: Feature) -> dict[str, Any]:
    return {**(feature["properties"] or {}), "id": feature.get("id"), "where": shape(feature["geometry"]),
            "distance": feature.get("distance")}


def _show(shared: Shared, rows: Any, columns: list[str], limit: int | None) -> None:
    if shared.json:
        for row in rows:
            line(row)
        return
    most = limit or SHOWN
    shown = [*itertools.islice(rows, most + 1)]
    table(shown[:most], columns)
    if len(shown) > most:
        errors().print("... and more; say --limit, or --json for all", style="dim")


def _aggregates(shared: Shared, answer: dict[str, Any], names: list[str]) -> None:
    if shared.json:
        line(answer)
        return
    several = answer.get("series") or [answer]
    rows = [{"series_id": each.get("series_id"), **bucket} for each in several for bucket in each["data"]]
    table(rows, ["series_id", "timestamp", *(names if len(names) > 1 else ["value"])])


@click.command()
@click.argument("id")
@as_of_option
@shared_options
@pass_shared
def get(shared: Shared, id: str) -> None:
    """Print a feature."""
    with shared.client() as client:
        document(shared.database_of(client).features.get(id), shared.json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("series", required=False)
@click.option("--bbox", callback=numbers(4), metavar="W,S,E,N", help="Only features in a box.")
@click.option("-w", "--where", multiple=True, callback=many, metavar="NAME=FILTER", help="Only such features.")
@click.option("--start", metavar="TIME", help="Only points from then on.")
@click.option("--end", metavar="TIME", help="Only points before then.")
@click.option("--tz", metavar="ZONE", help="The zone that times are written in.")
@click.option("--shape", type=click.Choice(["long", "wide"]), help="Of a table: a point a row, or a series a column.")
@as_of_option
@shared_options
@pass_shared
def export(shared: Shared, file: Path, series: str | None, bbox: tuple[float, ...] | None, where: dict[str, list[str]],
           start: str | None, end: str | None, tz: str | None, shape: Literal["long", "wide"] | None) -> None:
    """Write all features, or the points of SERIES, into FILE, as its name says: .geojson, .ndjson, .geojsons, .csv.

    A .csv without SERIES has all points. The file is there when it is whole. With - it goes to standard output.
    """
    known = FEATURE_ENDINGS if series is None else POINT_ENDINGS
    if str(file) != "-" and file.suffix.lower() not in known:
        raise click.UsageError(f"{file}: its name does not say what to write; it ends in one of {', '.join(known)}")
    target = sys.stdout.buffer if str(file) == "-" else file
    if series is None and file.suffix.lower() == ".csv":
        series = "*"
    points = {"--start": start, "--end": end, "--tz": tz, "--shape": shape}
    _check_kinds(series, {"--bbox": bbox, "--where": where}, points)
    with shared.client() as client:
        db = shared.database_of(client)
        if series is None:
            rows = db.features.download(target, bbox=cast("tuple[float, float, float, float] | None", bbox), where=where)
        else:
            rows = db.series.download(target, series, start=start, end=end, tz=tz, shape=shape,
                                      form="ndjson" if file.suffix.lower() not in ("", ".csv", "-") else "csv")
    if str(file) == "-":
        return
    if shared.json:
        line({"file": str(file), "rows": rows})
    else:
        console().print(f"{file}: {rows:,} {'features' if series is None else 'rows'}", markup=False)


@click.group("as-of", cls=Commands, invoke_without_command=True)
@click.argument("moment", metavar="WHEN")
@shared_options
@click.pass_context
def as_of(context: click.Context, moment: str) -> None:
    """Ask what was known after a block (a sequence) or at a time: formdb as-of WHEN query ...

    Without a command it says how much there was.
    """
    shared = context.ensure_object(Shared)
    shared.as_of = when(moment)
    if context.invoked_subcommand is None:
        with shared.client() as client:
            found = shared.database_of(client).schema()
        if shared.json:
            line(found)
        else:
            series = found["series"]
            table([{"seq": found["seq"], "features": found["features"]["count"], "series": series["count"], "points": series["points"],
                    "first": series.get("first"), "last": series.get("last")}], ["seq", "features", "series", "points", "first", "last"])


for command in (query, get, export):
    as_of.add_command(command)
