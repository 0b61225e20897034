//! Percentiles of more values than there is memory for: exact, in several walks over
//! them.
//!
//! Each walk counts the values by some bits of a key that orders them, and so finds in
//! which part the one lies that is wanted, until that part is small enough to be kept: two
//! or three walks for most data, five or six at most.

use super::STEP;
use super::group::Groups;
use super::percent::Percent;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::index::{SharedSeries, Stretch};
use crate::types::ValueFilter;
use crate::types::exact::between;

/// Bits that one walk tells apart.
const BITS: u32 = 16;
/// Parts that those make: half a MiB of numbers.
const PARTS: usize = 1 << BITS;

/// The values of a series in a span of time, as of a sequence.
pub(super) struct Values<'a> {
    pub series: &'a SharedSeries,
    pub span: (i64, i64),
    pub at: u64,
    /// Which of them count; all without it.
    pub values: Option<&'a ValueFilter>,
    /// Only those of this group, if it is given.
    pub group: Option<(Groups, usize)>,
    pub budget: &'a Budget,
}

impl Values<'_> {
    /// One walk over all of them, in short holds of the series' lock.
    fn each(&self, mut found: impl FnMut(u64)) -> Result<()> {
        let (mut start, end) = self.span;
        let mut group = self.group.clone();
        loop {
            self.budget.check()?;
            let guard = self.series.read();
            let rest = guard.walk((start, end), (self.at, self.values), STEP, |points| {
                let mut each = |points: &Stretch<'_>| {
                    points.values.iter().for_each(|&value| found(key(value)));
                };
                match &mut group {
                    None => each(&points),
                    Some((groups, wanted)) => groups.split(points, |group, points| {
                        if group == *wanted {
                            each(points);
                        }
                    }),
                }
                Ok::<_, Error>(points.values.len())
            })?;
            drop(guard);
            match rest {
                Some(rest) => start = rest,
                None => return Ok(()),
            }
        }
    }
}

/// A number that orders values as [`f64::total_cmp`] does.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    match bits >> 63 {
        0 => bits | 1 << 63,
        _ => !bits,
    }
}

fn value(key: u64) -> f64 {
    f64::from_bits(match key >> 63 {
        0 => !key,
        _ => key & !(1 << 63),
    })
}

/// Keys whose upper bits are known.
#[derive(Debug, Clone, Copy)]
struct Partition {
    /// The bits that are known, lowest last.
    bits: u64,
    /// How many are not.
    open: u32,
}

impl Partition {
    const ALL: Self = Self { bits: 0, open: 64 };

    fn has(self, key: u64) -> bool {
        key.checked_shr(self.open).unwrap_or(0) == self.bits
    }

    /// Which of its parts a key of it lies in.
    fn place(self, key: u64) -> usize {
        (key >> (self.open - BITS)) as usize % PARTS
    }

    fn part(self, place: usize) -> Self {
        Self {
            bits: self.bits << BITS | place as u64,
            open: self.open - BITS,
        }
    }
}

/// What [`super::Aggregation::Percentile`] is of all the values.
///
/// # Errors
/// Those of the budget. It holds half a MiB, and beyond that no more than its share.
pub(super) fn percentile(values: &Values<'_>, percent: Percent) -> Result<f64> {
    let budget = values.budget;
    let mut counts: Vec<u64> = Vec::new();
    budget.make_room(&mut counts, PARTS)?;
    let mut part = Partition::ALL;
    // The place of the one that is wanted among those of the part, and the way from it to
    // the next one.
    let mut wanted: Option<(usize, u64, u64)> = None;
    let (low, next_known) = loop {
        counts.clear();
        counts.resize(PARTS, 0);
        values.each(|key| {
            if part.has(key)
                && let Some(count) = counts.get_mut(part.place(key))
            {
                *count += 1;
            }
        })?;
        let all: u64 = counts.iter().sum();
        let (mut rank, way, whole) = match wanted {
            Some(wanted) => wanted,
            None => {
                let last = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(1);
                percent.place(last)
            }
        };
        let mut found = (0, 0);
        for (place, &count) in counts.iter().enumerate() {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if rank < count {
                found = (place, count);
                break;
            }
            rank -= count;
        }
        let (place, count) = found;
        part = part.part(place);
        wanted = Some((rank, way, whole));
        if part.open == 0 {
            // All of them are equal.
            break (part.bits, (rank + 1 < count).then_some(part.bits));
        }
        if let Some(kept) = kept(values, part, count)? {
            break nearest(kept, rank, budget);
        }
    };
    budget.give_back(counts.capacity() * size_of::<u64>());
    drop(counts);
    let (way, whole) = wanted.map_or((0, 1), |(_, way, whole)| (way, whole));
    let next = match next_known {
        _ if way == 0 => low,
        Some(next) => next,
        None => {
            let mut next = u64::MAX;
            values.each(|key| {
                if key > low {
                    next = next.min(key);
                }
            })?;
            next
        }
    };
    Ok(between(value(low), value(next), way, whole))
}

/// The keys of a part, if there is room for that many.
fn kept(values: &Values<'_>, part: Partition, count: usize) -> Result<Option<Vec<u64>>> {
    let budget = values.budget;
    let mut keys: Vec<u64> = Vec::new();
    if count.saturating_mul(size_of::<u64>()) > budget.share()
        || budget.make_room(&mut keys, count).is_err()
    {
        return Ok(None);
    }
    values.each(|key| {
        if part.has(key) && keys.len() < count {
            keys.push(key);
        }
    })?;
    Ok(Some(keys))
}

/// The key at a place, and the one after it if it is among these. Gives their memory
/// back.
fn nearest(mut keys: Vec<u64>, place: usize, budget: &Budget) -> (u64, Option<u64>) {
    let place = place.min(keys.len().saturating_sub(1));
    let found = match keys.is_empty() {
        true => (0, None),
        false => {
            let (_, &mut low, above) = keys.select_nth_unstable(place);
            (low, above.iter().copied().min())
        }
    };
    budget.give_back(keys.capacity() * size_of::<u64>());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_values_do_and_read_back() {
        let values = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            -0.0,
            0.0,
            5e-324,
            1.5,
            f64::MAX,
        ];
        assert!(values.map(key).is_sorted());
        for number in values {
            assert_eq!(value(key(number)).to_bits(), number.to_bits());
        }
    }

    #[test]
    fn parts_lie_in_one_another() {
        let key = 0x1234_5678_9abc_def0;
        let mut part = Partition::ALL;
        for place in [0x1234, 0x5678, 0x9abc, 0xdef0] {
            assert!(part.has(key));
            assert_eq!(part.place(key), place);
            part = part.part(place);
        }
        assert!(part.has(key) && !part.has(key + 1) && part.open == 0);
        assert_eq!(part.bits, key);
    }
}
