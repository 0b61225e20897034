//! The disk images that a crash could leave behind.
//!
//! Assumed of a disk: bytes are safe once their file is synced, names once their
//! folder is. Every change since then may have arrived or not, whatever became of
//! the others; a write may have arrived in any of its sectors; a file's length may
//! have arrived without its bytes, which then read as zeros.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use super::disk::{Image, Inode, Node, Op, Pages, SimFs};
use super::rng::random;

pub const SECTOR: usize = 512;

/// What became of one change that was not synced when the crash came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Lost,
    /// A write: this many of its bytes arrived, and the length that goes with them.
    Cut(usize),
    /// A write: its length arrived, and the bytes of these of its sectors.
    Sectors(Vec<bool>),
}

/// The disk after a number of changes: what is safe, and what is not yet.
#[derive(Debug, Clone)]
pub struct CrashPoint {
    /// Changes before it.
    pub number: usize,
    safe: Image,
    pending: Vec<Op>,
    /// Those that can be read and that no sync will write any more.
    clean: Vec<Op>,
}

/// The disk after each number of changes, from none to all of them.
pub fn crash_points(before: Image, log: &[Op]) -> Vec<CrashPoint> {
    let mut medium = Medium::new(before);
    let mut points = vec![medium.point(0)];
    for (number, op) in log.iter().enumerate() {
        medium.step(op);
        points.push(medium.point(number + 1));
    }
    points
}

/// The disk after all these changes.
pub fn crash_point(before: Image, log: &[Op]) -> CrashPoint {
    let mut medium = Medium::new(before);
    for op in log {
        medium.step(op);
    }
    medium.point(log.len())
}

/// What the medium has of a file's bytes after all these changes.
pub fn durable_content(before: &Image, log: &[Op], inode: Inode) -> Vec<u8> {
    let mut point = crash_point(before.clone(), log);
    point.safe.content(inode).clone()
}

struct Medium {
    safe: Image,
    /// Changes no sync has covered, and whether one still can: not if the pages
    /// count as clean since one failed.
    pending: Vec<(Op, bool)>,
}

impl Medium {
    fn new(safe: Image) -> Self {
        Self {
            safe,
            pending: Vec::new(),
        }
    }

    fn point(&self, number: usize) -> CrashPoint {
        let ops = self.pending.iter();
        let clean = ops.clone().filter(|(_, can_settle)| !can_settle);
        CrashPoint {
            number,
            safe: self.safe.clone(),
            pending: ops.map(|(op, _)| op.clone()).collect(),
            clean: clean.map(|(op, _)| op.clone()).collect(),
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::SyncData(inode) => self.settle(|op| writes(op) == Some(*inode)),
            Op::SyncDir(dir) => self.settle(|op| entry_of(op) == Some(dir)),
            Op::FailedSync(_, Pages::Kept) => {}
            Op::FailedSync(inode, Pages::Lost) => {
                let lost = self.pending.iter_mut();
                for (_, can_settle) in lost.filter(|(op, _)| writes(op) == Some(*inode)) {
                    *can_settle = false;
                }
            }
            Op::FailedSync(inode, Pages::Reverted) => {
                self.pending.retain(|(op, _)| writes(op) != Some(*inode));
            }
            change => self.pending.push((change.clone(), true)),
        }
    }

    fn settle(&mut self, covered: impl Fn(&Op) -> bool) {
        let mut rest: Vec<(Op, bool)> = Vec::new();
        for (op, can_settle) in self.pending.drain(..) {
            if can_settle && covered(&op) {
                self.safe.apply(&op);
                // What lay below it in the cache cannot arrive any more.
                rest = rest.into_iter().flat_map(|old| beside(old, &op)).collect();
            } else {
                rest.push((op, can_settle));
            }
        }
        self.pending = rest;
    }
}

/// The parts of an older change of a file that a newer one did not replace.
fn beside((old, can_settle): (Op, bool), newer: &Op) -> Vec<(Op, bool)> {
    let (Op::Write(inode, at, bytes), Some(over)) = (&old, writes(newer)) else {
        return vec![(old, can_settle)];
    };
    let replaced = match newer {
        Op::Write(_, offset, newer) => *offset..offset + newer.len(),
        Op::SetLen(_, len) => *len..usize::MAX,
        _ => return vec![(old, can_settle)],
    };
    if *inode != over {
        return vec![(old, can_settle)];
    }
    let cut = |position: usize| position.clamp(*at, at + bytes.len()) - at;
    let parts = [(0, cut(replaced.start)), (cut(replaced.end), bytes.len())];
    let part = |(from, to): (usize, usize)| {
        let bytes = Arc::new(bytes.get(from..to)?.to_vec());
        (from < to).then(|| (Op::Write(*inode, at + from, bytes), can_settle))
    };
    parts.into_iter().filter_map(part).collect()
}

