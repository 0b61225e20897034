//! What blocks did, for whoever is answered again.

use crate::block::OpKind;
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::PointRef;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{decode_points, parse_point_id, stored_delete_points, stored_feature};

impl Database {
    /// Ids of the features that the blocks `first` to `last` put, in order, and how many
    /// of those blocks replaced a feature that was there: what a transaction that is
    /// answered again had written. Reads the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn written_features(
        &self,
        first: u64,
        last: u64,
        budget: &Budget,
    ) -> Result<(Vec<String>, u64)> {
        self.check_block(first)?;
        self.check_block(last)?;
        let mut ids = Vec::new();
        let mut replaced = 0;
        for seq in first..=last {
            budget.step()?;
            let bytes = read_block(&self.state, seq)?;
            let (_, action) = block_at(&self.state, seq, &bytes)?;
            if action.op == OpKind::PutFeature {
                let stored = stored_feature(action.body);
                let stored = stored.map_err(|e| damaged(&self.state, seq, e))?;
                // As of the block before, be that in the same transaction or not.
                let features = self.state.indexes.features.read();
                replaced += u64::from(features.current(&stored.id, seq - 1).is_some());
                drop(features);
                budget.make_room(&mut ids, 1)?;
                budget.hold(stored.id.len())?;
                ids.push(stored.id.into_owned());
            }
        }
        Ok((ids, replaced))
    }

    /// Where the point of a series with an id such as `pt_17_0` was written, and its timestamp,
    /// whether it was deleted since or not; nothing if there never was one. Reads its block.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for what is no id of a point; those of reading the journal.
    pub(crate) fn written_point(&self, series: &str, id: &str) -> Result<Option<(PointRef, i64)>> {
        let (block, place) = parse_point_id(id)?;
        if block > self.state.published() {
            return Ok(None);
        }
        let bytes = read_block(&self.state, block)?;
        let (_, action) = block_at(&self.state, block, &bytes)?;
        if action.op != OpKind::PutPoints {
            return Ok(None);
        }
        let points = decode_points(action.body).map_err(|e| damaged(&self.state, block, e))?;
        let timestamp = points.timestamps.get(place as usize).copied();
        let timestamp = timestamp.filter(|_| points.series == series);
        let source = PointRef {
            seq: block,
            index: place,
        };
        Ok(timestamp.map(|timestamp| (source, timestamp)))
    }

    /// How many points block `seq` deleted, also where some were brought back since:
    /// what a deletion that is answered again had done. 0 for a block that deletes no
    /// points. Reads the journal; linear in the points of the range.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn points_deleted_by(&self, seq: u64, budget: &Budget) -> Result<u64> {
        self.check_block(seq)?;
        let bytes = read_block(&self.state, seq)?;
        let (_, action) = block_at(&self.state, seq, &bytes)?;
        if action.op != OpKind::DeletePoints {
            return Ok(0);
        }
        let span = stored_delete_points(action.body);
        let span = span.map_err(|e| damaged(&self.state, seq, e))?;
        let mut deleted = 0;
        if let Some(series) = self.state.indexes.series.get(&span.series) {
            series.deleted_by(seq, (span.start, span.end), budget, |points| {
                deleted += points.len() as u64;
            })?;
        }
        Ok(deleted)
    }
}
