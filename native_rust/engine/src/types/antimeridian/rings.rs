//! Polygons cut at the antimeridian.
//!
//! Rings are taken apart where they cross it, into chains from crossing to crossing. On
//! each side of it, the inside of the polygon lies between the first crossing and the
//! second from the south, the third and the fourth, and so on: their ends are joined
//! along it. If their number is odd, a pole is inside; the crossing next to it is joined
//! with itself, around the pole.

use std::cmp::Ordering;

use super::{NOISE, Vertex, crossing, goes_around, is_on_antimeridian, leaps, push, written};
use crate::types::exact::{Pair, Sum};
use crate::types::json::Json;

const NOTHING_LEFT: &str = "nothing is left of a ring that is cut at the antimeridian";

/// Positions looked at to find which parts holes are in.
const HOLE_WORK: usize = 50_000_000;

type Ring<'a> = Vec<Vertex<'a>>;

/// Positions from one crossing to the next. An end is the number of a crossing and the
/// side of the antimeridian, east of which is true.
struct Chain<'a> {
    path: Ring<'a>,
    from: End,
    to: End,
    /// Whether it is of a hole.
    hole: bool,
}

type End = (usize, bool);

/// The polygons that a polygon comes to, as coordinates; `None` if there is nothing to cut.
///
/// # Errors
/// What cannot be cut, in words.
pub(super) fn cut_polygon<'a>(rings: &[Json<'a>]) -> Result<Option<Vec<Json<'a>>>, String> {
    let rings: Vec<Ring<'a>> = rings.iter().map(read).collect();
    let leaps: Vec<Vec<usize>> = rings.iter().map(|ring| leaps_of(ring)).collect();
    if leaps.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let mut outer = Vec::new();
    let mut holes = Vec::new();
    let mut crossing_rings = Vec::new();
    for (i, (ring, leaps)) in rings.into_iter().zip(leaps).enumerate() {
        match (i, leaps.is_empty()) {
            (0, true) => outer.push(ring),
            (_, true) => holes.push(ring),
            _ => crossing_rings.push((ring, leaps, i > 0)),
        }
    }
    for (ring, hole) in join(crossing_rings)? {
        match hole {
            true => holes.push(ring),
            false => outer.push(ring),
        }
    }
    if outer.is_empty() {
        return Err(NOTHING_LEFT.to_owned());
    }
    let mut polygons: Vec<Vec<Ring<'a>>> = outer.into_iter().map(|ring| vec![ring]).collect();
    for (hole, place) in places_of(&holes, &polygons)?.into_iter().enumerate() {
        if let (Some(polygon), Some(hole)) = (polygons.get_mut(place), holes.get_mut(hole)) {
            polygon.push(std::mem::take(hole));
        }
    }
    let polygon = |rings: Vec<Ring<'a>>| Json::Arr(rings.into_iter().map(written).collect());
    Ok(Some(polygons.into_iter().map(polygon).collect()))
}

fn read<'a>(ring: &Json<'a>) -> Ring<'a> {
    match ring {
        Json::Arr(positions) => positions.iter().filter_map(Vertex::read).collect(),
        _ => Vec::new(),
    }
}

