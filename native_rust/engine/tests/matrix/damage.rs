//! Bytes that change behind the database's back: each flip, each truncation,
//! groups and segments that are swapped, repeated, stale or gone.
//!
//! Damage to what was durable is an error that names the place. Only what cannot be
//! told from a torn write, at the very end of the journal, is cut off.

use std::ops::{AddAssign, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use formdb_engine::{Error, Limits};
use serde_json::json;

use super::disk::{Image, SimFs};
use super::model::Change;
use super::support::journal::{groups, is_segment};
use super::workload::{DIR, Run, Workload, limits, open_with};
use super::{in_parallel, mixed, random, report, seeds};

/// What opening a damaged journal came to.
#[derive(Debug)]
enum Opened {
    Refused {
        path: PathBuf,
        offset: u64,
    },
    /// So many transactions, and so many bytes cut off.
    Prefix(usize, u64),
    /// All of it; a footer was made anew.
    Rebuilt,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    tried: usize,
    refused: usize,
    cut: usize,
    rebuilt: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.cut += other.cut;
        self.rebuilt += other.rebuilt;
    }
}

impl Tally {
    fn of(opened: &Opened) -> Self {
        Self {
            tried: 1,
            refused: usize::from(matches!(opened, Opened::Refused { .. })),
            cut: usize::from(matches!(opened, Opened::Prefix(..))),
            rebuilt: usize::from(matches!(opened, Opened::Rebuilt)),
        }
    }
}

/// A journal and where its groups lie.
struct Journal {
    run: Run,
    limits: Limits,
    image: Image,
    /// Segments with their bytes, in order.
    segments: Vec<(PathBuf, Vec<u8>)>,
}

impl Journal {
    fn new(workload: &Arc<Workload>, limits: Limits) -> Self {
        let transactions = workload.transactions.len();
        let run = Run::with_limits(workload, SimFs::new(), 0, transactions, limits.clone());
        let run = run.unwrap();
        // As a crash leaves it, not a close: without the mark of its end.
        let mark = Path::new(DIR).join("journal/DURABLE");
        let image = run.fs.now().without_file(&mark);
        let files = image.files().into_iter();
        let segments: Vec<_> = files.filter(|(path, _)| is_segment(path)).collect();
        assert!(segments.len() >= 3, "the workload rotates");
        Self {
            run,
            limits,
            image,
            segments,
        }
    }

    fn last(&self) -> &(PathBuf, Vec<u8>) {
        &self.segments[self.segments.len() - 1]
    }

    /// Open an image. What opens holds a prefix of what was written; what does not
    /// is left as it is.
    fn open(&self, image: Image) -> Result<Opened, String> {
        let fs = SimFs::of(image.clone());
        match open_with(&fs, self.limits.clone()) {
            Ok(db) => {
                let found = self.run.identify(&db)?;
                let cut = db.recovered().bytes_cut;
                let whole = found == self.run.workload.transactions.len() && cut == 0;
                if whole && db.recovered().footers_rebuilt == 0 {
                    return Err("the damage went unnoticed".into());
                }
                self.run.workload.compare(&db, found)?;
                db.close();
                Ok(match whole {
                    true => Opened::Rebuilt,
                    false => Opened::Prefix(found, cut),
                })
            }
            Err(Error::Corrupt { path, offset, .. }) => {
                if fs.now() != image {
                    return Err("opening was refused and yet changed something".into());
                }
                Ok(Opened::Refused { path, offset })
            }
            Err(other) => Err(other.to_string()),
        }
    }

    /// Open it with one file changed.
    fn with(&self, path: &Path, bytes: Vec<u8>) -> Result<Opened, String> {
        self.open(self.image.with_file(path, bytes))
    }
}

/// About 64 KiB of journal in a few large blocks, which open quickly.
fn few_large_blocks(seed: u64) -> Journal {
    let large = |n: usize| {
        let pad = "x".repeat(3_300);
        let geometry = json!({"type": "Point", "coordinates": [n, n]});
        let id = format!("f{}", n % 7);
        Change::Put(
            json!({"type": "Feature", "id": id, "geometry": geometry, "properties": {"pad": pad}}),
        )
    };
    let points =
        |n: usize| Change::Points("s".into(), vec![n as i64, 0, 5], vec![0.5, n as f64, 2.0]);
    let transactions = (0..18).map(|n| vec![large(n), points(n)]).collect();
    let limits = Limits {
        segment_bytes: 16 << 10,
        ..limits()
    };
    Journal::new(&Workload::of(seed, transactions), limits)
}

