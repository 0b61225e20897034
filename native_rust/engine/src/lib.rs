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

mod aggregate;
mod answers;
mod block;
mod bodies;
mod budget;
mod catalog;
mod clock;
mod committer;
mod conditions;
mod cursor;
mod database;
mod entries;
mod error;
mod exact;
mod features;
pub mod fs;
mod growth;
mod history;
mod home;
mod index;
mod inspect;
mod journal;
mod json_rows;
mod keys;
mod limits;
mod lineage;
mod mem;
mod merkle;
pub mod model;
mod opening;
mod operation;
#[cfg(test)]
mod oracles;
mod patch;
mod plan;
mod planted;
mod points;
mod prepare;
mod proofs;
mod proved;
mod query_cache;
mod queue;
mod readable;
mod replay;
mod revert;
mod reverts;
mod schema;
mod scrub;
mod search;
mod series_list;
mod snapshot;
mod spatial;
mod state;
mod sync;
mod transactions;
mod turns;

pub use aggregate::{
    Aggregate, AggregatePage, Aggregation, Bucket, Fill, Interval, Percent, Selection,
    SeriesBuckets, SeriesPage, SeriesPoints, SeriesRangeQuery, SeriesSummary, Zone,
};
pub use answers::{AnswerStats, JsonAnswer};
pub use block::Block;
pub use bodies::Document;
pub use budget::{Budget, Cancel};
pub use catalog::Catalog;
pub use conditions::{Condition, Expected};
pub use database::{Database, Info};
pub use entries::{EntryPage, EntryQuery};
pub use error::{Entity, Error, Fault, InvalidCode, Result};
pub use features::{BoxQuery, FeaturePage};
pub use history::{Moment, StoredBlock};
pub use index::PlaceIndex;
pub use inspect::{
    Appended, Diagnosis, LeftOut, Reach, SalvageReport, VerifyReport, diagnose, salvage, verify,
};
pub use journal::{Damage, Lost, Progress};
pub use journal::{Recovered, RecoveryPolicy};
pub use keys::IdempotencyKey;
pub use limits::Limits;
pub use lineage::Lineage;
pub use mem::{Memory, Pool, Reservation};
pub use merkle::{ConsistencyProof, Hash, InclusionProof, Tree, leaf_hash, node_hash, to_hex};
pub use operation::{OpKind, Operation};
pub use points::{
    ColumnPage, Latest, Order, Point, PointPage, PointRef, RangeQuery, SeriesEntry, Summary,
};
pub use prepare::{Duplicates, PreparedFeatures, PreparedPoints, Puts};
pub use proofs::TreeHead;
pub use query_cache::{CacheLimits, CacheStats, ENTRY_OVERHEAD, QueryCache};
pub use queue::{Ack, Durability, MAX_ACTOR, Reply, Transaction};
pub use scrub::{ScrubStats, ScrubStep};
pub use search::{Area, Cell, Filter, Grid, Heatmap, HeatmapPage, Near, QueryGeometry, Search};
pub use series_list::{SeriesListPage, SeriesListQuery};
pub use snapshot::SnapshotUsed;
pub use spatial::Predicate;
pub use transactions::{
    Applied, Begin, Commit, OwnDocument, Phase, PreparedOperations, TransactionStatus, Wait,
};

/// The temporal index on its own, in memory, with no journal behind it.
pub mod temporal {
    pub use crate::index::{
        Order, Point, PointRef, RangeQuery, Resume, Series, SeriesEntry, SharedSeries, Summary,
        TemporalIndex,
    };
    pub use crate::prepare::check_columns;
}
