"""formdb log, tail, diff, revert."""

from __future__ import annotations

import itertools
import sys
from typing import Any, Literal, cast

import click

from .._models import Entry
from .context import Shared, many, numbers, pairs, pass_shared, shared_options, when
from .output import cell, console, line, table


@click.command()
@click.option("--feature", metavar="ID", help="Only of this feature.")
@click.option("--series", metavar="ID", help="Only of this series, or with a star at its end of all that begin so.")
@click.option("--type", "type_", metavar="OP", help="Only such as put_feature, delete_points, revert.")
@click.option("--actor", metavar="NAME", help="Only of this writer.")
@click.option("-p", "--provenance", multiple=True, callback=pairs, metavar="NAME=VALUE", help="Only with this in its provenance.")
@click.option("--since", metavar="WHEN", help="Only after this sequence or time.")
@click.option("--until", metavar="WHEN", help="Only up to this one.")
@click.option("--oldest-first", is_flag=True, help="Else the newest comes first.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, metavar="N", help="At most so many; 0 for all.")
@shared_options
@pass_shared
def log(shared: Shared, feature: str | None, series: str | None, type_: str | None, actor: str | None, provenance: dict[str, str],
        since: str | None, until: str | None, oldest_first: bool, limit: int) -> None:
    """Print the journal: who wrote what, when and why. With --json, blocks with all that they have."""
    order: Literal["asc", "desc"] = "asc" if oldest_first else "desc"
    with shared.client() as client:
        entries = shared.database_of(client).journal.entries(
            feature=feature, series=series, type=type_, actor=actor, provenance=provenance, since=when(since) if since else None,
            until=when(until) if until else None, order=order, bodies=shared.json, limit=limit or None)
        if shared.json:
            for entry in entries:
                line(entry)
        else:
            table((_row(entry) for entry in entries), ["seq", "time", "op", "what", "who", "provenance"])


@click.command()
@click.option("--since", metavar="WHEN", help="Begin after this sequence or time, 0 for all; else with what is written from now on.")
@click.option("--bbox", callback=numbers(4), metavar="W,S,E,N", help="Only features in a box, and those that leave it.")
@click.option("-w", "--where", multiple=True, callback=many, metavar="NAME=FILTER", help="Only features with such properties: prop.mag=gte:5.")
@click.option("--feature", "features", multiple=True, metavar="ID", help="Only this feature. May be given several times.")
@click.option("--series", metavar="ID", help="Only this series, or with a star at its end all that begin so.")
@click.option("--type", "type_", metavar="OP", help="Only such as put_feature, delete_points, revert.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after so many.")
@shared_options
@pass_shared
def tail(shared: Shared, since: str | None, bbox: tuple[float, ...] | None, where: dict[str, list[str]], features: tuple[str, ...],
         series: str | None, type_: str | None, limit: int | None) -> None:
    """Print what is written, as it is written. It goes on through lost connections and restarts of the server."""
    with shared.client() as client:
        events = shared.database_of(client).subscribe(
            when(since) if since else None, bbox=cast("tuple[float, float, float, float] | None", bbox), where=where,
            ids=features or None, series=series, type=type_)
        to = console()
        try:
            for event in itertools.islice(events, limit):
                if shared.json:
                    line({"after": event.after, "matched": event.matched, **event.entry})
                    continue
                row = _row(event.entry)
                to.print(*(cell(row[name]) for name in ("seq", "time", "op", "what", "who", "provenance") if row[name]), soft_wrap=True)
        except KeyboardInterrupt:
            # That is how one ends it.
            pass


def _row(entry: Entry) -> dict[str, Any]:
    provenance = dict(entry.get("provenance", {}))
    # What an entry is about stands in it, or in its body.
    about: dict[str, Any] = {**entry.get("body", {}), **entry}
    what = str(about.get("feature_id") or about.get("series_id") or about.get("id") or "")
    points = about.get("points", len(about.get("timestamps", ())))
    if points:
        what += f" ({points} points)"
    if "reverts" in about:
        what += f" (undoes {about['reverts']})"
    who = entry.get("actor") or provenance.pop("agent", None)
    return {"seq": entry["seq"], "time": entry["time"][:19] + "Z", "op": entry["op"], "what": what, "who": who,
            "provenance": ", ".join(f"{name}: {value}" for name, value in provenance.items())}


@click.command()
@click.argument("id")
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO", required=False)
@click.option("--series", "of_series", is_flag=True, help="ID is a series: show the points that came and went.")
@shared_options
@pass_shared
def diff(shared: Shared, id: str, start: str, end: str | None, of_series: bool) -> None:
    """Print what changed in a feature, or a series, between two sequences or times."""
    with shared.client() as client:
        db = shared.database_of(client)
        about: Any = db.series if of_series else db.features
        answer = about.diff(id, when(start), when(end) if end else None)
    if shared.json:
        line(answer)
        return
    to = console()
    if of_series:
        changes = [("-", "red", point) for point in answer["removed"]] + [("+", "green", point) for point in answer["added"]]
        for sign, colour, point in sorted(changes, key=lambda change: str(change[2]["timestamp"])):
            to.print(f"{sign} {point['timestamp']} {point['value']}", style=colour, markup=False)
        return
    for change in answer["changes"]:
        if "from" in change:
            to.print(f"[red]- {cell(change['path'])} {cell(change['from'])}[/red]")
        if change["op"] != "remove":
            to.print(f"[green]+ {cell(change['path'])} {cell(change['value'])}[/green]")


@click.command()
@click.argument("sequences", nargs=-1, type=int)
@click.option("-t", "--transaction", type=int, metavar="SEQ", help="All of the transaction of this block.")
@click.option("--from", "first", type=int, metavar="SEQ", help="From this block on.")
@click.option("--to", "last", type=int, metavar="SEQ", help="Up to this block.")
@click.option("-p", "--provenance", multiple=True, callback=pairs, metavar="NAME=TEXT", help="All that has this in its provenance.")
@click.option("--feature", metavar="ID", help="All of this feature.")
@click.option("--series", metavar="ID", help="All of this series, or with a star at its end of all that begin so.")
@click.option("--actor", metavar="NAME", help="All of this writer.")
@click.option("--agent", metavar="NAME", help="Recorded as who undoes it.")
@click.option("--why", metavar="TEXT", help="Recorded as the reason.")
@click.option("--partial", is_flag=True, help="Undo a part of a transaction.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what it would do.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared_options
@pass_shared
def revert(shared: Shared, sequences: tuple[int, ...], transaction: int | None, first: int | None, last: int | None,
           provenance: dict[str, str], feature: str | None, series: str | None, actor: str | None, agent: str | None, why: str | None,
           partial: bool, dry_run: bool, yes: bool) -> None:
    """Undo blocks, all or none. What is undone stays readable, and the undoing can be undone."""
    filter: dict[str, Any] = {name: value for name, value in (("feature_id", feature), ("series_id", series), ("actor", actor)) if value is not None}
    if provenance:
        filter["provenance"] = provenance
    if sum(map(bool, (sequences, transaction, first or last, filter))) == 0:
        raise click.UsageError("what is to be undone? Name sequences, --transaction, --from and --to, or --provenance")
    if not (dry_run or yes or sys.stdin.isatty()):
        # Nobody is there to be asked.
        raise click.UsageError("there is no terminal to ask on: say -y to undo without asking, or -n to see what would be undone")
    reasons = {name: text for name, text in (("agent", agent), ("why", why)) if text is not None}
    with shared.client() as client:
        journal = shared.database_of(client).journal
        what: dict[str, Any] = {"sequences": list(sequences) or None, "transaction": transaction, "first": first, "last": last,
                                "filter": filter or None, "partial": partial, "provenance": reasons or None}
        if dry_run or not yes:
            planned = journal.revert(dry_run=True, **what)
            if shared.json and dry_run:
                line(planned.raw)
            elif not shared.json:
                _plan(planned.operations, planned.conflicts, planned.conflict_count)
            if dry_run or planned.conflicts:
                sys.exit(1 if planned.conflicts else 0)
            click.confirm(f"undo {planned.reverted} blocks?", default=False, abort=True)
        done = journal.revert(**what)
    if shared.json:
        line(done.raw)
    else:
        console().print(f"undone: {done.reverted} blocks, by blocks {done.first_seq} to {done.last_seq}")


def _plan(operations: list[dict[str, Any]], conflicts: list[dict[str, Any]], count: int) -> None:
    rows = [{**each, "what": each.get("feature_id") or each.get("series_id")} for each in operations]
    table(rows, ["reverts", "op", "what", "points"])
    if conflicts:
        console().print(f"{count} in the way:", style="yellow")
        table(conflicts, ["seq", "by", "code", "detail"])
