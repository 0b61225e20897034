"""formdb load: files into a database."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress as Bar, TextColumn, TimeRemainingColumn

from .._load import Plan, input_file, plan, size_of
from .._models import Progress, Upload
from .._retry import Retry
from .context import Shared, pairs, pass_shared, shared_options
from .output import console, errors, line, table

SHOWN = 20
SOME_LEFT_OUT = 3
# As of a program that SIGINT ends.
INTERRUPTED = 130


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=True, allow_dash=True))
@click.option("--create", is_flag=True, help="Create the database if it is not there.")
@click.option("--features", "kind", flag_value="features", help="The lines are features.")
@click.option("--points", "kind", flag_value="points", help="The lines are points of series.")
@click.option("--format", "form", type=click.Choice(["csv", "ndjson", "geojson", "geojsons"]), help="What comes on standard input.")
@click.option("--series", metavar="ID", help="The series of a table that has only times and values.")
@click.option("--shape", type=click.Choice(["long", "wide", "single"]), help="What the columns of a table are.")
@click.option("--header", metavar="A,B,...", help="Take this for the first line of a table, in place of the one it has.")
@click.option("--tz", metavar="ZONE", help="The zone of times without an offset, such as Europe/Vienna.")
@click.option("--unit", type=click.Choice(["s", "ms", "us", "ns"]), help="What times that are whole numbers count.")
@click.option("--missing", metavar="NA,...", help="What stands for no value in a table.")
@click.option("--on-duplicate", type=click.Choice(["keep", "replace", "ignore"]), help="What becomes of points at the same time.")
@click.option("--antimeridian", type=click.Choice(["refuse", "cut", "as_is"]), help="What wide edges mean.")
@click.option("--on-error", type=click.Choice(["skip", "stop"]), default="skip", show_default=True, help="What a faulty line does.")
@click.option("--layer", metavar="NAME", help="The layer of a file that GDAL reads.")
@click.option("--id", "id_column", metavar="COLUMN", help="The column with the ids, of a file that GDAL reads.")
@click.option("-p", "--provenance", multiple=True, callback=pairs, metavar="NAME=TEXT", help="Recorded with all that is written.")
@click.option("--again", is_flag=True, help="Load it once more, although it was loaded.")
@click.option("--rejected", "rejected_file", type=click.Path(path_type=Path), help="Write what was left out into this file, as lines.")
@click.option("--wait", default=120.0, show_default=True, metavar="SECONDS", help="How long to try again where the server is away.")
@shared_options
@pass_shared
def load(shared: Shared, files: tuple[Path, ...], create: bool, kind: str | None, form: str | None, series: str | None, shape: str | None, header: str | None,
         tz: str | None, unit: str | None, missing: str | None, on_duplicate: str | None, antimeridian: str | None, on_error: str,
         layer: str | None, id_column: str | None, provenance: dict[str, str], again: bool, rejected_file: Path | None, wait: float) -> None:
    """Load files: GeoJSON, lines, text sequences, tables (.csv), these also packed (.gz, .zst), and what GDAL reads.
    With - it is what comes on standard input, which is put into a temporary file first.

    A load that was broken off, by whatever, goes on when the same command is run again: nothing is lost and nothing is
    written twice. This holds for a day; after that it is refused. Faulty lines are left out and listed; then the exit
    status is 3.
    """
    given = {"series_id": series, "shape": shape, "tz": tz, "unit": unit, "missing": missing, "on_duplicate": on_duplicate,
             "antimeridian": antimeridian, "on_error": on_error}
    left_out = 0
    with shared.client(Retry(seconds=wait)) as client:
        db = shared.database_of(client, create=create)
        for path in files:
            with input_file(path, form) as readable:
                planned = plan(readable, kind=kind, header=header, layer=layer, id_column=id_column, given=given, provenance=provenance,
                               again=again)
                began = time.monotonic()
                sent = 0

                def told(now: Progress, show: Callable[[Progress], None]) -> None:
                    nonlocal sent
                    sent = now.rows
                    show(now)

                try:
                    with bar(path, planned, quiet=shared.json) as progress:
                        key, result = planned.load(db, lambda now: told(now, progress))
                except KeyboardInterrupt:
                    detail = (f"{path}: ended after {sent:,} rows were sent; what was written stays. Run the same command again to go on: "
                              "nothing is written twice")
                    click.echo(json.dumps({"code": "interrupted", "detail": detail, "rows_sent": sent}) if shared.json else f"formdb: {detail}", err=True)
                    sys.exit(INTERRUPTED)
            report(shared, path, db.name, key, result, planned, time.monotonic() - began)
            left_out += len(result.rejected)
            if rejected_file is not None:
                with open(rejected_file, "a" if path != files[0] else "w") as file:
                    file.writelines(json.dumps({"file": str(path), **row}, ensure_ascii=False) + "\n" for row in result.rejected)
    sys.exit(SOME_LEFT_OUT if left_out else 0)


@contextmanager
def bar(path: Path, planned: Plan, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar with the rate, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda progress: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"),
               TimeRemainingColumn())
    with Bar(*columns, console=errors(), transient=True) as shown:
        began = time.monotonic()
        task = shown.add_task(path.name, total=size_of(planned.source), rate="")

        def progress(now: Progress) -> None:
            rate = f"{now.rows / max(time.monotonic() - began, 1e-3):,.0f} rows/s"
            if now.attempt > 1:
                rate += f", attempt {now.attempt}"
            shown.update(task, completed=now.sent_bytes, rate=rate)

        yield progress


def report(shared: Shared, path: Path, name: str, key: str, result: Upload, planned: Plan, seconds: float) -> None:
    rows = result.inserted + result.replaced * (not planned.points) + result.ignored + result.skipped
    if shared.json:
        line({"file": str(path), "database": name, "load": key, "seconds": round(seconds, 3), **result.raw})
        return
    what = "points" if planned.points else "features"
    to = console()
    counts = [f"{result.inserted:,} {what} written"]
    for count, said in ((result.replaced, "replaced"), (result.ignored, "ignored"), (result.skipped, "there already"),
                        (result.missing, "cells without a value")):
        if count:
            counts.append(f"{count:,} {said}")
    blocks = f", blocks {result.first_seq} to {result.last_seq}" if result.first_seq else ""
    to.print(f"{path}: {', '.join(counts)}{blocks}, {seconds:.1f} s, {rows / max(seconds, 1e-3):,.0f} {what}/s", markup=False, soft_wrap=True)
    problems("left out", result.rejected, len(result.rejected))
    problems("looked odd and written as they are", result.warnings, sum(result.warning_counts.values()))
    if result.first_seq:
        to.print(f"to undo it: formdb revert -d {name} --provenance load={key}", markup=False, style="dim", soft_wrap=True)


def problems(what: str, rows: list[dict[str, Any]], count: int) -> None:
    if not rows:
        return
    to = errors()
    to.print(f"{count:,} {what}:", style="yellow")
    table(rows[:SHOWN], ["line", "code", "pointer", "detail"], to)
    if count > SHOWN:
        to.print(f"... and {count - SHOWN:,} more" + (" (--rejected FILE has all)" if what == "left out" else ""), style="dim")
