//! Examples with the answers they must have.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::budget::Cancel;
use crate::db::database::Database;
use crate::fs::RealFileSystem;
use crate::geo::Predicate;
use crate::limits::Limits;
use crate::search::{Area, Filter, Grid, Heatmap, Near, QueryGeometry, Search};
use crate::types::Antimeridian;
use crate::types::{BoundingBox, Source, format_timestamp};

/// A database with points at one place that have these values, of which the first two were
/// written in one transaction and the others in another.
fn values_at_one_place(values: &[f64]) -> (Database, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let feature = |(n, value): (usize, &f64)| {
        json!({
            "type": "Feature", "id": format!("f{n}"), "properties": {"value": value},
            "geometry": {"type": "Point", "coordinates": [1, 2]},
        })
    };
    let features: Vec<Value> = values.iter().enumerate().map(feature).collect();
    let (first, others) = features.split_at(2);
    for features in [first, others] {
        let text = json!({"type": "FeatureCollection", "features": features}).to_string();
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    }
    (db, dir)
}

#[test]
fn sums_are_rounded_once() {
    let tenth = [0.1; 10];
    for (values, expected) in [
        (&[1e16, 1.0, -1e16][..], 1.0),
        (&[1.0, 1e16, -1e16], 1.0),
        (&[1e300, 1e16, 1.0, -1e16, -1e300, 1e-300], 1.0),
        (&[1e308, 1e308, -1e308], 1e308),
        (&tenth, 1.0),
    ] {
        let (db, _dir) = values_at_one_place(values);
        let heatmap = Heatmap {
            bbox: BoundingBox::parse("0,0,9,9").unwrap(),
            grid: Grid::Tiles { zoom: 3 },
            sum: Some("value".to_owned()),
            filters: Vec::new(),
            as_of: None,
        };
        let cells = db
            .heatmap(&heatmap, &db.budget(Cancel::default()))
            .unwrap()
            .cells;
        let found: Vec<_> = cells.iter().map(|cell| (cell.count, cell.sum)).collect();
        assert_eq!(found, [(values.len() as u64, Some(expected))], "{values:?}");
        // What was there when the first two were, which nobody saw one of.
        for as_of in [1, 2] {
            let then = Heatmap {
                as_of: Some(as_of),
                ..heatmap.clone()
            };
            let found = db.heatmap(&then, &db.budget(Cancel::default()));
            let found = found.unwrap();
            let sum = values[0] + values[1];
            assert_eq!((found.cells[0].count, found.cells[0].sum), (2, Some(sum)));
            let null = found.to_json().contains("\"sum\":null");
            assert_eq!(null, sum.is_infinite(), "{sum}");
        }
    }
}

#[test]
fn commit_times_select_versions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let mut times = Vec::new();
    for n in 0..20 {
        let text = format!(
            r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{n},0]}}}}"#
        );
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        let ack = db.write(prepared.operations).unwrap();
        times.push(ack.time);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    for area in [
        Area::Everything,
        Area::Box(BoundingBox::parse("-1,-1,20,1").unwrap()),
        Area::Near(Near {
            point: [0.0, 0.0],
            k: Some(100),
            radius: None,
        }),
    ] {
        for offset in [-1, 0, 1] {
            for (n, time) in times.iter().enumerate() {
                let text = format_timestamp(time + offset);
                let count = |op: &str, as_of: u64| {
                    let search = Search {
                        area: area.clone(),
                        predicate: Predicate::Intersects,
                        filters: vec![Filter::parse("time", &format!("{op}:{text}")).unwrap()],
                        limit: 100,
                        cursor: None,
                        as_of: Some(as_of),
                    };
                    let found = db
                        .search(&search, &db.budget(Cancel::default()))
                        .unwrap()
                        .returned as u64;
                    assert_eq!(
                        db.count(&search, &db.budget(Cancel::default())).unwrap().0,
                        found
                    );
                    found
                };
                let before = n as u64 + u64::from(offset > 0);
                assert_eq!(count("until", 20), before);
                assert_eq!(count("since", 20), 20 - before);
                assert_eq!(count("since", 1), 1_u64.saturating_sub(before));
            }
        }
    }
}

