"""What all commands share: the server, the database, and the form of what they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import click

from .._config import settings
from .._models import When
from .._retry import Retry
from .._sync.client import Client, Database
from ..errors import ApiError, FormDBError
from ..verify import ProofError

F = TypeVar("F", bound=Callable[..., Any])
# Somebody waits for the answer to a question.
PATIENCE = Retry(seconds=5)


@dataclass
class Shared:
    """What was said before or behind the name of the command."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    database: str | None = None
    json: bool = False
    as_of: When | None = None

    def client(self, retry: Retry = PATIENCE) -> Client:
        return Client(self.url, token=self.token, retry=retry)

    def database_of(self, client: Client, *, create: bool = False) -> Database:
        name = self.database or settings().database
        if name is None:
            raise click.UsageError("which database? Say it with -d NAME, FORMDB_DB, or in the configuration file")
        db = client.create(name) if create else client.database(name)
        return db if self.as_of is None else db.as_of(self.as_of)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value == "":
        raise click.BadParameter("it is empty")
    if value not in (None, False) and parameter.name is not None:
        setattr(context.ensure_object(Shared), parameter.name, value)
    return value


def shared_options(command: F) -> F:
    """The options that every command has, before its name or behind it."""
    for option in (
        click.option("--json", "json", is_flag=True, expose_value=False, callback=_keep, help="Print JSON, for programs."),
        click.option("--token", expose_value=False, callback=_keep, metavar="TOKEN",
                     help="The credential. Others on this machine can see it here: FORMDB_TOKEN or the file is better."),
        click.option("--url", expose_value=False, callback=_keep, metavar="URL", help="The server; else FORMDB_URL, the file, or "
                     "http://127.0.0.1:4000."),
        click.option("-d", "--database", expose_value=False, callback=_keep, metavar="NAME", help="The database; else FORMDB_DB, or the file."),
    ):
        command = option(command)
    return command


def as_of_option(command: F) -> F:
    return click.option("--as-of", "as_of", expose_value=False, callback=_keep_as_of, metavar="WHEN",
                        help="As it was after a block (a sequence) or at a time.")(command)


def when(text: str) -> When:
    """A sequence, or a time."""
    return int(text) if text.isascii() and text.isdigit() else text


def _keep_as_of(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Shared).as_of = when(value)


def pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, several times."""
    found = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        found[name] = text
    return found


def many(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    """NAME=VALUE, also with the same name several times."""
    found: dict[str, list[str]] = {}
    for value in values:
        name, text = next(iter(pairs(context, parameter, (value,)).items()))
        found.setdefault(name, []).append(text)
    return found


def numbers(count: int) -> Callable[[click.Context, click.Parameter, str | None], tuple[float, ...] | None]:
    """So many numbers with commas between."""
    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            found = tuple(float(part) for part in value.split(","))
        except ValueError:
            found = ()
        if len(found) != count:
            raise click.BadParameter(f"{value!r} is not {count} numbers with commas between")
        return found

    return read


def told(shared: Shared, error: Exception) -> NoReturn:
    """Ends with what went wrong: for programs as the problem that the server sent."""
    if shared.json:
        problem = error.members if isinstance(error, ApiError) else {"code": _code(error), "detail": str(error)}
        click.echo(json.dumps(problem, ensure_ascii=False), err=True)
    else:
        click.echo(f"{click.style('formdb:', fg='red')} {error}", err=True)
    sys.exit(1)


def _code(error: Exception) -> str:
    return "proof_does_not_hold" if isinstance(error, ProofError) else "client"


class Commands(click.Group):
    """A group whose commands end with one line where something goes wrong, and not with a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        # Of the outermost, so that what is said behind the name of a command is known here too.
        shared = ctx.ensure_object(Shared)
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not (shared.json or "--json" in sys.argv[1:]):
                raise
            click.echo(json.dumps({"code": "usage", "detail": error.format_message()}, ensure_ascii=False), err=True)
            sys.exit(error.exit_code)
        except (FormDBError, ProofError, ValueError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            told(shared, error)


pass_shared = click.make_pass_decorator(Shared, ensure=True)
