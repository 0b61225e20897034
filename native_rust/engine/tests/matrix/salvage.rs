//! What salvage writes anew after damage names the blocks that it named before.

use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::FileSystem;
use formdb_engine::{Database, Order, Reach, salvage, verify};
use serde_json::json;

use super::ask::{prepare, range};
use super::damage::blocks;
use super::disk::SimFs;
use super::model::Change;
use super::support::journal::{groups, is_segment};
use super::workload::{DIR, limits, open};

#[test]
fn behind_a_lost_block_an_undone_one_stays_undone() {
    let put = |id: &str| {
        Change::Put(json!({"type": "Feature", "id": id, "geometry": null, "properties": null}))
    };
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let changes = [
        put("kept"),
        put("lost"),
        Change::Points("s".into(), vec![1, 2], vec![1.0, 2.0]),
        // Deletes the points of block 3, by its number.
        Change::Revert(3),
        Change::Points("s".into(), vec![3], vec![3.0]),
    ];
    for change in changes {
        let transaction = prepare(&db, &[change]).unwrap();
        db.write_transaction(transaction).unwrap();
    }
    let expected = range(&db, "s", Order::Ascending, None).unwrap();
    assert_eq!(expected, [(3, 3.0)]);
    db.close();

    let image = fs.now();
    let (path, mut bytes) = image
        .files()
        .into_iter()
        .find(|(path, _)| is_segment(path))
        .unwrap();
    let second = groups(&bytes)[1].start;
    let (_, block) = blocks(&bytes, second)[0].clone();
    bytes[block.end - 1] ^= 1;
    let fs: Arc<dyn FileSystem> = Arc::new(SimFs::of(image.with_file(&path, bytes)));
    let new = Path::new("/data/new");
    let report = salvage(&fs, Path::new(DIR), new, Reach::Beyond, &mut |_| {}).unwrap();
    assert_eq!(report.blocks, 1);
    assert_eq!(report.appended.map(|appended| appended.blocks), Some(3));
    assert!(verify(&*fs, new, &mut |_| {}).unwrap().is_sound());
    let db = Database::open(fs, new, limits()).unwrap();
    assert_eq!(range(&db, "s", Order::Ascending, None).unwrap(), expected);
    assert!(db.feature("kept", None).is_ok() && db.feature("lost", None).is_err());
    db.close();
}
