//! What an upload is asked for and bounded by.

use super::columns::TableReading;
use super::records::Framing;
use crate::error::Fault;
use crate::types::{Antimeridian, OnDuplicate, TimeReading};

/// Records of a batch, at most.
pub const BATCH_RECORDS: usize = 5_000;
/// Bytes of a batch's records, at most, unless one record has more.
pub const BATCH_BYTES: usize = 4 << 20;
/// Bytes of a part of the body, at most, that a server takes at once. So many are held for an
/// upload from its beginning on: one that there is no room for is refused before it is sent.
pub const PART_BYTES: usize = 256 << 10;

/// What the records of an upload are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadForm {
    /// A GeoJSON Feature or geometry each.
    Features(Framing, Antimeridian),
    /// A point object each, with what timestamps that are integers count.
    Points(Framing, TimeReading),
    /// Rows of a table of points, after its header.
    Table(TableReading),
}

/// How an upload is read.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// What its records are.
    pub form: UploadForm,
    /// Whether the first faulty record ends it; else such are left out, and told.
    pub stop: bool,
    /// Bytes that a record may have.
    pub record_bytes: usize,
    /// What becomes of points whose timestamps their series has; what the database says as
    /// the upload begins where nothing was asked for.
    pub on_duplicate: Option<OnDuplicate>,
    /// What stands for every feature and point without a provenance of its own: text of a JSON
    /// object.
    pub provenance: Option<Vec<u8>>,
    /// The client's key: text as in [`IdempotencyKey`].
    pub key: Option<String>,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its first line, from 1; of a text sequence its number.
    pub line: u64,
    /// What is wrong with it, the first if there are several faults.
    pub fault: Fault,
}
