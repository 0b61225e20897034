//! The features nearest to a position.
//!
//! The index gives candidates in the order of a lower bound of their distance.
//! Once as many as are wanted are nearer than the bound of the next candidate,
//! they are the nearest. Distances to all but points need bodies, which are read
//! without the lock: so candidates are taken in rounds, each twice the one before.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::area::Near;
use super::{Conditions, Search, at};
use crate::cursor::Cursor;
use crate::error::{Error, InvalidCode, Result};
use crate::features::{FeaturePage, damaged, document, feature_block, other_cursor, read_block};
use crate::index::Placed;
use crate::model::{Rect, Source};
use crate::spatial::{Center, Shape};
use crate::state::State;

/// A feature and its distance in metres.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Found {
    distance: f64,
    seq: u64,
}

impl Found {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.seq.cmp(&other.seq))
    }
}

pub(super) fn search(state: &State, search: &Search, near: &Near) -> Result<FeaturePage> {
    check(near)?;
    let (as_of, after, taken) = match &search.cursor {
        None => (search.as_of, None, 0),
        Some(text) => match Cursor::decode(text)? {
            Cursor::Nearby {
                at,
                distance,
                after,
                taken,
            } => {
                let distance = f64::from_bits(distance);
                let after = Found {
                    distance,
                    seq: after,
                };
                (Some(at), Some(after), taken)
            }
            _ => return Err(other_cursor()),
        },
    };
    let at = at(state, as_of)?;
    let k = near.k.map_or(u64::MAX, |k| k as u64).saturating_sub(taken);
    let wanted = usize::try_from(k).map_or(search.limit, |k| k.min(search.limit));
    let walk = Walk {
        state,
        center: Center::new(near.point),
        radius: near.radius.unwrap_or(f64::INFINITY),
        conditions: Conditions::new(state, &search.filters, at)?,
        after,
        at,
    };
    // One more, to know whether there is a next page.
    let mut found = walk.nearest(wanted + 1)?;
    let more = found.len() > wanted && k > wanted as u64;
    found.truncate(wanted);
    let mut json = vec![b'['];
    for Found { distance, seq } in &found {
        if json.len() > 1 {
            json.push(b',');
        }
        push_with_distance(state, *seq, *distance, &mut json)?;
    }
    json.push(b']');
    let next = found.last().filter(|_| more).map(|last| {
        Cursor::Nearby {
            at,
            distance: last.distance.to_bits(),
            after: last.seq,
            taken: taken + found.len() as u64,
        }
        .encode()
    });
    Ok(FeaturePage {
        json,
        returned: found.len(),
        seq: at,
        next,
    })
}

pub(super) fn count(state: &State, search: &Search, near: &Near) -> Result<(u64, u64)> {
    check(near)?;
    let at = at(state, search.as_of)?;
    let walk = Walk {
        state,
        center: Center::new(near.point),
        radius: near.radius.unwrap_or(f64::INFINITY),
        conditions: Conditions::new(state, &search.filters, at)?,
        after: None,
        at,
    };
    let count = walk.nearest(near.k.unwrap_or(usize::MAX))?.len();
    Ok((count as u64, at))
}

fn check(near: &Near) -> Result<()> {
    let refusal = |code, pointer: &str, detail: String| Err(Error::invalid(code, pointer, detail));
    let [lon, lat] = near.point;
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
        _ => Ok(()),
    }
}

/// A search for the nearest as of a sequence.
struct Walk<'q> {
    state: &'q State,
    center: Center,
    radius: f64,
    conditions: Conditions<'q>,
    /// The last of the page before.
    after: Option<Found>,
    at: u64,
}

struct Candidate {
    seq: u64,
    rect: Rect,
}

