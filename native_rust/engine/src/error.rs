//! The one error type of the engine.
//!
//! Every failure a caller may want to tell apart is a variant of its own.
//! [`Error::code`] is stable: it is what HTTP clients match on. Messages say
//! what was wrong and what was expected; they may be reworded at any time.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

/// Result of every fallible engine call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an input was refused. The string form is part of the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCode {
    /// The text is not JSON (RFC 8259), is no JSON object, or repeats a member name.
    Json,
    /// The bytes are not CBOR (RFC 8949), or hold what JSON has not.
    Cbor,
    /// Valid JSON that is not a GeoJSON Feature or FeatureCollection.
    Feature,
    /// A geometry that breaks RFC 7946: unknown type, open ring, too few positions.
    Geometry,
    /// A position that is not longitude, latitude and optional altitude in range.
    Position,
    /// A line or ring with an edge wider than 180 degrees.
    Antimeridian,
    /// A reference system for coordinates that is not WGS 84.
    ReferenceSystem,
    /// A feature or series id that is empty, too long or holds control characters.
    Id,
    /// A feature id that another feature of the same request has.
    DuplicateId,
    /// A database name outside `[a-z0-9][a-z0-9_-]{0,62}`.
    Name,
    /// A bounding box that is not `west,south,east,north` in range.
    BoundingBox,
    /// A timestamp that is not ISO 8601 with an offset, nor microseconds.
    Timestamp,
    /// A time range whose start lies after its end.
    TimeRange,
    /// A point value that is not a finite number.
    Value,
    /// A point or list of points with a missing, unknown or mistyped member.
    Point,
    /// Provenance or metadata that is not a JSON object.
    Document,
    /// A page cursor this database did not issue.
    Cursor,
    /// A parameter that is not what the call takes.
    Parameter,
}

impl InvalidCode {
    /// The stable string form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "invalid_json",
            Self::Cbor => "invalid_cbor",
            Self::Feature => "invalid_feature",
            Self::Geometry => "invalid_geometry",
            Self::Position => "invalid_position",
            Self::Antimeridian => "antimeridian_crossing",
            Self::ReferenceSystem => "unsupported_crs",
            Self::Id => "invalid_id",
            Self::DuplicateId => "duplicate_id",
            Self::Name => "invalid_name",
            Self::BoundingBox => "invalid_bbox",
            Self::Timestamp => "invalid_timestamp",
            Self::TimeRange => "invalid_time_range",
            Self::Value => "invalid_value",
            Self::Point => "invalid_point",
            Self::Document => "invalid_document",
            Self::Cursor => "invalid_cursor",
            Self::Parameter => "invalid_parameter",
        }
    }
}

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable code that clients match on.
    pub code: &'static str,
    /// JSON pointer (RFC 6901) to the offending part; empty for the whole.
    pub pointer: String,
    /// What was found and what was expected.
    pub detail: String,
}

/// One thing that stands in the way of undoing blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// The stable code that clients match on.
    pub code: &'static str,
    /// JSON pointer (RFC 6901) to what asked for the block.
    pub pointer: String,
    /// The block that was to be undone, unless none is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The block that stands in the way, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<u64>,
    /// The first block of the transaction to undo first, where the block that stands in the
    /// way is one of several of a transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u64>,
    /// What is in the way, and what to do.
    pub detail: String,
}

/// The first of several things that are wrong, in words, and how many there are.
fn first_of(first: Option<&String>, total: u64, limit: u64, what: &str) -> String {
    let first = first.map_or("", String::as_str);
    match total {
        0 | 1 => first.to_owned(),
        _ if total > limit => format!(
            "{first} (the first of {total} {what}, of which {limit} are listed: setting FORMDB_FAULTS)"
        ),
        _ => format!("{first} (the first of {total} {what})"),
    }
}

/// What a lookup did not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A database name.
    Database,
    /// A feature id.
    Feature,
    /// A series id.
    Series,
    /// The id of a series that is to have attributes.
    Attributes,
    /// The id of a webhook.
    Webhook,
    /// A point of a series.
    Point,
    /// A block's hash.
    Block,
    /// An open transaction.
    Transaction,
    /// A folder that is to be a backup.
    Backup,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Feature => "feature",
            Self::Series => "series",
            Self::Attributes => "set of attributes of series",
            Self::Webhook => "webhook",
            Self::Point => "point",
            Self::Block => "block",
            Self::Transaction => "open transaction",
            Self::Backup => "backup",
        })
    }
}

