"""What one subscriber was told, and in what it was to be decided."""

import importlib.util
import json
import re
import sys
from array import array
from pathlib import Path

# The file that auditors copy, which stands alone.
VERIFY = Path(__file__).resolve().parents[3] / "clients" / "python" / "src" / "formdb" / "verify.py"
specification = importlib.util.spec_from_file_location("formdb_verify", VERIFY)
verify = sys.modules["formdb_verify"] = importlib.util.module_from_spec(specification)
specification.loader.exec_module(verify)

MATCHED = ["before", "after", "both", "entry"]
EVENT = re.compile(rb'\{"after":(\d+),("matched":"(before|after|both)",(?:"effect":"\w+",)?"seq":(\d+),"hash":"(\w{64})",.*)', re.S)
PROOF = b',"proof":{"leaf_index":'
# So few of the proofs are verified, of which each takes longer than all the rest.
VERIFIED = 16


class Fault(Exception):
    """Something that must not be."""


class Texts:
    """The text of each event, of which all who are told of a block get the same: by database, sequence and version."""

    def __init__(self):
        self.known = {}

    def same(self, key, text):
        if self.known.setdefault(key, text) != text:
            raise Fault(f"{key} comes in two texts:\n{self.known[key]}\n{text}")


class Told:
    """`events` has four times the sequence and the version of each; `decisions` which filter decides, from which block
    on, and how many events had come by then."""

    def __init__(self, name, db, texts):
        self.name, self.db, self.texts = name, db, texts
        self.events, self.decisions = array("q"), []
        self.last, self.since, self.hash, self.head = None, None, None, None
        self.proofs = 0

    def begins(self, seq, filter):
        """A subscription, after the block `seq`; `filter` has `takes`."""
        self.decisions.append(("begin", seq, filter, len(self.events)))
        self.last = self.since = seq

    def changes(self, seq, filter):
        self.decisions.append(("change", seq, filter, len(self.events)))

    def has_all(self, seq):
        """Nothing up to there is left: it may go on from there."""
        if seq < self.last:
            raise Fault(f"{self.name} is said to have all up to {seq}, after it was told of {self.last}")
        self.since = max(self.since, seq)
        self.hash = None

    def event(self, text):
        found = EVENT.fullmatch(text)
        if found is None:
            raise Fault(f"{self.name}: no event: {text[:300]}")
        before, rest, matched, seq, hash = found.groups()
        before, seq = int(before), int(seq)
        if before != self.last or seq <= before or seq <= self.since:
            raise Fault(f"{self.name}: {seq} is said to come after {before}; the one before was {self.last}, all had come up to {self.since}")
        cut = rest.find(PROOF)
        if cut >= 0:
            self._proved(seq, hash.decode(), rest[cut + 9:-1])
            rest = rest[:cut] + b"}"
        matched = MATCHED.index(matched.decode())
        self.texts.same((self.db, seq, matched), rest)
        self.events.append(4 * seq + matched)
        self.last = self.since = seq
        self.hash = hash.decode()

    def entries(self, entries):
        """Of a page of the journal."""
        for entry in entries:
            seq = entry["seq"]
            if seq <= self.last:
                raise Fault(f"{self.name}: {seq} comes after {self.last}")
            self.texts.same((self.db, seq, 3), entry)
            self.events.append(4 * seq + 3)
            self.last = self.since = seq

    def _proved(self, seq, hash, text):
        proof = json.loads(text)
        if proof["leaf_index"] != seq - 1 or proof["leaf_hash"] != hash or proof["tree_size"] < seq:
            raise Fault(f"{self.name}: a proof of another block than {seq}: {proof}")
        self.head = {"tree_size": proof["tree_size"], "root": proof["root"]}
        self.proofs += 1
        if self.proofs % VERIFIED == 0:
            verify.check_inclusion(verify.Head.of(proof), seq - 1, verify.hash_of(hash), verify.path_of(proof))

    def grown(self, head, proof):
        """Holds what is proved of the journal against the head that was given, or the one that is named without."""
        if proof is None:
            raise Fault(f"{self.name}: no proof that the journal begins with {head}")
        head = head or {"tree_size": proof["first"], "root": proof["first_root"]}
        new = verify.Head(proof["second"], verify.hash_of(proof["second_root"]))
        verify.check_consistency(verify.Head.of(head), new, verify.path_of(proof))
