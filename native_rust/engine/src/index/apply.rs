//! What a block does to the indexes: one way in, for the committer and for the replay of
//! the journal when it is opened.

use super::EnterVersions;
use super::defaults::DefaultsTable;
use super::temporal::TemporalIndex;
use super::version_table::VersionTable;
use crate::block::{Effect, Operation};
use crate::types::{Defaults, FeatureSignature, PointSpan, Rect};

/// What a block does to the indexes.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    PutFeature {
        id: &'a str,
        envelope: Option<Rect>,
        signature: &'a FeatureSignature,
    },
    DeleteFeature {
        id: &'a str,
    },
    PutPoints {
        series: &'a str,
        timestamps: &'a [i64],
        values: &'a [f64],
        /// They are those that this block deleted.
        deleted_by: Option<u64>,
    },
    DeletePoints(&'a PointSpan),
    SetDefaults(Defaults),
    SetAttributes {
        series: &'a str,
        present: bool,
    },
    SetWebhook {
        id: &'a str,
        present: bool,
    },
}

/// What became of the points in all series.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Points {
    pub added: u64,
    pub deleted: u64,
}

impl<'a> Change<'a> {
    /// Of an operation that is being committed.
    pub(crate) fn of_operation(operation: &'a Operation) -> Self {
        match operation {
            Operation::Revert(revert) => Self::of(operation.effect(), Some(revert.block)),
            other => Self::of(other, None),
        }
    }

    fn of(operation: &'a Operation, deleted_by: Option<u64>) -> Self {
        match operation {
            Operation::PutFeature(put) => Self::PutFeature {
                id: &put.id,
                envelope: put.envelope,
                signature: &put.signature,
            },
            Operation::DeleteFeature(delete) => Self::DeleteFeature { id: &delete.id },
            Operation::PutPoints { batch, .. } => Self::PutPoints {
                series: &batch.series,
                timestamps: &batch.timestamps,
                values: &batch.values,
                deleted_by,
            },
            Operation::DeletePoints(delete) => Self::DeletePoints(&delete.span),
            Operation::SetDefaults(set) => Self::SetDefaults(set.defaults),
            Operation::SetAttributes(set) => Self::SetAttributes {
                series: &set.series,
                present: set.present,
            },
            Operation::SetWebhook(set) => Self::SetWebhook {
                id: &set.id,
                present: set.present,
            },
            Operation::Revert(_) => Self::of_operation(operation),
        }
    }

    /// Of a stored block, which may undo another.
    pub(crate) fn of_effect(effect: &'a Effect<'_>, reverts: Option<u64>) -> Self {
        match effect {
            Effect::PutFeature(feature) => Self::PutFeature {
                id: &feature.id,
                envelope: feature.envelope,
                signature: &feature.signature,
            },
            Effect::DeleteFeature(id) => Self::DeleteFeature { id },
            Effect::PutPoints(batch) => Self::PutPoints {
                series: &batch.series,
                timestamps: &batch.timestamps,
                values: &batch.values,
                deleted_by: reverts,
            },
            Effect::DeletePoints(span) => Self::DeletePoints(span),
            Effect::SetDefaults(defaults) => Self::SetDefaults(*defaults),
            Effect::SetAttributes { series, present } => Self::SetAttributes {
                series,
                present: *present,
            },
            Effect::SetWebhook { id, present } => Self::SetWebhook {
                id,
                present: *present,
            },
        }
    }

    /// Whether it writes or deletes a feature.
    pub(crate) fn is_about_a_feature(&self) -> bool {
        matches!(self, Self::PutFeature { .. } | Self::DeleteFeature { .. })
    }

    /// Enter the version of attributes that block `seq` makes; returns the sequence of the
    /// one before. The series is there from now on, with points or without. Does nothing
    /// for features and points.
    pub(crate) fn enter_attributes(
        &self,
        attributes: &mut VersionTable,
        series: &TemporalIndex,
        seq: u64,
    ) -> Option<u64> {
        let Self::SetAttributes {
            series: id,
            present,
        } = *self
        else {
            return None;
        };
        series.note_attributes(id, present);
        attributes.set(id, present, seq)
    }

    /// Enter the version of a webhook that block `seq` makes; returns the sequence of the
    /// one before. Does nothing for all else.
    pub(crate) fn enter_webhook(&self, webhooks: &mut VersionTable, seq: u64) -> Option<u64> {
        match *self {
            Self::SetWebhook { id, present } => webhooks.set(id, present, seq),
            _ => None,
        }
    }

    /// Enter the version of a feature that block `seq` makes; returns the sequence of the
    /// one before. Does nothing for all else.
    pub(crate) fn enter_feature(&self, features: &mut impl EnterVersions, seq: u64) -> Option<u64> {
        match *self {
            Self::PutFeature {
                id,
                envelope,
                signature,
            } => features.put(id, envelope, signature, seq),
            Self::DeleteFeature { id } => features.delete(id, seq),
            Self::PutPoints { .. }
            | Self::DeletePoints(_)
            | Self::SetAttributes { .. }
            | Self::SetWebhook { .. }
            | Self::SetDefaults(_) => None,
        }
    }

    /// Enter the defaults that block `seq` sets; returns the block that set those before.
    /// Does nothing for others.
    pub(crate) fn enter_defaults(&self, table: &mut DefaultsTable, seq: u64) -> Option<u64> {
        let before = table.newest();
        if let Self::SetDefaults(defaults) = self {
            table.set(seq, *defaults);
        }
        before
    }

    /// Whether it sets defaults.
    pub(crate) fn is_about_defaults(&self) -> bool {
        matches!(self, Self::SetDefaults(_))
    }

    /// Whether it writes or deletes points.
    pub(crate) fn is_about_points(&self) -> bool {
        matches!(self, Self::PutPoints { .. } | Self::DeletePoints(_))
    }

    /// Enter the points of block `seq`, `step` of them under one hold of the series' lock.
    /// Does nothing for all else.
    pub(crate) fn enter_points(&self, series: &TemporalIndex, seq: u64, step: usize) -> Points {
        match *self {
            Self::PutPoints {
                series: id,
                timestamps,
                values,
                deleted_by,
            } => {
                match deleted_by {
                    None => series.insert(id, timestamps, values, seq, step),
                    Some(block) => series.bring_back(id, (timestamps, values), block, seq, step),
                }
                Points {
                    added: timestamps.len() as u64,
                    deleted: 0,
                }
            }
            Self::DeletePoints(span) => {
                let deleted = series.delete(span, seq, step);
                if deleted == 0 {
                    series.note_traceless(seq);
                }
                Points { added: 0, deleted }
            }
            Self::PutFeature { .. }
            | Self::DeleteFeature { .. }
            | Self::SetAttributes { .. }
            | Self::SetWebhook { .. }
            | Self::SetDefaults(_) => Points::default(),
        }
    }
}
