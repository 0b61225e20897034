//! The reading end of the journal: segment files, by number.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::footer::Footer;
use super::layout::BLOCK_PREFIX;
use super::leaves::Leaves;
use super::location::BlockLocation;
use super::segment::Segment;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::types::Hash;

/// Where the leaf hashes of a segment's blocks are.
#[derive(Debug, Clone)]
pub(super) enum Hashes {
    /// In memory: it is being written, or its footer is.
    Memory(Arc<RwLock<Leaves>>),
    /// In its footer.
    Sealed(Footer),
}

/// A segment and the leaf hashes of its blocks.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    pub segment: Segment,
    /// Sequence of its first block.
    pub first_seq: u64,
    pub hashes: Hashes,
}

impl Indexed {
    /// Whether it is known in memory, and beyond doubt, that no block of it has this hash.
    fn lacks(&self, hash: &Hash) -> bool {
        match &self.hashes {
            Hashes::Memory(_) => false,
            Hashes::Sealed(footer) => footer.lacks(hash),
        }
    }
}

/// All segments of a journal. A [`BlockLocation`] names one by its number.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    list: RwLock<Vec<Indexed>>,
    /// Held by who learns what the hashes of segments begin with.
    learning: Mutex<()>,
}

/// Blocks of which one question learns what their hashes begin with, but for the first
/// segment, which may have more: some tens of milliseconds.
const LEARNT: u64 = 1 << 20;

impl Segments {
    /// Add the next segment; its number is its place in the list.
    pub(super) fn push(&self, segment: Indexed) {
        self.list.write().push(segment);
    }

    /// From now on read a segment, and the leaf hashes in its footer, through the
    /// footer's file.
    pub(super) fn seal(&self, number: u32, footer: Footer) {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(indexed) = self.list.write().get_mut(number) {
            indexed.segment = footer.segment().clone();
            indexed.hashes = Hashes::Sealed(footer);
        }
    }

    /// The block with this leaf hash, by its sequence. It may be one that is not
    /// published yet.
    ///
    /// From memory for the segment being written, and for sealed ones that do not have it,
    /// two small reads of the one that has, newest first. Segments that were sealed before
    /// this opening cost a dozen reads each, until a question has read all their hashes for
    /// those that come after it: each does so for a million blocks. May block.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] where a footer is damaged; [`Error::Closed`]; those
    /// of the budget.
    pub(crate) fn find_hash(&self, hash: &Hash, budget: &Budget) -> Result<Option<u64>> {
        budget.check()?;
        let mut found = None;
        let mut unsettled = Vec::new();
        for number in (0..self.len()).rev() {
            budget.step()?;
            // The lock is not held while a file is read.
            let indexed = match self.list.read().get(number) {
                None => return Err(Error::Closed),
                Some(indexed) if indexed.lacks(hash) => continue,
                Some(indexed) => indexed.clone(),
            };
            let index = match &indexed.hashes {
                Hashes::Memory(leaves) => leaves.read().find(hash),
                Hashes::Sealed(footer) => {
                    budget.check()?;
                    let index = footer.find(hash)?;
                    if !footer.is_settled() {
                        unsettled.push(footer.clone());
                    }
                    index
                }
            };
            found = index.map(|index| indexed.first_seq + u64::from(index));
            if found.is_some() {
                break;
            }
        }
        self.learn(&unsettled, budget);
        Ok(found)
    }

    /// Read what hashes begin with, for the questions to come: the answer to this one is
    /// there, so that it is no matter if that does not go well.
    fn learn(&self, footers: &[Footer], budget: &Budget) {
        // One at a time takes memory for it.
        let Some(_turn) = self.learning.try_lock() else {
            return;
        };
        let mut blocks = 0;
        for footer in footers {
            if blocks >= LEARNT || footer.learn(budget).is_err() {
                return;
            }
            blocks += u64::from(footer.count());
        }
    }

    /// The leaf hash of a block in a segment whose leaves are in memory, where they
    /// came from the writer or were held against the tree by opening.
    pub(crate) fn leaf_in_memory(&self, seq: u64) -> Option<Hash> {
        let list = self.list.read();
        let behind = list.partition_point(|segment| segment.first_seq <= seq);
        let segment = list.get(behind.checked_sub(1)?)?;
        let index = u32::try_from(seq - segment.first_seq).ok()?;
        match &segment.hashes {
            Hashes::Memory(leaves) => leaves.read().get(index).map(|(hash, _)| hash),
            Hashes::Sealed(_) => None,
        }
    }

    /// The leaf hashes of some blocks one after the other, without reading the
    /// blocks: from memory, or from a page of a footer. What a footer says is as its
    /// checksum says that it was written, and no more: whether it is what the tree
    /// was made of has to be looked at.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a footer is damaged, [`Error::Io`]: the blocks can be
    /// read and hashed then. [`Error::Closed`] for blocks that are not there.
    pub(crate) fn leaves(&self, seqs: Range<u64>) -> Result<Vec<Hash>> {
        let mut found = Vec::new();
        let mut seq = seqs.start;
        while seq < seqs.end {
            let (hashes, first_seq) = {
                let list = self.list.read();
                let behind = list.partition_point(|segment| segment.first_seq <= seq);
                let indexed = behind.checked_sub(1).and_then(|n| list.get(n));
                let indexed = indexed.ok_or(Error::Closed)?;
                (indexed.hashes.clone(), indexed.first_seq)
            };
            let index = u32::try_from(seq - first_seq).map_err(|_| Error::Closed)?;
            let wanted = usize::try_from(seqs.end - seq).unwrap_or(usize::MAX);
            let before = found.len();
            match hashes {
                Hashes::Memory(leaves) => {
                    let leaves = leaves.read();
                    let some = (index..).map_while(|index| leaves.get(index));
                    found.extend(some.take(wanted).map(|(hash, _)| hash));
                }
                Hashes::Sealed(footer) => footer.hashes_from(index, wanted, &mut found)?,
            }
            if found.len() == before {
                return Err(Error::Closed);
            }
            seq = seqs.start + found.len() as u64;
        }
        Ok(found)
    }