/// The edges of a ring that take the short way over the antimeridian, by the number of
/// their first vertex.
///
/// One from the antimeridian to itself does, too, but not in a ring that is all on it,
/// such as a rectangle around the world, nor where such edges alone would lead around a
/// pole and nothing comes up to them: that is a belt around the world.
fn leaps_of(ring: &[Vertex<'_>]) -> Vec<usize> {
    let at: Vec<[f64; 2]> = ring.iter().map(|vertex| vertex.at).collect();
    let edges = at.windows(2).enumerate();
    let all: Vec<(usize, [f64; 2], [f64; 2])> = edges
        .filter_map(|(i, pair)| match pair {
            [from, to] if leaps(*from, *to) => Some((i, *from, *to)),
            _ => None,
        })
        .collect();
    let around = |from: [f64; 2], to: [f64; 2]| is_on_antimeridian(from) && is_on_antimeridian(to);
    let only_around = all.iter().all(|(_, from, to)| around(*from, *to));
    let turns: i64 = all
        .iter()
        .map(|(_, from, _)| if from[0] > 0.0 { 1 } else { -1 })
        .sum();
    let stays = at.iter().all(|p| is_on_antimeridian(*p))
        || (only_around && turns != 0 && all.iter().all(|(i, ..)| goes_around(ring, *i)));
    match stays {
        true => Vec::new(),
        false => all.into_iter().map(|(i, ..)| i).collect(),
    }
}

/// The rings that the chains of others come to, joined along the antimeridian, and whether each
/// is a hole: one that comes up to the antimeridian where the ring around it does may be joined with
/// nothing but itself. The others say with each ring whether it is a hole.
fn join<'a>(rings: Vec<(Ring<'a>, Vec<usize>, bool)>) -> Result<Vec<(Ring<'a>, bool)>, String> {
    let mut latitudes: Vec<f64> = Vec::new();
    let mut chains: Vec<Chain<'a>> = Vec::new();
    let mut pole = None;
    for (ring, leaps, hole) in rings {
        let turns: i64 = leaps
            .iter()
            .filter_map(|i| ring.get(*i))
            .map(|vertex| if vertex.at[0] > 0.0 { 1 } else { -1 })
            .sum();
        if turns.abs() > 1 {
            return Err(format!(
                "a ring goes around the earth {} times; it cannot be cut at the antimeridian",
                turns.abs()
            ));
        }
        if turns != 0 {
            pole.get_or_insert_with(|| pole_within(&ring, turns as f64));
        }
        take_apart((ring, hole), &leaps, &mut latitudes, &mut chains);
    }
    let pole = pole.unwrap_or(90.0);
    let partners = partners(&latitudes, pole);
    // Where the chain is that begins or ends there.
    let mut begins: Vec<[usize; 2]> = vec![[usize::MAX; 2]; latitudes.len()];
    let mut ends = begins.clone();
    for (i, chain) in chains.iter().enumerate() {
        set(&mut begins, chain.from, i);
        set(&mut ends, chain.to, i);
    }
    let mut joined = Vec::new();
    let mut left: Vec<Option<Chain<'a>>> = chains.into_iter().map(Some).collect();
    for first in 0..left.len() {
        let mut ring: Ring<'a> = Vec::new();
        let mut is_hole = true;
        let mut next = Some((first, true));
        while let Some((i, forwards)) = next.take() {
            let Some(mut chain) = left.get_mut(i).and_then(Option::take) else {
                break;
            };
            is_hole &= chain.hole;
            let end = match forwards {
                true => chain.to,
                false => {
                    chain.path.reverse();
                    chain.from
                }
            };
            for vertex in chain.path {
                push(Some(&mut ring), vertex);
            }
            let Some(&partner) = partners.get(end.0) else {
                break;
            };
            // Around the pole, one comes out on the other side of the same crossing.
            let partner = match partner == end.0 {
                true => {
                    for east in [end.1, !end.1] {
                        let corner = Vertex::new([if east { 180.0 } else { -180.0 }, pole]);
                        push(Some(&mut ring), corner);
                    }
                    (partner, !end.1)
                }
                false => (partner, end.1),
            };
            next = match (get(&begins, partner), get(&ends, partner)) {
                (Some(i), _) if i != usize::MAX => Some((i, true)),
                (_, Some(i)) if i != usize::MAX => Some((i, false)),
                _ => None,
            };
        }
        if let Some(start) = ring.first().cloned() {
            push(Some(&mut ring), start);
        }
        // What is on the antimeridian alone has no inside.
        if ring.len() >= 4 && !ring.iter().all(|vertex| is_on_antimeridian(vertex.at)) {
            joined.push((ring, is_hole));
        }
    }
    match joined.is_empty() {
        true => Err(NOTHING_LEFT.to_owned()),
        false => Ok(joined),
    }
}

