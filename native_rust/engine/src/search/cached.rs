//! Searches whose answers are kept from one time to the next.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::grid::Grid;
use super::heatmap::Heatmap;
use super::{Area, Filter, Near, NearFeature, Search};
use crate::budget::Budget;
use crate::cache::results::{CacheKey, Cacheable, Call, Dependency, JsonAnswer};
use crate::db::database::Database;
use crate::error::Result;
use crate::read::page::FeaturePage;

/// How many features a search finds, and the sequence that is as of.
#[derive(Debug, Clone, Copy)]
struct Counted {
    count: u64,
    seq: u64,
}

impl Database {
    /// Features that a search finds: exactly those that a scan of all features
    /// would find. In the order of their sequence; nearby ones nearest first, and at
    /// equal distance in that order, each with its distance in metres as the member
    /// `distance`, in place of one it may have.
    ///
    /// May read the journal: it looks into the body of a feature for a filter on
    /// properties, and where its envelope does not settle whether it is found. The
    /// answer is kept, and given again as long as no feature is written.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a parameter or a cursor that does
    /// not fit, those of the [`Budget`], [`Error::Closed`](crate::Error::Closed),
    /// [`Error::Corrupt`](crate::Error::Corrupt), [`Error::Io`](crate::Error::Io).
    pub fn search(&self, search: &Search, budget: &Budget) -> Result<FeaturePage> {
        let key = self.page_question(search)?;
        self.state.results.get_or(key, &self.state.indexes, || {
            self.find_page(search, true, budget)
        })
    }

    /// The same answer for one who goes through all pages: neither it nor the documents
    /// read for it are kept, so that they do not take the place of what others ask for
    /// again.
    ///
    /// # Errors
    /// As [`Database::search`].
    pub fn search_once(&self, search: &Search, budget: &Budget) -> Result<FeaturePage> {
        self.find_page(search, false, budget)
    }

    /// The same answer if it is kept, or if it is a small first page of a search by place,
    /// without filters, wholly in memory; `None` if it is neither: then
    /// [`Database::search`] has it. No file work, and bounded to some tens of
    /// microseconds, of what is near a position to a quarter of a millisecond, so it is
    /// safe where blocking is not.
    ///
    /// # Errors
    /// As [`Database::search`].
    pub fn search_in_memory(&self, search: &Search) -> Result<Option<FeaturePage>> {
        let key = self.page_question(search)?;
        self.state
            .results
            .get_or_maybe(key, &self.state.indexes, || {
                self.find_page_in_memory(search)
            })
    }

    /// How many features a search finds, whatever its limit and cursor, and the
    /// sequence that is as of. Reads bodies only where [`Database::search`] would
    /// have to look into them to decide. The answer is kept.
    ///
    /// # Errors
    /// As [`Database::search`].
    pub fn count(&self, search: &Search, budget: &Budget) -> Result<(u64, u64)> {
        let key = self.count_question(search)?;
        let Counted { count, seq } = self.state.results.get_or(key, &self.state.indexes, || {
            let (count, seq) = self.count_found(search, budget)?;
            Ok(Counted { count, seq })
        })?;
        Ok((count, seq))
    }

    /// The same answer if it is kept, or if a search by place without filters has few
    /// candidates, whose geometries are in memory, or if the index counts them; `None` if it is
    /// none of these. No file work, and bounded to a quarter of a millisecond, so it is safe
    /// where blocking is not.
    ///
    /// # Errors
    /// As [`Database::count`].
    pub fn count_in_memory(&self, search: &Search) -> Result<Option<(u64, u64)>> {
        let key = self.count_question(search)?;
        let counted = self
            .state
            .results
            .get_or_maybe(key, &self.state.indexes, || {
                let counted = self.count_found_in_memory(search)?;
                Ok(counted.map(|(count, seq)| Counted { count, seq }))
            })?;
        Ok(counted.map(|Counted { count, seq }| (count, seq)))
    }

    /// As [`Database::heatmap`], its cells as a JSON array. The answer is kept.
    ///
    /// # Errors
    /// As [`Database::heatmap`].
    pub fn heatmap_json(&self, heatmap: &Heatmap, budget: &Budget) -> Result<JsonAnswer> {
        let key = self.heatmap_question(heatmap)?;
        self.state.results.get_or(key, &self.state.indexes, || {
            let page = self.heatmap(heatmap, budget)?;
            let json = Arc::new(page.to_json().into());
            let seq = page.seq;
            Ok(JsonAnswer { json, seq })
        })
    }

