//! The features nearest to a position.
//!
//! Candidates are taken in the order of a lower bound of their distance. Once as many
//! as are wanted are nearer than the bound of the next candidate, they are the nearest.
//! Distances to all but points need bodies, which are read without the lock: so
//! candidates are taken in rounds, each twice the one before.
//!
//! A few candidates the index gives in order. To find many so would keep its lock for
//! long, since where it had come to could not be told once others have written: those
//! are gathered from the surroundings, which are walked in steps.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memmem;
use serde::Serializer;

use super::area::{Near, each_in_box};
use super::{Conditions, Search, at};
use crate::budget::Budget;
use crate::cache::of_blocks::Document;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::{Center, Prepared};
use crate::index::Placed;
use crate::read::cursor::Cursor;
use crate::read::features::{document, feature_block};
use crate::read::geometries::geometry;
use crate::read::page::{FeaturePage, Page};
use crate::state::State;
use crate::state::blocks::read_block;
use crate::types::{Rect, Source, push_version, without_noise};

/// A feature and its distance in metres.
#[derive(Debug, Clone, Copy)]
struct Neighbor {
    distance: f64,
    seq: u64,
}

impl Ord for Neighbor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.seq.cmp(&other.seq))
    }
}

impl PartialOrd for Neighbor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Neighbor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Neighbor {}

pub(super) fn search(
    state: &State,
    search: &Search,
    near: &Near,
    (begin, as_of): (Option<Cursor>, Option<u64>),
    budget: &Budget,
) -> Result<FeaturePage> {
    let point = check(near)?;
    let (after, taken) = match begin {
        Some(Cursor::Nearby {
            at: _,
            distance,
            after,
            taken,
        }) => {
            let distance = f64::from_bits(distance);
            let after = Neighbor {
                distance,
                seq: after,
            };
            (Some(after), taken)
        }
        _ => (None, 0),
    };
    let walk = Walk::new(state, search, near, (point, after), as_of, budget)?;
    let (k, wanted) = wanted(search, near, taken);
    // One more, to know whether there is a next page.
    let found = walk.nearest(wanted + 1)?;
    let page = walk.page(search, (k, wanted, taken), found, |seq| {
        document(state, seq).map(Some)
    })?;
    Ok(page.unwrap_or_else(|| unreachable!("a document that is read is there")))
}

/// Features of a page that is made in memory.
const FEW: usize = 128;
/// Calls of [`Walk::bound`] for them: some tens of microseconds.
const LITTLE_WORK: usize = 768;

/// The first page of a search without filters, if it has no more than so many bytes and is wholly
/// in memory; none where more than that, or longer than the budget has, is needed to tell. No file
/// work.
pub(super) fn search_in_memory(
    state: &State,
    search: &Search,
    near: &Near,
    bytes: usize,
    budget: &Budget,
) -> Result<Option<FeaturePage>> {
    let point = check(near)?;
    let (k, wanted) = wanted(search, near, 0);
    // Within a radius there may be few, however many are wanted.
    if (wanted > FEW && near.radius.is_none()) || !search.filters.is_empty() {
        return Ok(None);
    }
    let walk = Walk::new(state, search, near, (point, None), search.as_of, budget)?;
    let Some(found) = walk.nearest_in_memory(wanted.saturating_add(1))? else {
        return Ok(None);
    };
    let left = Cell::new(bytes);
    walk.page(search, (k, wanted, 0), found, |seq| {
        let document = state.documents.get(seq);
        let small = document.filter(|document| {
            let rest = left.get().checked_sub(document.json.len());
            left.set(rest.unwrap_or_default());
            rest.is_some()
        });
        Ok(small)
    })
}

/// How many are left of `k` after the pages before, and how many this page has at most.
fn wanted(search: &Search, near: &Near, taken: u64) -> (u64, usize) {
    let k = near.k.map_or(u64::MAX, |k| k as u64).saturating_sub(taken);
    let wanted = usize::try_from(k).map_or(search.limit, |k| k.min(search.limit));
    (k, wanted)
}

pub(super) fn count(
    state: &State,
    search: &Search,
    near: &Near,
    as_of: Option<u64>,
    budget: &Budget,
) -> Result<(u64, u64)> {
    let point = check(near)?;
    let walk = Walk::new(state, search, near, (point, None), as_of, budget)?;
    let count = match near.k {
        Some(k) => walk.nearest(k)?.len() as u64,
        None => walk.count()?,
    };
    Ok((count, walk.at))
}