#[test]
fn every_flipped_bit_is_an_error_or_a_torn_tail_never_another_answer() {
    let began = Instant::now();
    let journal = few_large_blocks(1);
    let last = journal.last();
    let last_group = groups(&last.1).pop().unwrap();
    let mut bytes = 0;
    let mut all = Tally::default();
    for (path, content) in &journal.segments {
        bytes += content.len();
        let groups_end = groups(content).pop().unwrap().end;
        let offsets: Vec<usize> = (0..content.len()).collect();
        all += in_parallel(&offsets, |at| {
            let mut tally = Tally::default();
            for bit in 0..8 {
                let mut damaged = content.clone();
                damaged[*at] ^= 1 << bit;
                let opened = journal.with(path, damaged);
                let opened =
                    opened.unwrap_or_else(|e| panic!("bit {bit} of byte {at} of {path:?}: {e}"));
                let in_last_group = *path == last.0 && last_group.contains(at);
                let expected = match &opened {
                    Opened::Refused {
                        path: named,
                        offset,
                    } => !in_last_group && named == path && *offset <= *at as u64,
                    Opened::Prefix(found, cut) => {
                        let but_one = journal.run.workload.transactions.len() - 1;
                        in_last_group && *found == but_one && *cut == last_group.len() as u64
                    }
                    Opened::Rebuilt => *at >= groups_end,
                };
                assert!(expected, "bit {bit} of byte {at} of {path:?}: {opened:?}");
                tally += Tally::of(&opened);
            }
            tally
        });
    }
    let figures = [
        ("bytes of journal", bytes),
        ("bits flipped", all.tried),
        ("refused", all.refused),
        ("in the last group: cut off and reported", all.cut),
        ("in a footer: made anew", all.rebuilt),
    ];
    report("bit flips", began, &figures);
}

#[test]
fn every_truncation_is_an_error_or_a_prefix() {
    let began = Instant::now();
    let journal = few_large_blocks(2);
    let mut all = Tally::default();
    for (path, content) in &journal.segments {
        let groups_end = groups(content).pop().unwrap().end;
        let lengths: Vec<usize> = (0..content.len()).collect();
        all += in_parallel(&lengths, |len| {
            let opened = journal.with(path, content[..*len].to_vec());
            let opened = opened.unwrap_or_else(|e| panic!("{path:?} cut at {len}: {e}"));
            let refused = matches!(opened, Opened::Refused { .. });
            let newest = *path == journal.last().0;
            // The segment before the newest is sealed: so the newest had a header.
            let expected = match newest {
                true => *len < 128,
                false => *len < groups_end,
            };
            assert_eq!(refused, expected, "{path:?} cut at {len}: {opened:?}");
            Tally::of(&opened)
        });
    }
    let figures = [
        ("truncations", all.tried),
        ("refused", all.refused),
        ("of the last segment: opened as a prefix", all.cut),
        ("in a footer: made anew", all.rebuilt),
    ];
    report("truncations", began, &figures);
}

/// Checksums that fit bytes that were never written, as only a bug or a forger makes
/// them: what is left is the Merkle root.
#[test]
fn headers_and_blocks_with_checksums_made_to_fit_are_refused() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(2) {
        let journal = Journal::new(&Workload::synced(seed, 24), limits());
        let (mut bits, mut forged) = (Vec::new(), Vec::new());
        for (path, content) in &journal.segments {
            let groups = groups(content);
            let headers = groups
                .iter()
                .flat_map(|group| group.start..group.start + 96);
            bits.extend((0..128).chain(headers).map(|at| (path, content, at)));
            for group in groups {
                let body = group.start + 96..group.end;
                let blocks = blocks(content, group.start);
                // What is put right again is no forgery.
                let body = body.filter(|at| !blocks.iter().any(|(crc, _)| crc.contains(at)));
                forged.extend(body.map(|at| (path, content, at, group.start)));
            }
        }
        let last = journal.last();
        let last_group = groups(&last.1).pop().unwrap();
        all += in_parallel(&bits, |(path, content, at)| {
            let mut tally = Tally::default();
            for bit in 0..8 {
                let mut damaged = content.to_vec();
                damaged[*at] ^= 1 << bit;
                let opened = journal.with(path, damaged);
                let opened =
                    opened.unwrap_or_else(|e| panic!("seed {seed}, byte {at} of {path:?}: {e}"));
                let may_open = **path == last.0 && last_group.contains(at);
                let refused = matches!(opened, Opened::Refused { .. });
                assert!(
                    refused || may_open,
                    "seed {seed}, byte {at} of {path:?}: {opened:?}"
                );
                tally += Tally::of(&opened);
            }
            tally
        });
        all += in_parallel(&forged, |(path, content, at, group)| {
            let mut forged = content.to_vec();
            forged[*at] ^= 1;
            reseal(&mut forged, *group);
            let opened = journal.with(path, forged);
            let opened =
                opened.unwrap_or_else(|e| panic!("seed {seed}, byte {at} of {path:?}: {e}"));
            assert!(
                matches!(opened, Opened::Refused { .. }),
                "seed {seed}, {at}: {opened:?}"
            );
            Tally::of(&opened)
        });
    }
    let figures = [
        ("damages and forgeries", all.tried),
        ("refused", all.refused),
    ];
    report(
        "headers, and blocks with fitting checksums",
        began,
        &figures,
    );
}

