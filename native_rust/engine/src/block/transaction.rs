//! What is committed as a whole, and what its commit is answered with.

use std::sync::Arc;

use super::Operation;
use super::condition::Condition;
use super::key::IdempotencyKey;
use crate::error::{Error, InvalidCode, Result};
use crate::types::Hash;

/// Bytes of an actor, the longest there is.
pub const MAX_ACTOR: usize = 1_024;

/// Operations that become durable and visible together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// At least one; applied in this order.
    pub operations: Vec<Operation>,
    /// The authenticated subject, recorded in every block. At most [`MAX_ACTOR`] bytes.
    pub actor: Option<Arc<str>>,
    /// What must hold when it is committed, or nothing is written.
    pub conditions: Vec<Condition>,
    /// A second transaction with this key is answered as the first was.
    pub key: Option<IdempotencyKey>,
    /// Of a part of a request, [`IdempotencyKey::request`] of the part that was written
    /// before it with the same key, in whose place its own is remembered.
    pub follows: Option<[u8; 16]>,
    /// What the answer promises.
    pub durability: Durability,
    /// Whose it is, as a number of the caller's choice. Transactions of one caller are
    /// committed in the order in which they were submitted; of several, small ones go
    /// before large ones that were submitted earlier, so that a bulk load does not keep
    /// the others waiting.
    pub caller: u64,
}

impl Transaction {
    /// Nanoseconds that committing it takes, roughly: hashing and writing its bytes,
    /// and entering it into the indexes.
    pub(crate) fn work(&self, bytes: usize) -> u64 {
        const BYTE: u64 = 2;
        const OPERATION: u64 = 2_000;
        const POINT: u64 = 40;
        let points = |operation: &Operation| match operation.effect() {
            Operation::PutPoints { batch, .. } => batch.timestamps.len() as u64,
            _ => 0,
        };
        let points: u64 = self.operations.iter().map(points).sum();
        BYTE * bytes as u64 + OPERATION * self.operations.len() as u64 + POINT * points
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let operations: usize = self.operations.iter().map(Operation::memory).sum();
        operations + self.conditions.len() * size_of::<Condition>()
    }
}

/// Bytes of operations, encoded as blocks of this actor.
pub(crate) fn encoded_len(operations: &[Operation], actor: Option<&str>) -> usize {
    let actor = actor.map_or(0, str::len);
    let lengths = operations.iter().map(|o| o.encoded_len() + actor);
    lengths.sum()
}

/// Refuse a transaction of more encoded bytes than the limit.
pub(crate) fn check_size(bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(Error::TooLarge {
            what: "the transaction in bytes",
            actual: bytes as u64,
            limit: limit as u64,
            setting: "transaction_bytes",
        });
    }
    Ok(())
}

/// Refuse an actor that is too long.
pub(crate) fn check_actor(actor: Option<&str>) -> Result<()> {
    match actor.map_or(0, str::len) {
        0..=MAX_ACTOR => Ok(()),
        len => {
            let detail = format!("the actor has {len} bytes; give at most {MAX_ACTOR}");
            Err(Error::invalid(InvalidCode::Parameter, "/actor", detail))
        }
    }
}

/// What an acknowledged write promises.
///
/// Whatever the level, transactions are whole and in order: a crash takes back
/// only a last part of them, and never one that was followed by an acknowledged
/// `Sync`. Readers see a write of a weaker level as soon as it is acknowledged,
/// and so may see one that a crash of the machine takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is on disk: it survives the loss of power.
    #[default]
    Sync,
    /// It is with the operating system, and on disk within
    /// [`Limits::sync_interval_ms`]: it survives the end of the process, and the
    /// loss of power once that time has passed.
    Interval,
    /// It is with the operating system, which writes it out when it likes: it
    /// survives the end of the process. It is on disk after the next `Sync` write,
    /// at the end of a segment and on closing.
    None,
}

impl std::str::FromStr for Durability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sync" => Ok(Self::Sync),
            "interval" => Ok(Self::Interval),
            "none" => Ok(Self::None),
            other => {
                let detail = format!("found {other:?}; expected sync, interval or none");
                Err(Error::invalid(
                    InvalidCode::Parameter,
                    "/durability",
                    detail,
                ))
            }
        }
    }
}

/// Proof that a transaction is durable; of one that came to nothing, since all its points
/// were ignored, all numbers are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Sequence of its first block.
    pub first_seq: u64,
    /// Sequence of its last block.
    pub last_seq: u64,
    /// Commit time, microseconds since the epoch.
    pub time: i64,
    /// Leaf hash of its first block.
    pub hash: Hash,
    /// Of a body that is written in several transactions with one idempotency key: sequence of
    /// the first block of all of them so far, and how many blocks those are. Of any other
    /// transaction its own.
    pub whole: (u64, u64),
    /// Points that it put.
    pub points_put: u64,
    /// Points that its operations deleted, those among them in whose place it put others.
    pub points_deleted: u64,
    /// Features that it put where there was one of that id, its own among them.
    pub features_replaced: u64,
    /// Whether an earlier transaction with its idempotency key was answered again.
    pub replayed: bool,
}

impl Ack {
    /// For a transaction that came to nothing.
    pub(crate) const NOTHING: Self = Self {
        first_seq: 0,
        last_seq: 0,
        time: 0,
        hash: [0; 32],
        whole: (0, 0),
        points_put: 0,
        points_deleted: 0,
        features_replaced: 0,
        replayed: false,
    };

    /// Whether there is a block of it.
    #[must_use]
    pub fn wrote(&self) -> bool {
        self.first_seq > 0
    }
}