/// The position to search around, with what rounding put beyond 180 or 90 degrees set to
/// that.
fn check(near: &Near) -> Result<[f64; 2]> {
    let refusal = |code, pointer: &str, detail: String| Err(Error::invalid(code, pointer, detail));
    let [lon, lat] = near.point;
    let [lon, lat] = [without_noise(lon, 180.0), without_noise(lat, 90.0)];
    if !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat) {
        let detail = format!(
            "the point is {lon},{lat}; expected a longitude between -180 and 180 and a latitude \
             between -90 and 90 degrees"
        );
        return refusal(InvalidCode::Position, "/point", detail);
    }
    if near.k == Some(0) {
        let detail = "k is 0; give at least 1".to_owned();
        return refusal(InvalidCode::Parameter, "/k", detail);
    }
    match near.radius {
        Some(radius) if !radius.is_finite() || radius < 0.0 => {
            let detail = format!("the radius is {radius}; give metres, 0 or more");
            refusal(InvalidCode::Parameter, "/radius", detail)
        }
        None if near.k.is_none() => {
            let detail = "there is neither k nor radius; give one of them or both".to_owned();
            refusal(InvalidCode::Parameter, "", detail)
        }
        _ => Ok([lon, lat]),
    }
}

/// A search for the nearest as of a sequence.
struct Walk<'q> {
    state: &'q State,
    center: Center,
    radius: f64,
    conditions: Conditions<'q>,
    /// The last of the page before.
    after: Option<Neighbor>,
    budget: &'q Budget,
    at: u64,
}

/// Calls of [`Walk::bound`] under the lock in one go.
const WORK: usize = 768;

/// Bytes for a candidate whose distance is known, in the table of those.
const KNOWN: usize = 64;

/// Metres: half of the earth's girth, and more.
const FARTHEST: f64 = 2.1e7;

#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// It is no nearer than this.
    bound: f64,
    found: Placed,
}

impl Candidate {
    fn order(&self, other: &Self) -> Ordering {
        let by_bound = self.bound.total_cmp(&other.bound);
        by_bound.then(self.found.seq.cmp(&other.found.seq))
    }
}

/// Candidates in order, and the bound of the next one.
type Candidates = (Vec<Candidate>, Option<f64>);

/// Keeps the first of many candidates, and one more.
struct Nearest {
    max: usize,
    candidates: Vec<Candidate>,
}

impl Nearest {
    fn new(max: usize) -> Self {
        Self {
            max,
            candidates: Vec::new(),
        }
    }

    fn push(&mut self, candidate: Candidate, budget: &Budget) -> Result<()> {
        budget.make_room(&mut self.candidates, 1)?;
        self.candidates.push(candidate);
        // Room for twice as many: then cutting costs no more than gathering.
        if self.candidates.len() > self.max.saturating_mul(2).saturating_add(1) {
            self.candidates
                .select_nth_unstable_by(self.max, Candidate::order);
            self.candidates.truncate(self.max + 1);
        }
        Ok(())
    }

    /// The first, in order, and the bound of the one after them.
    fn finish(mut self) -> Candidates {
        self.candidates.sort_unstable_by(Candidate::order);
        let next = self.candidates.get(self.max).map(|next| next.bound);
        self.candidates.truncate(self.max);
        (self.candidates, next)
    }
}

impl<'q> Walk<'q> {
    fn new(
        state: &'q State,
        search: &'q Search,
        near: &Near,
        (point, after): ([f64; 2], Option<Neighbor>),
        as_of: Option<u64>,
        budget: &'q Budget,
    ) -> Result<Self> {
        let at = at(state, as_of)?;
        Ok(Self {
            state,
            center: Center::new(point),
            radius: near.radius.unwrap_or(f64::INFINITY),
            conditions: Conditions::new(state, &search.filters, at)?,
            after,
            budget,
            at,
        })
    }

