//! What one subscriber is to be sent, until it is.

use super::content::{LiveDwell, LiveEvent};

/// What one subscriber is to be sent at once.
#[derive(Default)]
pub(super) struct Outbox {
    events: Vec<LiveEvent>,
    /// Each with how many events come before it.
    dwells: Vec<(usize, LiveDwell)>,
    bytes: usize,
}

impl Outbox {
    /// Events in one message, and bytes of them.
    const EVENTS: usize = 512;
    const BYTES: usize = 128 << 10;

    pub(super) fn push(&mut self, event: LiveEvent) {
        self.bytes += event.content.weight();
        self.events.push(event);
    }

    pub(super) fn push_dwell(&mut self, dwell: LiveDwell) {
        self.bytes += dwell.content.weight();
        self.dwells.push((self.events.len(), dwell));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dwells.is_empty()
    }

    /// Whether it is time to send it.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() + self.dwells.len() >= Self::EVENTS || self.bytes >= Self::BYTES
    }

    /// What is alike and comes one after the other goes out together, in order.
    pub(super) fn send(
        &self,
        mut events: impl FnMut(&[LiveEvent]) -> bool,
        mut dwells: impl FnMut(&[LiveDwell]) -> bool,
    ) -> bool {
        let mut sent = 0;
        for alike in self.dwells.chunk_by(|(a, _), (b, _)| a == b) {
            let before = alike.first().map_or(0, |(before, _)| *before);
            let block_events = self.events.get(sent..before).unwrap_or_default();
            if !(block_events.is_empty() || events(block_events)) {
                return false;
            }
            sent = before;
            let alike: Vec<LiveDwell> = alike.iter().map(|(_, dwell)| dwell.clone()).collect();
            if !dwells(&alike) {
                return false;
            }
        }
        let rest = self.events.get(sent..).unwrap_or_default();
        rest.is_empty() || events(rest)
    }
}
