//! Every bound the engine enforces, with its default.

use crate::error::{Error, InvalidCode, Result};
mod recovery;

pub use recovery::RecoveryPolicy;

/// The most that [`Limits::id_bytes`] may be: no id has more, whatever a database takes.
pub const MAX_ID_BYTES: usize = 1 << 12;

/// Bounds of one database. Reaching one is a clear refusal, never a surprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Transactions that may wait for the committer. Default 65,536.
    pub queue_transactions: usize,
    /// Bytes of encoded operations that may wait for the committer. Default 256 MiB.
    pub queue_bytes: usize,
    /// Bytes of encoded operations in one transaction. Default 256 MiB.
    pub transaction_bytes: usize,
    /// Bytes the committer gathers into one group before it syncs. Default 16 MiB.
    pub group_bytes: usize,
    /// Milliseconds of work, estimated, that the committer gathers into one group before
    /// it syncs; a transaction that takes longer is a group of its own. Default 10.
    pub group_ms: u64,
    /// Size at which a journal segment is closed and the next begun. Default 256 MiB.
    pub segment_bytes: u64,
    /// Bytes of journal after which the indexes are stored anew in the background,
    /// for a quick opening, or as many as the last snapshot has, where that is more; 0:
    /// only when the database is closed. Default 256 MiB.
    pub snapshot_bytes: u64,
    /// Milliseconds that it may come to take to replay the journal after the last snapshot.
    /// Beyond that the indexes are stored anew once nobody writes for as long as that took
    /// last, and for a second at least; and beyond twice that time, in the background of
    /// writes. 0: however long that is. Default 2,000.
    pub snapshot_replay_ms: u64,
    /// Milliseconds that the snapshot on closing may take; beyond that it is given up,
    /// and the next opening reads more of the journal. Default 2,000.
    pub closing_snapshot_ms: u64,
    /// What opening does with a torn tail. Default: cut it off and report it.
    pub recovery: RecoveryPolicy,
    /// Bytes of finished feature documents kept in memory. Default 256 MiB.
    pub body_cache_bytes: usize,
    /// Bytes of geometries kept ready to be compared, some 18 a position and 0.5 KiB besides,
    /// each at most a quarter of it; 0 keeps none. Default 128 MiB.
    pub geometry_cache_bytes: usize,
    /// Answers to queries kept in memory; 0 keeps none. Default 100,000.
    pub query_cache_entries: usize,
    /// Bytes of answers to queries kept in memory, each at most an eighth of it; 0
    /// keeps none. Default 64 MiB.
    pub query_cache_bytes: usize,
    /// Milliseconds after which a kept answer is worked out anew although nothing has
    /// changed; 0: never. Default 0.
    pub query_cache_ttl_ms: u64,
    /// Positions in one geometry. Default 1,000,000.
    pub positions: usize,
    /// Faults of one request that are told. Default 100.
    pub faults: usize,
    /// Bytes in a feature or series id. Default 256.
    pub id_bytes: usize,
    /// Features or points in one page of an answer. Default 100,000.
    pub page_items: usize,
    /// Bytes in one page of an answer, but for a single item that is larger. Default
    /// 16 MiB.
    pub page_bytes: usize,
    /// Buckets in the answer to one aggregate, each series counting as one more.
    /// Default 100,000.
    pub buckets: usize,
    /// Milliseconds that one question may take: a search, a count, a heatmap, an
    /// aggregate, a list, a page of the journal. Default 30,000.
    pub query_timeout_ms: u64,
    /// Milliseconds until a write with durability `interval` is on disk. Default 200.
    pub sync_interval_ms: u64,
    /// Seconds by which the system's clock may jump ahead and be believed at once; 0: any.
    /// Default 300.
    pub clock_jump_seconds: u64,
    /// Seconds for which it has to stand by a greater jump before that is believed.
    /// Default 600.
    pub clock_settle_seconds: u64,
    /// Seconds for which an idempotency key is honoured. Default 86,400, a day.
    pub idempotency_seconds: u64,
    /// Idempotency keys remembered; the oldest is forgotten first. Default 100,000.
    pub idempotency_keys: usize,
    /// Faulty lines that are left out of one upload before it is ended. Default 10,000.
    pub rejected_lines: usize,
    /// Blocks that are undone by one request. Default 100,000.
    pub revert_blocks: usize,
    /// Bytes of memory for work under way, of all databases together: bodies, answers,
    /// open transactions, queues. Default 1 GiB.
    pub work_bytes: usize,
    /// Bytes of memory for the indexes of all databases together; 0: three quarters of
    /// what the process may use. Default 0.
    pub index_bytes: usize,
    /// Free bytes on the disk of the data folder below which nothing is written; 0: never
    /// mind. Default 256 MiB.
    pub min_free_bytes: u64,
    /// Databases in a data folder, open or not; each that is open has a thread and
    /// files of its own. Default 1,000.
    pub databases: usize,
    /// Files of sealed segments kept open, of all databases together; 0: a quarter of
    /// the files that the process may have open at the start. Default 0.
    pub open_files: usize,
    /// Transactions that may be open at once. Default 1,000.
    pub open_transactions: usize,
    /// Seconds after its last call in which an open transaction ends. Default 30.
    pub transaction_lease_seconds: u64,
    /// Subscriptions of one database. Default 100,000.
    pub subscriptions: usize,
    /// Bytes of an event as JSON beyond which it has a link in place of what was written.
    /// Default 1 MiB.
    pub event_bytes: usize,
    /// Bytes of events that a subscriber is sent before it asks for more. Default 16 MiB.
    pub subscription_bytes: usize,
    /// Bytes of memory for what subscribers want to hear of, of all databases together.
    /// Default 256 MiB.
    pub filter_bytes: usize,
    /// Threads that read the journal for subscribers that have fallen behind, of all
    /// databases together. Default 2.
    pub catch_up_threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_transactions: 65_536,
            queue_bytes: 256 << 20,
            transaction_bytes: 256 << 20,
            group_bytes: 16 << 20,
            group_ms: 10,
            segment_bytes: 256 << 20,
            snapshot_bytes: 256 << 20,
            snapshot_replay_ms: 2_000,
            closing_snapshot_ms: 2_000,
            recovery: RecoveryPolicy::default(),
            body_cache_bytes: 256 << 20,
            geometry_cache_bytes: 128 << 20,
            query_cache_entries: 100_000,
            query_cache_bytes: 64 << 20,
            query_cache_ttl_ms: 0,
            positions: 1_000_000,
            faults: 100,
            id_bytes: 256,
            page_items: 100_000,
            page_bytes: 16 << 20,
            buckets: 100_000,
            query_timeout_ms: 30_000,
            sync_interval_ms: 200,
            clock_jump_seconds: 300,
            clock_settle_seconds: 600,
            idempotency_seconds: 86_400,
            idempotency_keys: 100_000,
            rejected_lines: 10_000,
            revert_blocks: 100_000,
            work_bytes: 1 << 30,
            index_bytes: 0,
            min_free_bytes: 256 << 20,
            databases: 1_000,
            open_files: 0,
            open_transactions: 1_000,
            transaction_lease_seconds: 30,
            subscriptions: 100_000,
            event_bytes: 1 << 20,
            subscription_bytes: 16 << 20,
            filter_bytes: 256 << 20,
            catch_up_threads: 2,
        }
    }
}

