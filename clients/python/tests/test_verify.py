"""The verifier, against RFC 9162's own definitions, facts that are published, and every altered byte."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from formdb import verify
from formdb.verify import Head, ProofError

# The leaves of the test data of transparency-dev/merkle, and the roots of its first eight trees: facts of
# RFC 6962, which the definitions below have to come to as well.
LEAVES = [bytes.fromhex(text) for text in
          ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]
MANY = [b"block %d" % number for number in range(70)]


def cut(count: int) -> int:
    """The largest power of two below `count`."""
    power = 1
    while 2 * power < count:
        power *= 2
    return power


def root(blocks: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if not blocks:
        return hashlib.sha256(b"").digest()
    if len(blocks) == 1:
        return hashlib.sha256(b"\0" + blocks[0]).digest()
    k = cut(len(blocks))
    return hashlib.sha256(b"\1" + root(blocks[:k]) + root(blocks[k:])).digest()


def path(index: int, blocks: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(blocks) == 1:
        return []
    k = cut(len(blocks))
    if index < k:
        return [*path(index, blocks[:k]), root(blocks[k:])]
    return [*path(index - k, blocks[k:]), root(blocks[:k])]


def proof(old: int, blocks: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if old == len(blocks):
        return [] if whole else [root(blocks)]
    k = cut(len(blocks))
    if old <= k:
        return [*proof(old, blocks[:k], whole), root(blocks[k:])]
    return [*proof(old - k, blocks[k:], False), root(blocks[:k])]


def head(blocks: list[bytes]) -> Head:
    return Head(len(blocks), root(blocks))


def altered(value: bytes) -> Iterator[bytes]:
    """The same bytes with each of them altered, in its lowest and in its highest bit."""
    for place in range(len(value)):
        for bit in (1, 128):
            yield value[:place] + bytes([value[place] ^ bit]) + value[place + 1:]


def altered_paths(nodes: list[bytes]) -> Iterator[list[bytes]]:
    for place, node in enumerate(nodes):
        for other in altered(node):
            yield [*nodes[:place], other, *nodes[place + 1:]]
        yield nodes[:place] + nodes[place + 1:]
        yield [*nodes[:place], node, *nodes[place:]]
    yield [*nodes, bytes(32)]
    yield [bytes(32), *nodes]
    if len(nodes) > 1 and nodes[0] != nodes[1]:
        yield [nodes[1], nodes[0], *nodes[2:]]


def refused(check: Callable[[], object]) -> int:
    with pytest.raises(ProofError):
        check()
    return 1


def test_roots_are_those_that_are_published() -> None:
    for size, expected in enumerate(ROOTS, 1):
        assert root(LEAVES[:size]).hex() == expected
        verify.whole(Head(size, bytes.fromhex(expected)), LEAVES[:size])
    verify.whole(Head(0, hashlib.sha256(b"").digest()), [])


def test_every_path_of_every_tree_holds() -> None:
    for size in range(1, len(MANY) + 1):
        new = head(MANY[:size])
        for index in range(size):
            verify.check_inclusion(new, index, verify.leaf_hash(MANY[index]), path(index, MANY[:size]))
        for old in range(size + 1):
            verify.check_consistency(head(MANY[:old]), new, proof(old, MANY[:size]) if old else [])


def test_every_altered_byte_of_an_inclusion_proof_is_refused() -> None:
    count = 0
    for size in range(1, 10):
        new = head(MANY[:size])
        for index in range(size):
            leaf, nodes = verify.leaf_hash(MANY[index]), path(index, MANY[:size])
            for other in altered_paths(nodes):
                count += refused(lambda: verify.check_inclusion(new, index, leaf, other))
            for block in altered(MANY[index]):
                count += refused(lambda: verify.check_inclusion(new, index, verify.leaf_hash(block), nodes))
            for wrong in altered(new.root):
                count += refused(lambda: verify.check_inclusion(dataclasses.replace(new, root=wrong), index, leaf, nodes))
            for place in {*range(-1, size + 2)} - {index}:
                count += refused(lambda: verify.check_inclusion(new, place, leaf, nodes))
    assert count > 10_000


def test_every_altered_byte_of_a_consistency_proof_is_refused() -> None:
    count = 0
    for size in range(1, 10):
        new = head(MANY[:size])
        for first in range(1, size + 1):
            old, nodes = head(MANY[:first]), proof(first, MANY[:size])
            for other in altered_paths(nodes):
                count += refused(lambda: verify.check_consistency(old, new, other))
            for wrong in altered(old.root):
                count += refused(lambda: verify.check_consistency(dataclasses.replace(old, root=wrong), new, nodes))
            for wrong in altered(new.root):
                count += refused(lambda: verify.check_consistency(old, dataclasses.replace(new, root=wrong), nodes))
            if first < size:
                count += refused(lambda: verify.check_consistency(new, old, nodes))
    assert count > 10_000


def test_every_altered_block_is_refused_by_the_whole_tree() -> None:
    new = head(MANY[:9])
    for place in range(9):
        for block in altered(MANY[place]):
            refused(lambda: verify.whole(new, [*MANY[:place], block, *MANY[place + 1:9]]))
    refused(lambda: verify.whole(new, MANY[:8]))
    refused(lambda: verify.whole(new, [MANY[1], MANY[0], *MANY[2:9]]))


def test_a_kept_head_moves_only_to_what_continues_it(tmp_path: Path) -> None:
    kept = verify.KeptHead(tmp_path / "heads" / "air.json")
    old = Head(3, root(MANY[:3]), "log a")
    assert kept.advance(old, None) is None
    new = Head(7, root(MANY[:7]), "log a")
    true = {"first": 3, "second": 7, "path": [node.hex() for node in proof(3, MANY[:7])]}
    forged = [*MANY[:2], b"another", *MANY[3:7]]
    lie = {"first": 3, "second": 7, "path": [node.hex() for node in proof(3, forged)]}
    refused(lambda: kept.advance(Head(7, root(forged), "log a"), lie))
    refused(lambda: kept.advance(dataclasses.replace(new, log="log b"), true))
    assert kept.read() == old
    assert kept.advance(new, true) == old
    refused(lambda: kept.advance(old, {"first": 7, "second": 3, "path": []}))
    assert kept.read() == new


def test_it_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As an auditor calls it, with files; every byte of the block, altered, is refused."""
    def write(name: str, content: object) -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(tmp_path / name)

    old, new = write("old", head(MANY[:5]).as_dict()), write("new", head(MANY[:9]).as_dict())
    grown = write("grown", {"first": 5, "second": 9, "path": [node.hex() for node in proof(5, MANY[:9])]})
    within = write("within", {"leaf_index": 3, "tree_size": 5, "path": [node.hex() for node in path(3, MANY[:5])]})
    assert verify.main(["consistency", old, new, grown]) == 0
    assert verify.main(["inclusion", old, within, write("block", MANY[3])]) == 0
    assert verify.main(["tree", old, *(write(f"{place}.cbor", MANY[place]) for place in range(5))]) == 0
    assert capsys.readouterr().out.count("holds: ") == 3
    for block in altered(MANY[3]):
        assert verify.main(["inclusion", old, within, write("block", block)]) == 1
    assert verify.main(["consistency", new, old, grown]) == 1
    assert verify.main(["inclusion", new, within, write("block", MANY[3])]) == 1
    for wrong in ([], ["inclusion", old], ["tree", str(tmp_path / "nothing")], ["consistency", within, new, grown]):
        assert verify.main(wrong) == 2
    # Nothing of it is of the package, or of anybody else.
    source = Path(verify.__file__).read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {"__future__", "collections", "dataclasses", "hashlib", "json", "os", "pathlib", "sys", "tempfile",
                        "typing"}