/// Everything that can go wrong in the engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The input is refused; nothing was written.
    #[error("{detail}")]
    Invalid {
        /// Which rule it broke.
        code: InvalidCode,
        /// JSON pointer (RFC 6901) to the offending part; empty for the whole.
        pointer: String,
        /// What was found and what was expected.
        detail: String,
    },
    /// The input is refused for one fault or several; nothing was written.
    #[error("{}", first_of(faults.first().map(|f| &f.detail), *total, *limit, "faults"))]
    Faults {
        /// Those that are told, at least one, in the order of the input.
        faults: Vec<Fault>,
        /// How many there are.
        total: u64,
        /// How many may be told.
        limit: u64,
    },
    /// The input is larger than a limit allows; nothing was written.
    #[error("{what} is {actual}, the limit is {limit} (setting FORMDB_{})", setting.to_uppercase())]
    TooLarge {
        /// What was measured, e.g. "the transaction in bytes".
        what: &'static str,
        /// Its size.
        actual: u64,
        /// The limit in force.
        limit: u64,
        /// The field of [`crate::Limits`] to change.
        setting: &'static str,
    },
    /// A query takes longer than a limit allows.
    #[error(
        "the query took more than {limit_ms} ms (setting FORMDB_QUERY_TIMEOUT_MS); ask for a smaller area, with fewer or more telling filters, or for less at a time"
    )]
    Timeout {
        /// The limit in force.
        limit_ms: u64,
    },
    /// Nobody waits for the answer any more.
    #[error("the question was given up, because nobody waits for its answer")]
    Cancelled,
    /// The memory that a limit allows is used up; nothing was written or read.
    #[error(
        "{asked} bytes of memory are needed, {used} of {limit} are in use (setting FORMDB_{}); {}",
        setting.to_uppercase(),
        room(setting)
    )]
    MemoryFull {
        /// Bytes in use.
        used: u64,
        /// Bytes asked for.
        asked: u64,
        /// The limit in force.
        limit: u64,
        /// The field of [`crate::Limits`] to change.
        setting: &'static str,
    },
    /// The disk has little room left, so nothing is written to it.
    #[error(
        "the disk of the data folder has {free} bytes free, and below {least} (setting FORMDB_MIN_FREE_BYTES) nothing is written; reads go on. Make room: writes are taken again as soon as there is enough"
    )]
    DiskFull {
        /// Bytes that are free.
        free: u64,
        /// The limit in force.
        least: u64,
    },
    /// The disk that a backup goes to has too little room for it.
    #[error(
        "the disk of {} has {free} bytes free, and {needed} are needed{}; make room there, or use a folder on another disk",
        path.display(),
        kept_free(*kept)
    )]
    NoRoom {
        /// The folder that backups go to.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to be.
        needed: u64,
        /// Those among them that stay free, since the database lies on the same disk.
        kept: u64,
    },
    /// No such entity.
    #[error("there is no {entity} {}", Shown(id))]
    NotFound {
        /// Its kind.
        entity: Entity,
        /// The id asked for.
        id: String,
    },
    /// A transaction that was open once and is no longer.
    #[error("transaction {} is not open any more: {reason}", Shown(id))]
    Ended {
        /// Its id.
        id: String,
        /// How it ended, and what to do next where there is something to do.
        reason: String,
    },
    /// A transaction whose commit is under way: it takes nothing more, and is not aborted.
    #[error(
        "transaction {} is being committed, so nothing is added to it, read in it or aborted; its status says what became of it, and so does its commit, sent again",
        Shown(id)
    )]
    Committing {
        /// Its id.
        id: String,
    },
    /// What a caller knows of the journal is of another history.
    #[error("{detail}; begin anew: read what there is, and follow from the sequence of that")]
    LogDiverged {
        /// What differs.
        detail: String,
    },
    /// Somebody else wrote first what this transaction writes; nothing was written.
    #[error("{detail}; begin another")]
    Conflict {
        /// What was written, by which block.
        detail: String,
    },
    /// The series has a point at the timestamp of one that was not to be a duplicate;
    /// nothing was written.
    #[error(
        "series {} has the point {found} with the value {value} at that time; leave the new one out, or ask for on_duplicate=keep, replace or ignore",
        Shown(series)
    )]
    PointExists {
        /// Where the new point stands in the request.
        pointer: String,
        /// The series' id.
        series: String,
        /// The id of the point that stands there: `pt_` and its block, and its place there.
        found: String,
        /// Its value.
        value: f64,
    },
    /// The feature is not at the version the caller named; nothing was written.
    #[error("{detail}")]
    Precondition {
        /// What was expected and what there is.
        detail: String,
    },
    /// The block cannot be undone; nothing was written.
    #[error("block {block} cannot be reverted: {reason}")]
    Irreversible {
        /// Its sequence.
        block: u64,
        /// What stands in the way, and what to do.
        reason: String,
    },
    /// What was to be undone cannot be; nothing was written.
    #[error("{}", first_of(obstacles.first().map(|o| &o.detail), *total, *limit, "such blocks"))]
    Obstructed {
        /// What stands in the way, at least one, and as many as may be told.
        obstacles: Vec<Obstacle>,
        /// How many things do.
        total: u64,
        /// How many may be told.
        limit: u64,
    },
    /// The idempotency key was sent before, with another request; nothing was written.
    #[error(
        "the idempotency key {key:?} was used for another request ({place}); use a new key for a new request"
    )]
    KeyReused {
        /// The key.
        key: String,
        /// What that wrote.
        place: String,
    },
    /// A read-only transaction was asked to write.
    #[error("the transaction is read-only; begin one that is not to write")]
    ReadOnly,
    /// The write queue is full; nothing was written, try again later.
    #[error("{}", busy(*limit, unit))]
    Busy {
        /// The bound that was reached.
        limit: u64,
        /// "transactions" or "bytes" of the queue, "open transactions", or what is waited
        /// for.
        unit: &'static str,
    },
    /// The database is closed or closing.
    #[error("the database is closed")]
    Closed,
    /// An earlier write failed: reads go on, writes are refused until the
    /// database is opened again.
    #[error(
        "writes are refused since an earlier one failed: {cause}. Reads go on. Mend what failed (a full disk needs room), then close and open the database, or restart the server"
    )]
    Poisoned {
        /// The failure that poisoned it.
        cause: Arc<str>,
    },
    /// A write failed on its way to the disk, so its outcome is open. Has the code of
    /// the cause.
    #[error(
        "{cause}. Whether this write is kept is open: it may be there when the database is opened again, or not. Send it again then, under the same idempotency key: it is then written once; without a key, look first whether it is there"
    )]
    Unsettled {
        /// What failed.
        cause: Arc<Error>,
    },
    /// The committer panicked while it entered a write into the indexes: what they
    /// hold is not known, so nothing is read or written until the database is opened
    /// again, which builds them anew.
    #[error(
        "the database cannot be used until it is opened again, since its indexes may be half-written: {cause}"
    )]
    Failed {
        /// What happened.
        cause: Arc<str>,
    },
    /// Another process, or another handle of this one, has the database open.
    #[error("{} is held by {}", path.display(), Holder(*holder))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Id of the process that holds it, where the file says so.
        holder: Option<u32>,
    },
    /// Files or folders of a database are gone. One that is opened is refused, and
    /// nothing was changed; one that is open takes no more writes.
    #[error("{} {reason}. {advice}", path.display())]
    Lost {
        /// The folder or file.
        path: PathBuf,
        /// What is missing.
        reason: String,
        /// What to do next.
        advice: &'static str,
    },
    /// Stored bytes are damaged before the durable end of the journal.
    #[error("{} is damaged at byte {offset}: {reason}. {advice}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Byte offset in that file.
        offset: u64,
        /// What does not hold there.
        reason: String,
        /// What to do next.
        advice: &'static str,
    },
    /// The journal ends with bytes that are no whole commit group, and the recovery
    /// policy is to refuse that; nothing was changed.
    #[error(
        "{} ends with {bytes} bytes from byte {offset} on that are no whole commit group, and the recovery policy is refuse_torn_tail. Run `mix formdb.doctor` on the database's folder to see what they are; open it with the policy cut_torn_tail to remove them",
        path.display()
    )]
    TornTail {
        /// The last segment.
        path: PathBuf,
        /// Where its whole groups end.
        offset: u64,
        /// Bytes after that.
        bytes: u64,
    },
    /// A file written by a newer version of the format.
    #[error("{} has format version {found}; this build reads version {supported}", path.display())]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// Version found in it.
        found: u16,
        /// Newest version this build reads.
        supported: u16,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
}