    /// The file of the segment with this number.
    fn segment(&self, number: u32) -> Option<Segment> {
        let number = usize::try_from(number).ok()?;
        Some(self.list.read().get(number)?.segment.clone())
    }

    /// A segment's file, and its footer, if it is sealed.
    pub(super) fn whole(&self, number: u32) -> Option<(Segment, Option<Footer>)> {
        let number = usize::try_from(number).ok()?;
        let list = self.list.read();
        let indexed = list.get(number)?;
        let footer = match &indexed.hashes {
            Hashes::Sealed(footer) => Some(footer.clone()),
            Hashes::Memory(_) => None,
        };
        Some((indexed.segment.clone(), footer))
    }

    /// Check that segments are where they were and as long as they were written: the
    /// one that is being written, and of the others up to `most`, from number `from` on.
    /// Returns the number to go on from. A look at the file system each.
    ///
    /// # Errors
    /// [`Error::Lost`] for the first one that is not.
    pub(crate) fn check_places(
        &self,
        fs: &dyn FileSystem,
        from: usize,
        most: usize,
    ) -> Result<usize> {
        let (mut some, next) = {
            let list = self.list.read();
            let part = |indexed: &Indexed| {
                let growing = matches!(indexed.hashes, Hashes::Memory(_));
                (indexed.segment.clone(), growing)
            };
            let from = if from < list.len() { from } else { 0 };
            let some: Vec<_> = list.iter().skip(from).take(most).map(part).collect();
            let next = from + some.len();
            let last = list.last().map(part);
            (some.into_iter().chain(last), next)
        };
        some.try_for_each(|(segment, growing)| segment.check_place(fs, growing))?;
        Ok(next)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.read().len()
    }

    /// Read one block's bytes and check them against their stored checksum.
    ///
    /// One file read; may block.
    pub(crate) fn read_block(&self, location: BlockLocation) -> Result<Vec<u8>> {
        let segment = self.segment(location.segment).ok_or(Error::Closed)?;
        let offset = u64::from(location.offset);
        let mut record = vec![0; BLOCK_PREFIX + location.len as usize];
        segment
            .file
            .read_exact_at(&mut record, offset)
            .map_err(|e| Error::io("read", &segment.path, e))?;
        check_record(&record).map_err(|reason| corrupt(segment.path, offset, reason))?;
        record.drain(..BLOCK_PREFIX);
        Ok(record)
    }

    /// Reads the records of blocks that lie one after the other in a segment, from
    /// `first` to `last`, into `span`. Returns the offset it begins at. One file read;
    /// may block.
    pub(crate) fn read_span(
        &self,
        first: BlockLocation,
        last: BlockLocation,
        span: &mut Vec<u8>,
    ) -> Result<u64> {
        let segment = self.segment(first.segment).ok_or(Error::Closed)?;
        let offset = u64::from(first.offset);
        let end = u64::from(last.offset) + BLOCK_PREFIX as u64 + u64::from(last.len);
        let len = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
        span.resize(len, 0);
        let read = segment.file.read_exact_at(span, offset);
        read.map_err(|e| Error::io("read", &segment.path, e))?;
        Ok(offset)
    }

    /// A block's bytes, from its record, checked as [`Segments::read_block`] does.
    pub(crate) fn check_block<'b>(
        &self,
        location: BlockLocation,
        record: &'b [u8],
    ) -> Result<&'b [u8]> {
        check_record(record).map_err(|reason| self.corrupt(location, reason))?;
        Ok(record.get(BLOCK_PREFIX..).unwrap_or_default())
    }

    /// An error that says what is wrong with the block at `location`.
    pub(crate) fn corrupt(&self, location: BlockLocation, reason: &str) -> Error {
        match self.segment(location.segment) {
            Some(segment) => corrupt(segment.path, u64::from(location.offset), reason),
            None => Error::Closed,
        }
    }

    /// Close all files that no reader holds.
    pub(crate) fn clear(&self) {
        let segments = std::mem::take(&mut *self.list.write());
        // Freed, and their files closed, outside of the lock.
        drop(segments);
    }
}

fn corrupt(path: PathBuf, offset: u64, reason: &str) -> Error {
    Error::Corrupt {
        path,
        offset,
        reason: reason.into(),
        advice: "The medium no longer returns what was written: restore this database from a backup",
    }
}

/// Check a block record (length, CRC-32C, block) that claims all of `record`.
fn check_record(record: &[u8]) -> Result<(), &'static str> {
    let (len, rest) = record.split_first_chunk::<4>().ok_or("a block cut short")?;
    let (crc, block) = rest.split_first_chunk::<4>().ok_or("a block cut short")?;
    if u32::from_le_bytes(*len) as usize != block.len() {
        return Err("a block's length differs from the one it was indexed with");
    }
    if u32::from_le_bytes(*crc) != crc32c::crc32c(block) {
        return Err("a block does not match its checksum");
    }
    Ok(())
}
