//! Features in a box: the search that is asked most, and its way without file work.

use super::{Area, Search};
use crate::budget::Cancel;
use crate::cache::documents::Document;
use crate::db::database::Database;
use crate::error::Result;
use crate::geo::Predicate;
use crate::index::{BoxWalk, Hit};
use crate::read::page::{FeaturePage, Page, check_limit};
use crate::types::cbor::encode_json;
use crate::types::{BoundingBox, Json, Members, Rect, Source, intersects_box};

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

    /// The page that a search finds, if that is a small first page of features that
    /// meet a box, wholly in memory.
    pub(crate) fn find_page_in_memory(&self, search: &Search) -> Result<Option<FeaturePage>> {
        /// Hits looked at, bytes answered, and bytes of those among them whose geometry
        /// has to be read.
        const MAX_HITS: usize = 256;
        const MAX_BYTES: usize = 128 << 10;
        const MAX_READ: usize = 8 << 10;
        // Of a later page, what is in the box but belongs to earlier pages is passed
        // over, however much that is.
        let (Area::Box(bbox), Predicate::Intersects, [], None) = (
            &search.area,
            search.predicate,
            search.filters.as_slice(),
            &search.cursor,
        ) else {
            return Ok(None);
        };
        let state = &self.state;
        check_limit(search.limit, state.limits.page_items)?;
        let pieces = bbox.pieces();
        let mut found = Vec::new();
        let features = state.indexes.features.read();
        // Under the lock: see the invariants of `State`.
        let at = state.at(search.as_of)?;
        let more = features.walk_box(&mut BoxWalk::new(&pieces, at), &mut found);
        drop(features);
        if more || found.len() > MAX_HITS {
            return Ok(None);
        }
        let hits = found.into_iter().map(|version| Hit::new(version, &pieces));
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_unstable();
        let mut documents = Vec::with_capacity(hits.len());
        let (mut bytes, mut read) = (2, 0);
        for hit in hits {
            let Some(document) = state.documents.get(hit.seq) else {
                return Ok(None);
            };
            if !hit.certain {
                read += document.json.len();
                let meets = (read <= MAX_READ).then(|| document_meets(&document, &pieces));
                match meets.flatten() {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return Ok(None),
                }
            }
            bytes += document.json.len() + 1;
            documents.push(document);
            // One more, to know whether there is a next page.
            if documents.len() > search.limit {
                break;
            }
        }
        if bytes > MAX_BYTES {
            return Ok(None);
        }
        let budget = self.budget(Cancel::default());
        let mut page = Page::new(search.limit, state, &budget);
        page.make_room(bytes)?;
        for document in &documents {
            if !page.push(&document.json, document.seq)? {
                break;
            }
        }
        Ok(Some(page.finish(at, || search.asked(state))))
    }
}

/// Whether the geometry in a document meets one of the boxes: what the stored form of
/// the feature says, too, for numbers are written so that they read the same. `None`
/// for a document without a geometry that can be read.
fn document_meets(document: &Document, pieces: &[Rect]) -> Option<bool> {
    let source = Source::new(&document.json).ok()?;
    let members = source.members("a feature").ok()?;
    let geometry = source.part(members.get("geometry")?.get()).ok()?;
    let feature = Members::new(vec![("geometry".into(), geometry)]).ok()?;
    let mut body = Vec::new();
    encode_json(&Json::Obj(feature), &mut body);
    intersects_box(&body, pieces).ok()
}
