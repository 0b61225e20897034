//! Searching features: by place, by how they lie to a geometry, by distance, by
//! properties and by time; pages of them, their number, and maps of where they are.
//!
//! A search finds candidates by their envelopes in the index, under its lock and
//! without file work, and then looks into the bodies of those that the envelope
//! does not settle. Edges are straight lines in longitude and latitude, as RFC 7946
//! has them; the antimeridian and the poles are known to be one line and one place
//! each. Distances are geodesics.

mod area;
mod boxes;
mod cached;
mod counted;
mod filter;
mod grid;
mod heatmap;
mod in_memory;
mod in_order;
mod nearby;
mod schema;
mod stored;

use std::cell::RefCell;
use std::sync::Arc;

pub use area::{Area, Near, NearFeature, QueryGeometry};
pub use boxes::BoxQuery;
pub use filter::Filter;
pub use grid::Grid;
pub use heatmap::{Cell, Heatmap, HeatmapPage};

use crate::block::Block;
use crate::budget::Budget;
use crate::cache::of_blocks::Document;
use crate::cache::windows::{Gather, Window, WindowKey};
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::{Predicate, Prepared};
use crate::index::Hit;
use crate::read::ahead::ReadAhead;
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::features::{document, document_json, feature_block, make_document};
use crate::read::geometries::make_geometry;
use crate::read::page::{FeaturePage, Page, check_limit};
use crate::state::State;
use crate::state::blocks::{damaged, read_block};
use crate::types::BoundingBox;
pub(crate) use area::{Target, each_in_box};
use counted::Counted;
use filter::Span;

/// Candidates whose blocks are read in one go, 16 bytes each.
const BATCH: usize = 1 << 20;

/// Candidates of a page that are gathered and put in order; where there are more, the next of
/// them are looked for among all features in order first, so many times as many. Few in unit
/// tests, which so come by every way.
const MANY: usize = if cfg!(test) { 5 } else { 8_192 };
const FAR: usize = if cfg!(test) { 2 } else { 16 };

/// Filters in one search.
const MAX_FILTERS: usize = 64;

/// A question about features.
#[derive(Debug, Clone)]
pub struct Search {
    /// Where to look.
    pub area: Area,
    /// How a feature must lie to a box or geometry; nothing else has use for it.
    pub predicate: Predicate,
    /// What must hold besides: all of them. At most 64.
    pub filters: Vec<Filter>,
    /// Features in one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before, for the same search.
    pub cursor: Option<String>,
    /// The sequence to ask as of, by default all there is. A cursor brings its own.
    pub as_of: Option<u64>,
}

impl Database {
    /// [`Database::search`], worked out. What is read for it is kept for others where
    /// they are likely to ask for the same.
    fn find_page(&self, search: &Search, keep: bool, budget: &Budget) -> Result<FeaturePage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(search.limit, state.limits.page_items)?;
        check_filters(&search.filters)?;
        let begin = search.begin(state)?;
        let at = begin.as_ref().map(Cursor::at).or(search.as_of);
        let (area, at) = search.area.settled(state, at)?;
        if let Area::Near(near) = &*area {
            return nearby::search(state, search, near, (begin, at), budget);
        }
        let after = match begin {
            Some(Cursor::Features { after, .. }) => after,
            _ => 0,
        };
        let target = Target::new(&area, search.predicate);
        let question = Question::new(state, &target, &search.filters, at, budget)?;
        let mut page = Page::new(search.limit, state, budget);
        let later = search.cursor.is_some();
        question.documents(
            after,
            (later, keep),
            |_| true,
            |json, seq| page.push(json, seq),
        )?;
        Ok(page.finish(question.at, || search.asked(state)))
    }

    /// [`Database::count`], worked out.
    fn count_found(&self, search: &Search, budget: &Budget) -> Result<(u64, u64)> {
        let state = &self.state;
        state.check_open()?;
        check_filters(&search.filters)?;
        let (area, at) = search.area.settled(state, search.as_of)?;
        if let Area::Near(near) = &*area {
            return nearby::count(state, search, near, at, budget);
        }
        let target = Target::new(&area, search.predicate);
        let question = Question::new(state, &target, &search.filters, at, budget)?;
        let (mut settled, rest) = match question.counted()? {
            Some(Counted { count, rest }) => (count, Some(rest)),
            None => (0, None),
        };
        let mut looked_at = 0;
        question.each_candidate(
            rest,
            |hit| {
                let found = question.known(hit)?;
                settled += u64::from(found == Some(true));
                Ok(found.is_some())
            },
            |hit, block| {
                looked_at += u64::from(question.accepts_block(hit, block)?);
                Ok(())
            },
        )?;
        Ok((settled + looked_at, question.at))
    }
}

