//! Crashes that need no more than a word: what became of all that was not synced.

use std::path::{Path, PathBuf};

use super::disk::{Op, SimFs};
use super::image::{CrashPoint, Fate, SECTOR, crash_point, length_alone};
use super::rng::random;

/// What becomes of the changes that were not synced when the crash came.
#[derive(Debug, Clone, Copy)]
pub enum Crash {
    /// All of them arrived.
    Kept,
    /// None did.
    Dropped,
    /// The first `n` did.
    Prefix(usize),
    /// All did, but the last write is cut after `n` sectors.
    Torn(usize),
    /// The lengths did; the bytes read as zeros after what lay there before.
    Zeroed,
    /// A subset chosen by a seed; writes are cut or zeroed by it as well.
    Random(u64),
}

impl SimFs {
    /// The disk after a crash after the first `point` changes.
    pub fn crash(&self, point: usize, crash: Crash) -> Self {
        let point = self.crash_point(point);
        Self::of(point.image(&fates(point.pending_ops(), crash)))
    }

    /// Changes among the first `point` that no sync had made safe by then.
    pub fn unsynced(&self, point: usize) -> usize {
        self.crash_point(point).pending()
    }

    fn crash_point(&self, point: usize) -> CrashPoint {
        let (before, log) = self.history();
        crash_point(before, &log[..point])
    }

    /// Every file with its bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.now().files()
    }

    /// A disk of its own with the same on it.
    pub fn copy(&self) -> Self {
        Self::of(self.now())
    }

    /// A copy of the disk with one file's bytes replaced.
    pub fn with_file(&self, path: &Path, bytes: Vec<u8>) -> Self {
        Self::of(self.now().with_file(path, bytes))
    }

    /// A copy of the disk without one file.
    pub fn without_file(&self, path: &Path) -> Self {
        Self::of(self.now().without_file(path))
    }
}

fn fates(pending: &[Op], crash: Crash) -> Vec<Fate> {
    let last_write = pending.iter().rposition(|op| matches!(op, Op::Write(..)));
    let mut seed = match crash {
        Crash::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        _ => 1,
    };
    let fate = |(number, op): (usize, &Op)| match crash {
        Crash::Kept => Fate::Kept,
        Crash::Dropped => Fate::Lost,
        Crash::Prefix(n) if number < n => Fate::Kept,
        Crash::Prefix(_) => Fate::Lost,
        Crash::Torn(sectors) if Some(number) == last_write => Fate::Cut(sectors * SECTOR),
        Crash::Torn(_) => Fate::Kept,
        Crash::Zeroed => length_alone(op),
        Crash::Random(_) => match random(&mut seed) % 5 {
            0 => Fate::Lost,
            1 => length_alone(op),
            2 => Fate::Cut(random(&mut seed) as usize % 8 * SECTOR),
            _ => Fate::Kept,
        },
    };
    pending.iter().enumerate().map(fate).collect()
}
