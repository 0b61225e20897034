//! Lists of series as of earlier: what was made later is passed over in pages of bounded work.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{Cancel, Database, Limits, SeriesListQuery, SummaryQuery};

#[test]
fn series_that_were_made_later_end_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        page_items: 10,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let write = |id: &str| {
        let point = format!(r#"{{"series_id":"{id}","timestamp":1,"value":1}}"#);
        let points = db.prepare_points(point.as_bytes()).unwrap();
        db.write(points.operations).unwrap();
    };
    write("z");
    (0..35).for_each(|n| write(&format!("a{n:02}")));
    let budget = db.budget(Cancel::default());
    for list in 0..3 {
        let (mut pages, mut found, mut cursor) = (0, Vec::new(), None);
        loop {
            let query = SeriesListQuery {
                prefix: "",
                filters: &[],
                limit: 5,
                cursor: cursor.as_deref(),
                as_of: cursor.is_none().then_some(1),
            };
            let (ids, next): (Vec<String>, _) = match list {
                0 => {
                    let page = db.series_list(&query, &budget).unwrap();
                    let ids = page.series.iter().map(|s| s.id.to_string());
                    (ids.collect(), page.next)
                }
                1 => {
                    let page = db.latest_list(&query, &budget).unwrap();
                    let ids = page.series.iter().map(|(id, _)| id.to_string());
                    (ids.collect(), page.next)
                }
                _ => {
                    let figures = SummaryQuery::default();
                    let page = db.summary_list(&query, &figures, &budget).unwrap();
                    let ids = page.series.iter().map(|(id, _)| id.to_string());
                    (ids.collect(), page.next)
                }
            };
            pages += 1;
            found.extend(ids);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, ["z"], "list {list}");
        assert_eq!(pages, 4, "list {list}");
    }
}
