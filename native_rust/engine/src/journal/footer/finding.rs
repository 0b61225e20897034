//! The block of a sealed segment that has a hash.
//!
//! What all its hashes begin with is kept in memory, from when the segment is sealed, or
//! else from when somebody first looks for a hash in it: then most that are not there are
//! known by it, and others lead to one place in the order of hashes. Until then this is
//! searched on disk.

use std::cmp::Ordering;
use std::ops::Range;

use super::Footer;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::journal::leaves::{Leaves, key};
use crate::journal::prefixes::Prefixes;
use crate::types::Hash;

/// Places at which a hash is looked for before the search goes over to halving.
const GUESSES: u32 = 12;

impl Footer {
    /// Keep what the hashes of these blocks, which are its own, begin with.
    pub(in crate::journal) fn remember(&self, leaves: &Leaves) {
        let hashes = (0..leaves.len()).filter_map(|index| leaves.get(index));
        let prefixes = Prefixes::new(hashes.map(|(hash, _)| key(&hash)).collect());
        self.prefixes.get_or_init(|| Some(prefixes));
    }

    /// The same of those that are read from it, of which each takes eight bytes meanwhile: a
    /// fortieth of a second for a million. Where that takes too long, or it is damaged, it
    /// is not tried again.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`], those of the budget.
    pub(in crate::journal) fn learn(&self, budget: &Budget) -> Result<()> {
        let read = budget.aside(|| self.read_keys(budget).map(Prefixes::new));
        match read {
            Ok(prefixes) => {
                self.prefixes.get_or_init(|| Some(prefixes));
                Ok(())
            }
            Err(error) => {
                if matches!(error, Error::Corrupt { .. } | Error::Timeout { .. }) {
                    self.prefixes.get_or_init(|| None);
                }
                Err(error)
            }
        }
    }

    fn read_keys(&self, budget: &Budget) -> Result<Vec<u64>> {
        let mut keys: Vec<u64> = Vec::new();
        budget.make_room(&mut keys, self.count as usize)?;
        let per_page = self.hashes().per_page();
        let mut page = Vec::with_capacity(per_page);
        for index in (0..self.count).step_by(per_page) {
            budget.check()?;
            self.hashes_from(index, per_page, &mut page)?;
            keys.extend(page.drain(..).map(|hash| key(&hash)));
        }
        Ok(keys)
    }

    /// Whether it was learnt or remembered, or cannot be.
    pub(in crate::journal) fn is_settled(&self) -> bool {
        self.prefixes.get().is_some()
    }

    /// Whether none of its blocks has this hash. Where that is not known in memory, it is
    /// false.
    pub(in crate::journal) fn lacks(&self, hash: &Hash) -> bool {
        self.places(hash).is_some_and(|places| places.is_empty())
    }

    fn places(&self, hash: &Hash) -> Option<Range<u32>> {
        let prefixes = self.prefixes.get()?.as_ref()?;
        Some(prefixes.places(hash))
    }

    /// The block with this hash, by its index. Reads two pages for a hash that is there, once
    /// it was learnt.
    ///
    /// Before, by interpolation search (Perl, Itai and Avni, 1978): hashes are spread evenly,
    /// so that O(log log n) places are looked at, of two pages each; should they
    /// not be, halving bounds it by O(log n).
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a page does not match its checksum; [`Error::Io`].
    pub(in crate::journal) fn find(&self, hash: &Hash) -> Result<Option<u32>> {
        let wanted = key(hash);
        let (Range { start, end }, mut guesses) = match self.places(hash) {
            Some(places) => (places, GUESSES),
            None => (0..self.count, 0),
        };
        let (mut low, mut high) = (start, end);
        let (mut low_key, mut high_key) = (0, u64::MAX);
        while low < high {
            let place = if guesses < GUESSES {
                interpolate(wanted, (low_key, high_key), (low, high))
            } else {
                low + (high - low) / 2
            };
            guesses += 1;
            let index = self.nth(place)?;
            let found = self.hash(index)?;
            match found.cmp(hash) {
                Ordering::Equal => return Ok(Some(index)),
                Ordering::Less => (low, low_key) = (place + 1, key(&found)),
                Ordering::Greater => (high, high_key) = (place, key(&found)),
            }
        }
        Ok(None)
    }

    /// The block at place `place` of the order by hash.
    fn nth(&self, place: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.entry::<4>(self.order(), place)?))
    }
}

/// Where between two places, whose keys are known, `wanted` should be.
fn interpolate(wanted: u64, keys: (u64, u64), places: (u32, u32)) -> u32 {
    let (low_key, high_key) = keys;
    let (low, high) = places;
    let span = u128::from(high_key.saturating_sub(low_key)).max(1);
    let into = u128::from(wanted.saturating_sub(low_key)).min(span);
    let step = into * u128::from(high - low) / span;
    let step = u32::try_from(step).unwrap_or(u32::MAX);
    (low + step.min(high - low)).min(high - 1)
}
