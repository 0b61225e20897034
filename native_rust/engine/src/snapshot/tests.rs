use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::load::Loaded;
use super::write::{Steps, Stop, write_in_steps};
use super::*;
use crate::block::OpKind;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::fs::{DiskSpace, File, FileId, Kind, Lock, RealFileSystem, Space, Stat};
use crate::index::Rebuilt;
use crate::index::kinds::{GROUP, Kinds};
use crate::index::reverts::RevertTable;
use crate::index::{
    BlockTable, BoxWalk, EnterVersions, FeatureIndex, FeatureLoader, Hit, Order, RangeQuery,
    TemporalIndex, VersionTable,
};
use crate::journal::BlockLocation;
use crate::limits::Limits;
use crate::mem::Memory;
use crate::merkle::{KeptNode, NodeTable, Tree, leaf_hash};
use crate::state::{Head, State};
use crate::testing::Random;
use crate::types::{FeatureSignature, GeometryType, PointSpan, Rect, Which};

#[derive(Debug, Clone)]
enum Op {
    Put(u8, Option<Rect>),
    Delete(u8),
    Insert(u8, Vec<i64>),
    /// Points of a range, or of the block so many blocks ago.
    DeletePoints(u8, i64, i64, Option<u64>),
}

fn rect() -> impl Strategy<Value = Rect> {
    (-4..=4_i8, -4..=4_i8, 0..=3_i8, 0..=3_i8).prop_map(|(x, y, w, h)| Rect {
        min: [f64::from(x), f64::from(y)],
        max: [f64::from(x + w), f64::from(y + h)],
    })
}

fn op() -> impl Strategy<Value = Op> {
    let timestamps = prop_oneof![
        4 => vec(0..20_i64, 1..6_usize),
        1 => vec(0..4_000_i64, 200..900_usize),
    ];
    prop_oneof![
        4 => (0..12_u8, option::weighted(0.8, rect())).prop_map(|(id, rect)| Op::Put(id, rect)),
        1 => (0..12_u8).prop_map(Op::Delete),
        3 => (0..4_u8, timestamps).prop_map(|(id, timestamps)| Op::Insert(id, timestamps)),
        2 => (0..4_u8, -1..22_i64, -1..4_000_i64, option::of(0..20_u64))
            .prop_map(|(id, start, end, only)| Op::DeletePoints(id, start, end, only)),
    ]
}

fn id_of(number: u8) -> String {
    format!("é{}", "x".repeat(usize::from(number)))
}

/// What every block leaves behind, whatever it does.
fn location(seq: u64) -> BlockLocation {
    let n = u32::try_from(seq).unwrap();
    BlockLocation {
        segment: n / 40,
        offset: 128 + n % 40 * 300 + n % 7,
        len: 100 + n % 100,
    }
}

fn grow(tree: &mut Tree, seq: u64) -> Vec<KeptNode> {
    let mut nodes = Vec::new();
    tree.push_and(leaf_hash(&seq.to_le_bytes()), |level, node| {
        if NodeTable::keeps(level) {
            nodes.push((level, node));
        }
    });
    nodes
}

fn apply_to_series(series: &TemporalIndex, op: &Op, seq: u64) {
    match op {
        Op::Insert(id, timestamps) => {
            let values: Vec<f64> = (0..timestamps.len()).map(|n| n as f64 / 8.0).collect();
            series.insert(&id_of(*id), timestamps, &values, seq, 1_000);
        }
        Op::DeletePoints(id, start, end, ago) => {
            let only = ago.map(|ago| seq.saturating_sub(ago + 1));
            let span = PointSpan {
                series: id_of(*id),
                start: *start,
                end: *end,
                which: only.map_or(Which::All, Which::Of),
            };
            series.delete(&span, seq, 1_000);
        }
        Op::Put(..) | Op::Delete(_) => {}
    }
}

/// One of a few signatures, by the block that writes it.
fn shape_of(seq: u64) -> FeatureSignature {
    let geometry = GeometryType::ALL[seq as usize % GeometryType::ALL.len()];
    FeatureSignature::unknown(geometry)
}

