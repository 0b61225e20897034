//! The writing end of the journal. Owned by the committer thread.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use super::durable::{Durable, Witness};
use super::footer::Footer;
use super::header::DatabaseId;
use super::layout::{
    BLOCK_PREFIX, GROUP_HEADER, GroupHeader, SEGMENT_HEADER, SegmentHeader, segment_name,
};
use super::leaves::Leaves;
use super::location::BlockLocation;
use super::mark::Checkpoint;
use super::mark::LastGroup;
use super::mark::TreeHead;
use super::sealing::{Job, Sealing};
use super::segment::Segment;
use super::segments::{Hashes, Indexed, Segments};
use crate::error::out_of_descriptors;
use crate::error::{Error, Result};
use crate::fs::{FileId, FileSystem, check_place};
use crate::merkle::{KeptNode, NodeTable, Tree, leaf_hash};
use crate::planted::{Bug, planted};
use crate::types::Hash;

/// A commit group under construction: bytes, tree and block places as they will
/// be if the group becomes durable.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Room for the header, then the body.
    bytes: Vec<u8>,
    transactions: u32,
    /// Offset of each record in `bytes`, length of its block, leaf hash.
    blocks: Vec<(u32, u32, Hash)>,
    /// Where the current transaction's block count stands.
    transaction_at: usize,
    transaction_blocks: u32,
}

impl Group {
    /// Forget the last group, keep its memory.
    pub(crate) fn clear(&mut self) {
        // One huge import must not pin its buffer for ever.
        const KEEP: usize = 32 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.bytes.resize(GROUP_HEADER, 0);
        self.transactions = 0;
        self.blocks.clear();
    }

    /// Whether it has no block.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn begin_transaction(&mut self) {
        self.transactions += 1;
        self.transaction_at = self.bytes.len();
        self.transaction_blocks = 0;
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// Append one block written by `encode`; returns its leaf hash.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the group would no longer fit its format.
    pub(crate) fn push_block(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Hash> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; BLOCK_PREFIX]);
        encode(&mut self.bytes);
        let (head, block) = self.bytes.split_at_mut(start + BLOCK_PREFIX);
        let len = length(block.len())?;
        let hash = leaf_hash(block);
        let prefix = &mut head[start..];
        prefix[..4].copy_from_slice(&len.to_le_bytes());
        prefix[4..].copy_from_slice(&crc32c::crc32c(block).to_le_bytes());
        self.blocks.push((length(start)?, len, hash));
        self.transaction_blocks += 1;
        Ok(hash)
    }

    pub(crate) fn end_transaction(&mut self) {
        let at = self.transaction_at;
        self.bytes[at..at + 4].copy_from_slice(&self.transaction_blocks.to_le_bytes());
    }
}

/// Largest segment: places in it are 32-bit integers.
const LARGEST: u64 = u32::MAX as u64;

/// A length or an offset as the format has it, in 32 bits. `Limits` keep groups and
/// segments far below 4 GiB, see `Limits::validate`; should that ever not hold, nothing
/// is written.
fn length(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::TooLarge {
        what: "the commit group in bytes",
        actual: n as u64,
        limit: u64::from(u32::MAX),
        setting: "group_bytes",
    })
}

/// The journal's end.
///
/// Invariants:
/// 1. `position + offset` of the active segment is where the next group goes, and
///    `tree` holds exactly the blocks before that point.
/// 2. Everything before `durable_end` is durable, and so are all segments but the
///    active one. A group says in its header what `durable_end` was when it was
///    written: that is what recovery may conclude from finding it.
/// 3. `written_end` is after the last group written, be it synced or not, and
///    advanced over or not.
/// 4. After any method has failed the journal's end on disk is unknown, and no
///    further method may be called.
#[derive(Debug)]
pub(crate) struct Journal {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    database: DatabaseId,
    segments: Arc<Segments>,
    segment_bytes: u64,
    active: Active,
    tree: Tree,
    written_end: u64,
    durable_end: u64,
    /// The tree's head with all that is written in it, and with all that is durable.
    written_head: TreeHead,
    durable_head: TreeHead,
    last_group: Option<LastGroup>,
    sealing: Sealing,
    /// Which folder `dir` led to when it was opened.
    folder: Option<FileId>,
    /// Journal position of the mark; 0 where there is none.
    marked: u64,
}

