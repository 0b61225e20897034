//! What must hold for a transaction to be written.

/// Something that must hold before a transaction is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// About the newest version of a feature.
    Feature {
        /// The feature's id.
        id: String,
        /// What is expected of it.
        expected: Expected,
    },
    /// About the newest version of the attributes of a series.
    Attributes {
        /// The series' id.
        id: String,
        /// What is expected of them.
        expected: Expected,
    },
    /// About the newest version of a webhook.
    Webhook {
        /// Its id.
        id: String,
        /// What is expected of it.
        expected: Expected,
    },
    /// No block after `since` has written points of the series, nor deleted any.
    SeriesUntouched {
        /// The series' id.
        id: String,
        /// A sequence.
        since: u64,
    },
    /// No block after `since` has deleted points of the series.
    SeriesUndeleted {
        /// The series' id.
        id: String,
        /// A sequence.
        since: u64,
        /// The block that is to be undone, for the refusal.
        block: u64,
    },
    /// The series has points from `start` on and before `end`.
    HasPoints {
        /// The series' id.
        id: String,
        /// Microseconds since the epoch.
        start: i64,
        /// Microseconds since the epoch.
        end: i64,
    },
    /// This point of the series is there.
    HasPoint {
        /// The series' id.
        id: String,
        /// Microseconds since the epoch.
        timestamp: i64,
        /// The block that wrote it.
        block: u64,
        /// Its place among what that wrote, from 0.
        place: u32,
    },
    /// The defaults of the database are those that block `newest` set; `block` set what is
    /// to be undone.
    DefaultsToUndo {
        /// The block to undo.
        block: u64,
        /// The last block that set them.
        newest: u64,
    },
    /// No block has undone the block.
    NotReverted {
        /// Its sequence.
        block: u64,
    },
}

/// What is expected of the newest version of a feature, or of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is the one of this block.
    Version(u64),
    /// There is one, and it is no deletion.
    Exists,
    /// There is none, or it is a deletion.
    Absent,
    /// It is not younger than this sequence: nobody wrote it since a transaction
    /// that began there.
    NotAfter(u64),
    /// It is the one of block `newest`, which shows what `block` wrote, which is to be
    /// undone.
    ToUndo {
        /// The block to undo.
        block: u64,
        /// The newest version: this block's, or one that undid what came on top of it.
        newest: u64,
    },
}
