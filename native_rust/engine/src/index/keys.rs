//! Idempotency keys: a transaction that is sent again is answered, not written,
//! again.
//!
//! A key is journaled in the first block of its transaction, so it is honoured
//! across restarts. It is honoured for a window of time and up to a number of
//! keys; after both it is forgotten, and the same key writes anew.
//!
//! A key belongs to the actor who gave it: of another it is another key.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::block::IdempotencyKey;
use crate::error::{Error, Result};
use crate::index::memory;
use crate::limits::Limits;

/// What a key's transaction became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    pub key: IdempotencyKey,
    /// Whose key it is; `None`: of all those who have no name.
    pub actor: Option<Arc<str>>,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Of a body that is written in several transactions, of which this is the last so far:
    /// where it began, and how many blocks are before this transaction. Set by
    /// [`KeyTable::insert`].
    pub before: Before,
    /// Commit time.
    pub time: i64,
    /// As in its first answer.
    pub points_put: u64,
    /// As in its first answer.
    pub points_deleted: u64,
    /// As in its first answer.
    pub features_replaced: u64,
}

/// What was written with a key before its last transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Before {
    /// Sequence of the first block; 0 where nothing was written.
    pub first_seq: u64,
    /// How many blocks.
    pub blocks: u64,
}

impl KeyEntry {
    /// Sequence of the first block that was written with the key, and how many there are.
    pub(crate) fn whole(&self) -> (u64, u64) {
        let own = (self.last_seq + 1).saturating_sub(self.first_seq);
        match self.before.blocks {
            0 => (self.first_seq, own),
            blocks => (self.before.first_seq, blocks + own),
        }
    }
}

/// A key of an actor as one text. A key has no line breaks.
fn name(actor: Option<&str>, key: &str) -> Arc<str> {
    match actor {
        None => key.into(),
        Some(actor) => format!("{key}\n{actor}").into(),
    }
}

/// The keys of the last transactions that had one.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    /// By [`name`].
    entries: HashMap<Arc<str>, KeyEntry>,
    /// Keys in order of commit. A key that was forgotten and came again stands in
    /// here twice; its sequence tells which of them is meant.
    order: VecDeque<(Arc<str>, u64)>,
    /// Bytes of the keys in `entries`.
    text_bytes: usize,
    /// Microseconds.
    window: i64,
    max: usize,
}

impl KeyTable {
    pub(crate) fn new(limits: &Limits) -> Self {
        let seconds = i64::try_from(limits.idempotency_seconds).unwrap_or(i64::MAX);
        Self {
            window: seconds.saturating_mul(1_000_000),
            max: limits.idempotency_keys,
            ..Self::default()
        }
    }

    /// The transaction of `actor` that had this key, if it is still known at `now`. One that
    /// had the request `follows` is not told.
    ///
    /// # Errors
    /// [`Error::KeyReused`] when that was another request.
    pub(crate) fn find(
        &self,
        key: &IdempotencyKey,
        actor: Option<&str>,
        follows: Option<[u8; 16]>,
        now: i64,
    ) -> Result<Option<&KeyEntry>> {
        let known = self.entries.get(&name(actor, &key.text));
        match known.filter(|entry| entry.time >= now.saturating_sub(self.window)) {
            Some(entry)
                if entry.key.request != key.request && Some(entry.key.request) == follows =>
            {
                Ok(None)
            }
            Some(entry) if entry.key.request != key.request => Err(Error::KeyReused {
                key: key.text.to_string(),
                place: format!("block {}", entry.first_seq),
            }),
            found => Ok(found),
        }
    }