impl Search {
    /// The question that its cursors belong to.
    pub(crate) fn asked(&self, state: &State) -> Asked {
        Asked::new(&state.cursors, List::Features, &cached::SearchWithin(self))
    }

    /// Where its page begins, if it has a cursor.
    fn begin(&self, state: &State) -> Result<Option<Cursor>> {
        match &self.cursor {
            None => Ok(None),
            Some(text) => self.asked(state).open_as_of(state, Some(text), self.as_of),
        }
    }
}

/// Calls `found` with the documents that meet a box as of the sequence `at`, in order
/// of sequence, after `after`, until it answers false; with those only whose sequence
/// is `wanted`.
pub(crate) fn documents_in_box(
    state: &State,
    (bbox, at): (BoundingBox, u64),
    after: u64,
    budget: &Budget,
    wanted: impl Fn(u64) -> bool,
    found: impl FnMut(&[u8], u64) -> Result<bool>,
) -> Result<()> {
    let area = Area::Box(bbox);
    let target = Target::new(&area, Predicate::Intersects);
    let question = Question::new(state, &target, &[], Some(at), budget)?;
    question.documents(after, (after > 0, true), wanted, found)
}

/// Refuse more filters than are looked at in one question.
pub(crate) fn check_filters(filters: &[Filter]) -> Result<()> {
    if filters.len() > MAX_FILTERS {
        let detail = format!(
            "there are {} filters; give at most {MAX_FILTERS}",
            filters.len()
        );
        return Err(Error::invalid(InvalidCode::Parameter, "", detail));
    }
    Ok(())
}

/// A search as of a sequence.
struct Question<'q> {
    state: &'q State,
    target: &'q Target,
    conditions: Conditions<'q>,
    budget: &'q Budget,
    at: u64,
    ahead: RefCell<ReadAhead>,
    /// Bytes of geometries that it may have kept yet: one that goes through many takes no
    /// more than a part of the place of what others ask for.
    keeps: std::cell::Cell<usize>,
}

impl<'q> Question<'q> {
    fn new(
        state: &'q State,
        target: &'q Target,
        filters: &'q [Filter],
        as_of: Option<u64>,
        budget: &'q Budget,
    ) -> Result<Self> {
        let at = at(state, as_of)?;
        Ok(Self {
            state,
            target,
            conditions: Conditions::new(state, filters, at)?,
            budget,
            at,
            ahead: RefCell::default(),
            keeps: std::cell::Cell::new(state.geometries.limit() / 4),
        })
    }

    fn key(&self) -> WindowKey {
        let Conditions { first, last, .. } = self.conditions;
        self.target.key(self.at, (first, last))
    }

    /// Between which sequences its candidates were written.
    fn span(&self) -> (u64, u64) {
        let Conditions { first, last, .. } = self.conditions;
        (first.max(1), last.min(self.at))
    }

    /// Candidates after a sequence, if they are in memory.
    fn kept_window(&self, after: u64) -> Option<Arc<Window>> {
        let window = self.state.windows.get(&self.key())?;
        let known = window.hits(after).is_some();
        known.then_some(window)
    }

    /// All candidates after a sequence, unless there are more than so many in all.
    fn window(&self, after: u64, most: usize) -> Result<Option<Arc<Window>>> {
        let mut gather = Gather::new(after, self.at, self.budget);
        let mut count = 0;
        self.target
            .candidates(self.state, self.at, self.budget, |hit| {
                count += 1;
                if self.conditions.spans(hit.seq) {
                    gather.push(hit)?;
                }
                Ok(count <= most)
            })?;
        Ok((count <= most).then(|| Arc::new(gather.finish())))
    }