impl Limits {
    /// Check that every bound is one the format and the committer can keep.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting and its range.
    pub fn validate(&self) -> Result<()> {
        const GIB: u64 = 1 << 30;
        let ranges = [
            (
                "queue_transactions",
                self.queue_transactions as u64,
                1,
                1 << 24,
            ),
            ("queue_bytes", self.queue_bytes as u64, 1 << 16, 64 * GIB),
            // A group is at most one full gathering and one transaction more,
            // and its lengths are 32-bit integers.
            (
                "transaction_bytes",
                self.transaction_bytes as u64,
                1 << 10,
                GIB,
            ),
            ("group_bytes", self.group_bytes as u64, 1, GIB),
            ("group_ms", self.group_ms, 1, 10_000),
            ("segment_bytes", self.segment_bytes, 1 << 12, GIB),
            ("snapshot_bytes", self.snapshot_bytes, 0, 1 << 40),
            ("snapshot_replay_ms", self.snapshot_replay_ms, 0, 3_600_000),
            (
                "closing_snapshot_ms",
                self.closing_snapshot_ms,
                0,
                3_600_000,
            ),
            ("body_cache_bytes", self.body_cache_bytes as u64, 0, 1 << 40),
            (
                "geometry_cache_bytes",
                self.geometry_cache_bytes as u64,
                0,
                1 << 40,
            ),
            (
                "query_cache_entries",
                self.query_cache_entries as u64,
                0,
                1 << 28,
            ),
            (
                "query_cache_bytes",
                self.query_cache_bytes as u64,
                0,
                1 << 40,
            ),
            ("query_cache_ttl_ms", self.query_cache_ttl_ms, 0, 1 << 40),
            ("positions", self.positions as u64, 1, 1 << 28),
            ("faults", self.faults as u64, 1, 100_000),
            ("id_bytes", self.id_bytes as u64, 1, MAX_ID_BYTES as u64),
            ("page_items", self.page_items as u64, 1, 1 << 28),
            ("page_bytes", self.page_bytes as u64, 1, GIB),
            ("buckets", self.buckets as u64, 1, 1 << 24),
            ("query_timeout_ms", self.query_timeout_ms, 1, 86_400_000),
            ("sync_interval_ms", self.sync_interval_ms, 1, 3_600_000),
            ("clock_jump_seconds", self.clock_jump_seconds, 0, 86_400),
            ("clock_settle_seconds", self.clock_settle_seconds, 0, 86_400),
            (
                "idempotency_seconds",
                self.idempotency_seconds,
                0,
                366 * 86_400,
            ),
            (
                "idempotency_keys",
                self.idempotency_keys as u64,
                0,
                10_000_000,
            ),
            ("rejected_lines", self.rejected_lines as u64, 0, 1 << 20),
            ("revert_blocks", self.revert_blocks as u64, 1, 1 << 24),
            ("work_bytes", self.work_bytes as u64, 1 << 20, 1 << 40),
            ("index_bytes", self.index_bytes as u64, 0, 1 << 44),
            ("min_free_bytes", self.min_free_bytes, 0, 1 << 44),
            ("databases", self.databases as u64, 1, 1 << 20),
            ("open_files", self.open_files as u64, 0, 1 << 20),
            (
                "open_transactions",
                self.open_transactions as u64,
                0,
                1 << 20,
            ),
            (
                "transaction_lease_seconds",
                self.transaction_lease_seconds,
                1,
                86_400,
            ),
            ("subscriptions", self.subscriptions as u64, 0, 1 << 24),
            ("event_bytes", self.event_bytes as u64, 1 << 10, GIB),
            (
                "subscription_bytes",
                self.subscription_bytes as u64,
                1 << 10,
                64 * GIB,
            ),
            ("filter_bytes", self.filter_bytes as u64, 1 << 16, 1 << 40),
            ("catch_up_threads", self.catch_up_threads as u64, 1, 64),
        ];
        for (setting, value, min, max) in ranges {
            if value < min || value > max {
                let detail = format!("{setting} is {value}; it takes {min} to {max}");
                return Err(Error::invalid(InvalidCode::Parameter, "", detail));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_nonsense_names_its_setting() {
        assert!(Limits::default().validate().is_ok());
        let limits = Limits {
            segment_bytes: 0,
            ..Limits::default()
        };
        let message = limits.validate().unwrap_err().to_string();
        assert!(message.starts_with("segment_bytes is 0"), "{message}");
    }
}