/// A group that is in its file, but not yet known to be on the medium.
#[derive(Debug)]
pub(crate) struct WrittenGroup {
    /// Places of its blocks, in order.
    pub locations: Vec<BlockLocation>,
    /// Nodes of the tree that it completes and that are kept.
    pub nodes: Vec<KeptNode>,
    bytes: u64,
    tree: Tree,
    leaves: Vec<Hash>,
}

impl WrittenGroup {
    /// Its length in the journal.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What is written and may not be on the medium yet.
#[derive(Debug)]
pub(crate) struct Unsynced {
    fs: Arc<dyn FileSystem>,
    segment: Segment,
    end: u64,
    head: TreeHead,
}

impl Unsynced {
    /// Sync it. Blocks for a disk sync.
    ///
    /// # Errors
    /// As [`Journal::sync`].
    pub(crate) fn sync(&self) -> Result<()> {
        self.segment.sync()?;
        self.segment.check_place(&*self.fs, false)
    }
}

/// The segment that is being appended to.
#[derive(Debug)]
pub(super) struct Active {
    pub segment: Segment,
    /// Sequence of its first block.
    pub first_seq: u64,
    /// Its number in [`Segments`].
    pub number: u32,
    /// Journal position of its first byte.
    pub position: u64,
    /// Its length.
    pub offset: u64,
    /// Leaf hashes of its blocks.
    pub leaves: Arc<RwLock<Leaves>>,
}

/// Where recovery found the journal's end.
#[derive(Debug)]
pub(super) struct End {
    pub database: DatabaseId,
    pub active: Active,
    pub tree: Tree,
    pub last_group: Option<LastGroup>,
    /// Journal position of the mark; 0 where there is none.
    pub marked: u64,
}

impl Journal {
    /// Continue after recovery; the end's segment is already in `segments`, and
    /// everything up to the end is durable.
    pub(super) fn resume(
        fs: Arc<dyn FileSystem>,
        dir: PathBuf,
        segments: Arc<Segments>,
        segment_bytes: u64,
        end: End,
    ) -> Self {
        let End {
            database,
            active,
            tree,
            last_group,
            marked,
        } = end;
        let folder = fs.stat(&dir).map(|found| found.id).ok();
        let position = active.position + active.offset;
        let head = (tree.size(), tree.root());
        Self {
            fs,
            dir,
            database,
            segments,
            segment_bytes,
            active,
            tree,
            written_end: position,
            durable_end: position,
            written_head: head,
            durable_head: head,
            last_group,
            sealing: Sealing::default(),
            folder,
            marked,
        }
    }

    /// The journal's end, if it is durable and the journal has a block.
    pub(crate) fn mark(&self) -> Option<Checkpoint> {
        let last_group = self
            .last_group
            .filter(|_| !self.is_dirty() || planted(Bug::SnapshotTooEarly))?;
        Some(Checkpoint {
            database: self.database,
            tree: self.tree.clone(),
            last_group,
            position: self.end(),
        })
    }

    /// About as many bytes as the footer of the last segment will have, with so many blocks
    /// that are not advanced over yet.
    pub(crate) fn footer_bytes(&self, written: u64) -> u64 {
        let blocks = self.tree.size() + 1 + written - self.active.first_seq;
        blocks * Footer::BLOCK
    }

    /// The tree of everything that was advanced over.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Bytes in all segments.
    pub(crate) fn end(&self) -> u64 {
        self.active.position + self.active.offset
    }

    /// Journal position up to which all is on the medium.
    pub(crate) fn durable_end(&self) -> u64 {
        self.durable_end
    }

    /// Size and root of the tree of all that is on the medium. It can be ahead of
    /// [`Journal::tree`], by a group that is not advanced over yet.
    pub(crate) fn durable_head(&self) -> TreeHead {
        self.durable_head
    }