/// Where the blocks of the group at `start` have their own checksums, and where they
/// lie, as far as its counts and lengths make sense.
pub(super) fn blocks(segment: &[u8], start: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let word = |at: usize| {
        let bytes = segment.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().unwrap()) as usize)
    };
    let mut found = Vec::new();
    let mut at = start + 96;
    for _ in 0..word(start + 12).unwrap_or(0) {
        let count = word(at).unwrap_or(0);
        at += 4;
        for _ in 0..count {
            let end = word(at).map(|len| at + 8 + len);
            let Some(end) = end.filter(|end| *end <= segment.len()) else {
                return found;
            };
            found.push((at + 4..at + 8, at + 8..end));
            at = end;
        }
    }
    found
}

/// Make the checksums of the group at `start` and of its blocks fit what is there.
pub(super) fn reseal(segment: &mut [u8], start: usize) {
    for (checksum, block) in blocks(segment, start) {
        let crc = crc32c::crc32c(&segment[block]);
        segment[checksum].copy_from_slice(&crc.to_le_bytes());
    }
    let id: [u8; 16] = segment[16..32].try_into().unwrap();
    let len = u32::from_le_bytes(segment[start + 8..start + 12].try_into().unwrap());
    let body = &segment[start + 96..start + 96 + len as usize];
    let crc = crc32c::crc32c(body);
    segment[start + 20..start + 24].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&id), &segment[start..start + 92]);
    segment[start + 92..start + 96].copy_from_slice(&crc.to_le_bytes());
}

/// Two bits, two bytes or two stretches at random places.
#[test]
fn nor_do_two_damages_make_another_answer() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(4) {
        let journal = Journal::new(&Workload::synced(seed, 24), limits());
        let rounds: Vec<u64> = (0..500).collect();
        all += in_parallel(&rounds, |round| {
            let mut state = mixed(seed, *round);
            let mut image = journal.image.clone();
            for _ in 0..2 {
                let (path, _) =
                    &journal.segments[random(&mut state) as usize % journal.segments.len()];
                let files = image.files();
                let mut bytes = files.into_iter().find(|(p, _)| p == path).unwrap().1;
                damage(&mut bytes, &mut state);
                image = image.with_file(path, bytes);
            }
            if image == journal.image {
                return Tally::default();
            }
            let opened = journal.open(image);
            Tally::of(
                &opened.unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED), round {round}: {e}")),
            )
        });
    }
    let figures = [
        ("pairs", all.tried),
        ("refused", all.refused),
        ("opened as a prefix", all.cut),
    ];
    report("double damage", began, &figures);
}

/// Change some bytes at a random place.
fn damage(bytes: &mut Vec<u8>, state: &mut u64) {
    if bytes.is_empty() {
        return;
    }
    let at = random(state) as usize % bytes.len();
    let end = (at + 1 + random(state) as usize % 600).min(bytes.len());
    match random(state) % 5 {
        0 => bytes[at] ^= 1 << (random(state) % 8),
        1 => bytes[at..end].fill(0),
        2 => bytes[at..end]
            .iter_mut()
            .for_each(|b| *b = random(state) as u8),
        3 => bytes.truncate(at),
        _ => bytes.extend((at..end).map(|_| random(state) as u8)),
    }
}