fn kind_of(op: &Op) -> Kinds {
    Kinds::of(match op {
        Op::Put(..) => OpKind::PutFeature,
        Op::Delete(_) => OpKind::DeleteFeature,
        Op::Insert(..) => OpKind::PutPoints,
        Op::DeletePoints(..) => OpKind::DeletePoints,
    })
}

/// Does in a database's indexes what block `seq` does, and publishes it.
fn apply(state: &State, tree: &mut Tree, op: &Op, seq: u64) {
    let mut blocks = state.indexes.blocks.write();
    blocks.push(location(seq), true, kind_of(op));
    drop(blocks);
    for node in grow(tree, seq) {
        state.indexes.nodes.write().push(node);
    }
    match op {
        Op::Put(id, rect) => {
            let mut features = state.indexes.features.write();
            features.put(&id_of(*id), *rect, &shape_of(seq), seq);
        }
        Op::Delete(id) => drop(state.indexes.features.write().delete(&id_of(*id), seq)),
        _ => apply_to_series(&state.indexes.series, op, seq),
    }
    state.publish(Head {
        tree_size: seq,
        ..Head::default()
    });
    state.indexes.features.write().archive(seq, 3);
}

fn empty_state() -> State {
    let indexes = Rebuilt {
        defaults: crate::index::defaults::DefaultsTable::default(),
        features: FeatureIndex::default(),
        series: TemporalIndex::default(),
        attributes: VersionTable::default(),
        webhooks: VersionTable::default(),
        blocks: BlockTable::default(),
        nodes: NodeTable::default(),
        reverts: RevertTable::default(),
    };
    State::new(
        indexes,
        Arc::default(),
        Limits::default(),
        Memory::new(&Limits::default()),
        Arc::new(DiskSpace::new(0)),
        Head::default(),
        Clock::new(0, &Limits::default()),
    )
}

/// Points of all series that were alive at `at`.
fn points_of(state: &State, at: u64) -> u64 {
    let series = (0..5).filter_map(|id| state.indexes.series.get(&id_of(id)));
    series
        .map(|series| series.read().count(i64::MIN, i64::MAX, at, None))
        .sum()
}

fn mark_of(tree: &Tree, points: u64) -> SnapshotMark {
    SnapshotMark {
        journal: journal::Checkpoint {
            database: *b"0123456789abcdef",
            tree: tree.clone(),
            last_group: journal::LastGroup {
                segment_first_seq: 7,
                offset: 77,
                end: 777,
            },
            position: 7_777,
        },
        last_time: -5,
        points,
        extra: (0..=255).cycle().take(1_000).collect(),
    }
}

/// The indexes of a snapshot, and what the blocks after it did to them.
fn continued(loaded: Loaded, ops: &[Op]) -> State {
    let Loaded {
        start,
        mut features,
        series,
        mut blocks,
        ..
    } = loaded;
    let (mut tree, mut nodes) = (start.tree, start.nodes);
    let behind = ops.iter().zip(1..).skip(start.seq as usize);
    for (op, seq) in behind {
        blocks.push(location(seq), seq % 3 != 0, kind_of(op));
        for node in grow(&mut tree, seq) {
            nodes.push(node);
        }
        match op {
            Op::Put(id, rect) => {
                features.put(&id_of(*id), *rect, &shape_of(seq), seq);
            }
            Op::Delete(id) => drop(features.delete(&id_of(*id), seq)),
            _ => apply_to_series(&series, op, seq),
        }
    }
    let mut features = features.finish();
    // Those that had a later version when the snapshot was taken, which is not here.
    let without: Vec<(u32, u64)> = features.without_signature().collect();
    for (number, seq) in without {
        features.set_signature(number, &shape_of(seq));
    }
    let indexes = Rebuilt {
        defaults: crate::index::defaults::DefaultsTable::default(),
        features,
        series,
        attributes: VersionTable::default(),
        webhooks: VersionTable::default(),
        blocks,
        nodes,
        reverts: RevertTable::default(),
    };
    let head = Head {
        tree_size: tree.size(),
        ..Head::default()
    };
    State::new(
        indexes,
        Arc::default(),
        Limits::default(),
        Memory::new(&Limits::default()),
        Arc::new(DiskSpace::new(0)),
        head,
        Clock::new(0, &Limits::default()),
    )
}

