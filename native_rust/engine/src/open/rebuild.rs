//! Rebuilding the indexes, block by block.

use std::iter;
use std::sync::Arc;

use crate::block::{Block, Effect, IdempotencyKey};
use crate::error::Result;
use crate::index::Change;
use crate::index::defaults::DefaultsTable;
use crate::index::keys::{Before, KeyEntry, KeyTable};
use crate::index::kinds::Kinds;
use crate::index::reverts::RevertTable;
use crate::index::{BlockTable, FeatureLoader, TemporalIndex, VersionTable, memory};
use crate::journal::BlockLocation;
use crate::limits::Limits;
use crate::open::growth::Growth;
use crate::planted::{Bug, planted};
use crate::types::cbor::{Reader, Scalar};
use crate::types::member_filter::find;

/// What is rebuilt while the journal is read.
pub(super) struct Rebuild {
    pub(super) growth: Growth,
    pub(super) features: FeatureLoader,
    pub(super) series: TemporalIndex,
    pub(super) attributes: VersionTable,
    pub(super) webhooks: VersionTable,
    pub(super) blocks: BlockTable,
    pub(super) reverts: RevertTable,
    pub(super) defaults: DefaultsTable,
    pub(super) keys: KeyTable,
    pub(super) points: u64,
    pub(super) last_time: i64,
}

impl Rebuild {
    pub(super) fn new(limits: &Limits, growth: Growth) -> Self {
        Self {
            growth,
            features: FeatureLoader::default(),
            series: TemporalIndex::default(),
            attributes: VersionTable::default(),
            webhooks: VersionTable::default(),
            blocks: BlockTable::default(),
            reverts: RevertTable::default(),
            defaults: DefaultsTable::default(),
            keys: KeyTable::new(limits),
            points: 0,
            last_time: 0,
        }
    }

    pub(super) fn block(
        &mut self,
        block: &Block<'_>,
        location: BlockLocation,
    ) -> Result<(), String> {
        let kinds = Kinds::of(block.op);
        self.blocks.push(location, block.seq == block.txn, kinds);
        self.last_time = block.time;
        let (features, series) = (&self.features, &self.series);
        let tables = self.keys.memory()
            + self.reverts.memory()
            + self.defaults.memory()
            + self.attributes.memory()
            + self.webhooks.memory();
        let taken = || features.memory() + series.memory() + memory::of_blocks(block.seq) + tables;
        let room = self.growth.replayed(block.seq, location.len, taken);
        room.map_err(|full| full.to_string())?;
        if planted(Bug::ReplayHalf) && block.seq > block.txn {
            return Ok(());
        }
        let seq = block.seq;
        let effect = block.effect().map_err(|e| e.to_string())?;
        let reverted = block.action().map_err(|e| e.to_string())?.reverts;
        if let Some(reverted) = reverted {
            // Of blocks that undo each other there would be no end.
            if reverted >= seq {
                return Err(format!(
                    "it undoes block {reverted}, which is not before it"
                ));
            }
            self.reverts.insert(reverted, seq);
        }
        self.key(block)?;
        let points = self.points;
        let living = self.features.living();
        self.enter(block, &effect, reverted)?;
        if let Some(entry) = self.keys.last_mut(block.txn) {
            entry.last_seq = seq;
            if let (Effect::PutPoints(put), None) = (&effect, reverted) {
                entry.points_put += put.timestamps.len() as u64;
            }
            if matches!(effect, Effect::DeletePoints(_)) {
                entry.points_deleted += points.saturating_sub(self.points);
            }
            // One that was there leaves as many as there were.
            let put = matches!(effect, Effect::PutFeature(_)) && reverted.is_none();
            entry.features_replaced += u64::from(put && self.features.living() == living);
        }
        Ok(())
    }

    /// Enters into the indexes what a block did.
    fn enter(
        &mut self,
        block: &Block<'_>,
        effect: &Effect<'_>,
        reverted: Option<u64>,
    ) -> Result<(), String> {
        let change = Change::of_effect(effect, reverted);
        if change.is_about_defaults() {
            let before = change.enter_defaults(&mut self.defaults, block.seq);
            return same_version(block.seq, block.prev, before);
        }
        if change.is_about_a_feature() {
            let before = change.enter_feature(&mut self.features, block.seq);
            return same_version(block.seq, block.prev, before);
        }
        if let Effect::SetAttributes { .. } = effect {
            let (attributes, series) = (&mut self.attributes, &self.series);
            let before = change.enter_attributes(attributes, series, block.seq);
            return same_version(block.seq, block.prev, before);
        }
        if let Effect::SetWebhook { .. } = effect {
            let before = change.enter_webhook(&mut self.webhooks, block.seq);
            return same_version(block.seq, block.prev, before);
        }
        let points = change.enter_points(&self.series, block.seq, usize::MAX);
        self.points = (self.points + points.added).saturating_sub(points.deleted);
        Ok(())
    }

    /// The idempotency key of the block's transaction.
    fn key(&mut self, block: &Block<'_>) -> Result<(), String> {
        let Some((text, request)) = block.key else {
            return Ok(());
        };
        let request = request
            .try_into()
            .map_err(|_| "an idempotency key with a digest of another length")?;
        if planted(Bug::ForgetKeys) {
            return Ok(());
        }
        self.keys.insert(KeyEntry {
            key: IdempotencyKey {
                text: text.into(),
                request,
            },
            actor: owner(block),
            first_seq: block.seq,
            last_seq: block.seq,
            before: Before::default(),
            time: block.time,
            points_put: 0,
            points_deleted: 0,
            features_replaced: 0,
        });
        Ok(())
    }
}

/// Whose key a block has: its actor's. A block that was salvaged has none, and the one it had is
/// in its provenance; where it was salvaged again, in that of its copy.
fn owner(block: &Block<'_>) -> Option<Arc<str>> {
    if let Some(actor) = block.actor {
        return Some(actor.into());
    }
    let provenance = block.provenance?;
    let found = |salvaged: usize, last: Option<&'static str>| {
        let names = iter::repeat_n("salvaged", salvaged).chain(last);
        find(&mut Reader::new(provenance), names).ok().flatten()
    };
    (1..)
        .take_while(|times| matches!(found(*times, None), Some(Scalar::Other)))
        .find_map(|times| match found(times, Some("actor")) {
            Some(Scalar::Text(actor)) => Some(actor.into()),
            _ => None,
        })
}

/// The version that a block names as the one before must be the one there is.
fn same_version(seq: u64, named: Option<u64>, there: Option<u64>) -> Result<(), String> {
    if named == there {
        return Ok(());
    }
    Err(format!(
        "block {seq} names {named:?} as the version before it, the journal {there:?}"
    ))
}