    /// Calls `found` with the candidates that no condition on sequences leaves out, in
    /// no order: one walk.
    fn candidates(&self, mut found: impl FnMut(Hit) -> Result<()>) -> Result<()> {
        if self.is_in_order() {
            let found = |hit| found(hit).map(|()| true);
            return self.candidates_in_order(0, usize::MAX, found).map(drop);
        }
        self.target
            .candidates(self.state, self.at, self.budget, |hit| {
                if self.conditions.spans(hit.seq) {
                    found(hit)?;
                }
                Ok(true)
            })
    }

    /// One walk over all candidates, or only over `some` of them: calls `settled` with each,
    /// and `look` with the blocks of those for which that is false.
    ///
    /// Blocks are read in the order in which they lie in the journal, so many at a
    /// time as [`BATCH`] says.
    fn each_candidate(
        &self,
        some: Option<Vec<Hit>>,
        mut settled: impl FnMut(Hit) -> Result<bool>,
        mut look: impl FnMut(Hit, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Vec::new();
        let mut look_at = |batch: &mut Vec<Hit>| {
            batch.sort_unstable();
            for hit in batch.drain(..) {
                self.budget.step()?;
                let mut ahead = self.ahead.borrow_mut();
                look(hit, ahead.block(self.state, hit.seq, self.at)?)?;
            }
            Ok(())
        };
        let mut take = |hit| {
            if settled(hit)? {
                return Ok(());
            }
            if batch.len() == BATCH {
                look_at(&mut batch)?;
            }
            self.budget.make_room(&mut batch, 1)?;
            batch.push(hit);
            Ok(())
        };
        match some {
            Some(hits) => hits.into_iter().try_for_each(take)?,
            None => self.candidates(&mut take)?,
        }
        look_at(&mut batch)
    }

    /// Keep candidates for the next page.
    fn keep(&self, window: &Arc<Window>) {
        let key = self.key();
        let kept = self.state.windows.get(&key);
        if kept.is_none_or(|kept| !Arc::ptr_eq(&kept, window)) {
            self.state.windows.insert(key, window);
        }
    }

    /// Calls `found` with the documents after a sequence, as JSON, in order, until it
    /// answers false; with those only whose sequence is `wanted`. Of a `later` page,
    /// candidates may be in memory. Documents stay in memory if they are to be kept.
    fn documents(
        &self,
        after: u64,
        (later, keep): (bool, bool),
        wanted: impl Fn(u64) -> bool,
        mut found: impl FnMut(&[u8], u64) -> Result<bool>,
    ) -> Result<()> {
        let mut document = |hit: Hit| {
            if !wanted(hit.seq) {
                return Ok(true);
            }
            let go_on = if keep {
                let document = self.document(hit)?;
                document.map(|document| found(&document.json, hit.seq))
            } else {
                let json = self.document_json(hit)?;
                json.map(|json| found(&json, hit.seq))
            };
            Ok(go_on.transpose()?.unwrap_or(true))
        };
        if self.is_in_order() {
            return self
                .candidates_in_order(after, usize::MAX, document)
                .map(drop);
        }
        let kept = later.then(|| self.kept_window(after)).flatten();
        let mut window = match kept {
            Some(window) => Some(window),
            None => self.window(after, MANY)?,
        };
        let mut after = after;
        if window.is_none() {
            // Among so many the next ones are not far.
            match self.candidates_in_order(after, MANY * FAR, &mut document)? {
                Some(last) => after = last,
                None => return Ok(()),
            }
            window = self.window(after, usize::MAX)?;
        }
        let Some(window) = window else {
            return Ok(());
        };
        for hit in window.hits(after).into_iter().flatten() {
            if !document(hit)? {
                self.keep(&window);
                break;
            }
        }
        Ok(())
    }

    /// The document of a candidate if that is found.
    fn document(&self, hit: Hit) -> Result<Option<Arc<Document>>> {
        self.budget.step()?;
        match self.known(hit)? {
            Some(true) => return document(self.state, hit.seq).map(Some),
            Some(false) => return Ok(None),
            None => {}
        }
        let mut ahead = self.ahead.borrow_mut();
        let bytes = ahead.block(self.state, hit.seq, self.at)?;
        if !self.accepts_block(hit, bytes)? {
            return Ok(None);
        }
        match self.state.documents.get(hit.seq) {
            Some(document) => Ok(Some(document)),
            None => make_document(self.state, hit.seq, bytes).map(Some),
        }
    }

    /// The document of a candidate if that is found, read past the documents in memory.
    fn document_json(&self, hit: Hit) -> Result<Option<Vec<u8>>> {
        self.budget.step()?;
        let known = self.known(hit)?;
        if known == Some(false) {
            return Ok(None);
        }
        let mut ahead = self.ahead.borrow_mut();
        let bytes = ahead.block(self.state, hit.seq, self.at)?;
        if known.is_none() && !self.accepts_block(hit, bytes)? {
            return Ok(None);
        }
        document_json(self.state, hit.seq, bytes).map(Some)
    }

    /// Whether a candidate is found, if its envelope or a geometry in memory tells.
    fn known(&self, hit: Hit) -> Result<Option<bool>> {
        if !self.conditions.of_properties.is_empty() {
            return Ok(None);
        }
        if hit.certain {
            return Ok(Some(true));
        }
        let geometry = self.state.geometries.get(hit.seq);
        geometry
            .map(|geometry| self.target.accepts(&geometry, self.budget))
            .transpose()
    }

    fn accepts_block(&self, hit: Hit, bytes: &[u8]) -> Result<bool> {
        let (_, body) = feature_block(self.state, hit.seq, bytes)?;
        if !self.conditions.hold(self.state, hit.seq, body)? {
            return Ok(false);
        }
        if hit.certain {
            return Ok(true);
        }
        let Some(geometry) = self.geometry(hit.seq, body)? else {
            return Ok(false);
        };
        self.target.accepts(&geometry, self.budget)
    }

    /// The geometry of a candidate, from memory or from its body, and then kept, unless this
    /// question has others kept enough already.
    fn geometry(&self, seq: u64, body: &[u8]) -> Result<Option<Arc<Prepared>>> {
        if let Some(known) = self.state.geometries.get(seq) {
            return Ok(Some(known));
        }
        let made = make_geometry(self.state, seq, body)?;
        let left = self.keeps.get();
        if let Some(made) = made.as_ref().filter(|made| made.bytes() <= left) {
            self.keeps.set(left - made.bytes());
            self.state.geometries.insert_geometry(seq, made);
        }
        Ok(made)
    }
}

/// What filters ask for.
struct Conditions<'q> {
    of_properties: Vec<&'q Filter>,
    first: u64,
    last: u64,
}

