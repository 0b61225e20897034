//! The outer form of a snapshot: a header, then frames, each with its checksum.
//!
//! docs/FORMAT.md is the prose of this module. All checksums are seeded with the
//! database's random id, and each frame's covers its number: a frame that is
//! damaged, missing, out of place or of another snapshot's making is found out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::wire::Damage;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem};
use crate::journal::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
use crate::merkle::LOWEST;
use crate::planted::{Bug, planted};
use crate::types::Hash;

/// Version of the snapshot's format that this build writes and reads.
pub(super) const SNAPSHOT_VERSION: u16 = 11;
/// Length of the header.
pub(super) const HEADER: usize = 256;
const MAGIC: [u8; 8] = *b"FORMDBSN";
/// Length of what precedes the payload of a frame.
const PREFIX: usize = 16;
/// Most a payload may have: that of a full frame, and the records that fill it.
const MAX_PAYLOAD: usize = 32 << 20;
/// Bytes after which what was written is synced, so that the sync at the end does
/// not keep those of the journal waiting for a long time.
const SYNC_EVERY: u64 = 16 << 20;

/// What a frame holds. A snapshot has them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum FrameKind {
    Versions = 1,
    Ids = 2,
    Blocks = 3,
    Kinds = 4,
    Nodes = 5,
    Series = 6,
    Extra = 7,
    End = 8,
}

/// Head of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub database: DatabaseId,
    /// The sequence it is as of.
    pub seq: u64,
    /// Sequence of the first block of the segment in which the group that ends
    /// with `seq` lies.
    pub segment_first_seq: u64,
    /// Offset of that group's header in the segment.
    pub last_group_offset: u64,
    /// Offset right after that group.
    pub end_offset: u64,
    /// Journal position right after that group.
    pub position: u64,
    /// Commit time of that group.
    pub last_time: i64,
    /// Points alive in all series.
    pub points: u64,
    /// Merkle root of the blocks up to `seq`.
    pub root: Hash,
    /// Roots of the perfect subtrees below those that are kept as nodes, by level;
    /// zero where there is none.
    pub low_peaks: [Hash; LOWEST as usize],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let mut w = FieldWriter::new(&mut out);
        w.put(&MAGIC);
        w.put(&SNAPSHOT_VERSION.to_le_bytes());
        w.put(&[0; 6]);
        w.put(&self.database);
        w.put(&self.seq.to_le_bytes());
        w.put(&self.segment_first_seq.to_le_bytes());
        w.put(&self.last_group_offset.to_le_bytes());
        w.put(&self.end_offset.to_le_bytes());
        w.put(&self.position.to_le_bytes());
        w.put(&self.last_time.to_le_bytes());
        w.put(&self.points.to_le_bytes());
        w.put(&self.root);
        w.put(self.low_peaks.as_flattened());
        put_checksum(&mut out, &self.database);
        out
    }

    pub(super) fn decode(bytes: &[u8; HEADER]) -> Result<Self, String> {
        let mut r = FieldReader::new(bytes);
        if r.take::<8>() != MAGIC {
            return Err("it is no snapshot".into());
        }
        let version = u16::from_le_bytes(r.take());
        r.take::<6>();
        let database: DatabaseId = r.take();
        if !has_checksum(bytes, &database) {
            return Err("its header does not match its checksum".into());
        }
        if version != SNAPSHOT_VERSION {
            return Err(format!(
                "it has format version {version}; this build reads version {SNAPSHOT_VERSION}"
            ));
        }
        Ok(Self {
            database,
            seq: u64::from_le_bytes(r.take()),
            segment_first_seq: u64::from_le_bytes(r.take()),
            last_group_offset: u64::from_le_bytes(r.take()),
            end_offset: u64::from_le_bytes(r.take()),
            position: u64::from_le_bytes(r.take()),
            last_time: i64::from_le_bytes(r.take()),
            points: u64::from_le_bytes(r.take()),
            root: r.take(),
            low_peaks: std::array::from_fn(|_| r.take()),
        })
    }
}

/// Checksum of a frame: of the database's id, the prefix before it, and the
/// payload.
fn frame_crc(database: &DatabaseId, prefix: &[u8], payload: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(crc32c::crc32c(database), prefix);
    crc32c::crc32c_append(seed, payload)
}

/// Writes a snapshot from front to back.
#[derive(Debug)]
pub(super) struct FrameWriter {
    file: Arc<dyn File>,
    path: PathBuf,
    database: DatabaseId,
    offset: u64,
    synced: u64,
    number: u32,
    kind: FrameKind,
    /// Payload at which a frame is closed.
    full: usize,
    /// Room for the prefix, then the payload.
    frame: Vec<u8>,
}

impl FrameWriter {
    /// Makes the file, which must not be there, and writes the header.
    pub(super) fn create(
        fs: &dyn FileSystem,
        path: &Path,
        header: &Header,
        full: usize,
    ) -> Result<Self> {
        let file = fs
            .open(path, true)
            .map_err(|e| Error::io("create", path, e))?;
        let mut writer = Self {
            file,
            path: path.to_owned(),
            database: header.database,
            offset: 0,
            synced: 0,
            number: 0,
            kind: FrameKind::Versions,
            full,
            frame: Vec::with_capacity(full + full / 4),
        };
        writer.write(&header.encode())?;
        writer.frame.resize(PREFIX, 0);
        Ok(writer)
    }

