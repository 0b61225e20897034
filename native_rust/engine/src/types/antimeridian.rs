//! Geometries that cross the antimeridian without having been cut there.
//!
//! RFC 7946 has them cut (section 3.1.9), and its edges are straight lines in longitude
//! and latitude: one from 179 to -179 goes the long way round, 358 degrees. Many writers
//! mean the short way. What is asked for decides ([`Antimeridian`]).

mod rings;

use rings::cut_polygon;

use super::bbox::NOISE;
use super::json::{Json, Members};
use crate::error::{Error, InvalidCode};

/// What becomes of edges that are wider than 180 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Antimeridian {
    /// They are refused: one of two meanings would be wrong without a word.
    #[default]
    Refuse,
    /// They are meant to go the short way: the geometry is cut at the antimeridian.
    Cut,
    /// They go the long way round, as they stand.
    AsIs,
}

impl std::str::FromStr for Antimeridian {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "cut" => Ok(Self::Cut),
            "as_is" => Ok(Self::AsIs),
            other => {
                let detail = format!("found {other:?}; expected refuse, cut or as_is");
                let pointer = "/antimeridian";
                Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
            }
        }
    }
}

/// Whether an edge is wider than 180 degrees, and so goes the long way round. One along
/// a pole does not, wherever it is written to go, and one from the antimeridian to
/// itself goes around the world.
pub(super) fn is_wide(from: [f64; 2], to: [f64; 2]) -> bool {
    let width = (from[0] - to[0]).abs();
    width > 180.0 + NOISE && width < 360.0 - NOISE && !is_along_pole(from, to)
}

/// Whether an edge goes from one side of the plane to the other when it takes the short
/// way: one that is wide, or goes from the antimeridian to itself.
pub(super) fn leaps(from: [f64; 2], to: [f64; 2]) -> bool {
    (from[0] - to[0]).abs() > 180.0 + NOISE && !is_along_pole(from, to)
}

fn is_along_pole(from: [f64; 2], to: [f64; 2]) -> bool {
    let at = |pole: f64| [from, to].iter().all(|p| (p[1] - pole).abs() <= NOISE);
    at(90.0) || at(-90.0)
}

fn is_on_antimeridian([lon, _]: [f64; 2]) -> bool {
    lon.abs() >= 180.0 - NOISE
}

/// A position as it was written, and where it is.
#[derive(Debug, Clone)]
struct Vertex<'a> {
    at: [f64; 2],
    written: Json<'a>,
}

impl<'a> Vertex<'a> {
    fn read(written: &Json<'a>) -> Option<Self> {
        let Json::Arr(numbers) = written else {
            return None;
        };
        let number = |place: usize| numbers.get(place).and_then(Json::as_f64);
        Some(Self {
            at: [number(0)?, number(1)?],
            written: written.clone(),
        })
    }

    fn new(at: [f64; 2]) -> Self {
        Self {
            at,
            written: Json::Arr(at.map(Json::F64).to_vec()),
        }
    }

    /// On the antimeridian at `lon`, a share of the way from this one to another. What
    /// both have after the latitude is between theirs, too.
    fn towards(&self, other: &Self, share: f64, lon: f64) -> Self {
        let between = |from: f64, to: f64| match share {
            0.0 => from,
            1.0 => to,
            share => from + share * (to - from),
        };
        let at = [lon, between(self.at[1], other.at[1])];
        let mut vertex = Self::new(at);
        if let (Json::Arr(from), Json::Arr(to), Json::Arr(new)) =
            (&self.written, &other.written, &mut vertex.written)
        {
            let others = from.iter().zip(to).skip(2);
            new.extend(
                others.filter_map(|(from, to)| {
                    Some(Json::F64(between(from.as_f64()?, to.as_f64()?)))
                }),
            );
        }
        vertex
    }
}

/// Where an edge that leaps crosses the antimeridian on its short way: at the end of its
/// own side, and at the beginning of the other.
fn crossing<'a>(from: &Vertex<'a>, to: &Vertex<'a>) -> [Vertex<'a>; 2] {
    let east = from.at[0] > 0.0;
    let side = if east { 180.0 } else { -180.0 };
    let (here, beyond) = (side - from.at[0], to.at[0] + side);
    let share = match here + beyond {
        // Along the antimeridian, and over at its end.
        0.0 => 1.0,
        width => (here / width).clamp(0.0, 1.0),
    };
    [
        from.towards(to, share, side),
        from.towards(to, share, -side),
    ]
}

