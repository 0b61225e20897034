//! Reading one segment while a journal is opened.

use std::path::{Path, PathBuf};

use super::layout::{
    FORMAT_VERSION, GROUP_HEADER, GROUP_MAGIC, GroupHeader, HeaderError, SEGMENT_HEADER,
    SEGMENT_MAGIC, SegmentHeader, segment_name,
};
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::planted::{Bug, planted};

pub(super) const ADVICE: &str = "Nothing was changed. Run `mix formdb.doctor` on the database's folder: it says what is damaged, and can copy what is whole into a new folder";

/// Buffered reads from one segment.
pub(super) struct SegmentReader {
    pub segment: Segment,
    pub len: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl SegmentReader {
    pub(super) fn open(fs: &dyn FileSystem, dir: &Path, first_seq: u64) -> Result<Self> {
        let path: PathBuf = dir.join(segment_name(first_seq));
        let file = fs
            .open_on_demand(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        let len = file.len().map_err(|e| Error::io("measure", &path, e))?;
        Self::of(Segment::new(path, file, len))
    }

    /// An open one.
    pub(super) fn of(segment: Segment) -> Result<Self> {
        let len = segment.file.len();
        let len = len.map_err(|e| Error::io("measure", &segment.path, e))?;
        Ok(Self {
            segment,
            len,
            buffer: Vec::new(),
            buffer_at: 0,
        })
    }

    /// The same file, with a buffer of its own.
    pub(super) fn again(&self) -> Self {
        Self {
            segment: self.segment.clone(),
            len: self.len,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }

    /// The segment's header, or what is wrong with it.
    pub(super) fn header(&self) -> Result<Result<SegmentHeader, HeaderError>> {
        if self.len < SEGMENT_HEADER as u64 {
            return Ok(Err(HeaderError::Short));
        }
        let mut bytes = [0; SEGMENT_HEADER];
        self.segment
            .file
            .read_exact_at(&mut bytes, 0)
            .map_err(|e| Error::io("read", &self.segment.path, e))?;
        Ok(SegmentHeader::decode(&bytes))
    }

    /// Whether this can be a file whose making was interrupted: no longer than a header,
    /// and it begins as one does, as far as it goes, or with nothing but the zeros of a
    /// sector that never arrived.
    pub(super) fn may_be_unfinished(&self) -> Result<bool> {
        if self.len > SEGMENT_HEADER as u64 {
            return Ok(false);
        }
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or(0)];
        self.segment
            .file
            .read_exact_at(&mut bytes, 0)
            .map_err(|e| Error::io("read", &self.segment.path, e))?;
        let begins = bytes.iter().zip(&SEGMENT_MAGIC).all(|(a, b)| a == b);
        Ok(begins || bytes.iter().all(|byte| *byte == 0))
    }

    /// Header and body of the group at `offset`, or what is wrong with the bytes
    /// there.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`], [`Error::Io`].
    pub(super) fn group(
        &mut self,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Result<(GroupHeader, &[u8]), &'static str>> {
        let header = match self
            .get(offset, GROUP_HEADER)?
            .and_then(<[u8]>::first_chunk)
        {
            None => return Ok(Err("a group header is cut short")),
            Some(bytes) => GroupHeader::decode(bytes, &segment.database),
        };
        let header = match header {
            Ok(header) => header,
            Err(HeaderError::Version(found)) => return Err(self.unsupported(found)),
            Err(_) => return Ok(Err("a group header does not match its checksum")),
        };
        if header.position != segment.position + offset {
            return Ok(Err("a group lies at a place it was not written to"));
        }
        let body_at = offset + GROUP_HEADER as u64;
        let Some(body) = self.get(body_at, header.body_len as usize)? else {
            return Ok(Err("a group is cut short"));
        };
        if crc32c::crc32c(body) != header.body_crc && !planted(Bug::IgnoreBodyChecksum) {
            return Ok(Err("a group does not match its checksum"));
        }
        Ok(Ok((header, body)))
    }

    /// Give the buffer's memory back.
    pub(super) fn release(&mut self) {
        self.buffer = Vec::new();
    }

    /// `len` bytes from `offset`, or nothing when the file ends first.
    pub(super) fn get(&mut self, offset: u64, len: usize) -> Result<Option<&[u8]>> {
        const READ_AHEAD: u64 = 1 << 20;
        let end = offset.saturating_add(len as u64);
        if end > self.len {
            return Ok(None);
        }
        let buffered = self.buffer_at..self.buffer_at + self.buffer.len() as u64;
        if offset < buffered.start || end > buffered.end {
            let want = (len as u64).max(READ_AHEAD).min(self.len - offset);
            self.buffer
                .resize(usize::try_from(want).unwrap_or(usize::MAX), 0);
            self.buffer_at = offset;
            self.segment
                .file
                .read_exact_at(&mut self.buffer, offset)
                .map_err(|e| Error::io("read", &self.segment.path, e))?;
        }
        let from = usize::try_from(offset - self.buffer_at).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..from.saturating_add(len)))
    }

    /// Look from damaged bytes at `offset` on for a group that names them as durable,
    /// be it where it was written or not: its checksum says that it was.
    pub(super) fn later_proof(
        &mut self,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Option<u64>> {
        const WINDOW: usize = 1 << 20;
        let mut from = offset;
        while from + GROUP_HEADER as u64 <= self.len {
            let take = usize::try_from(self.len - from).map_or(WINDOW, |left| left.min(WINDOW));
            let Some(window) = self.get(from, take)? else {
                break;
            };
            for (i, candidate) in window.windows(GROUP_HEADER).enumerate() {
                if !candidate.starts_with(&GROUP_MAGIC) {
                    continue;
                }
                let Some(Ok(header)) = candidate
                    .first_chunk()
                    .map(|bytes| GroupHeader::decode(bytes, &segment.database))
                else {
                    continue;
                };
                if header.durable_end > segment.position + offset && !planted(Bug::CutDamage) {
                    return Ok(Some(from + i as u64));
                }
            }
            from += (take - GROUP_HEADER + 1) as u64;
        }
        Ok(None)
    }

    /// Cut the torn tail from `end` on, durably.
    pub(super) fn cut(&self, end: u64) -> Result<()> {
        let Segment { path, file, .. } = &self.segment;
        file.set_len(end).map_err(|e| Error::io("cut", path, e))?;
        self.segment.wrote(end);
        file.sync_data().map_err(|e| Error::io("sync", path, e))
    }

    pub(super) fn corrupt(&self, offset: u64, reason: impl Into<String>) -> Error {
        Error::Corrupt {
            path: self.segment.path.clone(),
            offset,
            reason: reason.into(),
            advice: ADVICE,
        }
    }

    pub(super) fn unsupported(&self, found: u16) -> Error {
        Error::UnsupportedFormat {
            path: self.segment.path.clone(),
            found,
            supported: FORMAT_VERSION,
        }
    }
}
