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
mod backup;
mod block;
mod budget;
mod cache;
mod clock;
mod commit;
mod db;
mod error;
pub mod fs;
mod geo;
mod index;
mod inspect;
mod journal;
mod limits;
mod live;
mod measure;
mod mem;
mod merkle;
mod open;
mod planted;
mod read;
mod search;
mod sessions;
mod snapshot;
mod state;
mod sync;
#[cfg(test)]
mod testing;
mod transactions;
pub mod types;
mod write;

pub use aggregate::{
    Aggregate, AggregatePage, Aggregation, Bucket, Fill, GroupBy, Interval, Percent, Selection,
    SeriesBuckets, SeriesPage, SeriesPoints, SeriesRangeQuery, SeriesSummary, SummaryPage,
    SummaryQuery, WidePage, WideQuery,
};
pub use backup::{
    BackupCheck, BackupFile, BackupManifest, BackupOptions, BackupReport, BackupSegment, DumpHead,
    ListedBackup, LoadReport, RestoreOptions, RestoreReport, back_up, dump, list_backups,
    load_dump, restore, verify_backup,
};
pub use block::{
    Ack, Block, Condition, Durability, Expected, IdempotencyKey, MAX_ACTOR, OpKind, Operation,
    PointDuplicates, Transaction,
};
pub use budget::{Budget, Cancel};
pub use cache::of_blocks::Document;
pub use cache::query_cache::{CacheLimits, CacheStats, ENTRY_OVERHEAD, QueryCache};
pub use cache::results::{JsonAnswer, ResultCacheStats};
pub use commit::queue::Reply;
pub use db::catalog::Catalog;
pub use db::database::{Database, Info};
pub use db::figures::{Figures, SnapshotFigures};
pub use error::{Entity, Error, Fault, InvalidCode, Obstacle, Result};
pub use geo::Predicate;
pub use index::{Held, IndexFigures, PlaceIndex};
pub use inspect::{
    Appended, Diagnosis, LeftOut, Reach, SalvageReport, VerifyReport, diagnose, salvage, verify,
};
pub use journal::{Damage, Lost, Progress};
pub use limits::{Limits, RecoveryPolicy};
pub use live::{
    ChangeAnswer, Content, EventText, Follow, Live, LiveDwell, LiveEvent, LiveFilter, LiveWords,
    Matched, Since, Sink, Subscription, SubscriptionInfo,
};
pub use measure::HistogramFigures;
pub use mem::{
    Memory, Pool, Reservation, UNKNOWN as UNKNOWN_MEMORY, available as available_memory,
};
pub use merkle::{ConsistencyProof, InclusionProof, Tree, leaf_hash, node_hash};
pub use open::Recovered;
pub use read::absence::Absence;
pub use read::blocks::StoredBlock;
pub use read::detailed_points::{DetailedForm, DetailedPage};
pub use read::journal::{EntryPage, EntryQuery};
pub use read::latest::Latest;
pub use read::latest_list::LatestPage;
pub use read::lineage::Lineage;
pub use read::moments::Moment;
pub use read::page::FeaturePage;
pub use read::point_origins::Include;
pub use read::points::{
    ColumnPage, Order, Point, PointPage, PointRef, RangeQuery, SeriesEntry, Summary,
};
pub use read::proofs::TreeHead;
pub use read::scrub::ScrubStep;
pub use read::selection::{BlockFilter, Member, SeriesNames};
pub use read::series_diff::{SeriesDiff, SeriesDiffQuery};
pub use read::series_filter::SeriesFilter;
pub use read::series_list::{SeriesListPage, SeriesListQuery};
pub use read::series_provenance::SeriesProvenanceQuery;
pub use read::table_rows::TableForm;
pub use search::{
    Area, BoxQuery, Cell, Filter, Grid, Heatmap, HeatmapPage, Near, NearFeature, QueryGeometry,
    Search,
};
pub use sessions::{Additions, Applied, Phase, TransactionStatus};
pub use snapshot::SnapshotUsed;
pub use state::{Ending, ScrubStats};
pub use transactions::{Begin, Commit, OwnDocument, Wait};
pub use types::{Hash, ValueFilter, Zone, to_hex};
pub use write::correct::PreparedCorrection;
pub use write::operations::{PreparedOperations, Reading};
pub use write::prepare::{Duplicates, PreparedFeatures, PreparedPoints, Puts};
pub use write::undo::{OutlinedOperation, PreparedUndo, Undo, UndoOutline};
pub use write::upload::{
    BATCH_BYTES, BATCH_RECORDS, Framing, MissingValues, PART_BYTES, RecordWarning, RejectedRecord,
    TableReading, TableShape, Upload, UploadForm, UploadOptions,
};

/// The temporal index on its own, in memory, without a journal.
pub mod temporal {
    pub use crate::index::{
        Order, Point, PointRef, RangeQuery, Resume, Series, SeriesEntry, SharedSeries, Summary,
        TemporalIndex,
    };
    pub use crate::write::prepare::check_columns;
}
