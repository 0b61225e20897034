//! Every bound the engine enforces, with its default.

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
    /// Size at which a journal segment is closed and the next begun. Default 256 MiB.
    pub segment_bytes: u64,
    /// Bytes of finished feature documents kept in memory. Default 256 MiB.
    pub body_cache_bytes: usize,
    /// Positions in one geometry. Default 1,000,000.
    pub positions: usize,
    /// Bytes in a feature or series id. Default 256.
    pub id_bytes: usize,
    /// Features or points in one page of an answer. Default 100,000.
    pub page_items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_transactions: 65_536,
            queue_bytes: 256 << 20,
            transaction_bytes: 256 << 20,
            group_bytes: 16 << 20,
            segment_bytes: 256 << 20,
            body_cache_bytes: 256 << 20,
            positions: 1_000_000,
            id_bytes: 256,
            page_items: 100_000,
        }
    }
}