/// Why a backup wants more room than it takes.
fn kept_free(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        _ => format!(
            ", of which {bytes} stay free since the database lies on the same disk (setting FORMDB_MIN_FREE_BYTES)"
        ),
    }
}

/// What gives a pool of memory room again.
fn room(setting: &str) -> &'static str {
    match setting {
        "index_bytes" => {
            "they hold what is stored, deleted features too, so that waiting gives nothing back: raise the setting, or close or purge a database"
        }
        "filter_bytes" => {
            "what others follow holds them: ask for less, such as a simpler geometry, or raise the setting"
        }
        _ => "try again later, or ask for less",
    }
}

fn busy(limit: u64, unit: &str) -> String {
    match unit {
        "transactions" | "bytes" => format!(
            "the write queue holds {limit} {unit}, which is the limit (setting FORMDB_QUEUE_{}); try again later",
            unit.to_uppercase()
        ),
        "open transactions" => format!(
            "{limit} transactions are open, which is the limit (setting FORMDB_OPEN_TRANSACTIONS); end some, or try again later"
        ),
        "subscriptions" => format!(
            "the database has {limit} subscriptions, which is the limit (setting FORMDB_SUBSCRIPTIONS); end some, or try again later"
        ),
        other => format!("it has to wait for {limit} {other}; try again later"),
    }
}

