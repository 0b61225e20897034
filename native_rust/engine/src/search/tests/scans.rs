//! Random questions, each answered by a scan as well.

use std::sync::Arc;

use serde_json::Value;

use super::fixture::{Fixture, Random, Row, filters, holds, shape};
use crate::budget::Budget;
use crate::budget::Cancel;
use crate::geo::{Center, Predicate, Prepared, Shape};
use crate::limits::Limits;
use crate::search::{Area, Cell, Grid, Heatmap, Near, NearFeature, QueryGeometry, Search};
use crate::testing::oracles::{compared, seeds};
use crate::types::{Antimeridian, BoundingBox, Rect};

/// Blocks in a database.
const WRITES: u64 = 70;

#[test]
fn searches_find_what_a_scan_finds() {
    for seed in seeds(30) {
        let mut random = Random(seed);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..1_200 {
            let at = fixture.at(&mut random);
            let predicate = match random.below(3) {
                0 => Predicate::Intersects,
                1 => Predicate::Within,
                _ => Predicate::Contains,
            };
            // Where, and the same without any index.
            let (area, target) = match random.below(8) {
                0 => (Area::Everything, None),
                6..=7 => {
                    let id = fixture.id(&mut random);
                    let shape = fixture.feature(&id, at).map(|row| row.shape.clone());
                    let area = Area::Feature(id.as_str().into());
                    match shape.map(|shape| shape.filter(|s| !s.envelopes().is_empty())) {
                        Some(Some(shape)) => (area, Some(Prepared::new(&shape))),
                        there => {
                            let code = refusal(&fixture, area, at);
                            let expected = match there {
                                Some(_) => "invalid_geometry",
                                None => "feature_not_found",
                            };
                            assert_eq!(code, expected, "seed {seed} turn {turn} {id}");
                            compared("searches with a feature that has no place", 1);
                            continue;
                        }
                    }
                }
                1..=2 => {
                    let bbox = random.bbox();
                    (
                        Area::Box(bbox),
                        Some(Prepared::new(&Shape::rects(&bbox.parts()))),
                    )
                }
                _ => {
                    let geometry = random.geometry(2);
                    let text = geometry.to_string();
                    match QueryGeometry::parse(
                        text.as_bytes(),
                        Antimeridian::AsIs,
                        &Limits::default(),
                    ) {
                        Ok(parsed) => (
                            Area::Geometry(Arc::new(parsed)),
                            Some(Prepared::new(&shape(&geometry))),
                        ),
                        Err(error) => {
                            assert!(error.to_string().contains("no position"), "{error} {text}");
                            continue;
                        }
                    }
                }
            };
            let count = random.below(5).saturating_sub(2);
            let conditions = fixture.conditions(&mut random, at, count);
            let search = Search {
                area,
                predicate,
                filters: filters(&conditions),
                limit: if random.chance(2) {
                    1_000
                } else {
                    1 + random.below(9) as usize
                },
                cursor: None,
                as_of: fixture.as_of(at),
            };
            let expected: Vec<&str> = fixture
                .visible(at)
                .filter(|row| {
                    let lies = |target: &Prepared| {
                        row.shape.as_ref().is_some_and(|shape| {
                            let shape = Prepared::new(shape);
                            target.accepts(&shape, predicate, &Budget::ample()).unwrap()
                        })
                    };
                    target.as_ref().is_none_or(lies) && conditions.iter().all(|one| holds(one, row))
                })
                .map(|row| row.id.as_str())
                .collect();
            let (found, features) = fixture.pages(&search);
            assert_eq!(
                found, expected,
                "seed {seed} turn {turn} {search:?} {conditions:?}"
            );
            if random.chance(4) {
                let count = fixture
                    .db
                    .count(&search, &fixture.db.budget(Cancel::default()))
                    .unwrap();
                assert_eq!(
                    count,
                    (expected.len() as u64, fixture.end_of(at)),
                    "seed {seed} turn {turn}"
                );
                compared("counts", 1);
            }
            compared(name_of(&search), 1);
            let budget = fixture.db.budget(Cancel::default());
            let page = fixture.db.search(&search, &budget).unwrap();
            let once = fixture.db.search_once(&search, &budget).unwrap();
            assert_eq!(once, page, "seed {seed} turn {turn} {search:?}");
            if let Some(count) = fixture.db.count_found_in_memory(&search).unwrap() {
                let expected = (expected.len() as u64, fixture.end_of(at));
                assert_eq!(count, expected, "seed {seed} turn {turn} {search:?}");
                compared("counts by place, from memory", 1);
            }
            if let Some(page) = fixture.db.find_page_in_memory(&search).unwrap() {
                assert_eq!(page.seq, fixture.end_of(at), "seed {seed} turn {turn}");
                let expected = &features[..search.limit.min(features.len())];
                let found: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
                assert_eq!(found, expected, "seed {seed} turn {turn} {search:?}");
                compared("searches by place, from memory", 1);
            }
        }
    }
}

