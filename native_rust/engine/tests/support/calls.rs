//! Calls of a database that several test programs make.

use std::path::Path;
use std::sync::Arc;

use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Ack, BoxQuery, Cancel, Database, Error, Limits, Order, PointPage, RangeQuery, Transaction,
};

use super::disk::SimFs;

/// The folder of the database.
pub const DIR: &str = "/data/db";

/// So that a short test fills several segments.
pub fn small_segments() -> Limits {
    Limits {
        segment_bytes: 4_096,
        ..Limits::default()
    }
}

/// The database in a folder, with small segments.
pub fn open_in(fs: &SimFs, dir: &str) -> Result<Database, Error> {
    Database::open(Arc::new(fs.clone()), Path::new(dir), small_segments())
}

/// The code of an error; there has to be one.
pub fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.unwrap_err().code()
}

/// The transaction that undoes a block.
pub fn reverting(db: &Database, seq: u64) -> Result<Transaction, Error> {
    let (operation, conditions) = db.prepare_revert(seq, None)?;
    Ok(Transaction {
        operations: vec![operation],
        conditions,
        ..Transaction::default()
    })
}

pub fn revert(db: &Database, seq: u64) -> Result<Ack, Error> {
    db.write_transaction(reverting(db, seq)?)
}

/// All features that have a place, up to 10,000 of them.
pub fn world(as_of: Option<u64>) -> BoxQuery {
    BoxQuery {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        limit: 10_000,
        cursor: None,
        as_of,
    }
}

/// All points of a series, up to 10,000 of them.
pub fn points(db: &Database, series: &str, as_of: Option<u64>) -> Result<PointPage, Error> {
    let query = RangeQuery {
        series,
        start: i64::MIN,
        end: i64::MAX,
        values: None,
        order: Order::Ascending,
        limit: 10_000,
        cursor: None,
        as_of,
    };
    db.range(&query, &db.budget(Cancel::default()))
}
