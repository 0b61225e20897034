//! Features in a box: the search that is asked most.

use super::{Area, Search};
use crate::budget::Cancel;
use crate::db::database::Database;
use crate::error::Result;
use crate::geo::Predicate;
use crate::read::page::FeaturePage;
use crate::types::BoundingBox;

/// A box query.
#[derive(Debug, Clone)]
pub struct BoxQuery {
    /// Where to look. Boundaries count.
    pub bbox: BoundingBox,
    /// Features in one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<String>,
    /// The sequence to ask as of, by default all there is. A cursor brings its own.
    pub as_of: Option<u64>,
}

impl Database {
    /// Features whose geometry meets the box, boundary included: exactly those a
    /// scan of all features would find. May read the journal, and what it reads
    /// stays in memory.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad limit or cursor, [`Error::Closed`],
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn features_in_box(&self, query: &BoxQuery) -> Result<FeaturePage> {
        let search = Search {
            area: Area::Box(query.bbox),
            predicate: Predicate::Intersects,
            filters: Vec::new(),
            limit: query.limit,
            cursor: query.cursor.clone(),
            as_of: query.as_of,
        };
        self.search(&search, &self.budget(Cancel::default()))
    }
}
