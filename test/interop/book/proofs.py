"""docs/howto/verify_proof.py, given proofs of a server that are true, and altered ones."""

import contextlib
import importlib.util
import json
import subprocess
import sys

from clients import PROJECT, expect, fail, point

TOOL = PROJECT / "docs" / "howto" / "verify_proof.py"
BLOCKS = 17


def load():
    specification = importlib.util.spec_from_file_location("verify_proof", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def flipped(hash):
    return bytes([hash[0] ^ 1]) + hash[1:]


def altered_paths(path):
    """A path with each hash altered, without each, with one more, and with two in the other order."""
    for i in range(len(path)):
        yield [*path[:i], flipped(path[i]), *path[i + 1:]]
        yield [*path[:i], *path[i + 1:]]
    yield [*path, bytes(32)]
    if len(path) > 1:
        yield [path[1], path[0], *path[2:]]


class Tried:
    def __init__(self, tool):
        self.tool, self.true, self.refused = tool, 0, 0

    def holds(self, check, *arguments):
        check(*arguments)
        self.true += 1

    def refuses(self, check, *arguments):
        with contextlib.suppress(self.tool.Refused):
            check(*arguments)
            fail(f"verify_proof.py takes a proof that was altered: {check.__name__} {arguments}")
        self.refused += 1


def check(peer, folder):
    """How many true proofs were taken, and how many altered ones refused."""
    tool = load()
    db = "/api/v1/databases/proofs"
    expect("create", peer.call("POST", "/api/v1/databases", {"name": "proofs"})[0], 201)
    for n in range(BLOCKS):
        expect("put", peer.call("POST", db + "/features", point(f"p{n % 5}", n=n))[0], 201)

    def get(path, **headers):
        status, _, body = peer.call("GET", db + path, headers=headers)
        expect(path, status, 200)
        return body

    blocks = [get(f"/blocks/{seq}", Accept="application/cbor") for seq in range(1, BLOCKS + 1)]
    leaves = [tool.leaf_hash(block) for block in blocks]
    roots = [bytes.fromhex(json.loads(get(f"/tree?tree_size={size}"))["root"]) for size in range(BLOCKS + 1)]
    tried = Tried(tool)
    for size in range(1, BLOCKS + 1):
        expect("the root of all leaves", tool.root_of(leaves[:size]), roots[size])
        expect("the root without one", tool.root_of(leaves[:size - 1]) == roots[size], False)
        for seq in range(1, size + 1):
            proof = json.loads(get(f"/proofs/inclusion?seq={seq}&tree_size={size}"))
            path = [bytes.fromhex(node) for node in proof["path"]]
            index, leaf, root = seq - 1, leaves[seq - 1], roots[size]
            tried.holds(tool.check_inclusion, size, root, index, leaf, path)
            tried.refuses(tool.check_inclusion, size, flipped(root), index, leaf, path)
            tried.refuses(tool.check_inclusion, size, root, index, flipped(leaf), path)
            tried.refuses(tool.check_inclusion, size, root, size, leaf, path)
            if size > 1:
                tried.refuses(tool.check_inclusion, size, root, (index + 1) % size, leaf, path)
            for other in altered_paths(path):
                tried.refuses(tool.check_inclusion, size, root, index, leaf, other)
        for old in range(1, size + 1):
            proof = json.loads(get(f"/proofs/consistency?first={old}&second={size}"))
            path = [bytes.fromhex(node) for node in proof["path"]]
            tried.holds(tool.check_consistency, old, roots[old], size, roots[size], path)
            tried.refuses(tool.check_consistency, old, flipped(roots[old]), size, roots[size], path)
            tried.refuses(tool.check_consistency, old, roots[old], size, flipped(roots[size]), path)
            if old < size:
                tried.refuses(tool.check_consistency, size, roots[size], old, roots[old], path)
            for other in altered_paths(path):
                tried.refuses(tool.check_consistency, old, roots[old], size, roots[size], other)
    files(tried, get, blocks, folder)
    expect("purge", peer.call("DELETE", db + "?purge=true")[0], 200)
    return tried.true, tried.refused


def files(tried, get, blocks, folder):
    """As an auditor calls it, with files."""
    def write(name, content):
        (folder / name).write_bytes(content)
        return name

    def run(status, *arguments):
        done = subprocess.run([sys.executable, str(TOOL), *arguments], cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        expect(f"the status of {arguments}: {done.stdout}{done.stderr}", done.returncode, status)
        return done.stdout

    old, new = write("old", get("/tree?tree_size=7")), write("new", get(f"/tree?tree_size={BLOCKS}"))
    grown = write("grown", get(f"/proofs/consistency?first=7&second={BLOCKS}"))
    proof = write("proof", get("/proofs/inclusion?seq=3&tree_size=7"))
    block, other = write("block", blocks[2]), write("other", blocks[3])
    every = [write(f"{seq}.cbor", content) for seq, content in enumerate(blocks, 1)]
    for arguments in (("consistency", old, new, grown), ("inclusion", old, proof, block), ("tree", new, *every)):
        expect("it says so", run(0, *arguments).startswith("holds: "), True)
        tried.true += 1
    # A head with the root of another history.
    root = json.loads(get("/tree?tree_size=7"))["root"]
    forged = write("forged", json.dumps({"tree_size": 7, "root": root[::-1]}).encode())
    for arguments in (("consistency", forged, new, grown), ("consistency", old, forged, grown),
                      ("consistency", new, old, grown), ("inclusion", forged, proof, block),
                      ("inclusion", new, proof, block), ("inclusion", old, proof, other),
                      ("tree", new, *every[:-1]), ("tree", new, every[1], every[0], *every[2:])):
        expect("it says so", run(1, *arguments).startswith("DOES NOT HOLD: "), True)
        tried.refused += 1
    for arguments in ((), ("inclusion", old), ("inclusion", block, proof, block), ("tree", "there is none")):
        run(2, *arguments)