    /// The same answer if it is kept. No file work.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed).
    pub fn heatmap_json_in_memory(&self, heatmap: &Heatmap) -> Result<Option<JsonAnswer>> {
        let key = self.heatmap_question(heatmap)?;
        Ok(self.state.results.get(key.as_ref(), &self.state.indexes))
    }

    fn page_question(&self, search: &Search) -> Result<Option<CacheKey>> {
        self.state.check_open()?;
        let pinned = search.as_of.is_some() || search.cursor.is_some();
        let page = (search.limit, &search.cursor);
        let asked = (Where(search), page);
        Ok(self.state.results.key(Call::Search, source(pinned), &asked))
    }

    fn count_question(&self, search: &Search) -> Result<Option<CacheKey>> {
        self.state.check_open()?;
        let source = source(search.as_of.is_some());
        Ok(self.state.results.key(Call::Count, source, &Where(search)))
    }

    fn heatmap_question(&self, heatmap: &Heatmap) -> Result<Option<CacheKey>> {
        self.state.check_open()?;
        let source = source(heatmap.as_of.is_some());
        let asked = CellsOf(heatmap);
        Ok(self.state.results.key(Call::Heatmap, source, &asked))
    }
}

fn source(pinned: bool) -> Dependency {
    match pinned {
        true => Dependency::Past,
        false => Dependency::Features,
    }
}

/// A search but for its limit and cursor, as a key.
struct Where<'a>(&'a Search);

impl Hash for Where<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        SearchWithin(self.0).hash(state);
        self.0.as_of.hash(state);
    }
}

/// The same without the sequence it is as of: the question that cursors belong to.
pub(super) struct SearchWithin<'a>(pub &'a Search);

impl Hash for SearchWithin<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Search {
            area,
            predicate,
            filters,
            limit: _,
            cursor: _,
            as_of: _,
        } = self.0;
        std::mem::discriminant(area).hash(state);
        match area {
            Area::Everything => {}
            Area::Box(bbox) => bbox.edges().map(f64::to_bits).hash(state),
            Area::Geometry(geometry) => geometry.name().hash(state),
            // Its version follows from the sequence, which a key and a cursor have, or from
            // the generation of all features.
            Area::Feature(feature) => feature.hash(state),
            Area::NearFeature(NearFeature { feature, k, radius }) => {
                (feature, k, radius.map(f64::to_bits)).hash(state);
            }
            Area::Near(Near { point, k, radius }) => {
                point.map(f64::to_bits).hash(state);
                (k, radius.map(f64::to_bits)).hash(state);
            }
        }
        (predicate, filters).hash(state);
    }
}

/// A question for a heatmap, as a key.
struct CellsOf<'a>(&'a Heatmap);

impl Hash for CellsOf<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Heatmap {
            bbox,
            grid,
            sum,
            filters,
            as_of,
        } = self.0;
        std::mem::discriminant(grid).hash(state);
        match grid {
            Grid::Degrees { lon, lat } => [lon, lat].map(|n| n.to_bits()).hash(state),
            Grid::Tiles { zoom } => zoom.hash(state),
        }
        let filters: &Vec<Filter> = filters;
        (bbox.edges().map(f64::to_bits), sum, filters, as_of).hash(state);
    }
}

impl Cacheable for FeaturePage {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn as_of(&self, seq: u64) -> Self {
        // The pages after it are as of the same sequence.
        let next = self.next.as_deref().zip(self.asked);
        let next = next.map(|(next, asked)| match asked.open(next) {
            Ok(cursor) => asked.seal(&cursor.pinned(seq)),
            Err(_) => next.to_owned(),
        });
        Self {
            seq,
            next,
            ..self.clone()
        }
    }

    fn bytes(&self) -> usize {
        self.json.capacity() + self.next.as_ref().map_or(0, String::capacity)
    }
}

impl Cacheable for Counted {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn as_of(&self, seq: u64) -> Self {
        Self { seq, ..*self }
    }

    fn bytes(&self) -> usize {
        0
    }
}
