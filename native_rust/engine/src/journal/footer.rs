//! The footer of a sealed segment: places and leaf hashes of its blocks, and their
//! order by hash.
//!
//! Derived data, written after the last group once the next segment is durable:
//! a missing or damaged one is rebuilt from the groups. Three sections in checked
//! pages, so that one entry is read, and known to be right, by reading one page;
//! then a trailer, by which it is found from the end of the file. docs/FORMAT.md is
//! the prose of this module.

mod finding;

use std::sync::{Arc, OnceLock};

use super::header::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
use super::layout::FORMAT_VERSION;
use super::leaves::Leaves;
use super::prefixes::Prefixes;
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::types::Hash;

const MAGIC: [u8; 8] = *b"FORMDBJF";
const TRAILER: usize = 64;
/// Largest page, its checksum included.
pub(super) const PAGE: usize = 4_096;
const CRC: usize = 4;
/// Bytes gathered before they are written.
const WRITE: usize = 1 << 20;
const ADVICE: &str = "No data is lost: close the database, remove its folder `snapshots` and open it again, which reads the whole journal and rebuilds the footer";

/// Entries of one size, one for each block, in pages of a checksum each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// Offset in the file.
    at: u64,
    entry: usize,
    count: u32,
}

impl Section {
    pub(super) fn per_page(self) -> usize {
        (PAGE - CRC) / self.entry
    }

    fn pages(self) -> usize {
        (self.count as usize).div_ceil(self.per_page())
    }

    fn len(self) -> u64 {
        (self.count as usize * self.entry + self.pages() * CRC) as u64
    }

    fn end(self) -> u64 {
        self.at + self.len()
    }

    /// Offset of a page, and its length without the checksum.
    fn page(self, number: usize) -> (u64, usize) {
        let first = number * self.per_page();
        let entries = (self.count as usize)
            .saturating_sub(first)
            .min(self.per_page());
        let at = self.at + (number * (self.per_page() * self.entry + CRC)) as u64;
        (at, entries * self.entry)
    }
}

/// The footer of a sealed segment, on disk.
#[derive(Debug, Clone)]
pub(super) struct Footer {
    segment: Segment,
    database: DatabaseId,
    first_seq: u64,
    count: u32,
    at: u64,
    /// What its hashes begin with, once that was learnt; nothing where it cannot be.
    prefixes: Arc<OnceLock<Option<Prefixes>>>,
}

impl Footer {
    /// Bytes for each block, checksums of the pages included.
    pub(super) const BLOCK: u64 = 41;

    /// The footer that a file of `len` bytes ends with, if it ends with one of this
    /// database. Reads the trailer alone.
    pub(super) fn open(segment: &Segment, len: u64, database: &DatabaseId) -> Result<Option<Self>> {
        let Some(trailer_at) = len.checked_sub(TRAILER as u64) else {
            return Ok(None);
        };
        let mut bytes = [0; TRAILER];
        segment
            .file
            .read_exact_at(&mut bytes, trailer_at)
            .map_err(|e| Error::io("read", &segment.path, e))?;
        let mut r = FieldReader::new(&bytes);
        let magic = r.take::<8>();
        let version = u16::from_le_bytes(r.take());
        r.take::<6>();
        let footer = Self {
            segment: segment.clone(),
            database: *database,
            first_seq: u64::from_le_bytes(r.take()),
            at: u64::from_le_bytes(r.take()),
            count: u32::from_le_bytes(r.take()),
            prefixes: Arc::default(),
        };
        let whole = magic == MAGIC && version == FORMAT_VERSION && has_checksum(&bytes, database);
        // Not `end()` before the length is known to be sane.
        let fits = footer.at <= trailer_at && u64::from(footer.count) <= trailer_at;
        Ok((whole && fits && footer.trailer_at() == trailer_at).then_some(footer))
    }

