//! One time series: a B-tree of chunks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::chunk::{CAPACITY, Chunk, Indexes, Piece, PointRef, Source};

/// One point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Microseconds since the epoch, UTC.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
    /// Where it was written.
    pub source: PointRef,
}

/// Which way a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By timestamp, equal ones in order of arrival.
    Ascending,
    /// Exactly the reverse.
    Descending,
}

/// A page of a time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeQuery {
    /// First timestamp that counts.
    pub start: i64,
    /// First timestamp that no longer counts. Not after `start`: no points.
    pub end: i64,
    /// Points of later blocks do not count.
    pub at: u64,
    /// Which way to read.
    pub order: Order,
    /// How many of the points of the first timestamp in that order (`start`, or
    /// `end - 1` when descending) to pass over: those an earlier page had.
    pub skip: u64,
    /// Most points to read.
    pub limit: usize,
}

impl RangeQuery {
    /// The query for the page that begins at `resume`.
    #[must_use]
    pub fn resume(self, resume: Resume) -> Self {
        let Resume { edge, skip } = resume;
        match self.order {
            Order::Ascending => Self {
                start: edge,
                skip,
                ..self
            },
            Order::Descending => Self {
                end: edge,
                skip,
                ..self
            },
        }
    }

    /// The timestamp `skip` is about.
    fn first_timestamp(&self) -> i64 {
        match self.order {
            Order::Ascending => self.start,
            Order::Descending => self.end.saturating_sub(1),
        }
    }
}

/// Where the next page of a range begins. With the same `at`, pages neither skip
/// nor repeat a point, whatever is written between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The `start` of the next page, or its `end` when descending.
    pub edge: i64,
    /// Its `skip`.
    pub skip: u64,
}

/// What a series holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Number of points.
    pub points: u64,
    /// Earliest timestamp.
    pub first: i64,
    /// Latest timestamp.
    pub last: i64,
}

/// The points of one block, ascending by timestamp, ready to be entered.
#[derive(Debug)]
pub struct SortedPoints<'a> {
    timestamps: Cow<'a, [i64]>,
    values: Cow<'a, [f64]>,
    /// Place of each in the block, where that is not its place here.
    indexes: Option<Vec<u32>>,
    seq: u64,
}

impl<'a> SortedPoints<'a> {
    /// Takes the columns of block `seq`, sorting them stably if need be. O(n)
    /// for sorted columns, which are not copied; O(n log n) for others.
    ///
    /// # Panics
    /// When the columns differ in length or hold 2^32 points.
    #[must_use]
    pub fn new(timestamps: &'a [i64], values: &'a [f64], seq: u64) -> Self {
        assert_eq!(timestamps.len(), values.len(), "columns of one length");
        assert!(u32::try_from(values.len()).is_ok(), "less than 2^32 points");
        if timestamps.is_sorted() {
            return Self {
                timestamps: Cow::Borrowed(timestamps),
                values: Cow::Borrowed(values),
                indexes: None,
                seq,
            };
        }
        let mut rows: Vec<(i64, u32, f64)> = timestamps
            .iter()
            .zip(0..)
            .zip(values)
            .map(|((&timestamp, index), &value)| (timestamp, index, value))
            .collect();
        rows.sort_unstable_by_key(|&(timestamp, index, _)| (timestamp, index));
        Self {
            timestamps: rows.iter().map(|row| row.0).collect(),
            values: rows.iter().map(|row| row.2).collect(),
            indexes: Some(rows.iter().map(|row| row.1).collect()),
            seq,
        }
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Up to `count` points from place `from` on.
    fn piece(&self, from: usize, count: usize) -> Piece<'_> {
        let to = self.len().min(from.saturating_add(count));
        let indexes = match &self.indexes {
            None => Indexes::From(from as u32),
            Some(indexes) => Indexes::Each(indexes.get(from..to).unwrap_or_default()),
        };
        Piece {
            timestamps: self.timestamps.get(from..to).unwrap_or_default(),
            values: self.values.get(from..to).unwrap_or_default(),
            seq: self.seq,
            indexes,
        }
    }
}

/// Fence of a chunk: a timestamp its points are not before, and a number that
/// orders chunks with the same one.
type Fence = (i64, u32);

/// What finding a place costs, counted in points copied to it.
const PLACE_COST: usize = 64;

/// The points of one series in order of timestamp, equal ones in order of
/// arrival, each with the block that wrote it.
///
/// Points that arrive in order fill chunks one after the other; a full chunk
/// that a point falls into the middle of is split. 16 bytes a point, and 16 for
/// every place where neighbours do not come from neighbouring places of one
/// block: in all, 16 for batches, and 32 for points written one by one.
///
/// Invariants:
/// 1. The first fence is `(i64::MIN, 0)`. The points of a chunk are neither
///    before its fence's timestamp nor after that of the next.
/// 2. The fence `(t, 0)` means that no earlier chunk has a point at `t`; a chunk
///    that goes on with the timestamp the one before it ended on has a fence
///    `(t, n)`, `n > 0`. Hence a split never needs a fence that is taken: the
///    part it takes off begins with a timestamp's first point.
/// 3. No chunk is empty.
#[derive(Debug, Default)]
pub struct Series {
    // Boxed, so that a node, which has room for eleven, stays small: most
    // series of a database of many are short.
    chunks: BTreeMap<Fence, Box<Chunk>>,
    len: usize,
}

impl Series {
    /// Enters all points of block `seq`, in whatever order they are.
    ///
    /// In order and later than all there is: a copy of the columns. Elsewhere:
    /// O(log n) and a move of up to 1,023 points for each place they go.
    ///
    /// # Panics
    /// As [`SortedPoints::new`].
    pub fn insert_batch(&mut self, timestamps: &[i64], values: &[f64], seq: u64) {
        self.insert(&SortedPoints::new(timestamps, values, seq), 0, usize::MAX);
    }

    /// Enters points from place `from` on, until about `work` is done: a point
    /// is one, and each place that points go to is 64 more. Returns the place to
    /// go on from, `points.len()` when that was the last. 8,192 take some 50 us.
    pub fn insert(&mut self, points: &SortedPoints<'_>, from: usize, work: usize) -> usize {
        let mut next = from;
        let mut done = 0;
        while done < work {
            let entered = self.insert_piece(points.piece(next, CAPACITY));
            if entered == 0 {
                break;
            }
            next += entered;
            done += entered + PLACE_COST;
        }
        next
    }

    /// Enters the first points of `piece`, those that go to one place, and
    /// returns how many those are.
    fn insert_piece(&mut self, piece: Piece<'_>) -> usize {
        let Some(&timestamp) = piece.timestamps.first() else {
            return 0;
        };
        let fence = self.fence_of(timestamp);
        // Those from the next fence on go elsewhere.
        let piece = match self.fence_after(fence) {
            Some(next) => piece.before(next),
            None => piece,
        };
        let chunk = self.chunks.entry(fence).or_default();
        if chunk.room() == 0 {
            let Some(&last) = chunk.timestamps().last() else {
                return 0;
            };
            let (new_fence, new_chunk) = if last <= timestamp {
                (fence_behind(fence, last, timestamp), Box::default())
            } else {
                let tail = chunk.split_off(chunk.boundary());
                let first = tail.timestamps().first().copied();
                ((first.unwrap_or(last), 0), Box::new(tail))
            };
            self.chunks.insert(new_fence, new_chunk);
            return self.insert_piece_with_room(piece);
        }
        self.len += piece.timestamps.len();
        0
    }
}
