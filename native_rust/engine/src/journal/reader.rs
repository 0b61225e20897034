//! Reading one segment while a journal is opened.

use std::path::{Path, PathBuf};

use super::layout::{
    FORMAT_VERSION, GROUP_HEADER, GROUP_MAGIC, GroupHeader, SegmentHeader, segment_name,
};
use super::segments::Segment;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::planted::{Bug, planted};

const ADVICE: &str = "Nothing was changed. Keep a copy of the folder and restore from a backup";

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
            .open(&path, false)
            .map_err(|e| Error::io("open", &path, e))?;
        let len = file.len().map_err(|e| Error::io("measure", &path, e))?;
        Ok(Self {
            segment: Segment { path, file },
            len,
            buffer: Vec::new(),
            buffer_at: 0,
        })
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
        let Segment { path, file } = &self.segment;
        file.set_len(end).map_err(|e| Error::io("cut", path, e))?;
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
