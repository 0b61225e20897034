//! Bugs that are planted in the engine: the tests of this matrix have to notice each.
//!
//! A bug bites in a process of its own, which runs one of the other tests with few
//! seeds. Without a bug the same tests have to pass.

use std::process::Command;
use std::time::Instant;

use formdb_engine::{Begin, Error};

use super::ask::world;
use super::disk::SimFs;
use super::workload::open;
use super::{in_parallel, report};

const POWER: &str =
    "crash::after_a_power_failure_every_acked_transaction_is_there_and_no_half_of_one";
const UNDER_WAY: &str = "crash::nor_where_each_group_is_made_while_the_one_before_it_is_under_way";
const BOTH: &str = "faults::where_a_group_fails_while_the_next_one_is_made_both_do";
const OPENING: &str = "crash::what_opening_showed_survives_a_crash_of_opening";
const CHANGES: &str =
    "faults::after_a_failed_change_writes_are_refused_reads_go_on_and_nothing_acked_is_lost";
const SEEN: &str = "concurrency::nothing_is_seen_before_it_is_durable_and_in_the_indexes";
const SEEN_UNDER_WAY: &str = "concurrency::nor_of_a_group_that_is_under_way_while_the_next_is_made";
const READERS: &str =
    "concurrency::every_reader_sees_the_state_of_one_sequence_and_never_an_older_one_again";
const FORGED: &str = "damage::headers_and_blocks_with_checksums_made_to_fit_are_refused";
const SWAPPED: &str = "damage::groups_that_are_swapped_repeated_or_gone_are_errors";

const DIVERGED: &str = "forged::a_segment_of_a_diverged_copy_is_not_opened";
const SPARED: &str = "forged::a_forged_block_is_never_given_and_costs_nothing_but_itself";
const LOST: &str = "folders::a_folder_without_its_journal_is_refused_and_left_as_it_is";
const MADE: &str = "folders::a_crash_while_a_database_is_made_leaves_all_of_it_or_nothing";
const FOUND: &str =
    "folders::what_was_written_after_a_kill_while_it_was_made_is_there_after_a_power_failure";
const SHARED: &str = "folders::a_data_folder_belongs_to_one_server";
const PURGED: &str = "folders::a_database_that_somebody_has_open_is_not_purged";
const SWEPT: &str = "backups::who_sweeps_while_something_is_made_takes_nothing_from_it";
const VANISHED: &str = "folders::what_is_moved_or_replaced_while_it_is_open_takes_no_more_writes";
const CHANGED: &str = "folders::a_sealed_segment_that_is_not_what_it_was_ends_the_writes";
const CLOSED: &str = "durable_end::what_is_cut_from_a_journal_that_was_closed_is_missed";
const BUSY: &str =
    "crash::what_is_written_at_the_interval_is_there_in_time_though_the_queue_never_runs_empty";
const AGAIN: &str =
    "faults::a_block_that_cannot_be_read_does_not_harm_a_request_that_is_sent_again";
const MOMENT: &str =
    "concurrency::an_answer_as_of_a_time_waits_for_what_was_begun_by_then_and_never_changes";
const ABORTED: &str = "transactions::aborted_while_it_commits_it_ends_one_way";
const ANSWERED: &str = "transactions::nobody_waits_for_what_is_being_added";
const SALVAGED: &str = "salvage::behind_a_lost_block_an_undone_one_stays_undone";
const COUNTED: &str = "transactions::memory_is_counted_as_memory";

const UNDONE: &str = "undo::undoing_many_is_a_history_without_them";

const EARLY: &str = "snapshots::a_snapshot_holds_nothing_that_a_crash_takes_back";
const SNAPSHOT: &str = "snapshots::a_damaged_snapshot_is_ignored_and_said_to_be";

/// Each bug by its name in the engine, and a test that has to notice it.
const BUGS: [(&str, &str); 46] = [
    ("AckBeforeSync", POWER),
    ("LandUnsynced", UNDER_WAY),
    ("LandUnsynced", SEEN_UNDER_WAY),
    ("WriteAfterFailure", BOTH),
    ("PublishBeforeSync", SEEN),
    ("PublishBeforeApply", READERS),
    ("ApplyHalf", POWER),
    ("ArchivePanics", POWER),
    ("NoPoison", CHANGES),
    ("CloseWithoutSync", POWER),
    ("SyncOnlyWhenIdle", BUSY),
    ("ReplayReadsBlock", AGAIN),
    ("JournalShowsWeak", POWER),
    ("TimeBeforeGroup", MOMENT),
    ("RotateWithoutSync", POWER),
    ("NameNotSynced", POWER),
    ("FoundNameNotSynced", FOUND),
    ("DurableTooEarly", POWER),
    ("IgnoreHeaderChecksum", FORGED),
    ("IgnoreBodyChecksum", POWER),
    ("IgnoreRoot", FORGED),
    ("IgnoreSegmentRoot", DIVERGED),
    ("IgnoreLeaf", SPARED),
    ("TrustFooter", SPARED),
    ("CutDamage", SWAPPED),
    ("KeepTornTail", POWER),
    ("UnsettledTail", OPENING),
    ("ReplayHalf", POWER),
    ("SnapshotTooEarly", EARLY),
    ("IgnoreSnapshotChecksum", SNAPSHOT),
    ("SalvageKeepsNumbers", SALVAGED),
    ("ForgetKeys", POWER),
    ("CreateInPlace", MADE),
    ("LostJournalOpens", LOST),
    ("ShareDataFolder", SHARED),
    ("PurgeLocked", PURGED),
    ("SweepLocked", SWEPT),
    ("IgnoreVanished", VANISHED),
    ("IgnoreLength", CHANGED),
    ("MarkTooEarly", POWER),
    ("NoMark", CLOSED),
    ("AbortChecksFirst", ABORTED),
    ("WaitUnderTable", ANSWERED),
    ("EncodedForMemory", COUNTED),
    ("UndoForwards", UNDONE),
    ("UndoUnderLater", UNDONE),
];

