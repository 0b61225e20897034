//! The indexes: where each block lies, which versions each feature has and where
//! they are on the earth, and what points each series has.
//!
//! They live in memory and are rebuilt from the journal. All follow one rule:
//! an entry carries the sequence of the block that made it and, once superseded,
//! of the one that did, and every question is asked as of a sequence. So one
//! thread can write in small steps under short locks while others read, and
//! the past is read like the present.

mod apply;
mod blocks;
mod chunk;
pub(crate) mod defaults;
mod features;
mod filter;
mod generations;
mod in_order;
mod indexes;
pub(crate) mod keys;
pub(crate) mod kinds;
mod lives;
pub(crate) mod memory;
pub(crate) mod pending;
mod places;
mod range;
pub(crate) mod reverts;
mod series;
mod shared_series;
mod signatures;
mod spatial;
mod summary;
mod temporal;
mod timeline;
mod times;
mod traceless;
mod version_table;
mod walk;

pub(crate) use apply::Change;
pub use blocks::BlockTable;
pub use chunk::{Point, PointRef};
pub use features::{BoxWalk, EnterVersions, FeatureIndex, FeatureLoader, Hit, Newest};
pub use features::{Content, FeatureRestorer, IdRestorer, StoredVersion, VersionCursor};
pub use in_order::InOrder;
pub(crate) use indexes::{Indexes, Rebuilt};
pub use memory::{Held, IndexFigures};
pub use places::PlaceIndex;
pub use range::{Order, RangeQuery, Resume};
pub(crate) use series::Subtree;
pub use series::{PartRun, Series, SeriesPart, Summary};
pub use shared_series::SharedSeries;
pub(crate) use signatures::SignatureTable;
pub use spatial::Placed;
pub(crate) use spatial::{CountStep, CountWalk};
pub(crate) use summary::{extremes, greatest, least};
pub(crate) use temporal::{Extent, NamedSeries};
pub use temporal::{SeriesEntry, TemporalIndex};
pub(crate) use traceless::Traces;
pub(crate) use version_table::VersionTable;
pub(crate) use walk::{Past, Points, Stretch};