/// Everything that can be asked of the indexes as of `at`, as text.
fn answers(state: &State, at: u64) -> String {
    let mut out = String::new();
    let features = state.indexes.features.read();
    for id in 0..13 {
        let id = id_of(id);
        let versions = features.versions(&id, 0, at, usize::MAX);
        out += &format!("{id}: {:?} {versions:?}\n", features.current(&id, at));
    }
    let boxes = [-3, 0, 2].map(|edge: i8| Rect {
        min: [f64::from(edge), -2.0],
        max: [f64::from(edge) + 1.0, 6.0],
    });
    for pieces in [&boxes[..1], &boxes[1..], &[]] {
        let mut found = Vec::new();
        let mut walk = BoxWalk::new(pieces, at);
        while features.walk_box(&mut walk, &mut found) {}
        let mut hits: Vec<Hit> = found.into_iter().map(|v| Hit::new(v, pieces)).collect();
        hits.sort_unstable();
        out += &format!("{hits:?}\n");
    }
    out += &format!(
        "{:?}\n",
        state
            .indexes
            .series
            .list(("", None), at, &Budget::ample(), |_, _| true)
            .unwrap()
            .0
    );
    for id in 0..5 {
        let Some(series) = state.indexes.series.get(&id_of(id)) else {
            continue;
        };
        let series = series.read();
        for (start, end) in [(i64::MIN, i64::MAX), (3, 11)] {
            let query = RangeQuery {
                start,
                end,
                at,
                values: None,
                order: Order::Ascending,
                skip: 0,
                limit: usize::MAX,
            };
            let mut points = Vec::new();
            assert_eq!(series.range(&query, &mut points), None);
            assert_eq!(series.deleted_by(at, &query, &mut points), None);
            out += &format!("{} {points:?}\n", series.count(start, end, at, None));
        }
    }
    out
}

/// What does not depend on a sequence but on the last one.
fn state_of(state: &State, last: u64) -> String {
    let mut out = String::new();
    let (features, blocks, nodes) = (
        state.indexes.features.read(),
        state.indexes.blocks.read(),
        state.indexes.nodes.read(),
    );
    let series = &state.indexes.series;
    let counts = (features.len(), series.len(), series.listed());
    out += &format!("{counts:?}\n");
    let mut signatures = features.signatures(u64::MAX);
    signatures.sort_by_key(|(signature, _)| signature.geometry() as u8);
    out += &format!("{signatures:?}\n");
    assert_eq!(features.without_signature().count(), 0);
    for id in 0..13 {
        let newest = features.newest(&id_of(id));
        let series = state.indexes.series.get(&id_of(id));
        let series = series.as_ref().map(|series| series.read());
        let series = series.map(|series| (series.touched(), series.last_delete()));
        out += &format!("{newest:?} {series:?}\n");
    }
    for seq in 0..=last + 1 {
        out += &format!("{:?}\n", blocks.get(seq));
        for level in 0..8 {
            out += &format!("{:?}\n", nodes.get(level, seq));
        }
    }
    out
}

/// That each group has the kinds of its blocks; the last one may have those of blocks that
/// were there when the snapshot was taken, too.
fn assert_kinds(state: &State, ops: &[Op]) {
    let blocks = state.indexes.blocks.read();
    for (number, group) in ops.chunks(GROUP).enumerate() {
        let found = blocks.kinds(number).unwrap();
        let all = group
            .iter()
            .fold(Kinds::NONE, |all, op| all.or(kind_of(op)));
        match group.len() {
            GROUP => assert_eq!(found, all),
            _ => assert_eq!(found.or(all), found),
        }
    }
    assert_eq!(blocks.kinds(ops.len().div_ceil(GROUP)), None);
}

fn rebuilt(ops: &[Op]) -> State {
    let state = empty_state();
    let mut tree = Tree::default();
    for (op, seq) in ops.iter().zip(1..) {
        apply(&state, &mut tree, op, seq);
    }
    state
}

fn tree_of(seq: u64) -> Tree {
    let mut tree = Tree::default();
    for seq in 1..=seq {
        grow(&mut tree, seq);
    }
    tree
}