impl Walk<'_> {
    /// The `wanted` nearest behind the last of the page before, or as many as there
    /// are, nearest first.
    fn nearest(&self, wanted: usize) -> Result<Vec<Found>> {
        // A few more than wanted: bounds differ from distances by a third of a
        // percent, which may change the order of some.
        let mut round = wanted.saturating_add(16);
        // What is known already of each candidate: its distance, if it is found.
        let mut known: HashMap<u64, Option<f64>> = HashMap::new();
        loop {
            let (candidates, next) = self.candidates(round);
            let mut found = Vec::new();
            for candidate in &candidates {
                let distance = match known.get(&candidate.seq) {
                    Some(distance) => *distance,
                    None => {
                        let distance = self.distance(candidate)?;
                        known.insert(candidate.seq, distance);
                        distance
                    }
                };
                found.extend(distance.map(|distance| Found {
                    distance,
                    seq: candidate.seq,
                }));
            }
            found.sort_unstable_by(Found::order);
            let Some(bound) = next else {
                found.truncate(wanted);
                return Ok(found);
            };
            // Nothing that is still to come is nearer than the bound.
            let settled = found.partition_point(|found| found.distance < bound);
            if settled >= wanted {
                found.truncate(wanted);
                return Ok(found);
            }
            round = round.saturating_mul(2);
        }
    }

    /// The first candidates by their bounds, and the bound of the next one.
    fn candidates(&self, max: usize) -> (Vec<Candidate>, Option<f64>) {
        let bound = |rect: &Rect| {
            let least = self.center.at_least(rect);
            let passed = |after: Found| self.center.at_most(rect) < after.distance;
            let outside = least > self.radius || self.after.is_some_and(passed);
            (!outside).then_some(least)
        };
        let mut candidates = Vec::new();
        let mut next = None;
        let features = self.state.features.read();
        features.by_bound(self.at, usize::MAX, bound, |bound, Placed { seq, rect }| {
            if !self.conditions.spans(seq) {
                return ControlFlow::Continue(());
            }
            if candidates.len() == max {
                next = Some(bound);
                return ControlFlow::Break(());
            }
            candidates.push(Candidate { seq, rect });
            ControlFlow::Continue(())
        });
        (candidates, next)
    }

    /// The distance of a candidate that is found, and comes behind the page before.
    fn distance(&self, candidate: &Candidate) -> Result<Option<f64>> {
        let Candidate { seq, rect } = *candidate;
        let damage = |e| damaged(self.state, seq, e);
        let point = (rect.min == rect.max).then_some(rect.min);
        let inside = |distance: f64| {
            let found = Found { distance, seq };
            let later = |after: Found| found.order(&after).is_gt();
            distance <= self.radius && self.after.is_none_or(later)
        };
        let mut distance = point.map(|point| self.center.distance(point));
        let filtered = !self.conditions.of_properties.is_empty();
        if distance.is_some_and(|distance| !inside(distance)) || (!filtered && distance.is_some()) {
            return Ok(distance.filter(|distance| inside(*distance)));
        }
        let bytes = read_block(self.state, seq)?;
        let (_, body) = feature_block(self.state, seq, &bytes)?;
        if distance.is_none() {
            let shape = Shape::of_feature(body).map_err(damage)?;
            distance = shape.and_then(|shape| self.center.distance_to(&shape));
        }
        let holds = self.conditions.hold(self.state, seq, body)?;
        Ok(distance.filter(|distance| holds && inside(*distance)))
    }
}

/// Appends a feature's document with its distance as the last member.
fn push_with_distance(state: &State, seq: u64, distance: f64, out: &mut Vec<u8>) -> Result<()> {
    /// What may be the name of a member.
    const NAME: &[u8] = b"\"distance\"";
    let document = document(state, seq)?;
    let start = out.len();
    let named = document.json.windows(NAME.len()).any(|w| w == NAME);
    if named {
        // Perhaps deeper down; but if it is a member of the feature it gives way.
        out.push(b'{');
        for (name, value) in Source::new(&document.json)?.members("a feature")?.iter() {
            if name != "distance" {
                push_text(&serde_json::json!(name), out);
                out.push(b':');
                out.extend_from_slice(value.get().as_bytes());
                out.push(b',');
            }
        }
        out.pop_if(|last| *last == b',');
    } else {
        out.extend_from_slice(&document.json);
        out.pop_if(|last| *last == b'}');
    }
    if out.len() > start + 1 {
        out.push(b',');
    }
    out.extend_from_slice(NAME);
    out.push(b':');
    push_text(&serde_json::json!(distance), out);
    out.push(b'}');
    Ok(())
}

fn push_text(value: &serde_json::Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}
