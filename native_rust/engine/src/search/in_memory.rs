//! Searches by place that need no file work: few candidates, all of which the index, geometries
//! and documents in memory tell enough about.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::area::{Area, QueryGeometry, Target};
use super::{Search, check_filters, counted, nearby};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::index::{BoxWalk, Hit};
use crate::read::features::current;
use crate::read::page::{FeaturePage, Page, check_limit};
use crate::state::State;
use crate::types::Rect;

/// Candidates that are looked at. Few in unit tests, which count more by the index so.
const MAX_HITS: usize = if cfg!(test) { 16 } else { 256 };
/// Bytes of a page.
const MAX_BYTES: usize = 128 << 10;
/// How long the geometries of all candidates are compared.
const MAX_TIME: Duration = Duration::from_micros(100);
/// The same of distances, each of which takes a microsecond, and of counting: give or take a
/// step.
const LONGEST: Duration = Duration::from_micros(250);

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
            let budget = Budget::brief(&state.memory, LONGEST, Cancel::default());
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
    /// those are few candidates, all of them in memory, or if the index counts them.
    pub(crate) fn count_found_in_memory(&self, search: &Search) -> Result<Option<(u64, u64)>> {
        let state = &self.state;
        let looked_at = || {
            let found = found(state, search)?;
            Ok::<_, Error>(found.map(|(hits, at)| (hits.len() as u64, at)))
        };
        // To find that there are too many takes as long as to count them.
        if expected(state, search) > MAX_HITS as f64 {
            let counted = by_index(state, search)?;
            return counted.map_or_else(looked_at, |counted| Ok(Some(counted)));
        }
        let found = looked_at()?;
        found.map_or_else(|| by_index(state, search), |found| Ok(Some(found)))
    }
}

/// About how many features there are in a box, if they lay as densely everywhere.
fn expected(state: &State, search: &Search) -> f64 {
    let (area, features) = state.indexes.features.read().area();
    let (Area::Box(bbox), Some(area)) = (&search.area, area) else {
        return 0.0;
    };
    let size = |rect: &Rect| {
        let [width, height] = [0, 1].map(|axis| rect.max[axis] - rect.min[axis]);
        width.max(0.0) * height.max(0.0)
    };
    let inside = |piece: &Rect| Rect {
        min: [0, 1].map(|axis| piece.min[axis].max(area.min[axis])),
        max: [0, 1].map(|axis| piece.max[axis].min(area.max[axis])),
    };
    let pieces = bbox.pieces();
    let share: f64 = pieces.iter().map(|piece| size(&inside(piece))).sum();
    // Of an area without a size nobody knows.
    let share = share / size(&area);
    if share.is_finite() {
        share * features as f64
    } else {
        0.0
    }
}

/// How many features there are, or in a box that few reach over the edges of, and as of which
/// sequence; none where more than memory, or longer than [`LONGEST`], is needed to tell.
fn by_index(state: &State, search: &Search) -> Result<Option<(u64, u64)>> {
    let target = Target::new(&search.area, search.predicate);
    let everything = matches!(search.area, Area::Everything);
    if !search.filters.is_empty() || !(everything || target.is_box()) {
        return Ok(None);
    }
    let features = state.indexes.features.read();
    // Under the lock: see the invariants of `State`.
    let at = state.at(search.as_of)?;
    if everything {
        return Ok(Some((features.count_at(at) as u64, at)));
    }
    drop(features);
    let begun = Instant::now();
    let budget = Budget::brief(&state.memory, LONGEST, Cancel::default());
    let (mut looked_at, mut unknown) = (0, false);
    let count = counted::count_box(state, target.pieces(), at, |found| {
        for placed in found.drain(..) {
            let Hit { seq, certain } = Hit::new(placed, target.pieces());
            if !certain {
                let Some(geometry) = state.geometries.get(seq) else {
                    unknown = true;
                    return Ok(false);
                };
                if !target.accepts(&geometry, &budget)? {
                    continue;
                }
            }
            looked_at += 1;
        }
        Ok(begun.elapsed() < LONGEST)
    });
    match count {
        Ok(count) if !unknown => Ok(count.map(|count| (count + looked_at, at))),
        Ok(_) | Err(Error::Timeout { .. }) => Ok(None),
        Err(error) => Err(error),
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
