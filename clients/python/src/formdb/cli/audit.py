"""formdb verify: proofs, against a head that was kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import click

from .. import verify as proofs
from .._config import state_folder
from .._sync.client import Database
from ..errors import FormDBError
from .context import Shared, pass_shared, shared_options
from .output import console, line


@click.command()
@click.argument("what", nargs=-1)
@click.option("--head", "head_file", type=click.Path(path_type=Path), metavar="FILE",
              help="The head that was kept, as this command or GET .../tree has written it. Else it is kept in the folder of your account.")
@click.option("--all", "every", is_flag=True, help="Fetch every block, and work the root out from them: none is kept back.")
@click.option("--no-keep", is_flag=True, help="Leave the kept head as it is.")
@shared_options
@pass_shared
def verify(shared: Shared, what: tuple[str, ...], head_file: Path | None, every: bool, no_keep: bool) -> None:
    """Check that the journal only grew since the last time, and has the blocks of WHAT: sequences, or ids of features.

    Nothing of the server is trusted: roots are worked out here, from the bytes of blocks, and held against the head that was kept.
    Then today's head is kept. The exit status is 1 where something does not hold.
    """
    began = time.monotonic()
    with shared.client() as client:
        db = shared.database_of(client)
        kept = proofs.KeptHead(head_file or _default(client.url, db.name))
        try:
            old = kept.read()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormDBError(f"{kept.path} has no head that was kept: {error}") from None
        blocks = [seq for each in what for seq in _blocks(db, each)]
        head = db.journal.verify(old, blocks)
        if every:
            proofs.whole(head, _all(db, head.size))
        if not no_keep:
            kept.advance(head, None if old is None else db.journal.consistency(old, head))
    seconds = time.monotonic() - began
    result = {"holds": True, "kept": None if old is None else old.as_dict(), **head.as_dict(), "blocks": blocks, "all": every,
              "head_file": str(kept.path)}
    if shared.json:
        line(result)
    else:
        _tell(old, head, blocks, every, kept.path, seconds)


def _tell(old: proofs.Head | None, head: proofs.Head, blocks: list[int], every: bool, path: Path, seconds: float) -> None:
    to = console()

    def holds(text: str) -> None:
        to.print(f"[green]holds[/green] {text}")

    if old is None:
        to.print(f"[yellow]new  [/yellow] no head was kept: that of {head.size} blocks is believed, and kept from now on")
    else:
        holds(f"the first {old.size} blocks of {head.size} are those of the kept head, unchanged")
    if blocks:
        holds(f"{len(blocks)} blocks are in the journal with exactly these bytes: {', '.join(map(str, blocks[:10]))}"
              + (", ..." if len(blocks) > 10 else ""))
    if every:
        holds(f"these are all {head.size} blocks, none was kept back ({head.size / max(seconds, 1e-3):,.0f} blocks/s)")
    to.print(f"      root {head.root.hex()}, kept in {path}", style="dim", markup=False, soft_wrap=True)


def _default(url: str, name: str) -> Path:
    server = re.sub(r"[^\w.-]+", "_", url.split("://", 1)[-1])
    return state_folder() / "heads" / f"{server}-{name}.json"


def _blocks(db: Database, what: str) -> Iterator[int]:
    """The block of a sequence, or those of all versions of a feature."""
    if what.isascii() and what.isdigit():
        yield int(what)
        return
    for entry in db.features.history(what):
        yield entry["seq"]


def _all(db: Database, size: int) -> Iterator[bytes]:
    for seq in range(1, size + 1):
        yield db.journal.block_bytes(seq)