/// The code of the error with which a search is refused.
fn refusal(fixture: &Fixture, area: Area, at: u64) -> &'static str {
    let search = Search {
        area,
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 9,
        cursor: None,
        as_of: fixture.as_of(at),
    };
    let budget = fixture.db.budget(Cancel::default());
    let refused = fixture.db.search(&search, &budget).unwrap_err();
    let counted = fixture.db.count(&search, &budget).unwrap_err();
    assert_eq!(refused.code(), counted.code());
    refused.code()
}

/// Which kind of search it is, for the counts of comparisons.
fn name_of(search: &Search) -> &'static str {
    match (&search.area, search.predicate) {
        (Area::Everything | Area::Near(_) | Area::NearFeature(_), _) => "searches by filters alone",
        (Area::Feature(_), _) => "searches by a stored feature",
        (Area::Box(bbox), Predicate::Intersects) if bbox.west > bbox.east => {
            "searches by box across the antimeridian"
        }
        (Area::Box(_), Predicate::Intersects) => "searches by box",
        (Area::Box(_), Predicate::Within) => "searches within a box",
        (Area::Box(_), Predicate::Contains) => "searches for what contains a box",
        (Area::Geometry(_), Predicate::Intersects) => "searches by geometry",
        (Area::Geometry(_), Predicate::Within) => "searches within a geometry",
        (Area::Geometry(_), Predicate::Contains) => "searches for what contains a geometry",
    }
}

#[test]
fn nearby_finds_the_nearest() {
    for seed in seeds(12) {
        let mut random = Random(seed + 1_000_000);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..200 {
            let at = fixture.at(&mut random);
            let point = random.position();
            let k = random.chance(2).then(|| 1 + random.below(30) as usize);
            let radius = (k.is_none() || random.chance(2))
                .then(|| [0.0, 1e5, 3e6, 9e6, 3e7][random.below(5) as usize]);
            let count = random.below(4).saturating_sub(2);
            let conditions = fixture.conditions(&mut random, at, count);
            let (area, point) = match random.chance(3) {
                false => (Area::Near(Near { point, k, radius }), point),
                true => {
                    let id = fixture.id(&mut random);
                    let feature = id.as_str().into();
                    let area = Area::NearFeature(NearFeature { feature, k, radius });
                    match fixture.feature(&id, at).map(|row| row.point) {
                        Some(Some(point)) => {
                            compared("searches near a stored feature", 1);
                            (area, point)
                        }
                        there => {
                            let code = refusal(&fixture, area, at);
                            let expected = match there {
                                Some(_) => "invalid_geometry",
                                None => "feature_not_found",
                            };
                            assert_eq!(code, expected, "seed {seed} turn {turn} {id}");
                            continue;
                        }
                    }
                }
            };
            let search = Search {
                area,
                predicate: Predicate::Intersects,
                filters: filters(&conditions),
                limit: if random.chance(2) {
                    1_000
                } else {
                    1 + random.below(9) as usize
                },
                cursor: None,
                as_of: fixture.as_of(at),
            };
            let center = Center::new(point);
            let mut expected: Vec<(f64, u64, &str)> = fixture
                .visible(at)
                .filter(|row| conditions.iter().all(|one| holds(one, row)))
                .filter_map(|row| {
                    let shape = Prepared::new(row.shape.as_ref()?);
                    let distance = center.distance_to(&shape, &Budget::ample()).unwrap()?;
                    Some((distance, row.seq, row.id.as_str()))
                })
                .filter(|(distance, ..)| radius.is_none_or(|radius| *distance <= radius))
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            expected.truncate(k.unwrap_or(usize::MAX));
            let (_, features) = fixture.pages(&search);
            let found: Vec<(f64, &str)> = features
                .iter()
                .map(|f| (f["distance"].as_f64().unwrap(), f["id"].as_str().unwrap()))
                .collect();
            let expected: Vec<(f64, &str)> = expected.iter().map(|e| (e.0, e.2)).collect();
            // Points at no distance may be found by their position or by their shape.
            assert_eq!(
                found.len(),
                expected.len(),
                "seed {seed} turn {turn} {search:?}"
            );
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found.0 - expected.0).abs() < 1e-6,
                    "seed {seed} turn {turn} {search:?}"
                );
            }
            assert_eq!(found, expected, "seed {seed} turn {turn} {search:?}");
            let budget = fixture.db.budget(Cancel::default());
            if let Some(page) = fixture.db.find_page_in_memory(&search).unwrap() {
                let whole = fixture.db.search(&search, &budget).unwrap();
                assert_eq!(page, whole, "seed {seed} turn {turn} {search:?}");
                compared("searches nearby, from memory", 1);
            }
            let count = fixture.db.count(&search, &budget).unwrap();
            assert_eq!(
                count,
                (expected.len() as u64, fixture.end_of(at)),
                "seed {seed} turn {turn}"
            );
            compared("counts of what is nearby", 1);
            compared(
                match (k, radius) {
                    (Some(_), Some(_)) => "searches nearby by number and radius",
                    (Some(_), None) => "searches nearby by number",
                    (None, _) => "searches nearby by radius",
                },
                1,
            );
        }
    }
}