    /// A page of what was found, of which there is one more than `wanted` where there is a next
    /// page; none if `document` has not all of them.
    fn page(
        &self,
        search: &Search,
        (k, wanted, taken): (u64, usize, u64),
        mut found: Vec<Neighbor>,
        document: impl Fn(u64) -> Result<Option<Arc<Document>>>,
    ) -> Result<Option<FeaturePage>> {
        let state = self.state;
        let more = found.len() > wanted && k > wanted as u64;
        found.truncate(wanted);
        let mut page = Page::new(wanted, state, self.budget);
        let mut last = None;
        let mut feature = Vec::new();
        for next in &found {
            self.budget.step()?;
            feature.clear();
            let Some(document) = document(next.seq)? else {
                return Ok(None);
            };
            let version = (state.log.as_str(), next.seq);
            push_with_distance(&document.json, next.distance, version, &mut feature)?;
            if !page.push(&feature, next.seq)? {
                break;
            }
            last = Some(next);
        }
        // It ends at its bytes, too.
        let more = more || page.returned() < found.len();
        let next = last.filter(|_| more).map(|last| Cursor::Nearby {
            at: self.at,
            distance: last.distance.to_bits(),
            after: last.seq,
            taken: taken + page.returned() as u64,
        });
        Ok(Some(
            page.finish_with(self.at, next, || search.asked(state)),
        ))
    }

    /// The `wanted` nearest after the last of the page before, or as many as there
    /// are, nearest first.
    fn nearest(&self, wanted: usize) -> Result<Vec<Neighbor>> {
        // A few more than wanted: bounds differ from distances by a third of a
        // percent, which may change the order of some.
        let mut round = wanted.saturating_add(16);
        // What is known already of each candidate: its distance, if it is found.
        let mut known: HashMap<u64, Option<f64>> = HashMap::new();
        loop {
            let candidates = self.candidates(round, WORK)?;
            let found = among(&candidates, wanted, |placed| {
                if let Some(distance) = known.get(&placed.seq) {
                    return Ok(*distance);
                }
                let distance = self.distance(placed)?;
                self.budget.hold(KNOWN)?;
                known.insert(placed.seq, distance);
                Ok(distance)
            })?;
            if let Some(found) = found {
                return Ok(found);
            }
            round = round.saturating_mul(2);
        }
    }

