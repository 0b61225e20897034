//! Reading the features out for a snapshot, and taking them in from one.

use super::{EnvelopeRef, FeatureIndex, FeatureLoader, NONE, Older, Planted, Version, plant};
use crate::index::spatial::{ALIVE, SpatialEntry};
use crate::index::timeline::Span;
use crate::mem::ids::number_of;
use crate::types::{FeatureSignature, Rect};

/// What a version of a feature is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Content {
    /// The feature was deleted.
    Tombstone,
    /// It has no positions.
    Nowhere,
    /// Its envelope.
    At(Rect),
}

/// A version as a snapshot has it. Those of a feature follow one another, newest
/// first.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVersion {
    /// Sequence of the block that wrote it.
    pub begin_seq: u64,
    /// What it is.
    pub content: Content,
    /// The feature's signature, where this is its newest version and no tombstone.
    pub signature: Option<FeatureSignature>,
    /// Whether it is the feature's first, and the next one is of another feature.
    pub oldest: bool,
}

/// How far [`FeatureIndex::stored_versions`] or [`FeatureIndex::visible`] has come.
#[derive(Debug, Default)]
pub struct VersionCursor {
    /// Number of the feature.
    pub(super) number: u32,
    /// Index in `superseded` of its next version, unless it is the newest. Those
    /// never move. For a snapshot alone.
    pub(super) older: Option<u32>,
}

impl FeatureIndex {
    /// Appends versions written by block `at` or earlier to `out`, feature by
    /// feature in order of their numbers, looking at `steps` versions. Returns
    /// whether there may be more: go on with the same `cursor` and `at`, whatever
    /// was written in between.
    pub fn stored_versions(
        &self,
        cursor: &mut VersionCursor,
        at: u64,
        steps: usize,
        out: &mut Vec<StoredVersion>,
    ) -> bool {
        for _ in 0..steps {
            let version = match cursor.older {
                Some(older) => self
                    .superseded
                    .get(older as usize)
                    .map(|older| &older.version),
                None => self.current.get(cursor.number as usize),
            };
            let Some(version) = version else {
                return false;
            };
            let oldest = version.prev == NONE;
            if version.begin_seq <= at {
                out.push(StoredVersion {
                    begin_seq: version.begin_seq,
                    content: self.content(version.envelope),
                    signature: match cursor.older {
                        None => self.signatures.get(cursor.number).cloned(),
                        Some(_) => None,
                    },
                    oldest,
                });
            } else if oldest {
                // Numbers are in order of the first versions: the rest is later.
                return false;
            }
            cursor.older = (!oldest).then_some(version.prev);
            cursor.number += u32::from(oldest);
        }
        true
    }

    fn content(&self, envelope: EnvelopeRef) -> Content {
        if envelope.is_tombstone() {
            return Content::Tombstone;
        }
        let rect = self.envelopes.get(envelope);
        rect.map_or(Content::Nowhere, Content::At)
    }

    /// Calls `each` with the bytes of up to `count` ids in order of their numbers,
    /// from number `from` on.
    pub fn stored_ids(&self, from: u32, count: u32, each: impl FnMut(&[u8])) {
        let numbers = from..from.saturating_add(count);
        numbers.map_while(|n| self.ids.name(n)).for_each(each);
    }
}

impl FeatureIndex {
    /// The features that are there but whose signature is not known, by number, with the
    /// sequence of their newest version. After loading a snapshot and what came
    /// after it there is one only where a block that was visible when the snapshot
    /// was taken was never durable, and is lost. O(features).
    pub fn without_signature(&self) -> impl Iterator<Item = (u32, u64)> {
        let newest = self.current.iter().zip(0..);
        let without = newest.filter(|(version, number)| {
            !version.envelope.is_tombstone() && self.signatures.get(*number).is_none()
        });
        without.map(|(version, number)| (number, version.begin_seq))
    }

    /// Gives the superseded versions from place `from` on, those of one feature, newest
    /// first, their jumps.
    fn link_from(&mut self, from: usize) {
        for place in (from..self.superseded.len()).rev() {
            let Some(prev) = self.superseded.get(place).map(|older| older.version.prev) else {
                return;
            };
            let (depth, jump) = self.jump(prev);
            if let Some(older) = self.superseded.get_mut(place) {
                (older.depth, older.jump) = (depth, jump);
            }
        }
    }

    /// Gives feature `number` its signature.
    pub fn set_signature(&mut self, number: u32, signature: &FeatureSignature) {
        self.signatures.set(number, Some(signature));
    }
}

