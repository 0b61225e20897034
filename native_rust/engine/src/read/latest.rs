//! The last point of a series.

use std::sync::Arc;

use crate::block::OpKind;
use crate::budget::Cancel;
use crate::cache::results::{CacheKey, Cacheable, Call, Dependency};
use crate::db::database::Database;
use crate::error::Result;
use crate::index::{Point, SharedSeries};
use crate::read::points::no_series;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{point_metadata, write_json};

/// The last point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// Microseconds since the epoch.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
    /// Sequence of its block.
    pub seq: u64,
    /// Its place in that block, from 0.
    pub index: u32,
    /// Its metadata as JSON text, where it has any.
    pub metadata: Option<Vec<u8>>,
    /// Its provenance as JSON text, where it has any.
    pub provenance: Option<Vec<u8>>,
}

/// A last point, and the sequence that it is as of.
#[derive(Debug, Clone)]
struct Known {
    latest: Arc<Latest>,
    seq: u64,
}

impl Cacheable for Known {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn as_of(&self, seq: u64) -> Self {
        let latest = Arc::clone(&self.latest);
        Self { latest, seq }
    }

    fn bytes(&self) -> usize {
        let text = |text: &Option<Vec<u8>>| text.as_ref().map_or(0, Vec::capacity);
        size_of::<Latest>() + text(&self.latest.metadata) + text(&self.latest.provenance)
    }
}

impl Database {
    /// The last point of a series, now or as of a sequence: of the greatest
    /// timestamp, the one that arrived last. May read the journal, for metadata and provenance.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Closed`], [`crate::Error::Corrupt`],
    /// [`crate::Error::Io`].
    pub fn latest(&self, series_id: &str, as_of: Option<u64>) -> Result<Latest> {
        let (latest, _) = self.latest_at(series_id, as_of)?;
        Ok(Arc::unwrap_or_clone(latest))
    }

    /// As [`Self::latest`], and the sequence that the answer is as of. It is kept, and given again
    /// as long as the series is not written to.
    ///
    /// # Errors
    /// As [`Self::latest`].
    pub fn latest_at(&self, series_id: &str, as_of: Option<u64>) -> Result<(Arc<Latest>, u64)> {
        let state = &self.state;
        let (key, series) = self.last_of(series_id, as_of)?;
        let known = state.results.get_or(key, &state.indexes, || {
            let at = state.at(as_of)?;
            let budget = self.budget(Cancel::default());
            let found = series
                .map(|series| series.latest(at, &budget))
                .transpose()?;
            let point = found.flatten().ok_or_else(|| no_series(series_id))?;
            let latest = Arc::new(self.written(point)?);
            Ok(Known { latest, seq: at })
        })?;
        Ok((known.latest, known.seq))
    }

    /// The same answer if it is kept: then nothing is read.
    ///
    /// # Errors
    /// [`crate::Error::Closed`].
    pub fn latest_in_memory(
        &self,
        series_id: &str,
        as_of: Option<u64>,
    ) -> Result<Option<(Arc<Latest>, u64)>> {
        let (key, _series) = self.last_of(series_id, as_of)?;
        let known: Option<Known> = self.state.results.get(key.as_ref(), &self.state.indexes);
        Ok(known.map(|known| (known.latest, known.seq)))
    }

    fn last_of(
        &self,
        series_id: &str,
        as_of: Option<u64>,
    ) -> Result<(Option<CacheKey>, Option<Arc<SharedSeries>>)> {
        let state = &self.state;
        state.check_open()?;
        let series = state.indexes.series.get(series_id);
        let source = match as_of {
            Some(_) => Dependency::Past,
            None => Dependency::Series(series.clone()),
        };
        let key = state.results.key(Call::Latest, source, &(series_id, as_of));
        Ok((key, series))
    }

    /// A point with what its block says of it, which is read.
    pub(crate) fn written(&self, point: Point) -> Result<Latest> {
        let state = &self.state;
        let Point {
            timestamp,
            value,
            source: place,
        } = point;
        let bytes = read_block(state, place.seq)?;
        let (block, action) = block_at(state, place.seq, &bytes)?;
        if action.op != OpKind::PutPoints {
            return Err(damaged(state, place.seq, "another block lies at its place"));
        }
        let metadata = point_metadata(action.body, place.index as usize)
            .map_err(|e| damaged(state, place.seq, e))?;
        let json = |cbor: &[u8]| {
            let mut text = Vec::new();
            write_json(cbor, &mut text)
                .map(|_| text)
                .map_err(|e| damaged(state, place.seq, e))
        };
        Ok(Latest {
            timestamp,
            value,
            seq: place.seq,
            index: place.index,
            metadata: metadata.map(json).transpose()?,
            provenance: block.provenance.map(json).transpose()?,
        })
    }
}