/// Cuts a geometry that is no collection at the antimeridian, along the short ways of its
/// edges; whether there was anything to cut. What is cut becomes the Multi type of its
/// own. O(n log n), but for holes: those are looked for in each of the parts.
///
/// A ring that goes around a pole is closed along the antimeridian and the pole that is
/// nearer to its mean latitude over all longitudes.
///
/// # Errors
/// What cannot be cut, in words.
pub(super) fn cut_geometry(members: &mut Members<'_, Json<'_>>) -> Result<bool, String> {
    let kind = match members.get("type") {
        Some(Json::Str(kind)) => kind.to_string(),
        _ => return Ok(false),
    };
    let Some(Json::Arr(coordinates)) = members.get("coordinates") else {
        return Ok(false);
    };
    let (multi, parts) = match kind.as_str() {
        "LineString" => {
            let whole = [Json::Arr(coordinates.clone())];
            ("MultiLineString", cut_lines(&whole))
        }
        "MultiLineString" => ("MultiLineString", cut_lines(coordinates)),
        "Polygon" => ("MultiPolygon", cut_polygon(coordinates)?),
        "MultiPolygon" => {
            let mut cut = false;
            let mut all = Vec::new();
            for polygon in coordinates {
                let Json::Arr(rings) = polygon else { continue };
                match cut_polygon(rings)? {
                    Some(parts) => {
                        cut = true;
                        all.extend(parts);
                    }
                    None => all.push(polygon.clone()),
                }
            }
            ("MultiPolygon", cut.then_some(all))
        }
        _ => return Ok(false),
    };
    let Some(mut parts) = parts else {
        return Ok(false);
    };
    let single = multi.strip_prefix("Multi").filter(|_| parts.len() == 1);
    let (kind, coordinates) = match (single, parts.pop()) {
        (Some(single), Some(only)) => (single, only),
        (_, last) => {
            parts.extend(last);
            (multi, Json::Arr(parts))
        }
    };
    members.insert("type", Json::Str(kind.into()));
    members.insert("coordinates", coordinates);
    Ok(true)
}

/// All lines, those that were to be cut in pieces; `None` if there was none.
fn cut_lines<'a>(lines: &[Json<'a>]) -> Option<Vec<Json<'a>>> {
    let mut cut = false;
    let mut all = Vec::new();
    for line in lines {
        match cut_line(line) {
            Some(pieces) => {
                cut = true;
                all.extend(pieces);
            }
            None => all.push(line.clone()),
        }
    }
    cut.then_some(all)
}

/// The pieces of a line, in order; `None` if nothing was to be cut.
fn cut_line<'a>(line: &Json<'a>) -> Option<Vec<Json<'a>>> {
    let Json::Arr(positions) = line else {
        return None;
    };
    let vertices: Vec<Vertex<'_>> = positions.iter().filter_map(Vertex::read).collect();
    let mut pieces = vec![Vec::new()];
    for (i, vertex) in vertices.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| Some((i, vertices.get(i)?)));
        if let Some((j, from)) = before
            && leaps(from.at, vertex.at)
            && !goes_around(&vertices, j)
        {
            let [end, beginning] = crossing(from, vertex);
            push(pieces.last_mut(), end);
            pieces.push(Vec::new());
            push(pieces.last_mut(), beginning);
        }
        push(pieces.last_mut(), vertex.clone());
    }
    if pieces.len() == 1 {
        return None;
    }
    // A piece that only touches the antimeridian is a part of its neighbour.
    pieces.retain(|piece| piece.len() > 1);
    let pieces = pieces.into_iter().map(written).collect::<Vec<_>>();
    (!pieces.is_empty()).then_some(pieces)
}

fn written<'a>(path: Vec<Vertex<'a>>) -> Json<'a> {
    Json::Arr(path.into_iter().map(|vertex| vertex.written).collect())
}

/// Whether the edge from vertex `i` on, which leaps, goes around the world: it leads from
/// the antimeridian to itself, and what is before it and after it does not lead there.
fn goes_around(line: &[Vertex<'_>], i: usize) -> bool {
    let at = |i: usize| line.get(i).map(|vertex| vertex.at);
    let (Some(from), Some(to)) = (at(i), at(i + 1)) else {
        return false;
    };
    let comes_to = |other: Option<[f64; 2]>, end: [f64; 2]| {
        other.is_some_and(|other| !is_on_antimeridian(other) && (other[0] > 0.0) == (end[0] > 0.0))
    };
    let before = i.checked_sub(1).and_then(at);
    // A ring goes on after its last vertex, which is its first.
    let closed = line.len() > 2 && at(0) == at(line.len() - 1);
    let before = before.or_else(|| closed.then(|| at(line.len() - 2)).flatten());
    let behind = at(i + 2).or_else(|| closed.then(|| at(1)).flatten());
    let comes = comes_to(before, from) || comes_to(behind, to);
    is_on_antimeridian(from) && is_on_antimeridian(to) && !comes
}

/// Adds a vertex, unless it is where the last one is.
fn push<'a>(path: Option<&mut Vec<Vertex<'a>>>, vertex: Vertex<'a>) {
    if let Some(path) = path
        && path.last().is_none_or(|last| last.at != vertex.at)
    {
        path.push(vertex);
    }
}

#[cfg(test)]
mod tests;
