//! Bugs to plant on purpose, so that the tests can show that they would notice them.
//!
//! Each stands as one line where the promise it breaks is kept. Without the feature
//! `planted-bugs`, which no build for use has, [`planted`] is always false and the
//! lines compile to nothing. With it, the environment variable `FORMDB_PLANTED_BUG`
//! names the one that bites. Tests of this crate itself can plant one for a thread.

/// A promise to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Acknowledge a write before it is synced.
    AckBeforeSync,
    /// Show and answer a group whose sync is under way.
    LandUnsynced,
    /// Write what was decided on beside a group that failed.
    WriteAfterFailure,
    /// Show a write to readers before it is synced.
    PublishBeforeSync,
    /// Show a group to readers before it is in the indexes.
    PublishBeforeApply,
    /// Enter only a part of a transaction in the indexes.
    ApplyHalf,
    /// Panic after the acknowledgement.
    ArchivePanics,
    /// Take writes after one has failed.
    NoPoison,
    /// Panic in the middle of entering a group in the indexes.
    ApplyPanics,
    /// Sync writes of level `interval` only when the queue runs empty.
    SyncOnlyWhenIdle,
    /// Read the old block for the answer to a request that is sent again, and take a
    /// failure of that for one of the whole group.
    ReplayReadsBlock,
    /// Show in the journal what is not durable yet.
    JournalShowsWeak,
    /// Answer as of a time although a group from before it is under way.
    TimeBeforeGroup,
    /// Leave weak writes unsynced on closing.
    CloseWithoutSync,
    /// Begin a segment while the one before it is not durable.
    RotateWithoutSync,
    /// Begin a segment without syncing its name.
    NameNotSynced,
    /// Take the name of a database's folder that was there for durable.
    FoundNameNotSynced,
    /// Say in a group that it is durable itself.
    DurableTooEarly,
    /// Take every header checksum for right.
    IgnoreHeaderChecksum,
    /// Take every body checksum for right.
    IgnoreBodyChecksum,
    /// Take every Merkle root for right.
    IgnoreRoot,
    /// Take the root in the header of a segment that is not read for right.
    IgnoreSegmentRoot,
    /// Take a block that is read for right if its checksum is.
    IgnoreLeaf,
    /// Take the leaf hashes in a footer for right.
    TrustFooter,
    /// Cut damage off as a torn tail, whatever proves that it was durable.
    CutDamage,
    /// Leave a torn tail where it is.
    KeepTornTail,
    /// Show on opening what a killed process wrote and did not sync.
    UnsettledTail,
    /// Pass over the later blocks of a transaction on opening.
    ReplayHalf,
    /// Take a snapshot of what is not durable yet.
    SnapshotTooEarly,
    /// Take every checksum of a snapshot's frames for right.
    IgnoreSnapshotChecksum,
    /// Leave the numbers of other blocks in what salvage writes anew.
    SalvageKeepsNumbers,
    /// Forget the idempotency keys on opening.
    ForgetKeys,
    /// Make a database under its own name, part by part.
    CreateInPlace,
    /// Take a database without a journal for a new one.
    LostJournalOpens,
    /// Open a data folder that somebody else has open.
    ShareDataFolder,
    /// Remove a database that somebody else has open.
    PurgeLocked,
    /// Sweep what somebody is making.
    SweepLocked,
    /// Do not look whether the files that are written to still have their names.
    IgnoreVanished,
    /// Do not look whether the files of an open journal are as long as they were written.
    IgnoreLength,
    /// Write the mark of what is durable before it is.
    MarkTooEarly,
    /// Write no mark of what is durable.
    NoMark,
    /// Look whether a transaction may be aborted, and abort it a moment later.
    AbortChecksFirst,
    /// Wait for what a transaction holds while nobody else gets to the table.
    WaitUnderTable,
    /// End a transaction at the end of its lease though it is being used.
    LapseWhileUsed,
    /// Go on holding what a transaction held that was aborted.
    HoldAborted,
    /// Look whether there is room in the queue, and take it a moment later.
    CountLate,
    /// Close the queue and do not wake the committer.
    CloseUnheard,
    /// Take what is sent to a committer that has ended for queued.
    LateIsQueued,
    /// Give every item its turn as if its caller had nothing else waiting.
    ForgetOrder,
    /// Count what an open transaction holds by its encoded bytes.
    EncodedForMemory,
    /// Undo blocks in the order in which they were written.
    UndoForwards,
    /// Undo what later versions stand on.
    UndoUnderLater,
    /// Have a subscriber wait that has asked for more meanwhile.
    RestUnasked,
    /// Have a subscriber wait and leave a change of its filter where it is.
    RestUnchanged,
    /// Feed a subscriber by the filter that it had before it was handed over.
    BeginUnchanged,
    /// Say that a subscriber has been sent what the matcher found after it was done with it.
    SeenAfter,
    /// Compare a version with the area of a fence as it is by now.
    AreaOfLater,
    /// Look for the fences of an area where that was at first.
    AreaStays,
    /// Take the way between two positions for the one within the plane.
    PathTheLongWay,
    /// List the area of a fence among what is inside of it.
    AreaIsItself,
    /// Tell that somebody stayed who was outside in between.
    StayThoughGone,
    /// Take the points of a block for all that there are between them.
    LevelOutOfOrder,
    /// Say of a point that came late nothing of it.
    LateIsInTime,
    /// Forget who was inside where a subscription begins.
    StayForgotten,
}

/// Whether this bug is planted.
#[cfg(not(any(test, feature = "planted-bugs")))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is planted.
#[cfg(any(test, feature = "planted-bugs"))]
pub(crate) fn planted(bug: Bug) -> bool {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("FORMDB_PLANTED_BUG").ok());
    #[cfg(test)]
    if HERE.get() == Some(bug) {
        return true;
    }
    CHOSEN
        .as_ref()
        .is_some_and(|chosen| *chosen == format!("{bug:?}"))
}

#[cfg(test)]
std::thread_local! {
    static HERE: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plant a bug for this thread alone, for as long as the guard lives.
#[cfg(test)]
pub(crate) fn here(bug: Bug) -> impl Drop {
    struct Pulled;
    impl Drop for Pulled {
        fn drop(&mut self) {
            HERE.set(None);
        }
    }
    HERE.set(Some(bug));
    Pulled
}