    /// Write the footer of a segment whose groups end at `at`, which is where the
    /// file ends. The trailer is written once the sections are durable: where there
    /// is a trailer, only damage of the medium makes a page wrong.
    pub(super) fn write(
        segment: &Segment,
        database: &DatabaseId,
        leaves: &Leaves,
        at: u64,
    ) -> Result<Self> {
        let footer = Self {
            segment: segment.clone(),
            database: *database,
            first_seq: leaves.first_seq(),
            count: leaves.len(),
            at,
            prefixes: Arc::default(),
        };
        let mut at = at;
        footer.pages(leaves, |bytes| {
            segment
                .file
                .write_all_at(bytes, at)
                .map_err(|e| Error::io("write the footer of", &segment.path, e))?;
            at += bytes.len() as u64;
            Ok(())
        })?;
        segment.sync()?;
        segment
            .file
            .write_all_at(&footer.trailer(), footer.trailer_at())
            .map_err(|e| Error::io("write the footer of", &segment.path, e))?;
        segment.wrote(footer.trailer_at() + TRAILER as u64);
        Ok(footer)
    }

    /// Make the bytes of the sections and hand them out, about a megabyte at a time.
    fn pages(&self, leaves: &Leaves, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let order = leaves.order();
        let block = |index| leaves.get(index).unwrap_or_default();
        let mut buffer = Vec::with_capacity(WRITE + PAGE);
        for (kind, section) in [self.offsets(), self.hashes(), self.order()]
            .into_iter()
            .enumerate()
        {
            let mut indices = 0..self.count;
            for number in 0..section.pages() {
                let start = buffer.len();
                for index in indices.by_ref().take(section.per_page()) {
                    match kind {
                        0 => buffer.extend_from_slice(&block(index).1.to_le_bytes()),
                        1 => buffer.extend_from_slice(&block(index).0),
                        _ => {
                            let index = order.get(index as usize).copied().unwrap_or_default();
                            buffer.extend_from_slice(&index.to_le_bytes());
                        }
                    }
                }
                let (at, _) = section.page(number);
                let crc = self.page_crc(buffer.get(start..).unwrap_or_default(), at);
                buffer.extend_from_slice(&crc.to_le_bytes());
                if buffer.len() >= WRITE {
                    sink(&buffer)?;
                    buffer.clear();
                }
            }
        }
        sink(&buffer)
    }

    fn trailer(&self) -> [u8; TRAILER] {
        let mut out = [0; TRAILER];
        let mut w = FieldWriter::new(&mut out);
        w.put(&MAGIC);
        w.put(&FORMAT_VERSION.to_le_bytes());
        w.put(&[0; 6]);
        w.put(&self.first_seq.to_le_bytes());
        w.put(&self.at.to_le_bytes());
        w.put(&self.count.to_le_bytes());
        put_checksum(&mut out, &self.database);
        out
    }

    /// The segment that it is of.
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The same, read through another opening of the file.
    pub(super) fn through(self, segment: Segment) -> Self {
        Self { segment, ..self }
    }

    /// Sequence of the segment's first block.
    pub(super) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Number of blocks.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Offset at which the groups end and the footer begins.
    pub(super) fn groups_end(&self) -> u64 {
        self.at
    }

    pub(super) fn offsets(&self) -> Section {
        Section {
            at: self.at,
            entry: 4,
            count: self.count,
        }
    }

    pub(super) fn hashes(&self) -> Section {
        Section {
            at: self.offsets().end(),
            entry: 32,
            count: self.count,
        }
    }

    pub(super) fn order(&self) -> Section {
        Section {
            at: self.hashes().end(),
            entry: 4,
            count: self.count,
        }
    }

    fn trailer_at(&self) -> u64 {
        self.order().end()
    }

    /// Whether a file of `len` bytes, whose groups of `count` blocks end at `at`, ends within
    /// what would be its footer, or where that has its trailer has nothing: so a crash leaves
    /// it, since the trailer comes last. Reads the trailer alone.
    pub(super) fn is_unfinished(segment: &Segment, len: u64, at: u64, count: u32) -> Result<bool> {
        let entries = [4, 32, 4].into_iter();
        let trailer_at = entries.fold(at, |at, entry| Section { at, entry, count }.end());
        let end = trailer_at + TRAILER as u64;
        if len != end {
            return Ok(len < end);
        }
        let mut bytes = [0; TRAILER];
        segment
            .file
            .read_exact_at(&mut bytes, trailer_at)
            .map_err(|e| Error::io("read", &segment.path, e))?;
        Ok(bytes == [0; TRAILER])
    }

