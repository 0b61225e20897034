//! The signatures of features, counted.

use std::fmt;

use hashbrown::HashTable;

use crate::mem::chunked::Chunked;
use crate::types::{FeatureSignature, GeometryType};

/// Signatures that are told apart; features of any more count by the type of their
/// geometry alone.
const MAX_SHAPES: usize = 4_096;
/// Bytes of all signatures that are told apart. Bounds what describing them costs: no
/// more names than would fit here.
const MAX_BYTES: usize = 4 << 20;

/// The first numbers stand for properties that are not known, one for each type of
/// geometry.
const UNKNOWN: usize = GeometryType::ALL.len();
/// The number of a feature without a signature: its newest version is a tombstone.
const NONE: u16 = u16::MAX;

/// The signature of each feature's newest version, and how many have each.
///
/// Signatures are numbered while features have them. So a feature costs 2 bytes, and
/// the signatures up to 4 MiB and 160 KiB.
///
/// Which features count as unknown once there are too many signatures depends on the
/// order of the writes alone; one of them gets its signature when it is written again
/// and there is room.
pub(crate) struct SignatureTable {
    /// Numbers by signature; of all slots but free ones.
    numbers: HashTable<u16>,
    slots: Vec<Slot>,
    /// Slots to use again.
    free: Vec<u16>,
    /// Bytes of the signatures beyond the first [`UNKNOWN`].
    bytes: usize,
    /// The number of the signature of each feature, by the feature's number.
    current: Chunked<u16>,
    /// What the last group of writes has changed.
    group: GroupChanges,
}

/// By how much a group has changed the counts: of a group that readers do not see yet, that
/// is taken off.
#[derive(Default)]
struct GroupChanges {
    /// Sequence of its first block; 0 where there was none yet.
    first_seq: u64,
    changes: HashTable<(FeatureSignature, i64)>,
}

impl GroupChanges {
    fn of(&self, signature: &FeatureSignature) -> i64 {
        let same = |(other, _): &(FeatureSignature, i64)| other == signature;
        let change = self.changes.find(signature.keyed_hash(), same);
        change.map_or(0, |(_, change)| *change)
    }

    fn note(&mut self, signature: &FeatureSignature, by: i64) {
        if self.first_seq == 0 {
            return;
        }
        let hash = signature.keyed_hash();
        let known = self.changes.find_mut(hash, |(other, _)| other == signature);
        match known {
            Some((_, change)) => *change += by,
            None => {
                let change = (signature.clone(), by);
                let hasher = |(signature, _): &(FeatureSignature, i64)| signature.keyed_hash();
                self.changes.insert_unique(hash, change, hasher);
            }
        }
    }
}

struct Slot {
    signature: FeatureSignature,
    /// Features that have it.
    features: u32,
}

impl Default for SignatureTable {
    fn default() -> Self {
        let mut table = Self {
            numbers: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            bytes: 0,
            current: Chunked::default(),
            group: GroupChanges::default(),
        };
        for geometry in GeometryType::ALL {
            table.add(&FeatureSignature::unknown(geometry));
        }
        table
    }
}

impl SignatureTable {
    /// Gives feature `number` this signature, or none, in the place of what it had.
    /// O(1), whatever the signature's length.
    pub(crate) fn set(&mut self, number: u32, signature: Option<&FeatureSignature>) {
        let number = number as usize;
        while self.current.len() <= number {
            self.current.push(NONE);
        }
        let before = self.current.get(number).copied().unwrap_or(NONE);
        let slot = self.slots.get(usize::from(before));
        if slot.map(|slot| &slot.signature) == signature {
            return;
        }
        // First, so that the room it leaves is there for the other.
        self.leave(before);
        let after = signature.map_or(NONE, |signature| self.enter(signature));
        if let Some(current) = self.current.get_mut(number) {
            *current = after;
        }
    }

    /// The signature of feature `number`, unless its newest version is a tombstone.
    pub(crate) fn get(&self, number: u32) -> Option<&FeatureSignature> {
        let slot = self
            .slots
            .get(usize::from(*self.current.get(number as usize)?))?;
        Some(&slot.signature)
    }

