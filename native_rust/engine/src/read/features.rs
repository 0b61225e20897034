//! Reading features: one by id, many by box.

use std::sync::Arc;

use crate::block::operation::OpKind;
use crate::block::{Action, Block};
use crate::budget::{Budget, Cancel};
use crate::cache::documents::Document;
use crate::db::database::Database;
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::geo::Predicate;
use crate::index::{BoxWalk, Hit};
use crate::journal::BlockLocation;
use crate::merkle::leaf_hash;
use crate::read::cursor::{Asked, Cursor};
use crate::search::{Area, Search};
use crate::state::State;
use crate::types::cbor::encode_json;
use crate::types::{BoundingBox, Json, Members, Rect, Source, feature_to_json, intersects_box};

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

/// One page of features, in the order of their sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeaturePage {
    /// A JSON array of features.
    pub json: Arc<Vec<u8>>,
    /// Features in it.
    pub returned: usize,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
    /// The question that it belongs to, where there is one.
    pub(crate) asked: Option<Asked>,
}

impl Database {
    /// The feature `id`, if asked for as of a sequence, if its document is in
    /// memory; `None` if that must be read from the journal. No file work, and O(log n) in
    /// the number of its versions: safe where blocking is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a sequence the journal has not
    /// reached, [`Error::Closed`].
    pub fn feature_in_memory(&self, id: &str, as_of: Option<u64>) -> Result<Option<Arc<Document>>> {
        let seq = current(&self.state, id, as_of)?;
        Ok(self.state.bodies.get(seq))
    }

    /// How long the stored form of that version is, in bytes: what reading it takes. No
    /// file work.
    ///
    /// # Errors
    /// As [`Database::feature_in_memory`].
    pub fn feature_bytes(&self, id: &str, as_of: Option<u64>) -> Result<u32> {
        let seq = current(&self.state, id, as_of)?;
        Ok(location(&self.state, seq)?.len)
    }

    /// The version of the feature `id` that is current, or was as of a sequence.
    /// May read the journal.
    ///
    /// # Errors
    /// As [`Database::feature_in_memory`], [`Error::Corrupt`], [`Error::Io`].
    pub fn feature(&self, id: &str, as_of: Option<u64>) -> Result<Arc<Document>> {
        let seq = current(&self.state, id, as_of)?;
        document(&self.state, seq)
    }

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
        /// has to be read, at about 5 ns a byte.
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
        let features = state.features.read();
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
            let Some(document) = state.bodies.get(hit.seq) else {
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
        budget.make_room(&mut page.json, bytes)?;
        for document in &documents {
            if !page.push(&document.json, document.seq)? {
                break;
            }
        }
        Ok(Some(page.finish(at, || search.asked(state))))
    }
}

/// A page being filled: it ends at a number of features and at a number of bytes.
pub(crate) struct Page<'q> {
    limit: usize,
    bytes: usize,
    budget: &'q Budget,
    json: Vec<u8>,
    returned: usize,
    last_seq: u64,
    more: bool,
}

impl<'q> Page<'q> {
    pub(crate) fn new(limit: usize, state: &State, budget: &'q Budget) -> Self {
        Self {
            limit,
            bytes: state.limits.page_bytes,
            budget,
            json: vec![b'['],
            returned: 0,
            last_seq: 0,
            more: false,
        }
    }

    /// Features in it so far.
    pub(crate) fn returned(&self) -> usize {
        self.returned
    }

    /// Add the feature of a sequence; false when the page was full already. The first
    /// has a place however large it is.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(crate) fn push(&mut self, json: &[u8], seq: u64) -> Result<bool> {
        let bytes = self.json.len() + json.len();
        if self.returned == self.limit || (self.returned > 0 && bytes > self.bytes) {
            self.more = true;
            return Ok(false);
        }
        // With the comma before it and the bracket behind.
        self.budget.make_room(&mut self.json, json.len() + 2)?;
        if self.returned > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(json);
        self.returned += 1;
        self.last_seq = seq;
        Ok(true)
    }

    /// The page as of a sequence, with the cursor of the next one where there are more.
    pub(crate) fn finish(self, at: u64, asked: impl FnOnce() -> Asked) -> FeaturePage {
        let after = self.last_seq;
        let next = self.more.then_some(Cursor::Features { at, after });
        self.finish_with(at, next, asked)
    }

    /// The page with that cursor.
    pub(crate) fn finish_with(
        mut self,
        at: u64,
        next: Option<Cursor>,
        asked: impl FnOnce() -> Asked,
    ) -> FeaturePage {
        self.json.push(b']');
        let next = next.map(|next| (asked(), next));
        FeaturePage {
            json: Arc::new(self.json),
            returned: self.returned,
            seq: at,
            next: next.as_ref().map(|(asked, next)| asked.seal(next)),
            asked: next.map(|(asked, _)| asked),
        }
    }
}