/// The pole within a ring that goes around the earth, eastwards if `turns` is 1 and westwards
/// if it is -1: that on whose side of the equator the ring is in the mean over all longitudes.
/// So the inside is the smaller part in longitude and latitude. Wherever the ring begins, which
/// way it goes and however many positions lie on its edges, it is the same; hence the exact
/// sum. A ring in balance has the north pole, also where rounding has moved it.
fn pole_within(ring: &[Vertex<'_>], turns: f64) -> f64 {
    let mut area = Sum::default();
    for pair in ring.windows(2) {
        let [from, to] = pair else { continue };
        let mut width = to.at[0] - from.at[0];
        if leaps(from.at, to.at) {
            width += 360.0_f64.copysign(from.at[0]);
        }
        let high = width * (from.at[1] + to.at[1]) / 2.0;
        area.add(Pair { high, low: 0.0 });
    }
    match area.round() * turns < -360.0 * NOISE {
        true => -90.0,
        false => 90.0,
    }
}

fn set(table: &mut [[usize; 2]], (crossing, east): End, chain: usize) {
    if let Some(sides) = table.get_mut(crossing) {
        sides[usize::from(east)] = chain;
    }
}

fn get(table: &[[usize; 2]], (crossing, east): End) -> Option<usize> {
    table.get(crossing).map(|sides| sides[usize::from(east)])
}

/// Adds the chains of a ring, and the latitudes of its crossings.
fn take_apart<'a>(
    (ring, hole): (Ring<'a>, bool),
    leaps: &[usize],
    latitudes: &mut Vec<f64>,
    chains: &mut Vec<Chain<'a>>,
) {
    let first_crossing = latitudes.len();
    let mut leaps = leaps.iter().copied().peekable();
    // Of the last chain, which goes on with the first, the part before the first crossing.
    let mut beginning: Option<(Ring<'a>, End)> = None;
    let mut path: Ring<'a> = Vec::new();
    let mut from: Option<End> = None;
    for i in 0..ring.len() {
        let Some(vertex) = ring.get(i) else { break };
        push(Some(&mut path), vertex.clone());
        if leaps.next_if_eq(&i).is_some()
            && let Some(to) = ring.get(i + 1)
        {
            let [end, start] = crossing(vertex, to);
            let (number, east) = (latitudes.len(), end.at[0] > 0.0);
            latitudes.push(end.at[1]);
            push(Some(&mut path), end);
            let whole = std::mem::take(&mut path);
            let to = (number, east);
            match from.replace((number, !east)) {
                Some(from) => chains.push(Chain {
                    path: whole,
                    from,
                    to,
                    hole,
                }),
                None => beginning = Some((whole, to)),
            }
            push(Some(&mut path), start);
        }
    }
    if let (Some(from), Some((rest, to))) = (from, beginning)
        && latitudes.len() > first_crossing
    {
        for vertex in rest {
            push(Some(&mut path), vertex);
        }
        chains.push(Chain {
            path,
            from,
            to,
            hole,
        });
    }
}

/// For each crossing the one that it is joined with along the antimeridian, itself if
/// that is around the pole.
fn partners(latitudes: &[f64], pole: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..latitudes.len()).collect();
    let latitude = |i: &usize| latitudes.get(*i).copied().unwrap_or_default();
    let by_latitude = |a: &usize, b: &usize| -> Ordering { latitude(a).total_cmp(&latitude(b)) };
    order.sort_by(by_latitude);
    let mut partners: Vec<usize> = (0..latitudes.len()).collect();
    let odd = order.len() % 2;
    let pairs = match pole < 0.0 {
        true => order.get(odd..),
        false => order.get(..order.len() - odd),
    };
    for pair in pairs.unwrap_or_default().chunks(2) {
        if let [a, b] = pair {
            for (crossing, partner) in [(a, b), (b, a)] {
                if let Some(place) = partners.get_mut(*crossing) {
                    *place = *partner;
                }
            }
        }
    }
    partners
}

/// For each hole the polygon whose outer ring holds it.
fn places_of(holes: &[Ring<'_>], polygons: &[Vec<Ring<'_>>]) -> Result<Vec<usize>, String> {
    if polygons.len() < 2 {
        return Ok(vec![0; holes.len()]);
    }
    let work: usize = polygons.iter().flatten().map(Vec::len).sum();
    if work.saturating_mul(holes.len()) > HOLE_WORK {
        return Err(format!(
            "a polygon with {} holes is too much to be cut at the antimeridian; cut it before it is \
             sent",
            holes.len()
        ));
    }
    let place = |hole: &Ring<'_>| {
        // Its own positions may touch the ring that it lies in, or the antimeridian.
        let inside = inside_of(hole).or_else(|| hole.first().map(|vertex| vertex.at));
        let held = |polygon: &Vec<Ring<'_>>| {
            let outer = polygon.first().map_or(&[][..], Vec::as_slice);
            inside.is_some_and(|inside| holds(outer, inside))
        };
        polygons.iter().position(held).unwrap_or(0)
    };
    Ok(holes.iter().map(place).collect())
}

/// A position inside a ring, away from its edges: the middle of its widest part halfway
/// between two latitudes of it, near the middle. `None` where it has no inside there.
/// O(n log n).
fn inside_of(ring: &[Vertex<'_>]) -> Option<[f64; 2]> {
    let latitudes = || ring.iter().map(|vertex| vertex.at[1]);
    let (south, north) = (
        latitudes().fold(f64::INFINITY, f64::min),
        latitudes().fold(f64::NEG_INFINITY, f64::max),
    );
    let middle = south + (north - south) / 2.0;
    let below = latitudes()
        .filter(|lat| *lat <= middle)
        .fold(south, f64::max);
    let above = latitudes()
        .filter(|lat| *lat > middle)
        .fold(north, f64::min);
    let lat = below + (above - below) / 2.0;
    let mut crossed: Vec<f64> = ring.windows(2).filter_map(|edge| met(edge, lat)).collect();
    crossed.sort_by(f64::total_cmp);
    let width = |part: &&[f64]| part[1] - part[0];
    let parts = crossed.chunks_exact(2);
    let widest = parts.max_by(|a, b| width(a).total_cmp(&width(b)))?;
    (width(&widest) > 0.0).then(|| [widest[0] + width(&widest) / 2.0, lat])
}

/// Where an edge meets a latitude, if it crosses it.
fn met(edge: &[Vertex<'_>], lat: f64) -> Option<f64> {
    match edge {
        [a, b] if (a.at[1] > lat) != (b.at[1] > lat) => {
            let share = (lat - a.at[1]) / (b.at[1] - a.at[1]);
            Some(a.at[0] + share * (b.at[0] - a.at[0]))
        }
        _ => None,
    }
}

/// Whether a ray eastwards from a position crosses a ring an odd number of times.
fn holds(ring: &[Vertex<'_>], [lon, lat]: [f64; 2]) -> bool {
    let crossed = |edge: &&[Vertex<'_>]| met(edge, lat).is_some_and(|met| met > lon);
    ring.windows(2).filter(crossed).count() % 2 == 1
}