    /// One more feature of this signature.
    fn enter(&mut self, signature: &FeatureSignature) -> u16 {
        let number = match self.number(signature) {
            Some(number) => number,
            None if self.has_room(signature) => {
                self.bytes += signature.as_bytes().len();
                self.add(signature)
            }
            None => signature.geometry() as u16,
        };
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            slot.features += 1;
            self.group.note(&slot.signature, 1);
        }
        number
    }

    /// The number of a signature that features have.
    fn number(&self, signature: &FeatureSignature) -> Option<u16> {
        let same = |number: &u16| {
            let slot = self.slots.get(usize::from(*number));
            slot.is_some_and(|slot| slot.signature == *signature)
        };
        self.numbers.find(signature.keyed_hash(), same).copied()
    }

    fn has_room(&self, signature: &FeatureSignature) -> bool {
        let slot = !self.free.is_empty() || self.slots.len() < UNKNOWN + MAX_SHAPES;
        slot && self.bytes + signature.as_bytes().len() <= MAX_BYTES
    }

    /// Numbers a signature that has none.
    fn add(&mut self, signature: &FeatureSignature) -> u16 {
        let slot = Slot {
            signature: signature.clone(),
            features: 0,
        };
        let number = match self.free.pop() {
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u16
            }
            Some(number) => {
                if let Some(free) = self.slots.get_mut(usize::from(number)) {
                    *free = slot;
                }
                number
            }
        };
        let slots = &self.slots;
        self.numbers
            .insert_unique(signature.keyed_hash(), number, |number| {
                let slot = slots.get(usize::from(*number));
                slot.map_or(0, |slot| slot.signature.keyed_hash())
            });
        number
    }

    /// One feature less of the signature with this number, which is free after the
    /// last.
    fn leave(&mut self, number: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(number)) else {
            return;
        };
        slot.features -= 1;
        self.group.note(&slot.signature, -1);
        if slot.features > 0 || usize::from(number) < UNKNOWN {
            return;
        }
        // What is left in a free slot is a signature that takes no memory.
        let nothing = FeatureSignature::unknown(GeometryType::Null);
        let signature = std::mem::replace(&mut slot.signature, nothing);
        self.bytes -= signature.as_bytes().len();
        let found = self
            .numbers
            .find_entry(signature.keyed_hash(), |other| *other == number);
        if let Ok(found) = found {
            found.remove();
        }
        self.free.push(number);
    }

    /// What is set from now on is of a group that begins with block `first_seq`; all before
    /// it is seen.
    pub(crate) fn begin_group(&mut self, first_seq: u64) {
        self.group.first_seq = first_seq;
        self.group.changes.clear();
    }

    /// Each signature that features have, and how many, with the last group or, where `at` is
    /// before it, without. O(signatures).
    pub(crate) fn counts(&self, at: u64) -> Vec<(FeatureSignature, u64)> {
        let unseen = at < self.group.first_seq;
        let change = |signature: &FeatureSignature| match unseen {
            true => self.group.of(signature),
            false => 0,
        };
        let slots = self.slots.iter().enumerate();
        // A free one has a signature that stands for nothing.
        let taken = slots.filter(|(number, slot)| *number < UNKNOWN || slot.features > 0);
        let counted = taken.map(|(_, slot)| {
            let count = i64::from(slot.features) - change(&slot.signature);
            (&slot.signature, count)
        });
        // And those that no feature has any more.
        let left = self.group.changes.iter().filter(|_| unseen);
        let left = left.filter(|(signature, _)| self.number(signature).is_none());
        let left = left.map(|(signature, change)| (signature, -change));
        counted
            .chain(left)
            .filter_map(|(signature, count)| {
                let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
                Some((signature.clone(), count))
            })
            .collect()
    }
}

/// Counts, not contents: there may be millions.
impl fmt::Debug for SignatureTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureTable")
            .field("signatures", &self.numbers.len())
            .field("bytes", &self.bytes)
            .field("features", &self.current.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
