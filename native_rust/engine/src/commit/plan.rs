//! From queued transactions to a group: which are accepted, with which sequences,
//! and the blocks of those.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::block::{Ack, Operation, Transaction};
use crate::block::{Stamp, encode_block};
use crate::commit::conditions::{Before, GroupWrites};
use crate::commit::duplicates::{Settled, Settlement};
use crate::error::{Error, Result};
use crate::index::defaults::DefaultsTable;
use crate::index::keys::{self, KeyEntry, KeyTable};
use crate::index::reverts::RevertTable;
use crate::index::{FeatureIndex, TemporalIndex, VersionTable};
use crate::journal::Group;
use crate::types::{Hash, OnDuplicate};

/// What becomes of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    Committed(Ack),
    /// Its idempotency key was known: nothing is written, the first answer is
    /// given again.
    Replayed(Ack),
    /// It came to nothing.
    Nothing,
    Refused(Error),
}

/// What becomes of a transaction that is not written as it was given. Those of a group are
/// made before its plan, and outlive it.
pub(crate) type Resolution = OnceCell<Vec<Settled>>;

/// The operations of a transaction as they are written.
pub(crate) fn operations<'a>(
    transaction: &'a Transaction,
    resolution: &'a Resolution,
) -> impl Iterator<Item = &'a Operation> {
    let settled = resolution.get();
    let given = match settled {
        None => transaction.operations.as_slice(),
        Some(_) => &[],
    };
    let operation = |settled: &'a Settled| match settled {
        Settled::Given(place) => transaction.operations.get(*place),
        Settled::Made(operation) => Some(operation),
    };
    let settled = settled.into_iter().flatten().filter_map(operation);
    given.iter().chain(settled)
}

impl Outcome {
    pub(crate) fn answer(self) -> Result<Ack> {
        match self {
            Self::Committed(ack) | Self::Replayed(ack) => Ok(ack),
            Self::Nothing => Ok(Ack::NOTHING),
            Self::Refused(error) => Err(error),
        }
    }
}

/// A group in the making.
pub(crate) struct Plan<'i, 'a> {
    features: &'i FeatureIndex,
    series: &'i TemporalIndex,
    attributes: &'i VersionTable,
    webhooks: &'i VersionTable,
    reverts: &'i RevertTable,
    defaults: &'i DefaultsTable,
    keys: &'i mut KeyTable,
    written: GroupWrites<'a>,
    /// Hashes of the group's transactions that have a key, by first sequence: one of
    /// them may be sent again in the same group.
    hashes: HashMap<u64, Hash>,
    /// Whether any transaction of the group asks about series.
    series_matter: bool,
    /// Last sequence given out.
    seq: u64,
    time: i64,
}