/// Seeds of workloads whose writes are of all levels. No short one has everything in it:
/// a bug is noticed with one of them.
const SEEDS: [&str; 3] = ["3", "7", "1"];

/// Run one test in a process of its own, with a bug or without. Returns whether it
/// passed with each seed, and what it printed.
fn passes(test: &str, bug: &str) -> (bool, String) {
    let mut last = (true, String::new());
    for seed in SEEDS {
        last = passes_with(test, bug, seed);
        if !last.0 {
            break;
        }
    }
    last
}

fn passes_with(test: &str, bug: &str, seed: &str) -> (bool, String) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([test, "--exact"])
        .env("FORMDB_PLANTED_BUG", bug)
        .env("FORMDB_SEED", seed)
        .env("RUST_BACKTRACE", "0")
        .env_remove("FORMDB_SOAK")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains("running 1 test"),
        "{test} is not there: {printed}"
    );
    (output.status.success(), printed)
}

#[test]
fn each_is_noticed() {
    let began = Instant::now();
    let mut cases: Vec<(&str, &str)> = BUGS.to_vec();
    cases.extend(
        [
            POWER,
            OPENING,
            CHANGES,
            SEEN,
            READERS,
            FORGED,
            SWAPPED,
            DIVERGED,
            SPARED,
            SNAPSHOT,
            LOST,
            MADE,
            FOUND,
            SHARED,
            PURGED,
            VANISHED,
            CHANGED,
            CLOSED,
            BUSY,
            AGAIN,
            MOMENT,
            ABORTED,
            ANSWERED,
            COUNTED,
            SALVAGED,
            EARLY,
            UNDER_WAY,
            BOTH,
            SEEN_UNDER_WAY,
        ]
        .map(|test| ("", test)),
    );
    let caught = in_parallel(&cases, |(bug, test)| {
        let (passed, printed) = passes(test, bug);
        assert!(
            passed || !bug.is_empty(),
            "{test} fails without a bug: {printed}"
        );
        assert!(
            !passed || bug.is_empty(),
            "{bug} is planted, and {test} passes"
        );
        usize::from(!passed)
    });
    report(
        "bugs",
        began,
        &[("planted", BUGS.len()), ("caught", caught)],
    );
}

/// In a process of its own, with a bug that panics while block 30 is being entered into
/// the indexes.
#[test]
fn nothing_is_read_from_indexes_that_may_be_half_written() {
    const ITSELF: &str = "planted::nothing_is_read_from_indexes_that_may_be_half_written";
    if std::env::var("FORMDB_PLANTED_BUG").is_err() {
        let (passed, printed) = passes(ITSELF, "ApplyPanics");
        assert!(passed, "{printed}");
        return;
    }
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let put = |n: usize| {
        let text = format!(r#"{{"type":"Feature","id":"f{n}","geometry":null,"properties":{{}}}}"#);
        db.write(db.prepare_features(text.as_bytes())?.operations)
    };
    for n in 1..30 {
        put(n).unwrap();
    }
    assert_eq!(put(30).unwrap_err().code(), "database_read_only");
    let refusals = [
        put(31).err(),
        db.feature("f1", None).err(),
        db.has_feature("f1", None).err(),
        db.block(1).err(),
        db.tree_head(None).err(),
        db.seq_at(0).err(),
        db.begin(Begin::default()).err(),
        db.schema(None, &db.budget(formdb_engine::Cancel::default()))
            .err(),
        world(&db, None).err().map(|_| Error::Closed),
    ];
    let codes: Vec<_> = refusals.iter().flatten().map(Error::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert!(
        codes[..8].iter().all(|code| *code == "database_failed"),
        "{codes:?}"
    );
    let info = db.info().unwrap();
    assert!(info.failed.is_some() && info.poisoned.is_some());
    db.close();
    // What was durable is there: this process cannot enter more than 29 blocks, but the
    // journal is read by other means.
    assert_eq!(open(&fs).unwrap().info().unwrap().seq, 30);
}
