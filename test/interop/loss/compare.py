"""What everybody was told, held against the journals by looking at each entry."""

import json
from array import array

import told as record
from filters import Entry
from told import Fault

ENTRY = record.MATCHED.index("entry")


def entries_of(journal):
    """Those of one database, in order, with the versions that they lie between."""
    features = {}
    entries = [Entry(json, features) for json in journal]
    if [entry.seq for entry in entries] != list(range(1, len(entries) + 1)):
        raise Fault("the sequences of a journal have a gap")
    return entries


def compare(world, entries):
    """`entries` are those of each database. Raises a Fault where something is not as it must be."""
    for told in world.followed:
        one(told, entries[told.db])
    for key, text in world.texts.known.items():
        same_text(key, text, entries)
    for db, seq, hash in world.acknowledged:
        if seq > len(entries[db]) or hash not in (None, entries[db][seq - 1].json["hash"]):
            raise Fault(f"block {seq} of {db} was acknowledged as {hash}, and is not in the journal")


def one(told, entries):
    """One follower's list."""
    expected = array("q")
    for since, until, filter in spans(told.decisions, len(entries)):
        for entry in entries[since:until]:
            if matched := filter.takes(entry):
                expected.append(4 * entry.seq + record.MATCHED.index(matched))
    if told.events != expected:
        differ(told, expected)


def spans(decisions, head):
    """Which filter decides on the blocks after one sequence, up to another. Who begins again decides anew from there."""
    rest = []
    for kind, seq, filter, _had in decisions:
        while kind == "begin" and rest and rest[-1][0] >= seq:
            rest.pop()
        rest.append((seq, filter))
    ends = [seq for seq, _ in rest[1:]] + [head]
    return [(seq, end, filter) for (seq, filter), end in zip(rest, ends)]


def differ(told, expected):
    show = lambda one: "nothing" if one is None else f"{one // 4} ({record.MATCHED[one % 4]})"
    for n, (found, wanted) in enumerate(zip([*told.events, None], [*expected, None])):
        if found != wanted:
            history = [f"  {kind} after {seq}, with {had} events: {vars(filter)}" for kind, seq, filter, had in told.decisions[-8:]]
            raise Fault("\n".join([f"{told.name}: number {n} is {show(found)}, and should be {show(wanted)}", *history]))
    raise Fault(f"{told.name}: {len(told.events)} events, not {len(expected)}")


def same_text(key, text, entries):
    """An event is its entry of the journal, with what is said of it."""
    db, seq, matched = key
    entry = entries[db][seq - 1]
    if matched == ENTRY:
        found, wanted = text, entry.json
    else:
        found = json.loads(b"{" + text)
        wanted = {**entry.json, "matched": record.MATCHED[matched]}
        if entry.op == "revert":
            wanted["effect"] = entry.effect
    if found != wanted:
        raise Fault(f"block {seq} of {db} was told as {found}, and is {wanted}")


## That mistakes are noticed


def planted(world, entries, rng):
    """Makes each mistake on purpose with some of the lists; how many were made. Raises a Fault for one that is not noticed."""
    lists = [told for told in world.followed if len(told.events) > 3]
    count = 0
    for told in rng.sample(lists, 8):
        kept = told.events
        for told.events in mistakes(kept):
            noticed(lambda: one(told, entries[told.db]), told.name)
            count += 1
        told.events = kept
    (db, seq, matched), text = rng.choice([item for item in world.texts.known.items() if item[0][2] != ENTRY])
    noticed(lambda: same_text((db, seq, matched), text.replace(b'"txn":', b'"txn":1'), entries), "a text")
    return count + 1


def mistakes(events):
    at = len(events) // 2
    swapped, other = array("q", events), array("q", events)
    swapped[at - 1], swapped[at] = swapped[at], swapped[at - 1]
    other[at] ^= 1
    yield events[:at] + events[at + 1:]
    yield events[:at] + events[at:at + 1] + events[at:]
    yield events[1:]
    yield events[:-1]
    yield swapped
    yield other


def noticed(check, what):
    try:
        check()
    except Fault:
        return
    raise Fault(f"{what}: a mistake that was made on purpose is not noticed")