impl<'i, 'a> Plan<'i, 'a> {
    pub(crate) fn new(
        (features, series, attributes): (&'i FeatureIndex, &'i TemporalIndex, &'i VersionTable),
        (reverts, defaults, webhooks): (&'i RevertTable, &'i DefaultsTable, &'i VersionTable),
        keys: &'i mut KeyTable,
        seq: u64,
        time: i64,
    ) -> Self {
        Self {
            features,
            series,
            attributes,
            webhooks,
            reverts,
            defaults,
            keys,
            written: GroupWrites::default(),
            hashes: HashMap::new(),
            series_matter: false,
            seq,
            time,
        }
    }

    /// Decide on each transaction, in order, and encode the accepted ones; on the first of
    /// them at least, and on all up to one that waits for those before it. Each has a place
    /// of its own in `resolutions`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a group that its format cannot hold.
    pub(crate) fn all(
        &mut self,
        transactions: impl Iterator<Item = &'a Transaction> + Clone,
        resolutions: &'a [Resolution],
        group: &mut Group,
    ) -> Result<Vec<Outcome>> {
        group.clear();
        self.series_matter = self.before().newest_defaults().is_some()
            || transactions.clone().any(asks_about_series);
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (transaction, resolution) in transactions.zip(resolutions) {
            let outcome = match self.admit(transaction) {
                // It only asks when what was queued before it is decided.
                Ok(None) if transaction.operations.is_empty() => Outcome::Nothing,
                Ok(None) => match self.settle(transaction) {
                    Ok(Settlement::Later) => break,
                    Ok(Settlement::As(settled)) if settled.is_empty() => Outcome::Nothing,
                    Ok(settlement) => {
                        if let Settlement::As(settled) = settlement {
                            resolution.get_or_init(|| settled);
                        }
                        Outcome::Committed(self.encode(transaction, resolution, group)?)
                    }
                    Err(refusal) => Outcome::Refused(refusal),
                },
                Ok(Some(ack)) => Outcome::Replayed(ack),
                Err(refusal) => Outcome::Refused(refusal),
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// The first answer, if the transaction's key is known.
    fn admit(&self, transaction: &'a Transaction) -> Result<Option<Ack>> {
        if let Some(key) = &transaction.key
            && let Some(entry) = self.keys.find(
                key,
                transaction.actor.as_deref(),
                transaction.follows,
                self.time,
            )?
        {
            return Ok(Some(Ack {
                first_seq: entry.first_seq,
                last_seq: entry.last_seq,
                time: entry.time,
                // Of an earlier group: the committer takes it from the tree's leaves.
                hash: self
                    .hashes
                    .get(&entry.first_seq)
                    .copied()
                    .unwrap_or_default(),
                whole: entry.whole(),
                points_put: entry.points_put,
                points_deleted: entry.points_deleted,
                features_replaced: entry.features_replaced,
                replayed: true,
            }));
        }
        let deletes =
            |operation: &Operation| operation.version().is_some_and(|(_, deleted)| deleted);
        if !transaction.conditions.is_empty() || transaction.operations.iter().any(deletes) {
            self.before().admit(transaction)?;
        }
        Ok(None)
    }

    fn settle(&self, transaction: &'a Transaction) -> Result<Settlement> {
        let before = self.before();
        let defaults = before.newest_defaults();
        let defaults = defaults.map(|(_, defaults)| defaults).unwrap_or_default();
        before.settle(transaction, self.seq + 1, defaults)
    }

    fn before(&self) -> Before<'_, 'a> {
        Before {
            features: self.features,
            series: self.series,
            attributes: self.attributes,
            webhooks: self.webhooks,
            reverts: self.reverts,
            defaults: self.defaults,
            written: &self.written,
        }
    }

    /// Give every operation its sequence and turn it into a block.
    fn encode(
        &mut self,
        transaction: &'a Transaction,
        resolution: &'a Resolution,
        group: &mut Group,
    ) -> Result<Ack> {
        let first_seq = self.seq + 1;
        let mut first_hash = None;
        let (mut features_replaced, mut points_put) = (0, 0);
        group.begin_transaction();
        self.written.reserve(operations(transaction, resolution));
        for operation in operations(transaction, resolution) {
            self.seq += 1;
            if let Operation::PutPoints { batch, .. } = operation {
                points_put += batch.timestamps.len() as u64;
            }
            let version = operation.version();
            let prev = version.and_then(|(versioned, _)| self.before().newest(versioned));
            let set = match operation.effect() {
                Operation::SetDefaults(_) => self.before().newest_defaults(),
                _ => None,
            };
            if matches!(operation, Operation::PutFeature(_)) {
                features_replaced += u64::from(prev.is_some_and(|prev| !prev.deleted));
            }
            let stamp = Stamp {
                seq: self.seq,
                txn: first_seq,
                time: self.time,
                prev: prev.map(|newest| newest.seq).or(set.map(|(seq, _)| seq)),
            };
            let key = transaction.key.as_ref().filter(|_| first_hash.is_none());
            let hash = group.push_block(|out| {
                encode_block(stamp, transaction.actor.as_ref(), key, operation, out);
            })?;
            first_hash.get_or_insert(hash);
            self.written.note(operation, self.seq, self.series_matter);
        }
        group.end_transaction();
        let mut whole = (first_seq, self.seq + 1 - first_seq);
        if let Some(key) = &transaction.key {
            self.hashes
                .insert(first_seq, first_hash.unwrap_or_default());
            self.keys.insert(KeyEntry {
                key: key.clone(),
                actor: transaction.actor.clone(),
                first_seq,
                last_seq: self.seq,
                before: keys::Before::default(),
                time: self.time,
                points_put,
                // Counted while it is carried out.
                points_deleted: 0,
                features_replaced,
            });
            whole = self
                .keys
                .whole(key, transaction.actor.as_deref())
                .unwrap_or(whole);
        }
        Ok(Ack {
            first_seq,
            last_seq: self.seq,
            time: self.time,
            hash: first_hash.unwrap_or_default(),
            whole,
            points_put,
            points_deleted: 0,
            features_replaced,
            replayed: false,
        })
    }
}

/// Whether what it comes to may depend on what series hold.
fn asks_about_series(transaction: &Transaction) -> bool {
    let asks = |operation: &Operation| match operation.effect() {
        Operation::PutPoints { duplicates, .. } => {
            let asked = duplicates.on_duplicate;
            asked.is_some_and(|asked| asked != OnDuplicate::Keep)
        }
        Operation::SetDefaults(_) => true,
        _ => false,
    };
    !transaction.conditions.is_empty() || transaction.operations.iter().any(asks)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::block::IdempotencyKey;
    use crate::limits::Limits;
    use crate::types::{DeletePoints, PointSpan};

    fn keyed(n: usize) -> Transaction {
        let span = PointSpan::all("s".into(), 0, 1);
        Transaction {
            operations: vec![Operation::DeletePoints(DeletePoints::new(span, None))],
            key: Some(IdempotencyKey::new(&format!("key {n}"), &[])),
            ..Transaction::default()
        }
    }

    /// How long a group of these takes.
    fn took<'t>(transactions: impl Iterator<Item = &'t Transaction> + Clone) -> Duration {
        let (features, series) = (FeatureIndex::default(), TemporalIndex::default());
        let (reverts, defaults) = (RevertTable::default(), DefaultsTable::default());
        let mut keys = KeyTable::new(&Limits::default());
        let (attributes, webhooks) = (VersionTable::default(), VersionTable::default());
        let indexes = (&features, &series, &attributes);
        let tables = (&reverts, &defaults, &webhooks);
        let transactions: Vec<&Transaction> = transactions.collect();
        let resolutions = vec![Resolution::new(); transactions.len()];
        let mut plan = Plan::new(indexes, tables, &mut keys, 0, 1);
        let began = Instant::now();
        let outcomes = plan
            .all(
                transactions.iter().copied(),
                &resolutions,
                &mut Group::default(),
            )
            .unwrap();
        let took = began.elapsed();
        let (first, again) = outcomes.split_at(outcomes.len() / 2);
        for pair in first.iter().zip(again) {
            if let (Outcome::Committed(first), Outcome::Replayed(again)) = pair {
                assert_eq!((first.first_seq, first.hash), (again.first_seq, again.hash));
            }
        }
        took
    }

    #[test]
    fn requests_that_come_again_in_one_group_cost_no_more_than_others() {
        const COUNT: usize = 20_000;
        let all: Vec<Transaction> = (0..2 * COUNT).map(keyed).collect();
        let (half, _) = all.split_at(COUNT);
        let least = |took: &dyn Fn() -> Duration| (0..5).map(|_| took()).min();
        let others = least(&|| took(all.iter())).unwrap_or_default();
        let again = least(&|| took(half.iter().chain(half))).unwrap_or_default();
        // Each looking through all that came before it would take twenty times as long.
        assert!(again < 5 * others, "{again:?} and {others:?}");
    }
}