/// Whether an error says that the process, or the system, may open no more files
/// (`EMFILE`, `ENFILE`: the same numbers on all systems of the kind).
pub(crate) fn out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}

/// What to do about an error of the system, where there is more to say than its text.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if out_of_descriptors(error) => {
            "; the process may open no more files: raise its limit (ulimit -n), or lower FORMDB_OPEN_FILES or FORMDB_MAX_CONNECTIONS"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the disk",
        _ => "",
    }
}

/// A client's text in quotes for a message, cut where it is long.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}...", self.0.get(..end).unwrap_or_default()),
        }
    }
}

/// Whoever holds a lock, in words.
struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) if pid == std::process::id() => {
                write!(f, "this process ({pid}) already")
            }
            Some(pid) => write!(f, "process {pid}: stop that one first"),
            None => f.write_str("another process: stop that one first"),
        }
    }
}

impl Error {
    /// The stable code HTTP clients match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. } => code.as_str(),
            Self::Faults { faults, .. } => faults.first().map_or("invalid_feature", |f| f.code),
            Self::TooLarge { .. } => "too_large",
            Self::Timeout { .. } => "query_timeout",
            Self::Cancelled => "cancelled",
            Self::MemoryFull { .. } => "memory_full",
            Self::DiskFull { .. } | Self::NoRoom { .. } => "disk_full",
            Self::NotFound { entity, .. } => match entity {
                Entity::Database => "database_not_found",
                Entity::Feature => "feature_not_found",
                Entity::Series => "series_not_found",
                Entity::Attributes => "attributes_not_found",
                Entity::Webhook => "webhook_not_found",
                Entity::Point => "point_not_found",
                Entity::Block => "block_not_found",
                Entity::Transaction => "transaction_not_found",
                Entity::Backup => "backup_not_found",
            },
            Self::Ended { .. } => "transaction_not_found",
            Self::Committing { .. } => "transaction_committing",
            Self::LogDiverged { .. } => "log_diverged",
            Self::Conflict { .. } => "conflict",
            Self::PointExists { .. } => "point_exists",
            Self::Precondition { .. } => "precondition_failed",
            Self::Irreversible { .. } | Self::Obstructed { .. } => "cannot_revert",
            Self::KeyReused { .. } => "idempotency_key_reused",
            Self::ReadOnly => "read_only_transaction",
            Self::Busy { .. } => "busy",
            Self::Closed => "database_closed",
            Self::Unsettled { cause } => cause.code(),
            Self::Poisoned { .. } => "database_read_only",
            Self::Failed { .. } => "database_failed",
            Self::Locked { .. } => "database_locked",
            Self::Lost { .. } => "journal_lost",
            Self::Corrupt { .. } => "journal_corrupt",
            Self::TornTail { .. } => "journal_torn_tail",
            Self::UnsupportedFormat { .. } => "unsupported_format",
            Self::Io { .. } => "io_error",
        }
    }

    /// JSON pointer to the offending part of the input, where there is one.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Invalid { pointer, .. } | Self::PointExists { pointer, .. } => Some(pointer),
            Self::LogDiverged { .. } => Some("/since"),
            Self::Faults { faults, .. } => faults.first().map(|fault| fault.pointer.as_str()),
            Self::Obstructed { obstacles, .. } => obstacles.first().map(|o| o.pointer.as_str()),
            _ => None,
        }
    }

    /// The error of a part, made the error of the whole: `pointer` leads to the part.
    #[must_use]
    pub fn within(self, pointer: impl fmt::Display) -> Self {
        let mut error = self;
        match &mut error {
            Self::Invalid { pointer: own, .. } | Self::PointExists { pointer: own, .. } => {
                own.insert_str(0, &pointer.to_string())
            }
            Self::Faults { faults, .. } => {
                let pointer = pointer.to_string();
                for fault in faults {
                    fault.pointer.insert_str(0, &pointer);
                }
            }
            Self::Obstructed { obstacles, .. } => {
                let pointer = pointer.to_string();
                for obstacle in obstacles {
                    obstacle.pointer.insert_str(0, &pointer);
                }
            }
            _ => {}
        }
        error
    }

    /// An [`Error::Invalid`].
    pub fn invalid(
        code: InvalidCode,
        pointer: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            code,
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }

    /// An [`Error::Io`] from what was attempted, on what, and the system's answer.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }
}