fn small_steps() -> impl Strategy<Value = Steps> {
    (1..5_u32, 1..50_u64, 1..300_usize, 1..3_000_usize).prop_map(
        |(entries, blocks, points, frame)| Steps {
            entries,
            blocks,
            points,
            frame,
        },
    )
}

fn take(dir: &Path, state: &State, seq: u64, steps: Steps) -> WrittenSnapshot {
    let go_on = Stop::default();
    let mark = mark_of(&tree_of(seq), points_of(state, seq));
    write_in_steps(&RealFileSystem, dir, &state.indexes, &mark, &go_on, steps).unwrap()
}

fn assert_same(found: &State, expected: &State, last: u64) {
    assert_eq!(state_of(found, last), state_of(expected, last));
    for at in 0..=last + 1 {
        assert_eq!(answers(found, at), answers(expected, at), "as of {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// A snapshot is as of its sequence, whatever came later, and with what came
    /// later the indexes are those that were never stored.
    #[test]
    fn loaded_indexes_equal_rebuilt_ones(
        ops in vec(op(), 1..90),
        cut in 0.0..1.0_f64,
        steps in small_steps(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join(SNAPSHOTS);
        let last = ops.len() as u64;
        let seq = 1 + (cut * (last - 1) as f64) as u64;
        let full = rebuilt(&ops);
        let written = take(&dir, &full, seq, steps);
        prop_assert_eq!(newest_first(&RealFileSystem, &dir).unwrap(), [seq]);
        let read = || load(&RealFileSystem, &dir, seq).unwrap();
        let mark = mark_of(&tree_of(seq), points_of(&full, seq));
        let loaded = read();
        prop_assert_eq!(
            (written.seq, written.bytes, loaded.points, loaded.extra, loaded.position),
            (seq, loaded.bytes, mark.points, mark.extra, mark.journal.position)
        );
        let start = loaded.start;
        let place = mark.journal;
        prop_assert_eq!((start.database, start.tree), (place.database, place.tree));
        prop_assert_eq!(start.last_time, mark.last_time);
        let last_group = journal::LastGroup {
            segment_first_seq: start.segment_first_seq,
            offset: start.last_group_offset,
            end: start.end_offset,
        };
        prop_assert_eq!(last_group, place.last_group);
        let ops_then = &ops[..seq as usize];
        let then = continued(read(), ops_then);
        assert_kinds(&then, ops_then);
        assert_same(&then, &rebuilt(ops_then), seq);
        let now = continued(read(), &ops);
        assert_kinds(&now, &ops);
        assert_same(&now, &full, last);
    }
}

/// Blocks are written all the while snapshots are taken.
#[test]
fn snapshots_are_exact_while_others_write() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let ops: Vec<Op> = (0..600)
        .map(|_| op().new_tree(&mut runner).unwrap().current())
        .collect();
    let tmp = tempfile::tempdir().unwrap();
    let state = empty_state();
    let published = Mutex::new(Tree::default());
    let steps = Steps {
        entries: 2,
        blocks: 10,
        points: 100,
        frame: 500,
    };
    let go_on = Stop::default();
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut tree = Tree::default();
            for (op, seq) in ops.iter().zip(1..) {
                apply(&state, &mut tree, op, seq);
                *published.lock().unwrap() = tree.clone();
            }
        });
        loop {
            let tree = published.lock().unwrap().clone();
            if tree.size() > 0 {
                let dir = tmp.path().join(tree.size().to_string());
                let mark = mark_of(&tree, points_of(&state, tree.size()));
                write_in_steps(&RealFileSystem, &dir, &state.indexes, &mark, &go_on, steps)
                    .unwrap();
                taken.push((dir, tree.size()));
            }
            if tree.size() == 600 {
                break;
            }
        }
    });
    for (dir, seq) in taken {
        let loaded = load(&RealFileSystem, &dir, seq).unwrap();
        let ops = &ops[..seq as usize];
        let (found, expected) = (continued(loaded, ops), rebuilt(ops));
        assert_kinds(&found, ops);
        assert_eq!(state_of(&found, seq), state_of(&expected, seq));
        for at in [0, seq / 2, seq - 1, seq] {
            assert_eq!(answers(&found, at), answers(&expected, at), "{at} of {seq}");
        }
    }
}

