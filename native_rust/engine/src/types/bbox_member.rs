//! The member `bbox` of features and geometries (RFC 7946, section 5).

use super::bbox::{BoundingBox, NOISE, Rect};
use super::faults::Faults;
use super::json::{Json, Members};
use crate::error::InvalidCode;

/// Checks that a member `bbox` is an array of 4 numbers, or 6 with altitudes, and that
/// the box meets the envelope of what it is a box of. It is a fault if it does not: one
/// of the two is wrong. That its numbers were rounded is none.
pub(super) fn check_bbox(
    members: &Members<'_, Json<'_>>,
    envelope: Option<Rect>,
    faults: &mut Faults,
) {
    let refuse = |detail: String, faults: &mut Faults| {
        faults.add(InvalidCode::BoundingBox, "/bbox", || detail);
    };
    let numbers = match members.get("bbox") {
        None => return,
        Some(Json::Arr(numbers)) => numbers,
        Some(other) => return refuse(wrong_shape(other.kind()), faults),
    };
    if let Some(i) = numbers.iter().position(|n| n.as_f64().is_none()) {
        let found = format!("an array whose element {i} is not a number");
        return refuse(wrong_shape(&found), faults);
    }
    let Some([west, south, east, north]) = edges(numbers) else {
        return refuse(
            wrong_shape(&format!("an array of {}", numbers.len())),
            faults,
        );
    };
    if south > north {
        let detail = format!(
            "the south of the box is {south}, north of its north, {north}; the order is west, \
             south, east, north, each with its altitude after it if there are six"
        );
        return refuse(detail, faults);
    }
    let Some(Rect { min, max }) = envelope else {
        return;
    };
    let unit = last_unit(numbers);
    let apart =
        |low: f64, high: f64, axis: usize| high + unit < min[axis] || low - unit > max[axis];
    // West of it lies beyond the antimeridian, where turns count for nothing.
    let east = if west > east { east + 360.0 } else { east };
    let turns = [-360.0, 0.0, 360.0];
    let beside = turns.iter().all(|turn| apart(west + turn, east + turn, 0));
    if beside || apart(south, north, 1) {
        let detail = format!(
            "the box does not meet the geometry, which lies between {}, {} and {}, {}; correct it, \
             or leave it out",
            min[0], min[1], max[0], max[1]
        );
        refuse(detail, faults);
    }
}

/// Sets the edges of a member `bbox`, if there is one. Altitudes stay.
pub(super) fn set_bbox(members: &mut Members<'_, Json<'_>>, edges: [f64; 4]) {
    let Some(Json::Arr(numbers)) = members.get_mut("bbox") else {
        return;
    };
    let half = numbers.len() / 2;
    for (place, edge) in [0, 1, half, half + 1].into_iter().zip(edges) {
        if let Some(number) = numbers.get_mut(place) {
            *number = Json::F64(edge);
        }
    }
}

/// West, south, east and north of a checked geometry whose parts do not cross the
/// antimeridian, as [`BoundingBox::around`] has them.
pub(super) fn box_of(geometry: &Members<'_, Json<'_>>) -> Option<[f64; 4]> {
    let mut parts = Vec::new();
    add_parts(geometry, &mut parts);
    BoundingBox::around(parts).map(|bbox| bbox.edges())
}

/// The envelopes of its points, lines and rings.
fn add_parts(geometry: &Members<'_, Json<'_>>, parts: &mut Vec<Rect>) {
    if let Some(Json::Arr(geometries)) = geometry.get("geometries")
        && geometry.get("type") == Some(&Json::Str("GeometryCollection".into()))
    {
        for geometry in geometries {
            if let Json::Obj(members) = geometry {
                add_parts(members, parts);
            }
        }
        return;
    }
    let apart = geometry.get("type") == Some(&Json::Str("MultiPoint".into()));
    if let Some(coordinates) = geometry.get("coordinates") {
        add_paths(coordinates, apart, parts);
    }
}

