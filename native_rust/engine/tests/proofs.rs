//! Tree heads and proofs of a real database, before and after opening it again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{Database, Error, Hash, Limits, Tree};

fn open(dir: &Path) -> Database {
    // Small segments, so that proofs read across several files.
    let limits = Limits {
        segment_bytes: 4_096,
        ..Limits::default()
    };
    Database::open(Arc::new(RealFileSystem), dir, limits).unwrap()
}

fn check(db: &Database, leaves: &[Hash]) {
    let size = leaves.len() as u64;
    let mut tree = Tree::default();
    let mut roots = vec![tree.root()];
    for leaf in leaves {
        tree.push(*leaf);
        roots.push(tree.root());
    }
    assert_eq!(db.tree_head(None).unwrap().root, roots[leaves.len()]);
    for at in 0..=size {
        assert_eq!(db.tree_head(Some(at)).unwrap().root, roots[at as usize]);
    }
    for seq in 1..=size {
        let proof = db.inclusion_proof(seq, None).unwrap();
        assert_eq!(proof.leaf_index, seq - 1);
        assert_eq!(proof.leaf_hash, leaves[seq as usize - 1]);
        assert_eq!(proof.root, roots[leaves.len()]);
        let proof = db.consistency_proof(seq, None).unwrap();
        assert_eq!(proof.first_root, roots[seq as usize]);
        assert_eq!(proof.second_root, roots[leaves.len()]);
    }
}

#[test]
fn heads_and_proofs_are_those_of_the_blocks_written_also_after_opening_again() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let db = open(&dir);
    let mut leaves = Vec::new();
    for n in 0..100 {
        let text = format!(
            r#"{{"type":"Feature","id":"f{}","geometry":null,"properties":{{"pad":"{}"}}}}"#,
            n % 10,
            "x".repeat(n * 3)
        );
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        leaves.push(db.write(prepared.operations).unwrap().hash);
        assert_eq!(db.tree_head(None).unwrap().tree_size, n as u64 + 1);
    }
    assert!(db.info().unwrap().segments > 3);
    check(&db, &leaves);
    db.close();
    check(&open(&dir), &leaves);
}

#[test]
fn sizes_the_journal_has_not_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let db = open(&tmp.path().join("db"));
    let refused = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), "invalid_parameter", "{error}");
        error.pointer().unwrap().to_owned()
    };
    assert_eq!(refused(db.tree_head(Some(1)).map(drop)), "/tree_size");
    assert_eq!(refused(db.inclusion_proof(1, None).map(drop)), "/tree_size");
    let feature = br#"{"type":"Feature","geometry":null,"properties":null}"#;
    db.write(db.prepare_features(feature).unwrap().operations)
        .unwrap();
    assert_eq!(refused(db.inclusion_proof(0, None).map(drop)), "/seq");
    assert_eq!(refused(db.inclusion_proof(2, None).map(drop)), "/seq");
    assert_eq!(
        refused(db.consistency_proof(2, Some(1)).map(drop)),
        "/first"
    );
    assert_eq!(
        refused(db.consistency_proof(1, Some(9)).map(drop)),
        "/second"
    );
}