    /// Write a group after the journal's end. It counts once
    /// [`Journal::advance`] is called, and is durable after [`Journal::sync`]; a
    /// group that may be lost can be advanced over first, and others be written
    /// after it.
    pub(crate) fn write(&mut self, group: &mut Group, now: i64) -> Result<WrittenGroup> {
        self.sealing.poll()?;
        let full = self.active.offset > SEGMENT_HEADER as u64
            && self.active.offset + group.bytes.len() as u64 > self.segment_bytes;
        if full {
            self.rotate(now, group.bytes.len() as u64)?;
        }
        let mut tree = self.tree.clone();
        let mut nodes = Vec::new();
        for (_, _, hash) in &group.blocks {
            tree.push_and(*hash, |level, node| {
                if NodeTable::keeps(level) {
                    nodes.push((level, node));
                }
            });
        }
        let (head, body) = group.bytes.split_at_mut(GROUP_HEADER);
        let header = GroupHeader {
            body_len: length(body.len())?,
            transactions: group.transactions,
            blocks: length(group.blocks.len())?,
            body_crc: crc32c::crc32c(body),
            position: self.end(),
            durable_end: match planted(Bug::DurableTooEarly) {
                true => self.end(),
                false => self.durable_end(),
            },
            first_seq: self.tree.size() + 1,
            tree_size: tree.size(),
            root: tree.root(),
        };
        head.copy_from_slice(&header.encode(&self.database));
        let after = (header.tree_size, header.root);
        let base = usize::try_from(self.active.offset).unwrap_or(usize::MAX);
        // All of it, so that no offset below can pass what the format holds.
        length(base.saturating_add(group.bytes.len()))?;
        let base = length(base)?;

        let Active {
            segment,
            number,
            offset,
            ..
        } = &self.active;
        // Written after the end of a file that was cut it would leave a hole, and the
        // length would be right again.
        segment.check_length()?;
        segment
            .file
            .write_all_at(&group.bytes, *offset)
            .map_err(|e| Error::io("write", &segment.path, e))?;
        segment.wrote(*offset + group.bytes.len() as u64);
        self.written_end = self.end() + group.bytes.len() as u64;
        self.written_head = after;
        let places = group.blocks.iter().map(|(start, len, _)| BlockLocation {
            segment: *number,
            offset: base + start,
            len: *len,
        });
        Ok(WrittenGroup {
            locations: places.collect(),
            nodes,
            bytes: group.bytes.len() as u64,
            tree,
            leaves: group.blocks.iter().map(|(.., hash)| *hash).collect(),
        })
    }

    /// Whether something was written since the last sync.
    pub(crate) fn is_dirty(&self) -> bool {
        self.durable_end() < self.written_end
    }