    /// The same from few candidates and geometries in memory; none if these do not tell.
    fn nearest_in_memory(&self, wanted: usize) -> Result<Option<Vec<Neighbor>>> {
        let few = wanted.min(FEW) + 16;
        let (candidates, stopped) = self.in_order(few, LITTLE_WORK);
        if stopped.is_some() {
            return Ok(None);
        }
        let mut unknown = false;
        let found = among(&candidates, wanted, |placed| {
            let geometry = match self.is_point(&placed) {
                true => None,
                false => {
                    let geometry = self.state.geometries.get(placed.seq);
                    unknown |= geometry.is_none();
                    geometry
                }
            };
            match unknown {
                true => Ok(None),
                false => self.distance_of(placed, |_| Ok(geometry)),
            }
        });
        match found {
            Ok(found) => Ok(found.filter(|_| !unknown)),
            Err(Error::Timeout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many are within the radius: one walk, in no order.
    fn count(&self) -> Result<u64> {
        let mut count = 0;
        let around = self.center.surroundings(self.radius);
        each_in_box(
            self.state,
            &around.pieces(),
            self.at,
            self.budget,
            |found| {
                let candidate =
                    self.bound(&found.rect).is_some() && self.conditions.spans(found.seq);
                if candidate && self.distance(found)?.is_some() {
                    count += 1;
                }
                Ok(())
            },
        )?;
        Ok(count)
    }

    /// The first candidates by their bounds, and the bound of the next one.
    fn candidates(&self, max: usize, work: usize) -> Result<Candidates> {
        let (candidates, stopped) = self.in_order(max, work);
        match stopped {
            None => Ok(candidates),
            Some(bound) => self.gathered(max, candidates.0.len(), bound),
        }
    }

    /// As many of them as about so much work finds, and the bound up to which that are all where
    /// it ended before.
    fn in_order(&self, max: usize, work: usize) -> (Candidates, Option<f64>) {
        let mut candidates = Vec::new();
        let mut next = None;
        let features = self.state.indexes.features.read();
        let stopped = features.by_bound(
            self.at,
            work,
            |rect| self.bound(rect),
            |bound, found| {
                if !self.conditions.spans(found.seq) {
                    return ControlFlow::Continue(());
                }
                if candidates.len() == max {
                    next = Some(bound);
                    return ControlFlow::Break(());
                }
                candidates.push(Candidate { bound, found });
                ControlFlow::Continue(())
            },
        );
        ((candidates, next), stopped)
    }

    /// The same from the surroundings, of which those up to `radius` are known to have
    /// about `count` candidates.
    fn gathered(&self, max: usize, mut count: usize, mut radius: f64) -> Result<Candidates> {
        // What lies before the page before is not looked at.
        let inner = self.after.map_or(0.0, |after| after.distance);
        loop {
            // As far as there are enough if they lie as densely there, and some more.
            radius = radius.max(1.0);
            let ring = (radius * radius - inner * inner).max(radius * radius / 16.0);
            let wanted = 1.3 * (max as f64 / count as f64).min(16.0);
            radius = (inner * inner + ring * wanted).sqrt().max(1.1 * radius);
            let last = radius >= self.radius.min(FARTHEST);
            let mut gather = Nearest::new(max);
            let around = self.center.surroundings(radius.min(self.radius));
            let pieces = around.pieces();
            each_in_box(self.state, &pieces, self.at, self.budget, |found| {
                if let Some(bound) = self.bound(&found.rect)
                    && (last || bound < radius)
                    && self.conditions.spans(found.seq)
                {
                    gather.push(Candidate { bound, found }, self.budget)?;
                }
                Ok(())
            })?;
            let (candidates, next) = gather.finish();
            if last || next.is_some() {
                return Ok((candidates, next));
            }
            count = candidates.len();
        }
    }

    /// No less than how near what lies in a rectangle can be, unless that is farther
    /// than asked for, or before the page before.
    fn bound(&self, rect: &Rect) -> Option<f64> {
        let least = self.center.at_least(rect);
        let passed = |after: Neighbor| self.center.at_most(rect) < after.distance;
        let outside = least > self.radius || self.after.is_some_and(passed);
        (!outside).then_some(least)
    }

    fn is_point(&self, placed: &Placed) -> bool {
        placed.rect.min == placed.rect.max
    }

    /// The distance of a candidate that is found, and comes after the page before.
    fn distance(&self, placed: Placed) -> Result<Option<f64>> {
        self.distance_of(placed, |seq| geometry(self.state, seq))
    }

    /// The same of one whose geometry, where it is no point, is asked for.
    fn distance_of(
        &self,
        placed: Placed,
        geometry: impl FnOnce(u64) -> Result<Option<Arc<Prepared>>>,
    ) -> Result<Option<f64>> {
        self.budget.step()?;
        let Placed { seq, rect } = placed;
        let point = self.is_point(&placed).then_some(rect.min);
        let inside = |distance: f64| {
            let found = Neighbor { distance, seq };
            let later = |after: Neighbor| found > after;
            distance <= self.radius && self.after.is_none_or(later)
        };
        let mut distance = point.map(|point| self.center.distance(point));
        let filtered = !self.conditions.of_properties.is_empty();
        if distance.is_some_and(|distance| !inside(distance)) || (!filtered && distance.is_some()) {
            return Ok(distance.filter(|distance| inside(*distance)));
        }
        if distance.is_none() {
            distance = match geometry(seq)? {
                Some(geometry) => self.center.distance_to(&geometry, self.budget)?,
                None => None,
            };
            if !filtered || !distance.is_some_and(inside) {
                return Ok(distance.filter(|distance| inside(*distance)));
            }
        }
        let bytes = read_block(self.state, seq)?;
        let (_, body) = feature_block(self.state, seq, &bytes)?;
        let holds = self.conditions.hold(self.state, seq, body)?;
        Ok(distance.filter(|_| holds))
    }
}

/// The `wanted` nearest among candidates whose distances, where they are found, are asked for,
/// nearest first; none if others may be nearer.
fn among(
    (candidates, next): &Candidates,
    wanted: usize,
    mut distance: impl FnMut(Placed) -> Result<Option<f64>>,
) -> Result<Option<Vec<Neighbor>>> {
    let mut found = BinaryHeap::new();
    // Nothing that is still to come is nearer than its bound.
    let settled = |found: &BinaryHeap<Neighbor>, bound: f64| {
        let last = found.peek().filter(|_| found.len() == wanted);
        last.is_some_and(|last: &Neighbor| last.distance < bound)
    };
    for candidate in candidates {
        if settled(&found, candidate.bound) {
            return Ok(Some(found.into_sorted_vec()));
        }
        let seq = candidate.found.seq;
        let distance = distance(candidate.found)?;
        found.extend(distance.map(|distance| Neighbor { distance, seq }));
        if found.len() > wanted {
            found.pop();
        }
    }
    let done = next.is_none_or(|bound| settled(&found, bound));
    Ok(done.then(|| found.into_sorted_vec()))
}

/// Appends a feature with its version and, as the last member, its distance.
fn push_with_distance(
    feature: &[u8],
    distance: f64,
    (log, seq): (&str, u64),
    out: &mut Vec<u8>,
) -> Result<()> {
    /// What may be the name of a member.
    const NAME: &[u8] = b"\"distance\"";
    if memmem::find(feature, NAME).is_some() {
        // Perhaps deeper down; but if it is a member of the feature it gives way.
        let members = Source::new(feature)?.members("a feature")?;
        let ours = ["distance", "formdb"];
        let others = members.iter().filter(|(name, _)| !ours.contains(name));
        // Writing text into memory has no way to fail.
        let _ = serde_json::Serializer::new(&mut *out).collect_map(others);
    } else {
        // As it is: to parse it would take several times as long.
        out.extend_from_slice(feature);
    }
    out.pop_if(|last| *last == b'}');
    // What has provenance has its version already, as the last member.
    let mut version = Vec::new();
    push_version(log, seq, &mut version);
    if !out.ends_with(&version) {
        out.extend_from_slice(&version);
    }
    out.push(b',');
    out.extend_from_slice(NAME);
    out.push(b':');
    let _ = serde_json::to_writer(&mut *out, &distance);
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::database::Database;
    use crate::fs::RealFileSystem;
    use crate::limits::Limits;
    use crate::search::Filter;
    use crate::types::BoundingBox;

    /// However little the index does in order, the candidates are the same.
    #[test]
    fn gathered_candidates_are_those_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
        let mut random = 1_u64;
        let mut number = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let mut features = Vec::new();
        for n in 0..4_000 {
            // Some about a few towns, some anywhere, some wide, many in one place.
            let [x, y] = match n % 4 {
                0 => [
                    number(3_600) as f64 / 10.0 - 180.0,
                    number(1_700) as f64 / 10.0 - 85.0,
                ],
                1 => [
                    number(100) as f64 / 1e4 + 179.99,
                    number(100) as f64 / 1e4 + 60.0,
                ],
                2 => [
                    number(1_000) as f64 / 1e3 - 70.0,
                    number(200) as f64 / 1e2 + 88.0,
                ],
                _ => [12.5, -33.25],
            };
            let x = if x > 180.0 { x - 360.0 } else { x };
            let geometry = match n % 9 {
                0 => serde_json::json!({"type": "LineString",
                    "coordinates": [[x, y], [(x + 9.0).min(180.0), (y + 3.0).min(90.0)]]}),
                _ => serde_json::json!({"type": "Point", "coordinates": [x, y]}),
            };
            let id = format!("f{n}");
            features.push(serde_json::json!({
                "type": "Feature", "id": id, "geometry": geometry, "properties": {},
            }));
        }
        let text = serde_json::json!({"type": "FeatureCollection", "features": features});
        let prepared = db.prepare_features(text.to_string().as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
        let budget = Budget::ample();
        let late = [Filter::parse("seq", "gt:3500").unwrap()];
        for point in [
            [12.5, -33.25],
            [180.0, 60.0],
            [-179.9, 60.1],
            [0.0, 90.0],
            [-70.0, 0.0],
        ] {
            for radius in [f64::INFINITY, 5e6, 4e4, 10.0] {
                for (after, filters) in [(None, &[][..]), (Some(3e6), &[]), (None, &late)] {
                    let walk = Walk {
                        state: &db.state,
                        center: Center::new(point),
                        radius,
                        conditions: Conditions::new(&db.state, filters, 4_000).unwrap(),
                        after: after.map(|distance| Neighbor { distance, seq: 0 }),
                        budget: &budget,
                        at: 4_000,
                    };
                    for max in [1, 20, 700, 3_000, usize::MAX] {
                        let (mut expected, next) = walk.candidates(max, usize::MAX).unwrap();
                        expected.sort_by(Candidate::order);
                        for work in [0, 40, 400] {
                            let (mut found, found_next) = walk.candidates(max, work).unwrap();
                            found.sort_by(Candidate::order);
                            let what = format!("{point:?} {radius} {after:?} {max} {work}");
                            assert_eq!(found_next, next, "{what}");
                            assert_eq!(found.len(), expected.len(), "{what}");
                            // Of those at the last bound any may be left out.
                            let last = expected.last().map(|last| last.bound);
                            for (found, expected) in found.iter().zip(&expected) {
                                assert_eq!(found.bound, expected.bound, "{what}");
                                let same = found.found == expected.found;
                                assert!(same || Some(found.bound) == last, "{what}");
                            }
                        }
                    }
                }
            }
        }
        let all = BoundingBox::parse("-180,-90,180,90").unwrap();
        assert_eq!(Center::new([3.0, 4.0]).surroundings(f64::INFINITY), all);
    }
}
