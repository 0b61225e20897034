//! From queued transactions to a group: which are accepted, with which sequences,
//! and the blocks of those.

use crate::block::{Stamp, encode_block};
use crate::conditions::{Before, Written};
use crate::error::{Error, Result};
use crate::index::{FeatureIndex, TemporalIndex};
use crate::journal::Group;
use crate::keys::{KeyEntry, KeyTable};
use crate::operation::Operation;
use crate::queue::{Ack, Transaction};
use crate::reverts::RevertTable;

/// What becomes of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    Committed(Ack),
    /// Its idempotency key was known: nothing is written, the first answer is
    /// given again.
    Replayed(Ack),
    Refused(Error),
}

impl Outcome {
    pub(crate) fn answer(self) -> Result<Ack> {
        match self {
            Self::Committed(ack) | Self::Replayed(ack) => Ok(ack),
            Self::Refused(error) => Err(error),
        }
    }
}

/// A group in the making.
pub(crate) struct Plan<'i, 'a> {
    features: &'i FeatureIndex,
    series: &'i TemporalIndex,
    reverts: &'i RevertTable,
    keys: &'i mut KeyTable,
    written: Written<'a>,
    /// Whether any transaction of the group asks about series.
    series_matter: bool,
    /// Last sequence given out.
    seq: u64,
    time: i64,
}

impl<'i, 'a> Plan<'i, 'a> {
    pub(crate) fn new(
        features: &'i FeatureIndex,
        series: &'i TemporalIndex,
        reverts: &'i RevertTable,
        keys: &'i mut KeyTable,
        seq: u64,
        time: i64,
    ) -> Self {
        Self {
            features,
            series,
            reverts,
            keys,
            written: Written::default(),
            series_matter: false,
            seq,
            time,
        }
    }

    /// Decide on each transaction, in order, and encode the accepted ones.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a group that its format cannot hold.
    pub(crate) fn all(
        &mut self,
        transactions: impl Iterator<Item = &'a Transaction> + Clone,
        group: &mut Group,
    ) -> Result<Vec<Outcome>> {
        group.clear();
        self.series_matter = transactions.clone().any(|t| !t.conditions.is_empty());
        let mut outcomes: Vec<Outcome> = Vec::new();
        for transaction in transactions {
            let outcome = match self.admit(transaction) {
                Ok(None) => Outcome::Committed(self.encode(transaction, group)?),
                Ok(Some(ack)) => Outcome::Replayed(Ack {
                    hash: hash_in_group(&outcomes, &ack).unwrap_or(ack.hash),
                    ..ack
                }),
                Err(refusal) => Outcome::Refused(refusal),
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// The first answer, if the transaction's key is known.
    fn admit(&self, transaction: &'a Transaction) -> Result<Option<Ack>> {
        if let Some(key) = &transaction.key
            && let Some(entry) = self.keys.find(key, self.time)?
        {
            return Ok(Some(Ack {
                first_seq: entry.first_seq,
                last_seq: entry.last_seq,
                time: entry.time,
                // Of an earlier group: the committer takes it from the tree's leaves.
                hash: [0; 32],
                points_deleted: entry.points_deleted,
                features_replaced: entry.features_replaced,
                replayed: true,
            }));
        }
        let deletes =
            |operation: &Operation| matches!(operation.effect(), Operation::DeleteFeature(_));
        if !transaction.conditions.is_empty() || transaction.operations.iter().any(deletes) {
            self.before().admit(transaction)?;
        }
        Ok(None)
    }

    fn before(&self) -> Before<'_, 'a> {
        Before {
            features: self.features,
            series: self.series,
            reverts: self.reverts,
            written: &self.written,
        }
    }

    /// Give every operation its sequence and turn it into a block.
    fn encode(&mut self, transaction: &'a Transaction, group: &mut Group) -> Result<Ack> {
        let first_seq = self.seq + 1;
        let mut first_hash = None;
        let mut features_replaced = 0;
        group.begin_transaction();
        for operation in &transaction.operations {
            self.seq += 1;
            let prev = match operation.effect() {
                Operation::PutFeature(feature) => self.before().newest(&feature.id),
                Operation::DeleteFeature(delete) => self.before().newest(&delete.id),
                _ => None,
            };
            if matches!(operation, Operation::PutFeature(_)) {
                features_replaced += u64::from(prev.is_some_and(|prev| !prev.deleted));
            }
            let stamp = Stamp {
                seq: self.seq,
                txn: first_seq,
                time: self.time,
                prev: prev.map(|newest| newest.seq),
            };
            let key = transaction.key.as_ref().filter(|_| first_hash.is_none());
            let hash = group.push_block(|out| {
                encode_block(stamp, transaction.actor.as_ref(), key, operation, out);
            })?;
            first_hash.get_or_insert(hash);
            self.written.note(operation, self.seq, self.series_matter);
        }
        group.end_transaction();
        if let Some(key) = &transaction.key {
            self.keys.insert(KeyEntry {
                key: key.clone(),
                first_seq,
                last_seq: self.seq,
                time: self.time,
                // Counted while it is carried out.
                points_deleted: 0,
                features_replaced,
            });
        }
        Ok(Ack {
            first_seq,
            last_seq: self.seq,
            time: self.time,
            hash: first_hash.unwrap_or_default(),
            points_deleted: 0,
            features_replaced,
            replayed: false,
        })
    }
}

/// The hash of a transaction that was committed earlier in the same group.
fn hash_in_group(outcomes: &[Outcome], ack: &Ack) -> Option<crate::merkle::Hash> {
    outcomes.iter().rev().find_map(|outcome| match outcome {
        Outcome::Committed(first) if first.first_seq == ack.first_seq => Some(first.hash),
        _ => None,
    })
}