impl<'q> Conditions<'q> {
    /// May read a few blocks, to find where a time lies in the journal.
    fn new(state: &State, filters: &'q [Filter], at: u64) -> Result<Self> {
        let span = Span::of(filters);
        let mut first = span.first;
        let mut last = span.last.min(at);
        if let Some(since) = span.since {
            first = first.max(first_since(state, since, at)?);
        }
        if let Some(until) = span.until {
            last = last.min(first_since(state, until, at)? - 1);
        }
        Ok(Self {
            of_properties: filters.iter().filter(|f| f.is_of_properties()).collect(),
            first,
            last,
        })
    }

    fn spans(&self, seq: u64) -> bool {
        (self.first..=self.last).contains(&seq)
    }

    /// Whether the properties in a stored feature are as asked.
    fn hold(&self, state: &State, seq: u64, body: &[u8]) -> Result<bool> {
        for filter in &self.of_properties {
            let holds = filter.matches(body);
            if !holds.map_err(|e| damaged(state, seq, e))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The sequence that a search is as of. What is published by now stays readable as
/// of that sequence, whatever is written later.
pub(crate) fn at(state: &State, as_of: Option<u64>) -> Result<u64> {
    let _features = state.indexes.features.read();
    state.at(as_of)
}

/// The first block up to `at` that was committed at or after a time, or the
/// sequence after `at`. Times never decrease, so this halves the journal: reads
/// about log2(at) blocks.
fn first_since(state: &State, time: i64, at: u64) -> Result<u64> {
    let (mut low, mut high) = (1, at + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let bytes = read_block(state, middle)?;
        let block = Block::decode(&bytes).map_err(|e| damaged(state, middle, e))?;
        if block.time < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests;
