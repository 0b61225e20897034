//! # formdb-engine
//!
//! The whole database as plain Rust: an append-only, hash-chained journal of
//! CBOR blocks, a spatial index over GeoJSON features and a temporal index over
//! time series. It knows nothing of HTTP and nothing of the BEAM.
//!
//! A [`Catalog`] holds the databases of a data folder. A [`Database`] takes
//! writes through a bounded queue, makes them durable on one committer thread
//! and answers reads on the calling thread.
//!
//! ```
//! use std::sync::Arc;
//! use formdb_engine::{Database, Limits, fs::RealFileSystem};
//!
//! # fn main() -> formdb_engine::Result<()> {
//! # let tmp = tempfile::tempdir().unwrap();
//! # let dir = tmp.path().join("quakes");
//! let db = Database::open(Arc::new(RealFileSystem), &dir, Limits::default())?;
//! let text = br#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[13.4,52.5]},"properties":{}}"#;
//! let ack = db.write(db.prepare_features(text)?.operations)?;
//! assert_eq!(ack.first_seq, 1);
//! assert_eq!(db.feature("a", None)?.seq, 1);
//! db.close();
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]

mod block;
mod bodies;
mod catalog;
mod clock;
mod committer;
mod conditions;
mod cursor;
mod database;
mod entries;
mod error;
mod features;
pub mod fs;
mod history;
mod index;
mod journal;
mod keys;
mod limits;
mod merkle;
pub mod model;
mod operation;
mod patch;
mod plan;
mod points;
mod prepare;
mod proofs;
mod queue;
mod revert;
mod reverts;
mod search;
mod spatial;
mod state;
mod transactions;

pub use block::Block;
pub use bodies::Document;
pub use catalog::Catalog;
pub use conditions::{Condition, Expected};
pub use database::{Database, Info};
pub use entries::{EntryPage, EntryQuery};
pub use error::{Entity, Error, InvalidCode, Result};
pub use features::{BoxQuery, FeaturePage};
pub use history::StoredBlock;
pub use index::PlaceIndex;
pub use journal::Recovered;
pub use keys::IdempotencyKey;
pub use limits::Limits;
pub use merkle::{ConsistencyProof, Hash, InclusionProof, Tree, leaf_hash, node_hash, to_hex};
pub use operation::{OpKind, Operation};
pub use points::{Latest, Order, Point, PointPage, PointRef, RangeQuery, SeriesEntry, Summary};
pub use prepare::{PreparedFeatures, PreparedPoints};
pub use proofs::TreeHead;
pub use queue::{Ack, Durability, Reply, Transaction};
pub use search::{Area, Cell, Filter, Grid, Heatmap, HeatmapPage, Near, QueryGeometry, Search};
pub use spatial::Predicate;
pub use transactions::{Begin, OwnDocument, Phase, TransactionStatus};