    /// Remember a transaction; later ones come later. Forgets what is over age or
    /// over number. One that follows another with the same key, which is still known and was
    /// another request, goes on with the same body.
    pub(crate) fn insert(&mut self, mut entry: KeyEntry) {
        if self.max == 0 {
            return;
        }
        let oldest = entry.time.saturating_sub(self.window);
        let name = name(entry.actor.as_deref(), &entry.key.text);
        let known = self.entries.get(&name);
        let followed =
            known.filter(|known| known.time >= oldest && known.key.request != entry.key.request);
        if let Some(followed) = followed {
            let (first_seq, blocks) = followed.whole();
            entry.before = Before { first_seq, blocks };
        }
        self.order.push_back((Arc::clone(&name), entry.first_seq));
        let bytes = name.len();
        if self.entries.insert(name, entry).is_none() {
            self.text_bytes += bytes;
        }
        while let Some((name, seq)) = self.order.front() {
            let entry = self.entries.get(name).filter(|e| e.first_seq == *seq);
            let current = entry.is_some();
            let young = entry.is_some_and(|entry| entry.time >= oldest);
            if young && self.entries.len() <= self.max {
                break;
            }
            if let Some((name, _)) = self.order.pop_front()
                && current
            {
                self.text_bytes -= name.len();
                self.entries.remove(&name);
            }
        }
    }

    /// As [`KeyEntry::whole`], of a key that is known.
    pub(crate) fn whole(&self, key: &IdempotencyKey, actor: Option<&str>) -> Option<(u64, u64)> {
        let known = self.entries.get(&name(actor, &key.text));
        known.map(KeyEntry::whole)
    }

