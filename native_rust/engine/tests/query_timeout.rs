//! Searches that take too long are given up, and what is short goes on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Area, Budget, Cancel, Database, Error, Filter, Grid, Heatmap, Limits, Near, Predicate, Search,
};

const FEATURES: usize = 20_000;

#[test]
fn what_reads_too_many_features_is_given_up() {
    let tmp = tempfile::tempdir().unwrap();
    // A body takes about a microsecond to read, so all of them take some twenty times
    // this.
    let limits = Limits {
        query_timeout_ms: 1,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &tmp.path().join("db"), limits).unwrap();
    let mut text = String::from(r#"{"type":"FeatureCollection","features":["#);
    for n in 0..FEATURES {
        let comma = if n > 0 { "," } else { "" };
        let lon = n as f64 / FEATURES as f64;
        write!(
            text,
            r#"{comma}{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},0]}},"properties":{{"n":{n}}}}}"#
        )
        .unwrap();
    }
    text.push_str("]}");
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();

    let never = || vec![Filter::parse("prop.n", "lt:0").unwrap()];
    let search = |area, filters| Search {
        area,
        predicate: Predicate::Intersects,
        filters,
        limit: 10,
        cursor: None,
        as_of: None,
    };
    let near = Area::Near(Near {
        point: [0.5, 0.0],
        k: Some(10),
        radius: None,
    });
    for area in [Area::Everything, near.clone()] {
        let search = search(area, never());
        for error in [
            db.search(&search, &db.budget(Cancel::default()))
                .unwrap_err(),
            db.count(&search, &db.budget(Cancel::default()))
                .unwrap_err(),
        ] {
            assert!(matches!(error, Error::Timeout { limit_ms: 1 }), "{error}");
        }
        assert_eq!(db.info().unwrap().query_cache.entries, 0);
    }
    let heatmap = |filters| Heatmap {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        grid: Grid::Tiles { zoom: 0 },
        sum: None,
        filters,
        as_of: None,
    };
    let error = db
        .heatmap(&heatmap(never()), &db.budget(Cancel::default()))
        .unwrap_err();
    assert_eq!(error.code(), "query_timeout");

    // With time, all of it is answered.
    let ample = Budget::new(&Limits::default(), db.memory(), Cancel::default());
    let all = FEATURES as u64;
    assert_eq!(
        db.count(&search(Area::Everything, vec![]), &ample)
            .unwrap()
            .0,
        all
    );
    assert_eq!(
        db.heatmap(&heatmap(vec![]), &ample).unwrap().cells[0].count,
        all
    );
    assert_eq!(
        db.search(&search(near, vec![]), &ample).unwrap().returned,
        10
    );
}