/// A snapshot of some of everything.
fn sample(dir: &Path) -> (u64, Vec<u8>) {
    let mut ops = Vec::new();
    for n in 0..20 {
        ops.push(Op::Put(n % 5, Some(Rect::point([f64::from(n), 1.0]))));
        ops.push(Op::Insert(n % 2, vec![i64::from(n), 3, 8]));
    }
    ops.push(Op::Put(7, None));
    ops.push(Op::Delete(2));
    ops.push(Op::DeletePoints(0, 3, 9, None));
    let seq = ops.len() as u64;
    let steps = Steps {
        entries: 10,
        blocks: 10,
        points: 20,
        frame: 100,
    };
    take(dir, &rebuilt(&ops), seq, steps);
    let bytes = std::fs::read(dir.join(file_name(seq))).unwrap();
    (seq, bytes)
}

/// A file in memory, whatever the name, for thousands of loads.
#[derive(Debug)]
struct OneFile(Arc<Vec<u8>>);

impl FileSystem for OneFile {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn open(&self, _: &Path, _: bool) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(Self(Arc::clone(&self.0))))
    }
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.open(path, false)
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn remove_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn lock(&self, _: &Path, _: &Path) -> io::Result<Box<dyn Lock>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn kind(&self, _: &Path) -> io::Result<Kind> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn stat(&self, _: &Path) -> io::Result<Stat> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn space(&self, _: &Path) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl File for OneFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let from = offset as usize;
        let bytes = self.0.get(from..from + buf.len());
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn id(&self) -> io::Result<FileId> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn no_damage_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let (seq, bytes) = sample(dir.path());
    let loads = |bytes: &[u8]| {
        let file = OneFile(Arc::new(bytes.to_vec()));
        load(&file, dir.path(), seq).is_ok()
    };
    assert!(loads(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(!loads(&damaged), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(!loads(&bytes[..len]), "cut at {len}");
    }
    assert!(!loads(&[&bytes[..], &[0]].concat()));
    assert!(!loads(&[&bytes[..], &bytes[frames::HEADER..]].concat()));
    // Frames that are whole, but missing, doubled or swapped.
    let mut frames = Vec::new();
    let mut at = frames::HEADER;
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        frames.push(&bytes[at..at + 16 + len]);
        at += 16 + len;
    }
    assert!(frames.len() > 20);
    for i in 0..frames.len() {
        let head = &bytes[..frames::HEADER];
        let (mut missing, mut doubled, mut swapped) =
            (frames.clone(), frames.clone(), frames.clone());
        missing.remove(i);
        doubled.insert(i, frames[i]);
        swapped.swap(i, (i + 1) % frames.len());
        for damaged in [missing, doubled, swapped] {
            assert!(!loads(&[head, &damaged.concat()].concat()), "frame {i}");
        }
    }
    assert!(loads(&bytes));
}

#[test]
fn one_that_counts_other_points_than_it_has_is_refused() {
    let (dir, state) = (
        tempfile::tempdir().unwrap(),
        rebuilt(&[Op::Insert(1, vec![1, 2, 3])]),
    );
    for (points, refused) in [(3, false), (2, true), (u64::MAX, true)] {
        let mark = mark_of(&tree_of(1), points);
        write(
            &RealFileSystem,
            dir.path(),
            &state.indexes,
            &mark,
            &Stop::default(),
        )
        .unwrap();
        let reason = "it holds other points than it counts";
        let loaded = load(&RealFileSystem, dir.path(), 1).err();
        assert_eq!(loaded.as_deref(), refused.then_some(reason));
        let outlined = outline(&RealFileSystem, dir.path(), 1, false).err();
        assert_eq!(outlined.as_deref(), refused.then_some(reason));
    }
}

#[test]
fn another_sequence_in_the_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (seq, bytes) = sample(dir.path());
    std::fs::write(dir.path().join(file_name(seq + 1)), &bytes).unwrap();
    let reason = load(&RealFileSystem, dir.path(), seq + 1).unwrap_err();
    assert_eq!(reason, format!("it is as of block {seq}"));
}