    /// Bytes of memory that it takes, roughly and rather more: see
    /// [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::of_keys(self.order.len(), self.text_bytes)
    }

    /// The entry of the last transaction, if that began with `first_seq`: it is still
    /// being read.
    pub(crate) fn last_mut(&mut self, first_seq: u64) -> Option<&mut KeyEntry> {
        let (name, _) = self.order.back().filter(|(_, seq)| *seq == first_seq)?;
        self.entries.get_mut(name)
    }

    /// Remember how many points the transaction of `actor` with this key deleted, if it is
    /// the one that began with `first_seq`. That is known only when it was carried out.
    pub(crate) fn deleted(
        &mut self,
        key: &IdempotencyKey,
        actor: Option<&str>,
        first_seq: u64,
        points: u64,
    ) {
        let entry = self.entries.get_mut(&name(actor, &key.text));
        if let Some(entry) = entry.filter(|entry| entry.first_seq == first_seq) {
            entry.points_deleted = points;
        }
    }

    /// What is remembered, in order of commit.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &KeyEntry> {
        let entry = |(name, seq): &(Arc<str>, u64)| {
            let entry = self.entries.get(name);
            entry.filter(|entry| entry.first_seq == *seq)
        };
        self.order.iter().filter_map(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(seconds: u64, keys: usize) -> KeyTable {
        KeyTable::new(&Limits {
            idempotency_seconds: seconds,
            idempotency_keys: keys,
            ..Limits::default()
        })
    }

    fn entry(name: &str, seq: u64, time: i64) -> KeyEntry {
        KeyEntry {
            key: IdempotencyKey::new(name, &[b"r"]),
            actor: None,
            first_seq: seq,
            last_seq: seq,
            before: Before::default(),
            time,
            points_put: 0,
            points_deleted: 0,
            features_replaced: 0,
        }
    }

    fn seq_of(table: &KeyTable, name: &str, now: i64) -> Option<u64> {
        let key = IdempotencyKey::new(name, &[b"r"]);
        table
            .find(&key, None, None, now)
            .unwrap()
            .map(|entry| entry.first_seq)
    }

    #[test]
    fn a_key_is_known_in_its_window_and_written_anew_behind_it() {
        let mut keys = table(10, 100);
        keys.insert(entry("a", 1, 0));
        assert_eq!(seq_of(&keys, "a", 10_000_000), Some(1));
        assert_eq!(seq_of(&keys, "a", 10_000_001), None);
        keys.insert(entry("a", 2, 10_000_001));
        assert_eq!(seq_of(&keys, "a", 20_000_000), Some(2));
        keys.insert(entry("b", 3, 20_000_001));
        assert_eq!(seq_of(&keys, "a", 20_000_001), Some(2));
        assert_eq!(keys.entries().count(), 2);
        keys.insert(entry("c", 4, 30_000_001));
        assert_eq!(keys.entries().count(), 2, "a is forgotten");
    }

    #[test]
    fn a_key_of_one_actor_is_none_of_another() {
        let mut keys = table(10, 100);
        let key = IdempotencyKey::new("a", &[b"r"]);
        let other = IdempotencyKey::new("a", &[b"other"]);
        let of = |actor: Option<&str>, seq| KeyEntry {
            actor: actor.map(Arc::from),
            ..entry("a", seq, 0)
        };
        keys.insert(of(None, 1));
        keys.insert(of(Some("ana"), 2));
        keys.insert(of(Some(""), 3));
        for (actor, seq) in [(None, 1), (Some("ana"), 2), (Some(""), 3)] {
            let found = keys.find(&key, actor, None, 0).unwrap();
            assert_eq!(found.map(|entry| entry.first_seq), Some(seq));
            assert!(keys.find(&other, actor, None, 0).is_err());
        }
        assert!(keys.find(&other, Some("ben"), None, 0).unwrap().is_none());
        keys.deleted(&key, Some("ana"), 2, 7);
        let deleted = |actor| {
            let found = keys.find(&key, actor, None, 0).unwrap();
            found.map(|entry| entry.points_deleted)
        };
        assert_eq!((deleted(None), deleted(Some("ana"))), (Some(0), Some(7)));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut keys = table(1_000, 3);
        for seq in 1..=5 {
            keys.insert(entry(&seq.to_string(), seq, seq as i64));
        }
        let known: Vec<u64> = keys.entries().map(|entry| entry.first_seq).collect();
        assert_eq!(known, [3, 4, 5]);
        assert_eq!((keys.entries.len(), keys.order.len()), (3, 3));
    }

    #[test]
    fn a_body_in_several_transactions_is_known_from_its_beginning() {
        let mut keys = table(10, 100);
        let of = |keys: &KeyTable| keys.entries().next().map(KeyEntry::whole);
        let part = |n: u8, seq: u64, last_seq: u64, time: i64| {
            let key = IdempotencyKey::new("a", &[&[n]]);
            KeyEntry {
                key,
                last_seq,
                ..entry("a", seq, time)
            }
        };
        for (n, seq, last, time, whole) in [
            (1, 5, 6, 0, (5, 2)),
            (2, 9, 9, 1, (5, 3)),
            (3, 20, 29, 2, (5, 13)),
            // Behind the window it is another body.
            (4, 40, 41, 10_000_003, (40, 2)),
        ] {
            keys.insert(part(n, seq, last, time));
            assert_eq!(of(&keys), Some(whole));
        }
    }

    #[test]
    fn memory_goes_with_the_keys() {
        let mut keys = table(1_000, 3);
        assert_eq!(keys.memory(), 0);
        for seq in 1..=3 {
            keys.insert(entry(&format!("key {seq}"), seq, 0));
        }
        let three = keys.memory();
        for seq in 4..=50 {
            keys.insert(entry(&format!("key {}", seq % 10), seq, 0));
        }
        assert_eq!(keys.memory(), three);
        keys.insert(entry("a longer key", 51, 0));
        assert_eq!(keys.memory(), three + 7);
    }

    #[test]
    fn another_request_with_the_same_key_is_refused() {
        let mut keys = table(10, 10);
        keys.insert(entry("a", 7, 0));
        let other = IdempotencyKey::new("a", &[b"other"]);
        let error = keys.find(&other, None, None, 1).unwrap_err();
        assert_eq!(error.code(), "idempotency_key_reused");
        // The parts of a request are told apart.
        assert_ne!(
            IdempotencyKey::new("a", &[b"x", b"y"]),
            IdempotencyKey::new("a", &[b"xy"])
        );
        for text in ["", "\n", "é", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(text, &[]).check().is_err(), "{text:?}");
        }
    }
}
