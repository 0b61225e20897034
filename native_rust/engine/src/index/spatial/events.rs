//! What befell versions, in order: that they began, and that they ended.

use super::ALIVE;
use super::quarters::Code;

/// The place of a version that began or ended, and in the lowest bit which of both.
pub(super) type Event = u64;

/// Where the version is.
pub(super) fn place_of(event: &Event) -> Code {
    event >> 1
}

/// Whether it ended.
pub(super) fn ends(event: &Event) -> bool {
    event & 1 == 1
}

/// The events of versions, with their codes and from when to when they were there, in order.
pub(super) fn events_of(versions: impl Iterator<Item = (Code, u64, u64)>) -> Vec<Event> {
    let mut events = Vec::with_capacity(versions.size_hint().0);
    for (code, begin_seq, end_seq) in versions {
        events.push((begin_seq, code << 1));
        if end_seq != ALIVE {
            events.push((end_seq, code << 1 | 1));
        }
    }
    // Most stand in runs.
    events.sort_by_key(|(seq, _)| *seq);
    events.into_iter().map(|(_, event)| event).collect()
}

/// How many begin, and how many end.
pub(super) fn counts_of(events: &[Event]) -> (u32, u32) {
    let ended = events.iter().filter(|event| ends(event)).count();
    ((events.len() - ended) as u32, ended as u32)
}

/// How many were there at once.
pub(super) fn peak_of(events: &[Event]) -> u32 {
    let (mut there, mut peak) = (0_u32, 0);
    for event in events {
        match ends(event) {
            false => there += 1,
            true => there = there.saturating_sub(1),
        }
        peak = peak.max(there);
    }
    peak
}
