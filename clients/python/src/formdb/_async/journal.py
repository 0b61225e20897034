"""The journal: blocks, undoing, proofs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from .. import verify
from .._models import Entry, Provenance, Reverted, When, Written
from .._query import params, provenance_params, segment
from .scope import AsyncScope


class AsyncJournal:
    """The journal of a database. `db.journal` is one."""

    def __init__(self, scope: AsyncScope) -> None:
        self._scope = scope

    async def entries(self, *, since: When | None = None, until: When | None = None, type: str | None = None,
                      feature: str | None = None, series: str | None = None, actor: str | None = None,
                      provenance: Provenance | None = None, transaction: int | None = None,
                      order: Literal["asc", "desc"] = "asc", bodies: bool = True,
                      limit: int | None = None) -> AsyncIterator[Entry]:
        """Blocks, the oldest first unless `order` is "desc"; without bodies an entry says what it is about."""
        given = params(type=type, feature_id=feature, series_id=series, actor=actor, transaction=transaction, order=order,
                       bodies=bodies) + provenance_params(provenance)
        left = limit
        while left is None or left > 0:
            page = await self._scope.plain("/journal", given + params(
                since=since, until=until, limit=None if left is None else min(left, 1000)), {"entries": list, "next": int | None})
            for entry in page["entries"]:
                yield entry
            if left is not None:
                left -= len(page["entries"])
            if page["next"] is None:
                return
            if order == "asc":
                since = page["next"]
            else:
                until = page["next"]

    async def block(self, block: int | str) -> Entry:
        """A block by its sequence or its hash."""
        entry: Entry = await self._scope.plain(f"/blocks/{segment(str(block))}")
        return entry

    async def block_bytes(self, block: int | str) -> bytes:
        """The bytes that are stored of a block, which its hash is over."""
        scope = self._scope
        answer = await scope.http.call("GET", f"{scope.path}/blocks/{segment(str(block))}", headers={"Accept": "application/cbor"})
        return answer.content

    async def revert(self, sequences: int | Sequence[int] | None = None, *, transaction: int | None = None,
                     first: int | None = None, last: int | None = None, filter: Mapping[str, Any] | None = None,
                     provenance: Provenance | None = None, dry_run: bool = False, partial: bool = False,
                     key: str | None = None) -> Reverted:
        """Undoes blocks as one transaction, or none of them; with `dry_run` says what that would do.

        They are named by their sequences, as a transaction, from `first` to `last`, or by a filter such as
        ``{"provenance": {"import": "january"}}``. Where others have built on them Conflict is raised, and says who.
        """
        body: dict[str, Any] = {}
        if sequences is not None:
            body["sequences"] = [sequences] if isinstance(sequences, int) else [*sequences]
        for name, value in (("transaction", transaction), ("first_seq", first), ("last_seq", last), ("filter", filter),
                            ("provenance", provenance)):
            if value is not None:
                body[name] = value
        given = params(dry_run=dry_run or None, partial=partial or None)
        if dry_run:
            scope = self._scope
            return Reverted.of((await scope.http.call("POST", scope.path + "/reverts", given, body)).json())
        return Reverted.of(await self._scope.write("POST", "/reverts", given, body, key=key))

    async def restore(self, block: int, *, provenance: Provenance | None = None, key: str | None = None) -> Written:
        """Makes the version of a feature, or of attributes, that a block wrote the newest one."""
        body = None if provenance is None else {"provenance": dict(provenance)}
        return Written.of(await self._scope.write("POST", f"/blocks/{block}/restore", None, body, key=key))

    async def head(self, size: int | None = None) -> verify.Head:
        """The head of the tree, now or at a size. Keep it outside of the server: it is what proofs are held against."""
        log = (await self._scope.plain("", has={"log": str}))["log"]
        answer = await self._scope.plain("/tree", params(tree_size=size), {"tree_size": int, "root": str})
        return verify.Head.of({**answer, "log": log})

    async def consistency(self, old: verify.Head, new: verify.Head) -> Any:
        """The proof that the journal of one head goes on in another, as `verify.consistency` takes it."""
        if old.size == 0:
            return {"first": 0, "second": new.size, "path": []}
        return await self._scope.plain("/proofs/consistency", params(first=old.size, second=new.size), {"path": list})

    async def inclusion(self, seq: int, head: verify.Head) -> Any:
        """The proof that a block is in the tree of a head, as `verify.inclusion` takes it."""
        return await self._scope.plain("/proofs/inclusion", params(seq=seq, tree_size=head.size), {"path": list})

    async def verify(self, kept: verify.Head | None = None, blocks: Sequence[int] = ()) -> verify.Head:
        """Checks that today's journal continues a head that was kept, and has these blocks; today's head.

        Raises `formdb.verify.ProofError` where it does not. Nothing that the server says is believed but today's head, and
        that is held against `kept`.
        """
        new = await self.head()
        if kept is not None:
            if kept.size > new.size:
                raise verify.ProofError(f"the journal had {kept.size} blocks, and has {new.size}")
            verify.consistency(kept, new, await self.consistency(kept, new))
        for seq in blocks:
            found = verify.inclusion(new, await self.inclusion(seq, new), await self.block_bytes(seq))
            if found != seq:
                raise verify.ProofError(f"block {seq} was asked for, and the proof is of block {found}")
        return new
