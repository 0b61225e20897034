//! How much memory indexes take: estimates from what is counted anyway, so that the
//! bound on them costs nothing to keep.
//!
//! The constants are what an allocator was seen to hand out, with the spare room that
//! vectors and tables keep, rounded up (`tests/index_memory.rs` holds the estimates
//! against a counting allocator).

use crate::block::{Operation, Transaction};

/// The newest version of a feature: its number by id, its envelope, its places in the
/// R-tree, in the timeline and in the counts of where features were, its shape.
const FEATURE: usize = 200;
/// An earlier version.
const VERSION: usize = 174;
/// A byte of an id: arenas have spare room.
const ID: usize = 2;
/// A series, with its two entries by id, and its chunk with one point.
const SERIES: usize = 340;
/// A point: two columns of eight bytes, and room to grow.
const POINT: usize = 20;
/// Points that stand as in their block: where from, until when; and a chunk that is
/// not filled.
const RUN: usize = 64;
/// An idempotency key with what its transaction became, its place in the order of commits,
/// and spare room in both tables.
const KEY: usize = 270;
/// A block that was undone, and by which.
const REVERT: usize = 40;
/// Something of an id in a table of versions, with a list of its own.
const VERSIONED: usize = 160;
/// A version in that list, which has spare room.
const VERSION_OF_IT: usize = 32;
/// A block: its place in the journal, its share of the tree, and what its hash begins with.
const BLOCK: usize = 24;

/// How many there are of something in an index, and the bytes of memory that all of them take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// How many.
    pub count: u64,
    /// An estimate, which tests hold against an allocator that counts.
    pub bytes: u64,
}

/// What the indexes of a database hold, published or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexFigures {
    /// Features that ever were, with their newest versions.
    pub features: Held,
    /// All earlier versions of these.
    pub versions: Held,
    /// Series that ever were, without their points.
    pub series: Held,
    /// Points that ever were.
    pub points: Held,
}

impl Held {
    fn new(count: usize, bytes: usize) -> Self {
        Self {
            count: count as u64,
            bytes: bytes as u64,
        }
    }
}

/// Features with ids of so many bytes together, and their earlier versions.
pub(crate) fn of_features(features: usize, id_bytes: usize, superseded: usize) -> (Held, Held) {
    let newest = Held::new(features, features * FEATURE + id_bytes * ID);
    (newest, Held::new(superseded, superseded * VERSION))
}

/// All series, and their points, which stand in so many runs.
pub(crate) fn of_series(
    series: usize,
    id_bytes: usize,
    points: usize,
    runs: usize,
) -> (Held, Held) {
    let all = Held::new(series, series * SERIES + id_bytes * ID);
    (all, Held::new(points, points * POINT + runs * RUN))
}

/// Bytes of two kinds of things together.
pub(crate) fn bytes((one, other): (Held, Held)) -> usize {
    usize::try_from(one.bytes + other.bytes).unwrap_or(usize::MAX)
}

/// Bytes of what is kept for each block.
pub(crate) fn of_blocks(blocks: u64) -> usize {
    usize::try_from(blocks)
        .unwrap_or(usize::MAX)
        .saturating_mul(BLOCK)
}

/// Bytes of a table of versions, by id.
pub(crate) fn of_version_table(ids: usize, id_bytes: usize, versions: usize) -> usize {
    ids * VERSIONED + id_bytes * ID + versions * VERSION_OF_IT
}

/// Bytes of idempotency keys, and of their texts.
pub(crate) fn of_keys(keys: usize, text_bytes: usize) -> usize {
    keys * KEY + text_bytes
}

/// Bytes of what is known of blocks that were undone.
pub(crate) fn of_reverts(reverts: usize) -> usize {
    reverts * REVERT
}

/// Bytes that a transaction adds at most. Deletes add next to nothing, and are always let
/// in.
pub(crate) fn of_transaction(transaction: &Transaction) -> usize {
    match of_operations(&transaction.operations) {
        0 => 0,
        added => {
            let key = transaction.key.as_ref();
            let actor = transaction.actor.as_ref().map_or(0, |actor| actor.len());
            added + key.map_or(0, |key| of_keys(1, key.text.len() + actor))
        }
    }
}

fn of_operations(operations: &[Operation]) -> usize {
    let added = |operation: &Operation| match operation.effect() {
        Operation::PutFeature(put) => FEATURE + VERSION + put.id.len() * ID + BLOCK,
        Operation::PutPoints { batch, .. } => {
            SERIES + batch.series.len() * ID + batch.timestamps.len() * POINT + RUN + BLOCK
        }
        Operation::SetAttributes(set) if set.present => {
            let id = 2 * set.series.len() * ID;
            SERIES + VERSIONED + VERSION_OF_IT + id + BLOCK
        }
        Operation::SetWebhook(set) if set.present => {
            VERSIONED + VERSION_OF_IT + set.id.len() * ID + BLOCK
        }
        _ => 0,
    };
    operations.iter().map(added).sum()
}
