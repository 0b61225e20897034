//! Counting what lies in boxes in steps, so that a lock need not be held for long.

use super::tally::{Counted, STUCK, Tally};
use super::{Placed, SpatialIndex};
use crate::types::Rect;

/// Work of one step.
const STEP: usize = if cfg!(test) { 7 } else { 2_048 };
/// Work of asking what becomes of a cell on a map.
const LOOK: usize = 4;
/// Work of counting, and of drawing a map, that is done however few features there are. In unit
/// tests enough for all of them.
const MIN_WORK: usize = if cfg!(test) { 1 << 20 } else { 4_096 };
const MIN_MAP_WORK: usize = if cfg!(test) { 1 << 20 } else { 512 };

/// What is left to do of counting the versions that lie in one of some pieces and are visible
/// at a sequence.
#[derive(Debug)]
pub(crate) struct CountWalk {
    pieces: Vec<Rect>,
    at: u64,
    subject: Subject,
    /// Pieces and cells; none before it has begun.
    tasks: Option<Vec<(usize, Counted)>>,
    spent: usize,
}

/// What of a version has to lie in a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Some of its envelope.
    Envelope,
    /// The middle of it.
    Middle,
}

/// How a step of counting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountStep {
    /// There is more to do.
    More,
    /// That was all.
    Done,
    /// It costs as much as looking at all of them: that is to be done.
    GivenUp,
}

impl CountWalk {
    /// Of all whose envelopes touch a piece. It has not begun.
    pub(crate) fn new(pieces: &[Rect], at: u64) -> Self {
        Self::of(Subject::Envelope, pieces, at)
    }

    /// Of all whose envelopes have their middles in a piece, and of all that are wider than half
    /// the earth, wherever: those are always to be looked at, as the middles of their boxes may
    /// be on the other side of it. It has not begun.
    pub(crate) fn of_middles(pieces: &[Rect], at: u64) -> Self {
        Self::of(Subject::Middle, pieces, at)
    }

    fn of(subject: Subject, pieces: &[Rect], at: u64) -> Self {
        Self {
            pieces: pieces.to_vec(),
            at,
            subject,
            tasks: None,
            spent: 0,
        }
    }

    /// The sequence it is asked as of.
    pub(in crate::index) fn at(&self) -> u64 {
        self.at
    }

    /// How much work it is worth among so many features, of which the other way looks at each
    /// in less time than this one does.
    pub(in crate::index) fn worth(&self, features: usize) -> usize {
        match self.subject {
            Subject::Envelope => features.max(MIN_WORK),
            Subject::Middle => (features / 2).max(MIN_MAP_WORK),
        }
    }
}

impl Subject {
    fn of(self, rect: &Rect) -> Rect {
        match self {
            Self::Envelope => *rect,
            Self::Middle => Rect::point(rect.middle()),
        }
    }
}

impl Tally {
    /// Does the next step of counting. Offers `settle` bounds, which lie in a piece, and how
    /// many versions have what is counted of them within those; and appends to `found` what has
    /// to be looked at, among it all that it does not take. All steps together have each version
    /// once, whatever is written in between. Gives up with more than `most` work.
    ///
    /// `written` is how many versions had begun and how many had ended by the walk's sequence.
    pub(in crate::index) fn step(
        &self,
        index: &SpatialIndex,
        walk: &mut CountWalk,
        (written, most): ((usize, usize), usize),
        mut settle: impl FnMut(&Rect, u64) -> bool,
        found: &mut Vec<Placed>,
    ) -> CountStep {
        let CountWalk {
            pieces,
            at,
            subject,
            tasks,
            spent,
        } = walk;
        let tasks = tasks.get_or_insert_with(|| {
            let all = self.all(*at, written);
            (0..pieces.len()).map(|piece| (piece, all)).collect()
        });
        let until = spent.saturating_add(STEP);
        while *spent < until {
            let Some((piece, counted)) = tasks.pop() else {
                return CountStep::Done;
            };
            *spent += 1;
            let (before, rest) = pieces.split_at(piece);
            let (Some(rect), Some(cell)) = (rest.first(), self.cell(&counted)) else {
                continue;
            };
            let bounds = match subject {
                Subject::Envelope => &cell.bounds,
                Subject::Middle => &cell.middles,
            };
            // Some in it may be so wide that they are looked at wherever they are, with the first
            // piece.
            let wide = *subject == Subject::Middle && cell.bounds.is_wide();
            let all = wide && piece == 0;
            if counted.there() == 0 || !(all || rect.intersects(bounds)) {
                continue;
            }
            let alone = !before.iter().any(|piece| piece.intersects(bounds));
            if alone && !wide && rect.contains(bounds) {
                *spent += match subject {
                    Subject::Envelope => 0,
                    Subject::Middle => LOOK,
                };
                if settle(bounds, counted.there()) {
                    continue;
                }
            }
            if let Some(quarters) = self.quarters(&counted) {
                tasks.extend(quarters.map(|quarter| (piece, quarter)));
                continue;
            }
            let region = match all {
                true => *bounds,
                false => Rect {
                    min: [0, 1].map(|axis| rect.min[axis].max(bounds.min[axis])),
                    max: [0, 1].map(|axis| rect.max[axis].min(bounds.max[axis])),
                },
            };
            let work = index.each_touching(&region, *at, STUCK, |seq, placed| {
                let own = subject.of(&placed);
                let here = match wide && placed.is_wide() {
                    true => all,
                    false => {
                        rect.intersects(&own) && !before.iter().any(|piece| piece.intersects(&own))
                    }
                };
                if here && counted.holds(&placed) {
                    found.push(Placed { seq, rect: placed });
                }
            });
            match work {
                Some(work) if *spent + work <= most => *spent += work,
                _ => return CountStep::GivenUp,
            }
        }
        match tasks.is_empty() {
            true => CountStep::Done,
            false => CountStep::More,
        }
    }
}