/// The file whose bytes or length it changes.
fn writes(op: &Op) -> Option<Inode> {
    match op {
        Op::Write(inode, ..) | Op::SetLen(inode, _) => Some(*inode),
        _ => None,
    }
}

/// The folder whose entries it changes.
fn entry_of(op: &Op) -> Option<&Path> {
    match op {
        Op::CreateDir(path, _)
        | Op::CreateFile(path, _)
        | Op::Rename(path, _)
        | Op::Link(_, path)
        | Op::RemoveFile(path)
        | Op::RemoveDir(path) => path.parent(),
        _ => None,
    }
}

/// The fate of a write of which the length arrived and no byte; anything else arrived.
pub fn length_alone(op: &Op) -> Fate {
    match op {
        Op::Write(_, offset, bytes) => {
            Fate::Sectors(vec![false; sectors(*offset, bytes.len()).len()])
        }
        _ => Fate::Kept,
    }
}

/// Sectors that a write touches, as ranges of its bytes.
fn sectors(offset: usize, len: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while from < len {
        let to = ((offset + from) / SECTOR + 1) * SECTOR - offset;
        ranges.push(from..to.min(len));
        from = to;
    }
    ranges
}

impl CrashPoint {
    /// Changes that no sync covers.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// These changes.
    pub fn pending_ops(&self) -> &[Op] {
        &self.pending
    }

    /// A disk on which the process ended and nothing else: all that was written can
    /// be read, but what was not synced is not safe yet.
    pub fn killed(&self) -> SimFs {
        let fs = SimFs::of(self.safe.clone());
        let clean = self.clean.iter();
        for op in clean.clone() {
            fs.record(op.clone());
        }
        for inode in clean.filter_map(writes) {
            fs.record(Op::FailedSync(inode, Pages::Lost));
        }
        for op in self.pending.iter().filter(|op| !self.clean.contains(op)) {
            fs.record(op.clone());
        }
        fs
    }

    /// The image when each change has this fate. A name whose folder did not
    /// survive is gone with it.
    pub fn image(&self, fates: &[Fate]) -> Image {
        let mut image = self.safe.clone();
        for (op, fate) in self.pending.iter().zip(fates) {
            match (op, fate) {
                (_, Fate::Lost) => {}
                (Op::Write(inode, offset, bytes), Fate::Cut(len)) => {
                    image.write(*inode, *offset, &bytes[..*len.min(&bytes.len())]);
                }
                (Op::Write(inode, offset, bytes), Fate::Sectors(kept)) => {
                    let end = offset + bytes.len();
                    let content = image.content(*inode);
                    content.resize(content.len().max(end), 0);
                    for (range, kept) in sectors(*offset, bytes.len()).into_iter().zip(kept) {
                        if *kept {
                            image.write(*inode, offset + range.start, &bytes[range]);
                        }
                    }
                }
                (op, _) => image.apply(op),
            }
        }
        loop {
            let nodes = &image.nodes;
            let whole = |path: &Path| {
                path == Path::new("/data")
                    || path.parent().is_some_and(|dir| nodes.contains_key(dir))
            };
            let kept = nodes.iter().filter(|(path, _)| whole(path));
            let kept: std::collections::BTreeMap<_, _> =
                kept.map(|(path, node)| (path.clone(), *node)).collect();
            if kept.len() == image.nodes.len() {
                return image;
            }
            image.nodes = kept;
        }
    }