/// Fills a [`FeatureLoader`] from a snapshot: first all versions, then all ids.
#[derive(Debug, Default)]
pub struct FeatureRestorer {
    index: FeatureIndex,
    current: Vec<SpatialEntry>,
    ended: Vec<SpatialEntry>,
    spans: Vec<Span>,
    /// The version before this one in the snapshot, if it is of the same feature.
    newer: Option<(u64, EnvelopeRef)>,
    /// Superseded versions that know their jumps.
    linked: usize,
}

impl FeatureRestorer {
    /// The next version.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn version(&mut self, stored: &StoredVersion) -> Result<(), &'static str> {
        let &StoredVersion {
            begin_seq,
            content,
            oldest,
            ref signature,
        } = stored;
        if self.newer.is_some_and(|(newer, _)| newer <= begin_seq) {
            return Err("the versions of a feature are out of order");
        }
        let envelope = self.envelope(content)?;
        let superseded = self.index.superseded.len();
        let version = |before: usize| Version {
            begin_seq,
            prev: if oldest { NONE } else { number_of(before) },
            envelope,
        };
        let end_seq = match self.newer {
            None => {
                let number = number_of(self.index.current.push(version(superseded)));
                self.index.signatures.set(number, signature.as_ref());
                self.index.live += usize::from(content != Content::Tombstone);
                ALIVE
            }
            Some((newer, _)) => {
                self.index.superseded.push(Older {
                    version: version(superseded + 1),
                    depth: 0,
                    jump: NONE,
                });
                newer
            }
        };
        if content != Content::Tombstone {
            self.spans.push(Span {
                begin_seq,
                end_seq: (end_seq != ALIVE).then_some(end_seq),
                tag: envelope.0,
            });
        }
        if let Content::At(rect) = content {
            let entries = match end_seq {
                ALIVE => &mut self.current,
                _ => &mut self.ended,
            };
            entries.push(SpatialEntry::new(rect, begin_seq, end_seq));
        }
        self.newer = (!oldest).then_some((begin_seq, envelope));
        if oldest {
            self.index.link_from(self.linked);
            self.linked = self.index.superseded.len();
        }
        Ok(())
    }

    fn envelope(&mut self, content: Content) -> Result<EnvelopeRef, &'static str> {
        let envelopes = &mut self.index.envelopes;
        Ok(match content {
            Content::Tombstone => EnvelopeRef::TOMBSTONE,
            Content::Nowhere => EnvelopeRef::NONE,
            Content::At(rect) => {
                let ordered = rect.min.iter().zip(rect.max).all(|(&min, max)| min <= max);
                let bounded = rect.min.iter().chain(&rect.max).all(|n| n.is_finite());
                if !ordered || !bounded {
                    return Err("an envelope is no rectangle");
                }
                match self.newer {
                    Some((_, newer)) if envelopes.get(newer) == Some(rect) => newer,
                    _ => envelopes.push(Some(rect)),
                }
            }
        })
    }

    /// Call it after the last version: begins to build the R-trees and the timeline on a
    /// thread of their own, while the ids and all else are read.
    ///
    /// # Errors
    /// When a version is missing, or there is no thread to be had.
    pub fn versions_done(self) -> Result<IdRestorer, &'static str> {
        if self.newer.is_some() {
            return Err("the oldest version of a feature is missing");
        }
        let (current, ended, spans) = (self.current, self.ended, self.spans);
        let trees = std::thread::Builder::new()
            .name("formdb-trees".into())
            .spawn(move || plant(current, ended, spans))
            .map_err(|_| "no thread could be started to build the R-trees")?;
        Ok(IdRestorer {
            index: self.index,
            planted: Planted {
                trees,
                later: Vec::new(),
            },
        })
    }
}

/// The second half of [`FeatureRestorer`].
#[derive(Debug)]
pub struct IdRestorer {
    index: FeatureIndex,
    planted: Planted,
}

impl IdRestorer {
    /// The id of the next feature. O(1).
    pub fn id(&mut self, id: &str) {
        self.index.ids.push_unindexed(id);
    }

    /// Call it after the last id. Blocks after the snapshot are entered into the
    /// loader as ever. O(n).
    ///
    /// # Errors
    /// When ids and features do not fit each other.
    pub fn finish(mut self) -> Result<FeatureLoader, &'static str> {
        if self.index.ids.len() != self.index.current.len() {
            return Err("there are not as many feature ids as features");
        }
        if !self.index.ids.index() {
            return Err("a feature id is there twice");
        }
        Ok(FeatureLoader {
            index: self.index,
            planted: Some(self.planted),
        })
    }
}