    /// Appends records, which `encode` adds to the payload, to the frame of this
    /// kind. They are never torn between frames.
    pub(super) fn records(
        &mut self,
        kind: FrameKind,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        if kind != self.kind {
            self.close_frame()?;
            self.kind = kind;
        }
        encode(&mut self.frame);
        if self.frame.len() >= PREFIX + self.full {
            self.close_frame()?;
        }
        Ok(())
    }

    fn close_frame(&mut self) -> Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        if let Some((prefix, payload)) = frame.split_first_chunk_mut::<PREFIX>()
            && !payload.is_empty()
        {
            let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            debug_assert!(payload.len() <= MAX_PAYLOAD);
            prefix[0] = self.kind as u8;
            prefix[4..8].copy_from_slice(&len.to_le_bytes());
            prefix[8..12].copy_from_slice(&self.number.to_le_bytes());
            let crc = frame_crc(&self.database, &prefix[..12], payload);
            prefix[12..].copy_from_slice(&crc.to_le_bytes());
            self.number += 1;
            self.write(&frame)?;
        }
        frame.clear();
        frame.resize(PREFIX, 0);
        self.frame = frame;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, self.offset)
            .map_err(|e| Error::io("write", &self.path, e))?;
        self.offset += bytes.len() as u64;
        if self.offset - self.synced >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.synced = self.offset;
        self.file
            .sync_data()
            .map_err(|e| Error::io("sync", &self.path, e))
    }

    /// Writes what is left and makes the whole file durable. Returns its length.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.close_frame()?;
        self.sync()?;
        Ok(self.offset)
    }
}

/// Reads a snapshot from front to back and checks it.
#[derive(Debug)]
pub(super) struct FrameReader {
    file: Arc<dyn File>,
    pub len: u64,
    pub header: Header,
    offset: u64,
    number: u32,
    /// The frame that comes next, once its prefix was read.
    next: Option<Prefix>,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Prefix {
    kind: u8,
    len: usize,
    bytes: [u8; PREFIX],
}

impl FrameReader {
    pub(super) fn open(fs: &dyn FileSystem, path: &Path) -> Result<Self, String> {
        let file = fs.open_to_read(path).map_err(unreadable)?;
        let len = file.len().map_err(unreadable)?;
        let mut header = [0; HEADER];
        if len < HEADER as u64 {
            return Err("it is shorter than its header".into());
        }
        file.read_exact_at(&mut header, 0).map_err(unreadable)?;
        Ok(Self {
            file,
            len,
            header: Header::decode(&header)?,
            offset: HEADER as u64,
            number: 0,
            next: None,
            payload: Vec::new(),
        })
    }

    /// The payload of the next frame, if it is of this kind; `None` if it is of
    /// another.
    pub(super) fn next_of(&mut self, kind: FrameKind) -> Result<Option<&[u8]>, String> {
        let prefix = match self.next {
            Some(prefix) => prefix,
            None => self.read_prefix()?,
        };
        if prefix.kind != kind as u8 {
            self.next = Some(prefix);
            return Ok(None);
        }
        self.next = None;
        self.read_payload(&prefix)?;
        Ok(Some(&self.payload))
    }

    fn read_prefix(&mut self) -> Result<Prefix, String> {
        let mut bytes = [0; PREFIX];
        if self.len - self.offset < PREFIX as u64 {
            return Err(format!("it is cut short at byte {}", self.offset));
        }
        self.file
            .read_exact_at(&mut bytes, self.offset)
            .map_err(unreadable)?;
        let [kind, _, _, _, a, b, c, d, ..] = bytes;
        Ok(Prefix {
            kind,
            len: u32::from_le_bytes([a, b, c, d]) as usize,
            bytes,
        })
    }

    fn read_payload(&mut self, prefix: &Prefix) -> Result<(), String> {
        let Prefix { len, bytes, .. } = prefix;
        let at = self.offset + PREFIX as u64;
        if *len > MAX_PAYLOAD || self.len - at < *len as u64 {
            return Err(format!("the frame at byte {} is cut short", self.offset));
        }
        self.payload.resize(*len, 0);
        self.file
            .read_exact_at(&mut self.payload, at)
            .map_err(unreadable)?;
        let (head, crc) = bytes.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
        let expected = frame_crc(&self.header.database, head, &self.payload);
        if u32::from_le_bytes(*crc) != expected && !planted(Bug::IgnoreSnapshotChecksum)
            || head.last_chunk() != Some(&self.number.to_le_bytes())
        {
            return Err(format!(
                "the frame at byte {} does not match its checksum",
                self.offset
            ));
        }
        self.number += 1;
        self.offset = at + *len as u64;
        Ok(())
    }

    /// Whether the file ends after the last frame that was read.
    pub(super) fn at_end(&self) -> bool {
        self.next.is_none() && self.offset == self.len
    }

    /// What is wrong with a record of the frame just read.
    pub(super) fn damage(&self, damage: Damage) -> String {
        format!("the frame that ends at byte {}: {damage}", self.offset)
    }
}

fn unreadable(error: std::io::Error) -> String {
    format!("it cannot be read: {error}")
}