    /// Fates to try, up to `wanted` of them, those that differ in what they leave
    /// behind: the systematic ones first, then random ones.
    pub fn images(&self, wanted: usize, seed: u64) -> Vec<(Vec<Fate>, Image)> {
        let mut seen = HashSet::new();
        let mut images = Vec::new();
        let mut seed = seed ^ (self.number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let systematic = self.systematic(wanted > 40);
        // Random fates repeat themselves where there is little to choose from.
        let random = (0..2 * wanted).map(|_| self.random(&mut seed));
        for fates in systematic.into_iter().chain(random) {
            if images.len() == wanted {
                break;
            }
            let image = self.image(&fates);
            if seen.insert(self.fingerprint(&image)) {
                images.push((fates, image));
            }
        }
        images
    }

    fn systematic(&self, thorough: bool) -> Vec<Vec<Fate>> {
        let n = self.pending.len();
        let all = |fate: Fate| vec![fate; n];
        let only = |wanted: fn(&Op) -> bool, rest: Fate| -> Vec<Fate> {
            let fate = |op| if wanted(op) { Fate::Kept } else { rest.clone() };
            self.pending.iter().map(fate).collect()
        };
        let is_name = |op: &Op| entry_of(op).is_some();
        let is_data = |op: &Op| entry_of(op).is_none();
        let mut out = vec![
            all(Fate::Kept),
            all(Fate::Lost),
            self.pending.iter().map(length_alone).collect(),
            only(is_name, Fate::Lost),
            only(is_data, Fate::Lost),
        ];
        for i in 1..n {
            let mut prefix = all(Fate::Lost);
            prefix[..i].fill(Fate::Kept);
            let mut suffix = all(Fate::Kept);
            suffix[..i].fill(Fate::Lost);
            out.extend([prefix, suffix]);
        }
        // Each write torn, with all else there; and, thoroughly, with nothing else.
        for (i, op) in self.pending.iter().enumerate() {
            let Op::Write(_, offset, bytes) = op else {
                continue;
            };
            for fate in torn(*offset, bytes.len(), thorough) {
                let mut kept = all(Fate::Kept);
                kept[i] = fate.clone();
                out.push(kept);
                if thorough {
                    let mut before = all(Fate::Lost);
                    before[..i].fill(Fate::Kept);
                    before[i] = fate;
                    out.push(before);
                }
            }
        }
        out
    }

    fn random(&self, seed: &mut u64) -> Vec<Fate> {
        let mut fate = |op: &Op| match (op, random(seed) % 6) {
            (_, 0) => Fate::Lost,
            (Op::Write(_, offset, bytes), 1 | 2) => {
                let sectors = sectors(*offset, bytes.len());
                Fate::Sectors(
                    sectors
                        .iter()
                        .map(|_| random(seed).is_multiple_of(2))
                        .collect(),
                )
            }
            (Op::Write(_, _, bytes), 3) => Fate::Cut(random(seed) as usize % (bytes.len() + 1)),
            _ => Fate::Kept,
        };
        self.pending.iter().map(&mut fate).collect()
    }

    /// Equal for equal images of this point.
    fn fingerprint(&self, image: &Image) -> u64 {
        let mut hasher = DefaultHasher::new();
        image.nodes.hash(&mut hasher);
        for inode in self.pending.iter().filter_map(writes) {
            let named = image.nodes.values().any(|n| *n == Node::File(inode));
            if named && let Some(bytes) = image.contents.get(inode) {
                bytes.hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

/// Ways in which a write of `len` bytes may be torn.
fn torn(offset: usize, len: usize, thorough: bool) -> Vec<Fate> {
    let sectors = sectors(offset, len);
    let mut cuts: Vec<usize> = sectors.iter().map(|range| range.start).collect();
    if thorough {
        // Around magic, fields, checksum and end of a group's header, and around
        // the first transaction, the first block and the end.
        let edges = [
            1, 3, 4, 5, 47, 88, 92, 95, 96, 97, 99, 100, 101, 108, 127, 128,
        ];
        cuts.extend(edges);
        cuts.extend([len / 2, len.saturating_sub(4), len.saturating_sub(1)]);
        cuts.retain(|cut| *cut < len);
    } else {
        cuts.truncate(4);
        cuts.extend([96, len.saturating_sub(1)]);
    }
    let mut fates: Vec<Fate> = cuts.into_iter().map(Fate::Cut).collect();
    let count = sectors.len();
    if thorough && count > 1 {
        for i in 0..count.min(12) {
            let sectors =
                |kept: &dyn Fn(usize) -> bool| Fate::Sectors((0..count).map(kept).collect());
            fates.push(sectors(&|s| s != i));
            fates.push(sectors(&|s| s == i));
            fates.push(sectors(&|s| s < i));
            fates.push(sectors(&|s| s > i));
        }
    }
    fates
}
