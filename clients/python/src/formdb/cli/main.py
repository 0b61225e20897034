"""The commands, gathered."""

from __future__ import annotations

import importlib.metadata

import click

from .._config import settings
from . import audit, history, load, read
from .context import Commands, Shared, pass_shared, shared_options
from .output import line, table


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(importlib.metadata.version("formdb"), prog_name="formdb")
@shared_options
def main() -> None:
    """Loads, asks, corrects and proves what is in a FormDB database."""


@main.command()
@shared_options
@pass_shared
def databases(shared: Shared) -> None:
    """List the databases that one may read."""
    with shared.client() as client:
        found = [each.raw for each in client.databases()]
    if shared.json:
        line(found)
    else:
        table(found, ["id", "status"])


@main.command()
@click.argument("name", required=False)
@shared_options
@pass_shared
def create(shared: Shared, name: str | None) -> None:
    """Create a database, or open the one of this name. Without any name the server makes one up."""
    with shared.client() as client:
        made = client.create(name or shared.database or settings().database)
    if shared.json:
        line({"id": made.name})
    else:
        click.echo(made.name)


for command in (load.load, read.query, read.get, read.export, read.as_of, history.log, history.diff, history.revert, history.tail, audit.verify):
    main.add_command(command)
