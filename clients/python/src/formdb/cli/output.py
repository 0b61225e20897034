"""Printing: tables and colours for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Where nobody looks at it a table is as wide as it needs to be.
WIDE = 100_000


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def errors() -> Console:
    return Console(stderr=True, highlight=False)


def line(document: Any) -> None:
    """A document in one line."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


def document(value: Any, as_json: bool) -> None:
    """A document, in one line for programs and laid out for people."""
    if as_json:
        line(value)
    elif sys.stdout.isatty():
        console().print_json(json.dumps(value, ensure_ascii=False))
    else:
        print(json.dumps(value, ensure_ascii=False, indent=2))


def cell(value: Any) -> str:
    """A value as a cell of a table, with nothing in it that a terminal would obey."""
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], on: Console | None = None) -> None:
    """Rows with these columns."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(escape(column), overflow="fold")
    for row in rows:
        made.add_row(*(cell(row.get(column)) for column in columns))
    (on or console()).print(made)


def shape(geometry: Mapping[str, Any] | None) -> str:
    """A geometry in a few characters."""
    if geometry is None:
        return ""
    if geometry.get("type") == "Point":
        return " ".join(str(number) for number in geometry["coordinates"])
    return str(geometry.get("type"))
