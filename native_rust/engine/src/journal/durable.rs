//! What is known to have been durable of a journal, from elsewhere than its own groups.
//! docs/FORMAT.md is the prose of this module.
//!
//! A group proves that those before it were durable, but nothing in a journal proves
//! that its last group was, or that it had one at all. A small file beside the segments
//! does: the mark. It is written before the first write is acknowledged and whenever
//! the database is closed, each time after what it speaks of was synced. So a crash can
//! leave an older mark, but never one that is ahead of the journal.

use std::io::ErrorKind;
use std::path::Path;

use super::header::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
use super::layout::FORMAT_VERSION;
use super::mark::TreeHead;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, replace};

/// Name of the mark in the folder of the journal.
const MARK: &str = "DURABLE";
const MAGIC: [u8; 8] = *b"FORMDBDE";
const LEN: usize = 96;

/// What is known to have been durable of a database's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durable {
    pub database: DatabaseId,
    /// Journal position up to which it was.
    pub position: u64,
    /// Size and root of the tree there.
    pub head: TreeHead,
    pub source: Witness,
}

/// What says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    Mark,
    Snapshot,
}

impl Witness {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mark => "the file DURABLE beside it",
            Self::Snapshot => "an index snapshot",
        }
    }
}

impl Durable {
    /// Name of the file in the folder of the journal.
    pub(crate) const NAME: &str = MARK;

    /// The one of two that says more.
    pub(crate) fn later(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        // The mark where both say the same: it was the last to be written.
        [one, other]
            .into_iter()
            .flatten()
            .max_by_key(|known| (known.position, known.source == Witness::Mark))
    }

    fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        let mut w = FieldWriter::new(&mut out);
        w.put(&MAGIC);
        w.put(&FORMAT_VERSION.to_le_bytes());
        w.put(&[0; 6]);
        w.put(&self.database);
        w.put(&self.position.to_le_bytes());
        w.put(&self.head.0.to_le_bytes());
        w.put(&self.head.1);
        put_checksum(&mut out, &self.database);
        out
    }

    /// The mark in `bytes`; the version where it is of another one; nothing where they
    /// are damaged.
    fn decode(bytes: &[u8; LEN]) -> Option<Result<Self, u16>> {
        let mut r = FieldReader::new(bytes);
        let magic = r.take::<8>();
        let version = u16::from_le_bytes(r.take());
        r.take::<6>();
        let mark = Self {
            database: r.take(),
            position: u64::from_le_bytes(r.take()),
            head: (u64::from_le_bytes(r.take()), r.take()),
            source: Witness::Mark,
        };
        if magic != MAGIC || !has_checksum(bytes, &mark.database) {
            return None;
        }
        Some(match version {
            FORMAT_VERSION => Ok(mark),
            other => Err(other),
        })
    }

    /// Write it as the mark of the journal in `dir`, durably and in one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        replace(fs, dir, MARK, &self.encode())
    }

    /// The mark of the journal in `dir`. There is none where nothing was acknowledged
    /// yet, nor in journals that were last closed before there were marks.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::UnsupportedFormat`], [`Error::Io`].
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MARK);
        let file = match fs.open_to_read(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", &path, e)),
        };
        let mut bytes = [0; LEN];
        let found = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Self::decode(&bytes),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => None,
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        match found {
            Some(Ok(mark)) => Ok(Some(mark)),
            Some(Err(found)) => Err(Error::UnsupportedFormat {
                path,
                found,
                supported: FORMAT_VERSION,
            }),
            None => Err(Error::Corrupt {
                path,
                offset: 0,
                reason: "the file does not match its checksum".into(),
                advice: "Nothing was changed. Put it back from a backup of this very journal, or remove it: then opening cannot tell whether the end of the journal is missing",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    fn mark(position: u64, source: Witness) -> Durable {
        Durable {
            database: *b"0123456789abcdef",
            position,
            head: (7, [3; 32]),
            source,
        }
    }

    #[test]
    fn it_reads_back_and_no_flipped_bit_passes() {
        let mark = mark(4_711, Witness::Mark);
        let bytes = mark.encode();
        assert_eq!(Durable::decode(&bytes), Some(Ok(mark)));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Durable::decode(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn one_that_is_cut_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let mark = mark(4_711, Witness::Mark);
        assert_eq!(Durable::read(&RealFileSystem, dir.path()).unwrap(), None);
        mark.write(&RealFileSystem, dir.path()).unwrap();
        let read = Durable::read(&RealFileSystem, dir.path()).unwrap();
        assert_eq!(read, Some(mark));
        std::fs::write(dir.path().join(MARK), &mark.encode()[..LEN - 1]).unwrap();
        let error = Durable::read(&RealFileSystem, dir.path()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }

    #[test]
    fn the_later_one_says_more() {
        let (early, late) = (mark(1, Witness::Mark), mark(2, Witness::Snapshot));
        assert_eq!(Durable::later(Some(early), Some(late)), Some(late));
        assert_eq!(Durable::later(Some(early), None), Some(early));
        let both = [mark(2, Witness::Mark), late];
        assert_eq!(Durable::later(Some(both[1]), Some(both[0])), Some(both[0]));
        assert_eq!(Durable::later(None, None), None);
    }
}