#[test]
fn only_the_newest_stays_and_nothing_unfinished() {
    let dir = tempfile::tempdir().unwrap();
    let ops = [Op::Put(1, None), Op::Put(2, None), Op::Put(3, None)];
    let state = rebuilt(&ops);
    let names = || {
        let mut names = FileSystem::list(&RealFileSystem, dir.path()).unwrap();
        names.sort_unstable();
        names
    };
    std::fs::write(dir.path().join("snapshot.tmp"), b"left behind").unwrap();
    take(dir.path(), &state, 2, Steps::default());
    assert_eq!(names(), [file_name(2)]);
    take(dir.path(), &state, 3, Steps::default());
    assert_eq!(names(), [file_name(3)]);
    // One that is stopped leaves nothing, and the one before stays.
    let stop = Stop::default();
    stop.now();
    let stopped = write(
        &RealFileSystem,
        dir.path(),
        &state.indexes,
        &mark_of(&tree_of(2), 0),
        &stop,
    );
    assert!(matches!(stopped, Err(Error::Closed)));
    assert_eq!(names(), [file_name(3)]);
    let none = newest_first(&RealFileSystem, &dir.path().join("no"));
    assert!(none.unwrap().is_empty());
}

/// Time that this thread spent on a processor, where the system tells.
fn busy() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = figures.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Figures for planning; run with `--release -- --ignored --nocapture`. Features by
/// `FEATURES`, points written one by one by `POINTS`.
#[test]
#[ignore = "prints timings"]
fn many_blocks() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap())
    };
    let (features, points) = (number("FEATURES", 1_000_000), number("POINTS", 1_000_000));
    let dir = tempfile::tempdir().unwrap();
    let seq = features + points;
    let mut random = Random(1);
    let mut unit = || (random.number() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut loader = FeatureLoader::default();
    let series = TemporalIndex::default();
    let (mut blocks, mut nodes, mut tree) =
        (BlockTable::default(), NodeTable::default(), Tree::default());
    for seq in 1..=seq {
        let place = seq * 300 % (256 << 20);
        blocks.push(
            BlockLocation {
                segment: (seq * 300 / (256 << 20)) as u32,
                offset: place as u32,
                len: 292,
            },
            true,
            Kinds::of(if seq <= features {
                OpKind::PutFeature
            } else {
                OpKind::PutPoints
            }),
        );
        for node in grow(&mut tree, seq) {
            nodes.push(node);
        }
        if seq <= features {
            let position = [unit() * 360.0 - 180.0, unit() * 180.0 - 90.0];
            loader.put(
                &format!("feat_{:020x}", seq * 7_919),
                Some(Rect::point(position)),
                &shape_of(1),
                seq,
            );
        } else {
            let id = format!("sensor-{}", seq % 100);
            let series = series.get_or_create(&id);
            series.insert(&[seq as i64 * 1_000_000], &[unit()], seq, 8_192);
        }
    }
    let indexes = Rebuilt {
        defaults: crate::index::defaults::DefaultsTable::default(),
        features: loader.finish(),
        series,
        attributes: VersionTable::default(),
        webhooks: VersionTable::default(),
        blocks,
        nodes,
        reverts: RevertTable::default(),
    };
    let head = Head {
        tree_size: seq,
        ..Head::default()
    };
    let state = State::new(
        indexes,
        Arc::default(),
        Limits::default(),
        Memory::new(&Limits::default()),
        Arc::new(DiskSpace::new(0)),
        head,
        Clock::new(0, &Limits::default()),
    );
    let go_on = Stop::default();
    let mark = mark_of(&tree, points);
    let before = busy();
    let written = write(&RealFileSystem, dir.path(), &state.indexes, &mark, &go_on).unwrap();
    println!(
        "{features} features, {points} points: {written:?}, {:?} busy",
        busy() - before
    );
    drop(state);
    let (begun, before) = (Instant::now(), busy());
    let loaded = load(&RealFileSystem, dir.path(), seq).unwrap();
    println!(
        "load: {:?}, {:?} of it busy",
        begun.elapsed(),
        busy() - before
    );
    let features = loaded.features.finish();
    println!("with R-trees: {:?}, {features:?}", begun.elapsed());
}