#[test]
fn groups_that_are_swapped_repeated_or_gone_are_errors() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(6) {
        let journal = Journal::new(&Workload::synced(seed, 24), limits());
        let mut cases = Vec::new();
        for (path, content) in &journal.segments {
            let groups = groups(content);
            let newest = *path == journal.last().0;
            for (i, a) in groups.iter().enumerate() {
                let mut swapped = content[..a.start].to_vec();
                let (before, after) = (&content[..a.start], &content[a.end..]);
                let group = &content[a.clone()];
                if let Some(b) = groups.get(i + 1) {
                    swapped.extend([&content[b.clone()], group, &content[b.end..]].concat());
                    cases.push(("swapped", path, swapped, false));
                }
                // The last group of all may be missing or be followed by anything.
                let tail = newest && i + 1 == groups.len();
                // Repeating the last group but one moves the last from its place.
                let repeated = [before, group, group, after].concat();
                let before_tail = newest && i + 2 >= groups.len();
                cases.push(("repeated", path, repeated, before_tail));
                cases.push(("gone", path, [before, after].concat(), tail));
                cases.push((
                    "zeroed",
                    path,
                    [before, &vec![0; group.len()], after].concat(),
                    tail,
                ));
                for (_, other) in &journal.segments {
                    let foreign = super::support::journal::groups(other).into_iter().next();
                    if let Some(foreign) = foreign.filter(|_| other != content) {
                        let moved = [before, &other[foreign], after].concat();
                        cases.push(("replaced", path, moved, tail));
                    }
                }
            }
        }
        for (what, path, bytes, may_open) in cases {
            let opened = journal.with(path, bytes);
            let opened = opened.unwrap_or_else(|e| panic!("seed {seed}: {what} in {path:?}: {e}"));
            let refused = matches!(opened, Opened::Refused { .. });
            let rebuilt = what == "repeated" && matches!(opened, Opened::Rebuilt);
            assert!(
                refused || may_open || rebuilt,
                "seed {seed}: {what} in {path:?}: {opened:?}"
            );
            all += Tally::of(&opened);
        }
    }
    let figures = [
        ("cases", all.tried),
        ("refused", all.refused),
        ("at the end of the journal: cut off", all.cut),
    ];
    report("groups swapped, repeated, gone", began, &figures);
}

#[test]
fn segments_that_are_gone_stale_or_foreign_are_errors() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(6) {
        let workload = Workload::synced(seed, 24);
        let journal = Journal::new(&workload, limits());
        let count = journal.segments.len();
        // The same workload in another database, and on from a crash of this one.
        let other = Journal::new(&workload, limits());
        let early = other_history(&journal);
        for (i, (path, content)) in journal.segments.iter().enumerate() {
            let newest = i + 1 == count;
            let mut cases = vec![
                ("gone", journal.image.without_file(path), newest),
                ("empty", journal.image.with_file(path, Vec::new()), newest),
            ];
            let groups = groups(content);
            for group in &groups {
                let stale = content[..group.start].to_vec();
                cases.push(("stale", journal.image.with_file(path, stale), newest));
            }
            for (from, what) in [(&other, "foreign"), (&early, "of another history")] {
                let same = from
                    .segments
                    .iter()
                    .find(|(p, c)| p == path && c != content);
                if let Some((_, bytes)) = same {
                    let image = journal.image.with_file(path, bytes.clone());
                    cases.push((what, image, newest && what != "foreign"));
                }
            }
            let (next, next_content) = &journal.segments[(i + 1) % count];
            let swapped = journal.image.with_file(path, next_content.clone());
            let swapped = swapped.with_file(next, content.clone());
            cases.push(("swapped", swapped, false));
            for (what, image, may_open) in cases {
                match journal.open(image) {
                    Ok(opened) => {
                        let refused = matches!(opened, Opened::Refused { .. });
                        assert!(
                            refused || may_open,
                            "seed {seed}: {what} {path:?}: {opened:?}"
                        );
                        all += Tally::of(&opened);
                    }
                    // Nothing tells the last segment of one history from that of
                    // another: both are whole.
                    Err(e) if newest && what == "of another history" && e.starts_with("root") => {}
                    Err(e) => panic!("seed {seed}: {what} {path:?}: {e}"),
                }
            }
        }
    }
    let figures = [
        ("cases", all.tried),
        ("refused", all.refused),
        ("of the last segment: opened as a prefix", all.cut),
    ];
    report("segments gone, stale, foreign", began, &figures);
}

/// The same database as it went on from a crash half way.
fn other_history(journal: &Journal) -> Journal {
    let points = journal.run.crash_points();
    let half = &points[points.len() / 2];
    let run = Run::new(
        &journal.run.workload,
        half.killed(),
        0,
        journal.run.workload.transactions.len(),
    );
    let run = run.unwrap();
    let image = run.fs.now();
    Journal {
        segments: image.files(),
        image,
        run,
        limits: limits(),
    }
}