    /// Leaf hash of the block at `index`. Reads one page.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the page does not match its checksum.
    pub(super) fn hash(&self, index: u32) -> Result<Hash> {
        self.entry::<32>(self.hashes(), index)
    }

    /// Leaf hashes of up to `wanted` blocks from the one at `index` on, as far as the
    /// page goes that has the first; none after the last. Reads one page.
    ///
    /// # Errors
    /// As [`Footer::hash`].
    pub(super) fn hashes_from(&self, index: u32, wanted: usize, out: &mut Vec<Hash>) -> Result<()> {
        let section = self.hashes();
        if index >= section.count {
            return Ok(());
        }
        let mut buffer = [0; PAGE];
        let page = self.page_of(section, index, &mut buffer)?;
        let within = index as usize % section.per_page();
        let (entries, _) = page.as_chunks::<32>();
        out.extend(entries.iter().skip(within).take(wanted));
        Ok(())
    }

    /// Offset of the first block that lies after the offset `at`; none where the footer
    /// cannot be read. O(log n) pages.
    pub(super) fn offset_behind(&self, at: u64) -> Option<u32> {
        let offset = |index| {
            let entry = self.entry::<4>(self.offsets(), index).ok();
            entry.map(u32::from_le_bytes)
        };
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match u64::from(offset(middle)?) > at {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        (low < self.count).then(|| offset(low)).flatten()
    }

    /// Whether every page matches its checksum. Reads the whole footer.
    pub(super) fn is_whole(&self) -> Result<bool> {
        let mut buffer = Vec::new();
        for section in [self.offsets(), self.hashes(), self.order()] {
            // Whole pages, about a megabyte at a time.
            let stride = (section.per_page() * section.entry + CRC) as u64;
            let step = (WRITE as u64 / stride) * stride;
            let mut at = section.at;
            while at < section.end() {
                let len = step.min(section.end() - at);
                buffer.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
                self.read(&mut buffer, at)?;
                let pages = buffer.chunks(usize::try_from(stride).unwrap_or(usize::MAX));
                for (page, number) in pages.zip(0..) {
                    if !self.checks(page, at + number * stride) {
                        return Ok(false);
                    }
                }
                at += len;
            }
        }
        Ok(true)
    }

    fn entry<const N: usize>(&self, section: Section, index: u32) -> Result<[u8; N]> {
        let mut buffer = [0; PAGE];
        let page = self.page_of(section, index, &mut buffer)?;
        let within = index as usize % section.per_page() * N;
        let entry = page.get(within..).and_then(<[u8]>::first_chunk);
        entry.copied().ok_or_else(|| self.damaged(section.at))
    }

    /// The entries of the page that has the one at `index`, checked.
    pub(super) fn page_of<'b>(
        &self,
        section: Section,
        index: u32,
        buffer: &'b mut [u8; PAGE],
    ) -> Result<&'b [u8]> {
        let (at, len) = section.page(index as usize / section.per_page());
        let page = buffer.get_mut(..len + CRC).unwrap_or_default();
        if index < section.count {
            self.read(page, at)?;
        }
        if !self.checks(page, at) {
            return Err(self.damaged(at));
        }
        Ok(page.get(..len).unwrap_or_default())
    }

    /// The error for a footer of which some page does not match its checksum.
    pub(super) fn not_whole(&self) -> Error {
        self.damaged(self.at)
    }

    fn damaged(&self, at: u64) -> Error {
        Error::Corrupt {
            path: self.segment.path.clone(),
            offset: at,
            reason: "a page of the segment's footer does not match its checksum".into(),
            advice: ADVICE,
        }
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        self.segment
            .file
            .read_exact_at(buffer, at)
            .map_err(|e| Error::io("read", &self.segment.path, e))
    }

    fn checks(&self, page: &[u8], at: u64) -> bool {
        page.split_last_chunk()
            .is_some_and(|(payload, crc)| self.page_crc(payload, at) == u32::from_le_bytes(*crc))
    }

    /// Checksum of a page: also over whose it is and where it belongs.
    fn page_crc(&self, payload: &[u8], at: u64) -> u32 {
        let crc = crc32c::crc32c(&self.database);
        let crc = crc32c::crc32c_append(crc, &self.first_seq.to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &at.to_le_bytes());
        crc32c::crc32c_append(crc, payload)
    }
}