    /// Make everything written durable, and the mark if there is none yet. Blocks for a
    /// disk sync.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Lost`] when the file that is durable now is not the one
    /// that the next opening will find.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if planted(Bug::MarkTooEarly) {
            (self.durable_end, self.durable_head) = (self.written_end, self.written_head);
            self.mark_durable()?;
        }
        let unsynced = self.unsynced();
        unsynced.sync()?;
        self.synced(&unsynced)
    }

    /// What a sync has to make durable now, for any thread. Nothing may be written until
    /// [`Journal::synced`] is told that it is done.
    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced {
            fs: Arc::clone(&self.fs),
            segment: self.active.segment.clone(),
            end: self.written_end,
            head: self.written_head,
        }
    }

    /// What was to be synced is; so is the mark then, if there was none yet.
    ///
    /// # Errors
    /// As [`Journal::mark_durable`].
    pub(crate) fn synced(&mut self, synced: &Unsynced) -> Result<()> {
        self.durable_end = synced.end;
        self.durable_head = synced.head;
        match self.marked {
            0 => self.mark_durable(),
            _ => Ok(()),
        }
    }

    /// Write the mark of what is durable, unless it is written. Also right after a
    /// failure: what was durable before it has to be there when it is opened again.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Lost`] when the folder is not the one that was opened.
    pub(crate) fn mark_durable(&mut self) -> Result<()> {
        if self.durable_head.0 == 0 || self.marked == self.durable_end || planted(Bug::NoMark) {
            return Ok(());
        }
        if let Some(folder) = self.folder {
            check_place(&self.fs.stat(&self.dir), &Ok(folder), &self.dir)?;
        }
        let mark = Durable {
            database: self.database,
            position: self.durable_end,
            head: self.durable_head,
            source: Witness::Mark,
        };
        mark.write(&*self.fs, &self.dir)?;
        self.marked = mark.position;
        Ok(())
    }

    /// Move the journal's end after a group.
    pub(crate) fn advance(&mut self, written: WrittenGroup) {
        let offset = self.active.offset;
        self.active.offset += written.bytes;
        self.last_group = Some(LastGroup {
            segment_first_seq: self.active.first_seq,
            offset,
            end: self.active.offset,
        });
        self.tree = written.tree;
        let mut blocks = written.leaves.iter().zip(&written.locations);
        while blocks.len() > 0 {
            // In steps: readers wait for this lock.
            let mut leaves = self.active.leaves.write();
            for (hash, location) in blocks.by_ref().take(1_024) {
                leaves.push(*hash, location.offset);
            }
        }
    }

    /// Begin the next segment. The one before it is durable first, so that only
    /// the last segment can have lost anything; header and name of the new one are
    /// durable before the first group is written into it.
    ///
    /// Where there is no descriptor for another file, the segment grows past its size
    /// instead, by `more` bytes: the next group tries again.
    fn rotate(&mut self, now: i64, more: u64) -> Result<()> {
        if self.is_dirty() && !planted(Bug::RotateWithoutSync) {
            self.sync()?;
        }
        let header = SegmentHeader {
            database: self.database,
            first_seq: self.tree.size() + 1,
            position: self.end(),
            created: now,
            root: self.tree.root(),
        };
        let path = self.dir.join(segment_name(header.first_seq));
        // Syncing the folder takes a descriptor too: one is held until the file is made.
        let spare = self.fs.open(&self.active.segment.path, false);
        let file = spare.and_then(|_spare| self.fs.open(&path, true));
        let file = match file {
            Ok(file) => file,
            Err(e) if out_of_descriptors(&e) && self.active.offset + more <= LARGEST => {
                return Ok(());
            }
            Err(e) => return Err(Error::io("create", &path, e)),
        };
        let segment = Segment::new(path, file, 0);
        let segment = begin_segment(&*self.fs, &self.dir, segment, &header)?;
        let leaves = Arc::new(RwLock::new(Leaves::new(header.first_seq)));
        let next = Active {
            first_seq: header.first_seq,
            number: length(self.segments.len())?,
            position: header.position,
            offset: SEGMENT_HEADER as u64,
            segment: segment.clone(),
            leaves: Arc::clone(&leaves),
        };
        let full = std::mem::replace(&mut self.active, next);
        self.segments.push(Indexed {
            segment,
            first_seq: header.first_seq,
            hashes: Hashes::Memory(leaves),
        });
        self.written_end = self.end();
        self.durable_end = self.end();
        self.sealing.begin(Job {
            fs: Arc::clone(&self.fs),
            segments: Arc::clone(&self.segments),
            number: full.number,
            segment: full.segment,
            database: self.database,
            leaves: full.leaves,
            groups_end: full.offset,
        })
    }
}

/// Make a segment file with nothing but its header, durably.
pub(super) fn create_segment(
    fs: &dyn FileSystem,
    dir: &std::path::Path,
    header: &SegmentHeader,
) -> Result<Segment> {
    let path = dir.join(segment_name(header.first_seq));
    let file = fs
        .open(&path, true)
        .map_err(|e| Error::io("create", &path, e))?;
    begin_segment(fs, dir, Segment::new(path, file, 0), header)
}

/// Write the header of a segment whose file was just made; header and name are durable
/// then.
fn begin_segment(
    fs: &dyn FileSystem,
    dir: &std::path::Path,
    segment: Segment,
    header: &SegmentHeader,
) -> Result<Segment> {
    let Segment { path, file, .. } = &segment;
    file.write_all_at(&header.encode(), 0)
        .map_err(|e| Error::io("write", path, e))?;
    segment.wrote(SEGMENT_HEADER as u64);
    file.sync_data().map_err(|e| Error::io("sync", path, e))?;
    if !planted(Bug::NameNotSynced) {
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    Ok(segment)
}
