"""Checks what a FormDB server says about its journal, without trusting it.

This file stands alone: it needs Python 3.11 and nothing else, and shares no code with the rest of the
package. Copy it to where an auditor works, or call it as ``python -m formdb.verify``:

    verify.py consistency OLD_HEAD HEAD PROOF   the journal of HEAD begins with that of OLD_HEAD
    verify.py inclusion   HEAD PROOF BLOCK      BLOCK is in the journal of HEAD, with exactly these bytes
    verify.py tree        HEAD BLOCK...         these are all blocks of HEAD, in their order

HEAD and OLD_HEAD are answers of ``GET .../tree``, PROOF is one of ``GET .../proofs/inclusion`` or
``.../proofs/consistency``, and BLOCK has the bytes of ``GET .../blocks/SEQ`` as ``application/cbor``; all are
files. The exit status is 0 where the statement holds, 1 where it does not, and 2 where a file cannot be read.

Sizes and roots are taken from heads alone, and leaf hashes are worked out from the bytes: what a proof says
about itself is never believed. The tree is that of RFC 9162, section 2.1 (as RFC 6962), with SHA-256; block
``seq`` is leaf ``seq - 1``. A path is checked by cutting the tree in two at the largest power of two below its
size, as section 2.1.1 defines it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HASH_BYTES = 32


class ProofError(Exception):
    """The statement does not hold. Somebody changed the journal, or the proof is another one's."""


def leaf_hash(block: bytes) -> bytes:
    """The hash of a block: SHA-256 of a zero byte and its bytes."""
    return hashlib.sha256(b"\x00" + block).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Head:
    """How many blocks a journal has, the root of their tree, and the id of the log where it is known."""

    size: int
    root: bytes
    log: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 0:
            raise ValueError(f"{self.size!r} is no number of blocks")
        if len(self.root) != HASH_BYTES:
            raise ValueError("a root has 32 bytes")

    @classmethod
    def of(cls, answer: Any) -> Head:
        """The head in an answer of ``GET .../tree``, or in what `as_dict` made."""
        if not isinstance(answer, dict):
            raise ValueError("a head is a JSON object with tree_size and root")
        log = answer.get("log")
        if log is not None and not isinstance(log, str):
            raise ValueError(f"{log!r} is no id of a log")
        return cls(answer["tree_size"], hash_of(answer["root"]), log)

    def as_dict(self) -> dict[str, Any]:
        known = {} if self.log is None else {"log": self.log}
        return {"tree_size": self.size, "root": self.root.hex(), **known}


class Tree:
    """The root over leaves that come one after the other, in memory of the logarithm of their number."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        # As many whole subtrees end here as the number of leaves so far has ones at its end.
        size = self.size
        while size & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def check_inclusion(head: Head, index: int, leaf: bytes, path: Sequence[bytes]) -> None:
    """Raises ProofError unless `leaf` is leaf `index` of the tree of `head`."""
    if not 0 <= index < head.size:
        raise ProofError(f"block {index + 1} is not in a journal of {head.size} blocks")
    turns = _turns(index, head.size)
    if len(path) != len(turns):
        raise ProofError(f"the path has {len(path)} hashes, and one to this block has {len(turns)}")
    found = leaf
    for right, sibling in zip(reversed(turns), path):
        found = node_hash(sibling, found) if right else node_hash(found, sibling)
    if found != head.root:
        raise ProofError("the path does not lead from the block to the root of the head")


def _turns(index: int, size: int) -> list[bool]:
    """From the root of a tree to one of its leaves: whether the way goes to the right, at each node."""
    turns = []
    while size > 1:
        left = 1 << (size - 1).bit_length() - 1
        right = index >= left
        turns.append(right)
        index, size = (index - left, size - left) if right else (index, left)
    return turns


def check_consistency(old: Head, new: Head, path: Sequence[bytes]) -> None:
    """Raises ProofError unless the journal of `new` begins with that of `old`."""
    if old.log is not None and new.log is not None and old.log != new.log:
        raise ProofError(f"the heads are of two logs: {old.log} was kept, and this is {new.log}")
    if old.size > new.size:
        raise ProofError(f"the journal had {old.size} blocks, and has {new.size}")
    if old.size == new.size:
        if old.root != new.root:
            raise ProofError("two heads of one size have different roots")
        if path:
            raise ProofError("the path is too long: nothing lies between two heads of one size")
        return
    if old.size == 0:
        if path:
            raise ProofError("the path is too long: every journal begins with an empty one")
        if old.root != Tree().root():
            raise ProofError("the root of the old head is not that of a journal without blocks")
        return
    rest = list(path)
    old_root, new_root = _grown(old.size, new.size, old.root, True, rest)
    if rest:
        raise ProofError("the path is too long")
    if old_root != old.root:
        raise ProofError("the journal no longer begins with the blocks of the old head")
    if new_root != new.root:
        raise ProofError("the path does not lead to the root of the new head")


def _grown(old: int, size: int, old_root: bytes, whole: bool, rest: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first `old` leaves and of all, of a subtree of `size` leaves; takes from the path's end.

    `whole` says that the old tree ends here and nowhere else, so that this root is the one that was kept.
    """
    if old == size:
        root = old_root if whole else _last(rest)
        return root, root
    left = 1 << (size - 1).bit_length() - 1
    if old <= left:
        sibling = _last(rest)
        before, after = _grown(old, left, old_root, whole, rest)
        return before, node_hash(after, sibling)
    sibling = _last(rest)
    before, after = _grown(old - left, size - left, old_root, False, rest)
    return node_hash(sibling, before), node_hash(sibling, after)


