//! How two geometries lie to each other: no answer may contradict another one.

use formdb_engine::types::{Antimeridian, BoundingBox, Features, intersects_box, parse_features};
use formdb_engine::{Budget, Cancel, Limits, Memory, Predicate, QueryGeometry};
use serde_json::{Value, json};

use crate::documents::Choices;

/// Two geometries on a small grid, which is moved onto the antimeridian or a pole by the
/// first byte: neighbours touch, run along each other and cross in corners all the time.
///
/// Asserted is only what follows from other answers: intersecting is mutual, contains is
/// within the other way round, what is within meets, everything meets itself, and a box
/// meets what the polygon of its corners meets. That a geometry is within itself, or in
/// what holds it in several areas, is not: areas are not joined, a place on the
/// antimeridian is inside by its latitude alone, and pieces of edges are judged by their
/// middles, which are rounded.
pub fn predicates(data: &[u8]) {
    let mut choices = Choices(data);
    let origin = match choices.below(8) {
        0 => [176, 0],
        1 => [-180, -2],
        2 => [0, 86],
        3 => [-2, -90],
        _ => [0, 0],
    };
    let pair = [(); 2].map(|()| geometry(&mut choices, origin, 2));
    let [Some(a), Some(b)] = pair.map(|value| Asked::new(&value)) else {
        return;
    };
    let meet = a.accepts(&b, Predicate::Intersects);
    assert_eq!(
        meet,
        b.accepts(&a, Predicate::Intersects),
        "intersects both ways"
    );
    for (a, b) in [(&a, &b), (&b, &a)] {
        let within = a.accepts(b, Predicate::Within);
        assert_eq!(
            within,
            b.accepts(a, Predicate::Contains),
            "within and contains"
        );
        assert!(!within || meet, "what lies within meets");
    }
    for one in [&a, &b] {
        assert!(one.accepts(one, Predicate::Intersects), "meets itself");
    }
    // A box is a geometry like others, where it does not touch a seam.
    let bbox = [origin[0] + 1, origin[1] + 1, origin[0] + 3, origin[1] + 3];
    let [w, s, e, n] = bbox;
    let ring = json!([[w, s], [e, s], [e, n], [w, n], [w, s]]);
    let Some(polygon) = Asked::new(&json!({"type": "Polygon", "coordinates": [ring]})) else {
        return;
    };
    if w > -180 && e < 180 && s > -90 && n < 90 {
        let bbox = BoundingBox::parse(&format!("{w},{s},{e},{n}")).unwrap();
        for one in [&a, &b] {
            let by_box = intersects_box(&one.body, &bbox.pieces()).unwrap();
            assert_eq!(
                by_box,
                polygon.accepts(one, Predicate::Intersects),
                "box and polygon"
            );
        }
    }
}

/// A geometry, to ask with and to ask about.
struct Asked {
    geometry: QueryGeometry,
    body: Vec<u8>,
}

impl Asked {
    /// `None` for one without positions.
    fn new(geometry: &Value) -> Option<Self> {
        let limits = Limits::default();
        let feature = json!({"type": "Feature", "id": "a", "geometry": geometry});
        let stored = parse_features(feature.to_string().as_bytes(), &limits);
        let Features::One(stored) = stored.expect("a geometry on the grid is good") else {
            return None;
        };
        stored.envelope?;
        let text = geometry.to_string();
        Some(Self {
            geometry: QueryGeometry::parse(text.as_bytes(), Antimeridian::AsIs, &limits)
                .expect("it has positions"),
            body: stored.body,
        })
    }

    fn accepts(&self, other: &Self, predicate: Predicate) -> bool {
        let limits = Limits::default();
        let budget = Budget::new(&limits, &Memory::new(&limits), Cancel::default());
        self.geometry
            .accepts(&other.body, predicate, &budget)
            .expect("a stored geometry")
            .expect("time enough for a few positions")
    }
}

fn geometry(choices: &mut Choices<'_>, origin: [i64; 2], depth: usize) -> Value {
    let position = |choices: &mut Choices<'_>| {
        json!([
            origin[0] + choices.below(5) as i64,
            origin[1] + choices.below(5) as i64
        ])
    };
    let line = |choices: &mut Choices<'_>, least: usize| -> Vec<Value> {
        let count = least + choices.below(4);
        (0..count).map(|_| position(choices)).collect()
    };
    let rings = |choices: &mut Choices<'_>| -> Value {
        let count = 1 + choices.below(2);
        let rings = (0..count).map(|_| {
            let mut ring = line(choices, 3);
            ring.extend(ring.first().cloned());
            Value::from(ring)
        });
        rings.collect()
    };
    match choices.below(if depth > 0 { 7 } else { 6 }) {
        0 => json!({"type": "Point", "coordinates": line(choices, 1)[0]}),
        1 => json!({"type": "MultiPoint", "coordinates": line(choices, 0)}),
        2 => json!({"type": "LineString", "coordinates": line(choices, 2)}),
        3 => {
            let lines = [line(choices, 2), line(choices, 2)];
            json!({"type": "MultiLineString", "coordinates": lines})
        }
        4 => json!({"type": "Polygon", "coordinates": rings(choices)}),
        5 => {
            let polygons = [rings(choices), rings(choices)];
            json!({"type": "MultiPolygon", "coordinates": polygons})
        }
        _ => {
            let parts = [(); 2].map(|()| geometry(choices, origin, depth - 1));
            json!({"type": "GeometryCollection", "geometries": parts})
        }
    }
}