/// The middle of the narrowest box of a feature: among those that begin with one of its parts
/// and reach around until they hold all of them.
fn middle(row: &Row) -> Option<[f64; 2]> {
    let mut parts: Vec<Rect> = row.shape.as_ref()?.parts().collect();
    parts.sort_by(|a, b| a.min[0].total_cmp(&b.min[0]));
    let Rect { min, max } = row.envelope()?;
    let width = |west: f64| {
        let east = |part: &Rect| {
            let turn = if part.min[0] < west { 360.0 } else { 0.0 };
            part.max[0] + turn - west
        };
        parts.iter().map(east).fold(0.0, f64::max)
    };
    let wests = parts.iter().map(|part| part.min[0]);
    let boxes = wests.map(|west| (width(west), west));
    // Of boxes that are as wide, that which does not cross the antimeridian.
    let plain = (max[0] - min[0], min[0]);
    let (width, west) = boxes.fold(plain, |a, b| if b.0 < a.0 { b } else { a });
    let lon = west + width / 2.0;
    let lat = min[1] + (max[1] - min[1]) / 2.0;
    Some([if lon > 180.0 { lon - 360.0 } else { lon }, lat])
}

/// A position that is moved off the lines between cells, into the one in which it counts: a
/// little to the northeast, or back where that would leave the box.
fn nudged(bbox: &BoundingBox, [lon, lat]: [f64; 2]) -> [f64; 2] {
    const LITTLE: f64 = 1e-9;
    let covers = |lon: f64| match bbox.west <= bbox.east {
        true => bbox.west <= lon && lon <= bbox.east,
        false => bbox.west <= lon || lon <= bbox.east,
    };
    let lon = match (lat.abs() == 90.0, lon.abs() == 180.0) {
        (true, _) => bbox.west,
        (_, true) if !covers(180.0) => -180.0,
        (_, true) => 180.0,
        _ => lon,
    };
    let east = match lon + LITTLE {
        beyond if beyond > 180.0 => beyond - 360.0,
        east => east,
    };
    let flat = bbox.west == bbox.east;
    let lon = match covers(east) || (flat && lon < 180.0) {
        true => east,
        false if lon == -180.0 => 180.0 - LITTLE,
        false => lon - LITTLE,
    };
    let lat = match lat + LITTLE <= bbox.north || (bbox.south == bbox.north && lat < 90.0) {
        true => lat + LITTLE,
        false => lat - LITTLE,
    };
    [lon, lat]
}

#[test]
fn heatmaps_count_every_feature_once() {
    for seed in seeds(10) {
        let mut random = Random(seed + 2_000_000);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..200 {
            let at = fixture.at(&mut random);
            let bbox = random.bbox();
            let grid = match random.below(3) {
                0 => Grid::Tiles {
                    zoom: random.below(25) as u8,
                },
                1 => Grid::Degrees {
                    lon: 30.0,
                    lat: 15.0,
                },
                _ => Grid::Degrees {
                    lon: 7.0,
                    lat: 11.3,
                },
            };
            let count = random.below(3).saturating_sub(1);
            let conditions = fixture.conditions(&mut random, at, count);
            let summed = random.chance(3);
            let heatmap = Heatmap {
                bbox,
                grid,
                sum: summed.then(|| "count".to_owned()),
                filters: filters(&conditions),
                as_of: fixture.as_of(at),
            };
            let page = fixture
                .db
                .heatmap(&heatmap, &fixture.db.budget(Cancel::default()))
                .unwrap();
            assert_eq!(page.seq, fixture.end_of(at));
            let mut left = page.cells.clone();
            for row in fixture.visible(at) {
                let Some([lon, lat]) = middle(row) else {
                    continue;
                };
                let value = row.properties["count"].as_f64();
                let inside = bbox
                    .pieces()
                    .iter()
                    .any(|p| p.contains(&Rect::point([lon, lat])));
                if !inside
                    || summed && value.is_none()
                    || !conditions.iter().all(|one| holds(one, row))
                {
                    continue;
                }
                let [lon, lat] = nudged(&bbox, [lon, lat]);
                let holding: Vec<&mut Cell> = left
                    .iter_mut()
                    .filter(|cell| {
                        let Rect { min, max } = cell.bounds;
                        min[0] <= lon && lon <= max[0] && min[1] <= lat && lat <= max[1]
                    })
                    .collect();
                assert_eq!(
                    holding.len(),
                    1,
                    "seed {seed} turn {turn} {lon} {lat} {heatmap:?}"
                );
                for cell in holding {
                    cell.count -= 1;
                    cell.sum = cell.sum.map(|sum| sum - value.unwrap());
                }
            }
            for cell in left {
                assert_eq!(
                    (cell.count, cell.sum.unwrap_or(0.0)),
                    (0, 0.0),
                    "seed {seed} turn {turn}"
                );
            }
            compared(
                if summed {
                    "heatmaps of sums"
                } else {
                    "heatmaps"
                },
                1,
            );
        }
    }
}