def _last(rest: list[bytes]) -> bytes:
    if not rest:
        raise ProofError("the path is too short")
    return rest.pop()


def hash_of(text: Any) -> bytes:
    """The 32 bytes that 64 hexadecimal digits stand for."""
    if not isinstance(text, str) or len(text) != 2 * HASH_BYTES:
        raise ValueError(f"{text!r} is no SHA-256 in hexadecimal")
    return bytes.fromhex(text)


def path_of(proof: Any) -> list[bytes]:
    """The path in an answer of ``GET .../proofs/...``."""
    if not isinstance(proof, dict) or not isinstance(proof.get("path"), list):
        raise ValueError("a proof is a JSON object with a path")
    return [hash_of(node) for node in proof["path"]]


def inclusion(head: Head, proof: Any, block: bytes) -> int:
    """Checks an answer of ``GET .../proofs/inclusion`` for the bytes of a block; its sequence."""
    path = path_of(proof)
    if proof.get("tree_size") != head.size:
        raise ProofError(f"the proof is for {proof.get('tree_size')} blocks and the head has {head.size}: ask with tree_size")
    index = proof.get("leaf_index")
    if isinstance(index, bool) or not isinstance(index, int):
        raise ValueError(f"{index!r} is no index of a leaf")
    check_inclusion(head, index, leaf_hash(block), path)
    return index + 1


def consistency(old: Head, new: Head, proof: Any) -> None:
    """Checks an answer of ``GET .../proofs/consistency`` from one head to another."""
    path = path_of(proof)
    if (proof.get("first"), proof.get("second")) != (old.size, new.size):
        raise ProofError(f"the proof is from {proof.get('first')} to {proof.get('second')} blocks, the heads have {old.size} and {new.size}")
    check_consistency(old, new, path)


def whole(head: Head, blocks: Iterable[bytes]) -> None:
    """Checks that these are the bytes of all blocks of a head, in their order."""
    tree = Tree()
    for block in blocks:
        tree.append(leaf_hash(block))
    if tree.size != head.size:
        raise ProofError(f"{tree.size} blocks were given, and the head has {head.size}")
    if tree.root() != head.root:
        raise ProofError("the blocks do not have the root of the head")


class KeptHead:
    """The last head that held, in a file. It moves forward alone, and only to what is proved to continue it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def read(self) -> Head | None:
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        return Head.of(json.loads(text))

    def advance(self, new: Head, proof: Any) -> Head | None:
        """Keeps `new` once `proof` shows that it continues the kept one, which is returned.

        Where none was kept nothing is proved: `new` is taken as it is, and None is returned.
        """
        old = self.read()
        if old is not None:
            consistency(old, new, proof)
        self._write(new)
        return old

    def _write(self, head: Head) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(head.as_dict(), file)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise


def main(arguments: Sequence[str]) -> int:
    command, files = (arguments[0], [Path(name) for name in arguments[1:]]) if arguments else ("", [])
    try:
        if command == "consistency" and len(files) == 3:
            old, new = _head(files[0]), _head(files[1])
            consistency(old, new, _document(files[2]))
            print(f"holds: the first {old.size} blocks of {new.size} are those of the old head, unchanged")
        elif command == "inclusion" and len(files) == 3:
            head = _head(files[0])
            seq = inclusion(head, _document(files[1]), files[2].read_bytes())
            print(f"holds: block {seq} is in the journal of {head.size} blocks, with exactly these bytes")
        elif command == "tree" and files:
            head = _head(files[0])
            whole(head, (file.read_bytes() for file in files[1:]))
            print(f"holds: these are all {head.size} blocks of the journal, in their order")
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except ProofError as reason:
        print(f"DOES NOT HOLD: {reason}")
        return 1
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot be checked: {error}", file=sys.stderr)
        return 2
    return 0


def _document(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _head(path: Path) -> Head:
    return Head.of(_document(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
