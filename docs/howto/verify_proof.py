#!/usr/bin/env python3
"""Checks what a FormDB server says about its journal, for an auditor who does not trust it.

    verify_proof.py inclusion   HEAD PROOF BLOCK      block BLOCK is in the journal of HEAD
    verify_proof.py consistency OLD_HEAD HEAD PROOF   the journal of HEAD begins with that of OLD_HEAD
    verify_proof.py tree        HEAD BLOCK...         these are all blocks of HEAD, in their order

HEAD and OLD_HEAD are answers of GET .../tree that somebody kept; PROOF is an answer of
GET .../proofs/inclusion or .../proofs/consistency; BLOCK holds the bytes of
GET .../blocks/SEQ with "Accept: application/cbor". All are files.

Roots and sizes are taken from the heads alone, and leaf hashes are worked out from the bytes: what a
proof says about itself is not believed. The exit status is 0 where the statement holds, 1 where it does
not, 2 where a file cannot be read as what it should be.

It needs Python 3.8 and nothing else. The algorithms are those of RFC 9162 (2.1.3.2 and 2.1.4.2); the
tree is that of RFC 6962 (2.1), with SHA-256.
"""

import hashlib
import json
import sys


class Refused(Exception):
    """The statement does not hold."""


def leaf_hash(block):
    return hashlib.sha256(b"\0" + block).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves):
    """The root of the tree over these leaf hashes, from left to right."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    # Roots of perfect trees, the largest first, as the bits of the number of leaves.
    peaks = []
    for leaf in leaves:
        size = 1
        while peaks and peaks[-1][0] == size:
            leaf = node_hash(peaks.pop()[1], leaf)
            size *= 2
        peaks.append((size, leaf))
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def check_inclusion(size, root, index, leaf, path):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        raise Refused(f"leaf {index} is not in a tree of {size} leaves")
    place, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Refused("the path is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        place >>= 1
        last >>= 1
    if last != 0:
        raise Refused("the path is too short")
    if found != root:
        raise Refused("the path does not lead from the block to the root of the head")


def check_consistency(old_size, old_root, size, root, path):
    """RFC 9162, 2.1.4.2."""
    if old_size > size:
        raise Refused(f"the journal had {old_size} blocks and now has {size}")
    if old_size == size:
        if old_root != root or path:
            raise Refused("two heads of the same size have different roots")
        return
    if old_size == 0:
        if path:
            raise Refused("the path is too long")
        return
    path = list(path)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise Refused("the path is too short")
    place, last = old_size - 1, size - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refused("the path is too long")
        if place & 1 or place == last:
            old_found = node_hash(sibling, old_found)
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        place >>= 1
        last >>= 1
    if last != 0:
        raise Refused("the path is too short")
    if old_found != old_root:
        raise Refused("the journal no longer begins with the blocks of the old head")
    if found != root:
        raise Refused("the path does not lead to the root of the new head")


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def document(path):
    value = json.loads(bytes_of(path))
    if not isinstance(value, dict):
        raise ValueError(f"{path} is no JSON object")
    return value


def hash_of(text):
    value = bytes.fromhex(text)
    if len(value) != 32:
        raise ValueError(f"{text!r} is no SHA-256")
    return value


def count(value):
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of blocks")
    return value


def head(path):
    value = document(path)
    return count(value["tree_size"]), hash_of(value["root"])


def inclusion(head_file, proof_file, block_file):
    size, root = head(head_file)
    proof = document(proof_file)
    index = count(proof["leaf_index"])
    if count(proof["tree_size"]) != size:
        raise Refused(f"the proof is for a tree of {proof['tree_size']} blocks, the head has {size}: ask with tree_size")
    check_inclusion(size, root, index, leaf_hash(bytes_of(block_file)), [hash_of(node) for node in proof["path"]])
    return f"block {index + 1} is in the journal of {size} blocks, with exactly these bytes"


def consistency(old_head_file, head_file, proof_file):
    old_size, old_root = head(old_head_file)
    size, root = head(head_file)
    proof = document(proof_file)
    if (count(proof["first"]), count(proof["second"])) != (old_size, size):
        raise Refused(f"the proof is from {proof['first']} to {proof['second']} blocks, the heads have {old_size} and {size}")
    check_consistency(old_size, old_root, size, root, [hash_of(node) for node in proof["path"]])
    return f"the first {old_size} blocks of {size} are those of the old head, unchanged"


def tree(head_file, *block_files):
    size, root = head(head_file)
    if len(block_files) != size:
        raise Refused(f"{len(block_files)} blocks were given, the head has {size}")
    if root_of([leaf_hash(bytes_of(path)) for path in block_files]) != root:
        raise Refused("the blocks do not have the root of the head")
    return f"these are all {size} blocks of the journal, in their order"


def main(arguments):
    commands = {"inclusion": (inclusion, 3, 3), "consistency": (consistency, 3, 3), "tree": (tree, 1, None)}
    command, least, most = commands.get(arguments[0] if arguments else "", (None, 0, 0))
    if command is None or len(arguments) - 1 < least or (most is not None and len(arguments) - 1 > most):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("holds:", command(*arguments[1:]))
        return 0
    except Refused as reason:
        print("DOES NOT HOLD:", reason)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"cannot be checked: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
