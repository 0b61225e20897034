//! When points were there: from the block that wrote them until one deleted them and, of
//! few, again from a block that undid that until the next deletion.
//!
//! A point that is brought back is the same point: its place among others of its
//! timestamp, its metadata and its provenance are those of the block that wrote it.

/// How it ended for the points of a run, and how it went on: a number alone, as next to
/// all were never deleted, or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life(u64);

/// The bit that tells a place in [`Lives`] from the sequence of a deletion.
const OFTEN: u64 = 1 << 63;

impl Life {
    /// Of points that nothing has deleted.
    pub(super) const ALIVE: Self = Self(u64::MAX);
}

/// The lives of those points of a chunk that were deleted and brought back.
#[derive(Debug, Default, Clone)]
pub(super) struct Lives(Option<Box<Table>>);

#[derive(Debug, Default, Clone)]
struct Table {
    often: Vec<Box<[u64]>>,
}

impl Lives {
    /// Sequences of the blocks that deleted the points and brought them back, in turn.
    pub(super) fn ends<'a>(&'a self, life: &'a Life) -> &'a [u64] {
        match life.0 {
            u64::MAX => &[],
            often if often & OFTEN != 0 => {
                let place = usize::try_from(often & !OFTEN).unwrap_or(usize::MAX);
                let table = self.0.as_ref().and_then(|table| table.often.get(place));
                table.map_or(&[], |ends| &**ends)
            }
            _ => std::slice::from_ref(&life.0),
        }
    }

    /// The life with these ends.
    pub(super) fn of(&mut self, ends: &[u64]) -> Life {
        match ends {
            [] => Life::ALIVE,
            [end_seq] if end_seq & OFTEN == 0 => Life(*end_seq),
            _ => {
                let table = &mut self.0.get_or_insert_default().often;
                // Neighbours have the same, so it mostly is the last one.
                let same = table.iter().rposition(|other| **other == *ends);
                let place = same.unwrap_or_else(|| {
                    table.push(ends.into());
                    table.len() - 1
                });
                Life(OFTEN | place as u64)
            }
        }
    }

    /// The life that goes on as `life` until `seq`, where it ends or begins again.
    pub(super) fn turned(&mut self, life: Life, seq: u64) -> Life {
        let ends = [self.ends(&life), &[seq]].concat();
        self.of(&ends)
    }

    /// Forgets what none of `used` is, once that is most of it.
    pub(super) fn tidy<'l>(&mut self, used: impl ExactSizeIterator<Item = &'l mut Life>) {
        let kept = self.0.as_ref().map_or(0, |table| table.often.len());
        if kept <= used.len() {
            return;
        }
        let before = std::mem::take(self);
        for life in used {
            *life = self.of(before.ends(life));
        }
    }
}

/// Whether points with these ends, written by then, are there at `at`.
pub(super) fn alive_at(ends: &[u64], at: u64) -> bool {
    match ends {
        [] => true,
        [end_seq] => at < *end_seq,
        _ => ends.partition_point(|end| *end <= at).is_multiple_of(2),
    }
}

/// The block that deleted them for the last time, where they are gone for now.
pub(super) fn end_seq(ends: &[u64]) -> Option<u64> {
    ends.last().copied().filter(|_| ends.len() % 2 == 1)
}

/// The blocks that brought them back.
pub(super) fn revivals(ends: &[u64]) -> impl DoubleEndedIterator<Item = u64> {
    ends.iter().skip(1).step_by(2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_what_they_were_made_of_and_those_of_nobody_are_forgotten() {
        let mut lives = Lives::default();
        let mut used = [Life::ALIVE; 2];
        for seq in 2..100 {
            used[1] = lives.turned(used[1], seq);
            assert_eq!(lives.ends(&used[1]), (2..=seq).collect::<Vec<_>>());
            assert_eq!(end_seq(lives.ends(&used[1])).is_some(), seq % 2 == 0);
            for at in 1..=seq {
                assert_eq!(alive_at(lives.ends(&used[1]), at), at % 2 == 1);
            }
            lives.tidy(used.iter_mut());
            assert_eq!(lives.ends(&used[0]), [0; 0]);
            assert!(lives.0.as_ref().is_none_or(|table| table.often.len() < 4));
        }
        assert!(revivals(&[2, 3, 4, 5, 6]).eq([3, 5]));
    }
}