/// `apart`: there are no edges between positions.
fn add_paths(coordinates: &Json<'_>, apart: bool, parts: &mut Vec<Rect>) {
    let position = |value: &Json<'_>| match value {
        Json::Arr(numbers) => match numbers.as_slice() {
            [x, y, ..] => Some(Rect::point([x.as_f64()?, y.as_f64()?])),
            _ => None,
        },
        _ => None,
    };
    if let Some(point) = position(coordinates) {
        return parts.push(point);
    }
    let Json::Arr(inner) = coordinates else {
        return;
    };
    let mut path: Option<Rect> = None;
    for value in inner {
        match (position(value), &mut path) {
            (None, _) => add_paths(value, apart, parts),
            (Some(point), _) if apart => parts.push(point),
            (Some(point), Some(path)) => path.extend(&point),
            (Some(point), None) => path = Some(point),
        }
    }
    parts.extend(path);
}

/// West, south, east and north of a box with as many numbers for each corner as
/// positions have.
fn edges(numbers: &[Json<'_>]) -> Option<[f64; 4]> {
    let half = numbers.len() / 2;
    if half < 2 || half * 2 != numbers.len() {
        return None;
    }
    let at = |place: usize| numbers.get(place).and_then(Json::as_f64);
    Some([at(0)?, at(1)?, at(half)?, at(half + 1)?])
}

/// The unit of the last decimal place that any number of the box is written with: what
/// rounding it may have moved it by.
fn last_unit(numbers: &[Json<'_>]) -> f64 {
    let places = |number: &Json<'_>| match number {
        Json::F64(number) => number
            .to_string()
            .split_once('.')
            .map_or(0, |(_, digits)| digits.len()),
        _ => 0,
    };
    let places = numbers.iter().map(places).max().unwrap_or(0);
    10_f64.powi(-(places.min(300) as i32)).max(NOISE)
}

fn wrong_shape(found: &str) -> String {
    format!(
        "found {found}; expected an array of 4 numbers, west, south, east and north, or of 6 with \
         altitudes"
    )
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::types::{Antimeridian, Source, check_geometry};

    fn check(geometry: &str, bbox: &str) -> Result<(), String> {
        let text = geometry.replacen('{', &format!(r#"{{"bbox":{bbox},"#), 1);
        let mut json = Source::new(text.as_bytes()).unwrap().value().unwrap();
        let checked = check_geometry(&mut json, Antimeridian::Refuse, &Limits::default());
        checked.map(|_| ()).map_err(|error| {
            assert_eq!(
                (error.code(), error.pointer()),
                ("invalid_bbox", Some("/bbox"))
            );
            error.to_string()
        })
    }

    #[test]
    fn a_box_meets_what_it_is_a_box_of() {
        let point = r#"{"type":"Point","coordinates":[7.4386,46.951]}"#;
        let fiji = r#"{"type":"MultiPoint","coordinates":[[177.2,-18],[-179.9,-16]]}"#;
        let empty = r#"{"type":"MultiPoint","coordinates":[]}"#;
        for (geometry, bbox) in [
            (point, "null"),
            (point, "[7.4386,46.951,7.4386,46.951]"),
            (point, "[0,40,10,50]"),
            // Rounded, and with altitudes, and with a measure as well.
            (point, "[7.4,47.0,7.4,47.0]"),
            (point, "[7,46,7,46]"),
            (point, "[7.44,46.95,7.44,46.95]"),
            (point, "[7.4386,46.951,-5,7.4386,46.951,5]"),
            (point, "[7.4386,46.951,-5,0,7.4386,46.951,5,1]"),
            // A turn more.
            (point, "[367,46,368,47]"),
            (fiji, "[177,-19,-179,-16]"),
            (fiji, "[177,-19,181,-16]"),
            (empty, "[1,2,3,4]"),
        ] {
            assert_eq!(check(geometry, bbox), Ok(()), "{bbox}");
        }
        for (geometry, bbox, found) in [
            (point, "[46.951,7.4386,46.951,7.4386]", "does not meet"),
            (point, "[7.45,46.95,7.5,47]", "does not meet"),
            (point, "[9,46,10,47]", "does not meet"),
            (point, "[10,40,-10,50]", "does not meet"),
            (point, "[0,50,10,40]", "north of its north"),
            (point, "[1,2,3]", "an array of 3"),
            (point, "[1,2,3,4,5]", "an array of 5"),
            (point, r#"[1,2,3,"4"]"#, "element 3"),
            (point, "{}", "an object"),
        ] {
            match check(geometry, bbox) {
                Err(text) => assert!(text.contains(found), "{bbox}: {text}"),
                Ok(()) => panic!("{bbox} passed"),
            }
        }
    }
}
