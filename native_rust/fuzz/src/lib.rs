//! What the fuzz targets do with their bytes. Each function panics when the engine
//! breaks a promise on them; `fuzz_targets/` hands them to libFuzzer, and the test
//! below to the seeds alone.
//!
//! The disk in memory, the model and the workloads are those of the engine's tests.

#[path = "../../engine/tests/matrix/ask.rs"]
pub mod ask;
#[path = "../../engine/tests/matrix/documents.rs"]
pub mod documents;
#[path = "../../engine/tests/matrix/generate.rs"]
pub mod generate;
#[path = "../../engine/tests/matrix/model.rs"]
pub mod model;
#[path = "../../engine/tests/matrix/steps.rs"]
pub mod steps;
#[path = "../../engine/tests/support/mod.rs"]
pub mod support;
#[path = "../../engine/tests/matrix/workload.rs"]
pub mod workload;

mod codecs;
mod databases;
mod predicates;
mod snapshots;

pub use codecs::{block, cbor, features, hostile as documents, json, points, points_batch};
pub use databases::{journal, operations, recovery};
pub use predicates::predicates;
pub use snapshots::{snapshot, snapshots};
pub use support::rng::{mixed, random};
pub use support::{disk, image};

/// What a fuzzer calls with its bytes.
pub type Target = fn(&[u8]);

/// The targets, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("block", block),
    ("cbor", cbor),
    ("points_batch", points_batch),
    ("features", features),
    ("points", points),
    ("json", json),
    ("documents", documents),
    ("predicates", predicates),
    ("snapshots", snapshots),
    ("recovery", recovery),
    ("operations", operations),
];

#[test]
fn the_seeds_pass() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, target) in TARGETS {
        let mut seeds = 0;
        for seed in std::fs::read_dir(folder.join(name)).unwrap() {
            target(&std::fs::read(seed.unwrap().path()).unwrap());
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}