/// Sequence of the visible version of a feature.
fn current(state: &State, id: &str, as_of: Option<u64>) -> Result<u64> {
    state.check_open()?;
    let features = state.features.read();
    features
        .current(id, state.at(as_of)?)
        .ok_or_else(|| no_feature(id))
}

impl Database {
    /// Sequence of the current version of a feature.
    pub(crate) fn current_seq(&self, id: &str) -> Result<u64> {
        current(&self.state, id, None)
    }
}

pub(crate) fn no_feature(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Feature,
        id: id.to_owned(),
    }
}

/// The document of a feature's block, from memory or from the journal.
pub(crate) fn document(state: &State, seq: u64) -> Result<Arc<Document>> {
    match state.bodies.get(seq) {
        Some(document) => Ok(document),
        None => {
            let bytes = read_block(state, seq)?;
            make_document(state, seq, &bytes)
        }
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

/// The document of a block's bytes, kept in memory for the next who asks.
pub(crate) fn make_document(state: &State, seq: u64, bytes: &[u8]) -> Result<Arc<Document>> {
    let (block, body) = feature_block(state, seq, bytes)?;
    let mut json = Vec::with_capacity(bytes.len() * 2);
    feature_to_json(body, block.provenance, &mut json).map_err(|e| damaged(state, seq, e))?;
    let document = Arc::new(Document {
        seq,
        hash: leaf_hash(bytes),
        json: json.into(),
    });
    state.bodies.insert(&document);
    Ok(document)
}

/// A block that writes a feature, and that feature's stored form.
pub(crate) fn feature_block<'a>(
    state: &State,
    seq: u64,
    bytes: &'a [u8],
) -> Result<(Block<'a>, &'a [u8])> {
    let (block, action) = block_at(state, seq, bytes)?;
    if action.op != OpKind::PutFeature {
        return Err(damaged(state, seq, "another block lies at its place"));
    }
    Ok((block, action.body))
}

/// The block `seq` from its stored bytes, and what it does.
pub(crate) fn block_at<'a>(
    state: &State,
    seq: u64,
    bytes: &'a [u8],
) -> Result<(Block<'a>, Action<'a>)> {
    let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
    let action = block.action().map_err(|e| damaged(state, seq, e))?;
    if block.seq != seq {
        return Err(damaged(state, seq, "another block lies at its place"));
    }
    Ok((block, action))
}

/// The stored bytes of a block, held against their checksum and the Merkle tree. May
/// read the journal: the block, and a page of its segment's footer.
pub(crate) fn read_block(state: &State, seq: u64) -> Result<Vec<u8>> {
    let bytes = state.segments.read_block(location(state, seq)?)?;
    state.check_leaf(seq, &bytes)?;
    Ok(bytes)
}

/// Stored bytes that match their checksum and yet are not what was written: the
/// index and the journal disagree.
pub(crate) fn damaged(state: &State, seq: u64, reason: impl ToString) -> Error {
    let reason = format!("block {seq}: {}", reason.to_string());
    match location(state, seq) {
        Ok(location) => state.segments.corrupt(location, &reason),
        Err(closed) => closed,
    }
}

/// Where a visible block lies; only closing a database forgets that.
pub(crate) fn location(state: &State, seq: u64) -> Result<BlockLocation> {
    state.blocks.read().get(seq).ok_or(Error::Closed)
}

pub(crate) fn check_limit(limit: usize, max: usize) -> Result<()> {
    if limit == 0 || limit > max {
        let detail =
            format!("the limit is {limit}; give one from 1 to {max} (setting FORMDB_PAGE_ITEMS)");
        return Err(Error::invalid(InvalidCode::Parameter, "/limit", detail));
    }
    Ok(())
}