#[test]
fn a_distance_takes_the_place_of_one_the_feature_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    for text in [
        r#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[0,0]},"properties":{"distance":7},"distance":"far"}"#,
        r#"{"type":"Feature","id":"b","geometry":{"type":"Point","coordinates":[0,1]},"properties":{"distance":7}}"#,
    ] {
        db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
            .unwrap();
    }
    let search = Search {
        area: Area::Near(Near {
            point: [0.0, 0.0],
            k: Some(9),
            radius: None,
        }),
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 9,
        cursor: None,
        as_of: None,
    };
    let page = db.search(&search, &db.budget(Cancel::default())).unwrap();
    let text = String::from_utf8(page.json.to_vec()).unwrap();
    let found: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(text.matches("\"distance\"").count(), 4, "{text}");
    assert_eq!(found[0]["distance"], json!(0.0));
    assert_eq!(found[0]["properties"]["distance"], json!(7));
    let metres = found[1]["distance"].as_f64().unwrap();
    assert!((metres - 110_574.388_557).abs() < 1e-5, "{metres}");
    // Members keep their values, and the text is what Source takes.
    assert!(Source::new(text.as_bytes()).unwrap().value().is_ok());
}

#[test]
fn refusals_name_what_they_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let search = |area: Area| Search {
        area,
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 9,
        cursor: None,
        as_of: None,
    };
    let near = |point, k, radius| search(Area::Near(Near { point, k, radius }));
    for (search, text) in [
        (near([181.0, 0.0], Some(1), None), "the point is 181,0"),
        (near([0.0, f64::NAN], Some(1), None), "the point is 0,NaN"),
        (near([0.0, 0.0], None, None), "neither k nor radius"),
        (near([0.0, 0.0], Some(0), None), "k is 0"),
        (near([0.0, 0.0], None, Some(-1.0)), "the radius is -1"),
        (
            Search {
                limit: 0,
                ..search(Area::Everything)
            },
            "the limit is 0",
        ),
        (
            Search {
                as_of: Some(3),
                ..search(Area::Everything)
            },
            "as_of is 3",
        ),
    ] {
        let message = db
            .search(&search, &db.budget(Cancel::default()))
            .unwrap_err()
            .to_string();
        assert!(message.contains(text), "{message}");
    }
    let geometry = |text: &str| {
        QueryGeometry::parse(text.as_bytes(), Antimeridian::AsIs, &Limits::default()).unwrap_err()
    };
    let error = geometry(
        r#"{"type":"Feature","geometry":{"type":"LineString","coordinates":[[0,0],[0,91]]}}"#,
    );
    assert_eq!(error.pointer(), Some("/geometry/coordinates/1/1"));
    let error = geometry(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#);
    assert_eq!(error.pointer(), Some("/coordinates/0/3"));
    assert!(
        geometry(r#"{"type":"Feature","geometry":null}"#)
            .to_string()
            .contains("geometry")
    );
    let heatmap = |grid| Heatmap {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        grid,
        sum: None,
        filters: Vec::new(),
        as_of: None,
    };
    for (grid, text) in [
        (Grid::Tiles { zoom: 25 }, "zoom level is 25"),
        (Grid::Degrees { lon: 0.0, lat: 1.0 }, "width of a cell is 0"),
        (
            Grid::Degrees {
                lon: 1.0,
                lat: f64::INFINITY,
            },
            "height of a cell is inf",
        ),
    ] {
        let message = db
            .heatmap(&heatmap(grid), &db.budget(Cancel::default()))
            .unwrap_err()
            .to_string();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn cells_of_a_heatmap_lie_in_its_box_also_at_the_antimeridian_and_the_poles() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let fiji = json!({"type": "MultiPolygon", "coordinates": [
        [[[177, -19], [180, -19], [180, -16], [177, -16], [177, -19]]],
        [[[-180, -19], [-178, -19], [-178, -16], [-180, -16], [-180, -19]]],
    ]});
    let around = json!({"type": "LineString", "coordinates": [[-180, -44], [180, -44]]});
    let point = |x: i32, y: i32| json!({"type": "Point", "coordinates": [x, y]});
    let shapes = [
        fiji,
        around,
        point(180, 5),
        point(-180, 15),
        point(100, 90),
        point(70, -90),
        point(40, 35),
    ];
    let features: Vec<Value> = shapes
        .iter()
        .map(|shape| json!({"type": "Feature", "properties": {"n": 1}, "geometry": shape}))
        .collect();
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let text = json!({"type": "FeatureCollection", "features": features}).to_string();
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
    let cases: &[(&str, &[[i32; 2]])] = &[
        (
            "-180,-90,180,90",
            &[
                [-180, -90],
                [0, -50],
                [170, -20],
                [-180, 0],
                [-180, 10],
                [40, 30],
                [-180, 80],
            ],
        ),
        ("170,-20,-170,-10", &[[170, -20]]),
        ("-10,-20,10,-10", &[]),
        ("170,0,180,20", &[[170, 0], [170, 10]]),
        ("-180,0,-170,20", &[[-180, 0], [-180, 10]]),
        ("170,0,-170,20", &[[-180, 0], [-180, 10]]),
        ("170,0,-180,20", &[[170, 0], [170, 10]]),
        ("90,80,180,90", &[[90, 80]]),
        ("180,80,-170,90", &[[-180, 80]]),
        ("50,-90,60,-80", &[[50, -90]]),
        ("30,30,40,40", &[[30, 30]]),
        ("40,30,50,40", &[[40, 30]]),
        ("40,35,40,35", &[[40, 30]]),
    ];
    for (bbox, expected) in cases {
        for sum in [None, Some("n".to_owned())] {
            let heatmap = Heatmap {
                bbox: BoundingBox::parse(bbox).unwrap(),
                grid: Grid::Degrees {
                    lon: 10.0,
                    lat: 10.0,
                },
                sum,
                filters: Vec::new(),
                as_of: None,
            };
            let budget = db.budget(Cancel::default());
            let cells = db.heatmap(&heatmap, &budget).unwrap().cells;
            let found: Vec<[i32; 2]> = cells
                .iter()
                .map(|cell| cell.bounds.min.map(|n| n as i32))
                .collect();
            assert_eq!(found, *expected, "{bbox}");
            assert!(cells.iter().all(|cell| cell.count == 1));
        }
    }
}

#[test]
fn a_heatmap_has_as_many_cells_as_features_however_fine_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let limits = Limits {
        page_items: 20,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
    let point = |n: usize| {
        json!({
            "type": "Feature", "properties": {"n": n},
            "geometry": {"type": "Point", "coordinates": [n as f64 * 3.0, 2]},
        })
    };
    let write = |features: Vec<Value>| {
        let text = json!({"type": "FeatureCollection", "features": features}).to_string();
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    };
    let heatmap = |grid, sum: Option<&str>| {
        let heatmap = Heatmap {
            bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
            grid,
            sum: sum.map(str::to_owned),
            filters: Vec::new(),
            as_of: None,
        };
        db.heatmap(&heatmap, &db.budget(Cancel::default()))
    };
    let finest = Grid::Degrees {
        lon: 1e-6,
        lat: 1e-6,
    };
    write((0..20).map(point).collect());
    for grid in [Grid::Tiles { zoom: 24 }, finest] {
        for sum in [None, Some("n")] {
            let cells = heatmap(grid, sum).unwrap().cells;
            assert_eq!(cells.len(), 20);
            assert!(cells.iter().all(|cell| cell.count == 1));
        }
    }
    // The limit is of what is in the answer.
    write(vec![point(20)]);
    for sum in [None, Some("n")] {
        let error = heatmap(finest, sum).unwrap_err();
        assert_eq!(error.code(), "too_large");
        let text = "the number of cells with features in them is 21, the limit is 20 (setting \
                    FORMDB_PAGE_ITEMS)";
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(
        heatmap(Grid::Tiles { zoom: 0 }, None).unwrap().cells.len(),
        1
    );
}

#[test]
fn an_area_is_what_the_feature_was_at_the_sequence() {
    let (db, _dir) = values_at_one_place(&[1.0, 2.0, 3.0]);
    let area = |west: f64| {
        let ring = [
            [west, 0.0],
            [west + 5.0, 0.0],
            [west + 5.0, 5.0],
            [west, 0.0],
        ];
        let feature = json!({
            "type": "Feature", "id": "area", "properties": null,
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        });
        let prepared = db.prepare_features(feature.to_string().as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    };
    area(-2.0);
    area(50.0);
    let mut search = Search {
        area: Area::Feature("area".into()),
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 2,
        cursor: None,
        as_of: Some(4),
    };
    let count = |search: &Search| db.count(search, &db.budget(Cancel::default()));
    // The three points and the area itself, of which nothing is left for the later one.
    assert_eq!(count(&search).unwrap(), (4, 4));
    let first = db.search(&search, &db.budget(Cancel::default())).unwrap();
    search.as_of = None;
    assert_eq!(count(&search).unwrap(), (1, 5));
    assert_eq!(count(&search).unwrap(), (1, 5));
    // A later page is of the version of the first, and an answer that is kept no longer
    // given once the area is another.
    search.cursor = first.next;
    let second = db.search(&search, &db.budget(Cancel::default())).unwrap();
    assert_eq!((second.returned, second.seq, second.next), (2, 4, None));
    search.cursor = None;
    area(-2.0);
    assert_eq!(count(&search).unwrap(), (4, 6));
    search.as_of = Some(3);
    assert_eq!(count(&search).unwrap_err().code(), "feature_not_found");
}
