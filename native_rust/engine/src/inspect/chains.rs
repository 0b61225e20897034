//! Whether each version of a feature, or of attributes, names the one before it.

use std::hash::{BuildHasher, RandomState};

use crate::block::{Block, Effect};
use crate::mem::chunked::Chunked;

/// The versions of all features and of all attributes, by sequence. What is said here of
/// features holds for attributes.
///
/// Ids are kept as 64-bit fingerprints, with a key of this run: nine bytes a block in all.
/// A version names one of the same feature that no other version names, and one version
/// alone names none; so they are in one row. A wrong name passes with a chance of 2^-64.
/// That two features share a fingerprint, which would be told as damage, has a chance of
/// n^2 / 2^65: one in a hundred thousand for 20 million of them.
#[derive(Debug, Default)]
pub(super) struct Chains {
    keyed: RandomState,
    /// Of the feature that a block is a version of; of other blocks 0.
    features: Chunked<u64>,
    superseded: Bits,
    /// Versions that name none before them.
    beginnings: Bits,
}

impl Chains {
    /// The next block.
    pub(super) fn block(&mut self, block: &Block<'_>) -> Result<(), String> {
        let &Block { seq, prev, .. } = block;
        let effect = block.effect().map_err(|e| e.to_string())?;
        let action = block.action().map_err(|e| e.to_string())?;
        if let Some(reverted) = action.reverts.filter(|reverted| *reverted >= seq) {
            return Err(format!("block {seq} undoes a later one, {reverted}"));
        }
        let version = effect.version();
        let feature = match (&version, &effect) {
            (Some((of, _)), _) => self.keyed.hash_one(of).max(1),
            // Of these there is one row in all.
            (None, Effect::SetDefaults(_)) => self.keyed.hash_one("defaults").max(1),
            (None, _) => 0,
        };
        self.features.push(feature);
        self.superseded.push(false);
        self.beginnings.push(feature > 0 && prev.is_none());
        let Some(prev) = prev.filter(|_| feature > 0) else {
            return Ok(());
        };
        let place = prev
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let before = place.and_then(|place| self.features.get(place).copied());
        let newest = place.is_some_and(|place| prev < seq && !self.superseded.get(place));
        match place {
            Some(place) if before == Some(feature) && newest => {
                self.superseded.set(place);
                Ok(())
            }
            _ => Err(format!(
                "block {seq} names {prev} as the version before it, which is not the newest one of its feature"
            )),
        }
    }

    /// The first version up to block `last` that names none before it although there is
    /// one. O(n), a sixteenth of the versions at a time.
    pub(super) fn second_beginning(&self, last: u64) -> Option<u64> {
        const PARTS: u64 = 16;
        let len = usize::try_from(last)
            .unwrap_or(usize::MAX)
            .min(self.features.len());
        let mut first: Option<u64> = None;
        for part in 0..PARTS {
            let beginnings = (0..len).filter(|place| self.beginnings.get(*place));
            let features = beginnings.filter_map(|place| {
                let feature = *self.features.get(place)?;
                (feature % PARTS == part).then_some((feature, place as u64 + 1))
            });
            let mut features: Vec<(u64, u64)> = features.collect();
            features.sort_unstable();
            let again = features.windows(2).filter_map(|pair| match pair {
                [(one, _), (other, seq)] if one == other => Some(*seq),
                _ => None,
            });
            first = first.into_iter().chain(again).min();
        }
        first
    }
}

/// What is wrong with such a version.
pub(super) fn second_beginning(seq: u64) -> String {
    format!("block {seq} names no version before it, and its feature has one")
}

/// A bit for each block.
#[derive(Debug, Default)]
struct Bits {
    words: Chunked<u64>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
        if bit {
            self.set(self.len - 1);
        }
    }

    fn get(&self, place: usize) -> bool {
        let word = self.words.get(place / 64);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.words.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Operation;
    use crate::block::{Stamp, encode_block};
    use crate::types::DeleteFeature;

    /// Versions of features, each with the one it names; what is found of them.
    fn found(versions: &[(&str, Option<u64>)]) -> Result<Option<u64>, String> {
        let mut chains = Chains::default();
        for ((id, prev), seq) in versions.iter().zip(1..) {
            let delete = DeleteFeature::new((*id).to_owned(), None);
            let stamp = Stamp {
                seq,
                txn: seq,
                time: 0,
                prev: *prev,
            };
            let mut bytes = Vec::new();
            encode_block(
                stamp,
                None,
                None,
                &Operation::DeleteFeature(delete),
                &mut bytes,
            );
            chains.block(&Block::decode(&bytes)?)?;
        }
        Ok(chains.second_beginning(versions.len() as u64))
    }

    #[test]
    fn only_one_row_of_versions_passes() {
        let sound = [
            ("a", None),
            ("b", None),
            ("a", Some(1)),
            ("a", Some(3)),
            ("b", Some(2)),
        ];
        assert_eq!(found(&sound), Ok(None));
        let second = [
            ("a", None),
            ("b", None),
            ("a", Some(1)),
            ("b", None),
            ("a", None),
        ];
        assert_eq!(found(&second), Ok(Some(4)));
        for wrong in [
            // Another feature's, a superseded one, itself, a later one, none at all.
            vec![("a", None), ("b", Some(1))],
            vec![("a", None), ("a", Some(1)), ("a", Some(1))],
            vec![("a", Some(1))],
            vec![("a", None), ("a", Some(3))],
            vec![("a", None), ("a", Some(0))],
        ] {
            let reason = found(&wrong).unwrap_err();
            assert!(reason.contains("as the version before it"), "{reason}");
        }
    }
}
