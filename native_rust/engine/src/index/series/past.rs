//! How many points of a subtree were there as of each block, and what they came to.
//!
//! Where points come in the order of time, a sequence parts a series at one place: few chunks
//! have points that were there by then and others that were not. Where they come in any order,
//! or die here and there, all chunks have both, and a question as of earlier would look at each
//! point. So such a subtree keeps what was there after each block that changed it: 36 bytes a
//! block, and nothing where these are more than 512 and more than one for eight points, so that
//! it is 4.5 bytes a point at most, or 18 KiB. [`super::as_of`] says when.

use crate::index::chunk::{BlockSource, Chunk};
use crate::index::filter::Filter;
use crate::types::exact::Sum;

/// Points for each block that is kept, at least, where these are many.
const POINTS_A_BLOCK: usize = 8;
/// Blocks that are no matter: so what ends a series does not keep the rest from being joined.
const FEW_BLOCKS: usize = 512;

/// What was there of a subtree as of a sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Then {
    /// How many points.
    pub points: u64,
    /// Doubles that add up to the sum of their values, where so many do.
    pub sum: Option<[f64; 3]>,
}

/// What was there after each block.
#[derive(Debug)]
pub(super) struct Past {
    /// The blocks that brought points or took them, ascending.
    seqs: Box<[u64]>,
    /// One for each: how many points were there.
    points: Box<[u32]>,
    /// The same, if all are known: doubles that add up to the sum of their values.
    sums: Option<Box<[[f64; 3]]>>,
}

impl Past {
    /// What was there at `at`. O(log n).
    pub(super) fn at(&self, at: u64) -> Then {
        let by_then = self.seqs.partition_point(|seq| *seq <= at);
        let last = by_then.checked_sub(1);
        let points = last.and_then(|last| self.points.get(last));
        let sum = match last {
            Some(last) => self.sums.as_ref().and_then(|sums| sums.get(last)).copied(),
            None => Some([0.0; 3]),
        };
        Then {
            points: points.map_or(0, |points| u64::from(*points)),
            sum,
        }
    }

    /// How many blocks it has.
    pub(super) fn len(&self) -> usize {
        self.seqs.len()
    }
}

/// What each block brought and took.
struct Changes {
    seqs: Vec<u64>,
    points: Vec<i64>,
    sums: Option<Vec<Sum>>,
}

impl Changes {
    /// Of these blocks, in any order; nothing where they are too many for so many points.
    fn by(mut seqs: Vec<u64>, points: usize) -> Option<Self> {
        seqs.sort_unstable();
        seqs.dedup();
        let few = seqs.len() <= FEW_BLOCKS.max(points / POINTS_A_BLOCK);
        few.then(|| Self {
            points: vec![0; seqs.len()],
            sums: Some(vec![Sum::default(); seqs.len()]),
            seqs,
        })
    }

    /// Adds points that block `seq` brought, or took where they are less than none.
    fn add(&mut self, seq: u64, points: i64, sum: Option<&Sum>) {
        let place = self.seqs.partition_point(|other| *other < seq);
        if let Some(all) = self.points.get_mut(place) {
            *all += points;
        }
        match sum {
            Some(sum) => {
                let all = self.sums.as_mut().and_then(|sums| sums.get_mut(place));
                all.into_iter().for_each(|all| all.add_sum(sum));
            }
            None => self.sums = None,
        }
    }

    /// What was there after each; nothing of more points than are counted.
    fn after_each(self) -> Option<Past> {
        let mut there = 0_i64;
        let points = self.points.iter().map(|change| {
            there += change;
            u32::try_from(there).ok()
        });
        let points: Option<Box<[u32]>> = points.collect();
        let mut sum = Sum::default();
        let sums = self.sums.and_then(|sums| {
            let sums = sums.iter().map(|change| {
                sum.add_sum(change);
                sum.parts()
            });
            sums.collect()
        });
        Some(Past {
            seqs: self.seqs.into(),
            points: points?,
            sums,
        })
    }
}

/// All points of a chunk.
fn all(chunk: &Chunk) -> impl Iterator<Item = BlockSource> {
    chunk.sources(0..chunk.len(), Filter::WrittenBy(u64::MAX))
}

impl Past {
    /// Of the points of chunks, so many; nothing where it is too much to keep.
    pub(super) fn of(chunks: &[Chunk], points: usize) -> Option<Self> {
        let mut seqs = Vec::new();
        for chunk in chunks {
            for source in all(chunk) {
                seqs.push(source.seq);
                seqs.extend_from_slice(chunk.ends(&source));
            }
        }
        let mut changes = Changes::by(seqs, points)?;
        for chunk in chunks {
            for source in all(chunk) {
                let count = source.range.len() as i64;
                let mut sum = Sum::default();
                sum.add_all(chunk.columns(&source).values);
                changes.add(source.seq, count, Some(&sum));
                let ends = chunk.ends(&source);
                if ends.is_empty() {
                    continue;
                }
                let mut gone = Sum::default();
                gone.take_off(&sum);
                let turns = [(-count, &gone), (count, &sum)].into_iter().cycle();
                for (seq, (count, sum)) in ends.iter().zip(turns) {
                    changes.add(*seq, count, Some(sum));
                }
            }
        }
        changes.after_each()
    }

    /// Of several, of so many points together.
    pub(super) fn joined(pasts: &[&Self], points: usize) -> Option<Self> {
        let seqs = pasts.iter().flat_map(|past| past.seqs.iter().copied());
        let mut changes = Changes::by(seqs.collect(), points)?;
        for past in pasts {
            let (mut there, mut before) = (0, [0.0; 3]);
            for (place, (&seq, &points)) in past.seqs.iter().zip(&past.points).enumerate() {
                let parts = past.sums.as_ref().and_then(|sums| sums.get(place));
                let sum = parts.map(|&parts| {
                    let mut sum = Sum::default();
                    sum.add_parts(parts);
                    sum.add_parts(before.map(|part: f64| -part));
                    before = parts;
                    sum
                });
                changes.add(seq, i64::from(points) - there, sum.as_ref());
                there = i64::from(points);
            }
        }
        changes.after_each()
    }
}
