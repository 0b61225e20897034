//! Searches by place that need no file work: few candidates, all of which the index, geometries
//! and documents in memory tell enough about.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::area::{Area, QueryGeometry, Target};
use super::{Search, check_filters, nearby};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::index::{BoxWalk, Hit};
use crate::read::features::current;
use crate::read::page::{FeaturePage, Page, check_limit};
use crate::state::State;

/// Candidates that are looked at.
const MAX_HITS: usize = 256;
/// Bytes of a page.
const MAX_BYTES: usize = 128 << 10;
/// How long the geometries of all candidates are compared.
const MAX_TIME: Duration = Duration::from_micros(100);
/// The same of distances: each takes a microsecond.
const NEAR_TIME: Duration = Duration::from_micros(250);

impl Database {
    /// The page that a search finds, if that is a small first page, without filters, and
    /// wholly in memory.
    pub(crate) fn find_page_in_memory(&self, search: &Search) -> Result<Option<FeaturePage>> {
        // Of a later page, what is found but belongs to earlier pages is passed over,
        // however much that is.
        if search.cursor.is_some() {
            return Ok(None);
        }
        let state = &self.state;
        check_limit(search.limit, state.limits.page_items)?;
        if let Area::Near(near) = &search.area {
            let budget = Budget::brief(&state.memory, NEAR_TIME, Cancel::default());
            let page = nearby::search_in_memory(state, search, near, MAX_BYTES, &budget);
            return match page {
                Err(Error::Timeout { .. }) => Ok(None),
                page => page,
            };
        }
        let Some((mut hits, at)) = found(state, search)? else {
            return Ok(None);
        };
        hits.sort_unstable();
        let mut documents = Vec::with_capacity(hits.len());
        let mut bytes = 2;
        // One more, to know whether there is a next page.
        for seq in hits.into_iter().take(search.limit.saturating_add(1)) {
            let Some(document) = state.documents.get(seq) else {
                return Ok(None);
            };
            bytes += document.json.len() + 1;
            documents.push(document);
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

    /// How many features a search without filters finds, and the sequence that is as of, if
    /// those are few candidates, all of them in memory.
    pub(crate) fn count_found_in_memory(&self, search: &Search) -> Result<Option<(u64, u64)>> {
        let found = found(&self.state, search)?;
        Ok(found.map(|(hits, at)| (hits.len() as u64, at)))
    }
}

/// The sequences of what a search by place finds, in no order, and that which it is as of;
/// none where more than memory, or longer than [`MAX_TIME`], is needed to tell.
fn found(state: &State, search: &Search) -> Result<Option<(Vec<u64>, u64)>> {
    check_filters(&search.filters)?;
    if !search.filters.is_empty() {
        return Ok(None);
    }
    let Some((area, as_of)) = settled(state, search)? else {
        return Ok(None);
    };
    let target = Target::new(&area, search.predicate);
    let mut placed = Vec::new();
    let features = state.indexes.features.read();
    // Under the lock: see the invariants of `State`.
    let at = state.at(as_of)?;
    let more = features.walk_box(&mut BoxWalk::new(target.pieces(), at), &mut placed);
    drop(features);
    if more || placed.len() > MAX_HITS {
        return Ok(None);
    }
    let budget = Budget::brief(&state.memory, MAX_TIME, Cancel::default());
    let mut hits = Vec::with_capacity(placed.len());
    for placed in placed {
        let is_found = match target.hit(placed, &budget) {
            Ok(Some(Hit { certain: true, .. })) => Ok(true),
            Ok(Some(Hit { seq, .. })) => match state.geometries.get(seq) {
                Some(geometry) => target.accepts(&geometry, &budget),
                None => return Ok(None),
            },
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        match is_found {
            Ok(true) => hits.push(placed.seq),
            Ok(false) => {}
            Err(Error::Timeout { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some((hits, at)))
}

/// The area of a search with the sequence that it is as of, as [`Area::settled`]; none where
/// that takes the journal, or where it is none that is searched by place.
fn settled<'s>(state: &State, search: &'s Search) -> Result<Option<(Cow<'s, Area>, Option<u64>)>> {
    Ok(match &search.area {
        area @ (Area::Box(_) | Area::Geometry(_)) => Some((Cow::Borrowed(area), search.as_of)),
        Area::Feature(id) => {
            let at = super::at(state, search.as_of)?;
            let seq = current(state, id, Some(at))?;
            state.geometries.get(seq).map(|geometry| {
                let area = QueryGeometry::of_version(geometry, seq);
                (Cow::Owned(Area::Geometry(Arc::new(area))), Some(at))
            })
        }
        Area::Everything | Area::Near(_) | Area::NearFeature(_) => None,
    })
}
