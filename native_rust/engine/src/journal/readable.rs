//! Blocks that can be read after damage, where nothing proves any more that they
//! follow on what is before.
//!
//! Only the journal's own structure leads to a block: a group header, whose checksum is
//! seeded with the database's id, then the lengths in the group's body. Bytes that merely
//! look like a block are never taken for one: they may be a client's data.

use std::path::Path;

use super::examine::Lost;
use super::footer::Footer;
use super::header::DatabaseId;
use super::layout::{BLOCK_PREFIX, GROUP_HEADER, GROUP_MAGIC, GroupHeader, SEGMENT_HEADER};
use super::layout::{parse_segment_name, take_record};
use super::reader::SegmentReader;
use crate::block::Block;
use crate::error::Result;
use crate::fs::FileSystem;

/// Length of the count of blocks that a transaction begins with.
const COUNT: usize = size_of::<u32>();

/// Call `visit` with the blocks that can be read in some stretches of a journal, in the
/// order in which they lie there: bytes that match their checksum and are a block. What
/// cannot be read is stepped over.
///
/// # Errors
/// What `visit` returns.
pub(crate) fn readable_blocks(
    fs: &dyn FileSystem,
    dir: &Path,
    database: &DatabaseId,
    stretches: &[Lost],
    visit: &mut dyn FnMut(&Block<'_>, &[u8]) -> Result<()>,
) -> Result<()> {
    for stretch in stretches {
        let name = stretch.path.file_name().and_then(|name| name.to_str());
        let Some(first_seq) = name.and_then(parse_segment_name) else {
            continue;
        };
        let Ok(reader) = SegmentReader::open(fs, dir, first_seq) else {
            continue;
        };
        let footer = Footer::open(&reader.segment, reader.len, database).unwrap_or(None);
        let end = footer.as_ref().map_or(reader.len, Footer::groups_end);
        let mut reading = Reading {
            reader,
            footer,
            database,
            end,
        };
        reading.groups(stretch.from.max(SEGMENT_HEADER as u64), visit)?;
    }
    Ok(())
}

/// One segment being read.
struct Reading<'a> {
    reader: SegmentReader,
    /// Where its blocks lie, if it is sealed.
    footer: Option<Footer>,
    database: &'a DatabaseId,
    /// Where its groups end.
    end: u64,
}

impl Reading<'_> {
    fn groups(
        &mut self,
        mut at: u64,
        visit: &mut dyn FnMut(&Block<'_>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        while at + (GROUP_HEADER as u64) < self.end {
            let body = at + GROUP_HEADER as u64;
            let end = match self.header(at) {
                Some(header) => (body + u64::from(header.body_len)).min(self.end),
                // Its body may be whole all the same.
                None => self.next_header(at + 1).unwrap_or(self.end),
            };
            self.blocks(body, end, visit)?;
            at = end.max(at + 1);
        }
        Ok(())
    }

    fn header(&mut self, at: u64) -> Option<GroupHeader> {
        let bytes = self.reader.get(at, GROUP_HEADER).ok()??;
        GroupHeader::decode(bytes.first_chunk()?, self.database).ok()
    }

    /// The next place from `at` on with a group header that checks.
    fn next_header(&mut self, mut at: u64) -> Option<u64> {
        const WINDOW: u64 = 1 << 20;
        while at + GROUP_HEADER as u64 <= self.end {
            let len = usize::try_from((self.end - at).min(WINDOW)).ok()?;
            let database = self.database;
            let found = match self.reader.get(at, len) {
                Ok(Some(window)) => window.windows(GROUP_HEADER).position(|bytes| {
                    bytes.starts_with(&GROUP_MAGIC)
                        && bytes
                            .first_chunk()
                            .is_some_and(|bytes| GroupHeader::decode(bytes, database).is_ok())
                }),
                // A medium that does not give these bytes back.
                Ok(None) | Err(_) => None,
            };
            if let Some(place) = found {
                return Some(at + place as u64);
            }
            at += (len - GROUP_HEADER + 1) as u64;
        }
        None
    }

    /// The blocks of a group's body, which lies in `[from, to)`.
    fn blocks(
        &mut self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(&Block<'_>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let body = match self.reader.get(from, len) {
            Ok(Some(body)) => body.to_vec(),
            Ok(None) | Err(_) => return Ok(()),
        };
        // A body begins with the count of its first transaction.
        let mut at = COUNT;
        while at + BLOCK_PREFIX < body.len() {
            // After a block comes another one, or the count of the next transaction.
            let here = [at, at + COUNT].into_iter();
            let found = here.filter_map(|at| Some((at, record(&body, at)?))).next();
            if let Some((start, (bytes, block))) = found {
                visit(&block, bytes)?;
                at = start + BLOCK_PREFIX + bytes.len();
                continue;
            }
            match self.over(&body, at, from) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(())
    }

    /// Where the next block begins that can be read, after a damaged one at `at`: as the
    /// footer says, or else the length of the damaged one.
    fn over(&self, body: &[u8], at: usize, from: u64) -> Option<usize> {
        if let Some(footer) = &self.footer {
            let mut place = at + COUNT;
            loop {
                let next = footer.offset_behind(from + place as u64)?;
                place = usize::try_from(u64::from(next).checked_sub(from)?).ok()?;
                if place >= body.len() {
                    return None;
                }
                if record(body, place).is_some() {
                    return Some(place);
                }
            }
        }
        [at, at + COUNT].into_iter().find_map(|at| {
            let prefix = body.get(at..at + BLOCK_PREFIX)?.first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(*prefix)).ok()?;
            let next = at.checked_add(BLOCK_PREFIX)?.checked_add(len)?;
            let mut places = [next, next.checked_add(COUNT)?].into_iter();
            places.find(|place| record(body, *place).is_some())
        })
    }
}

/// The block whose record begins at `at`, if it is whole.
fn record(body: &[u8], at: usize) -> Option<(&[u8], Block<'_>)> {
    let bytes = take_record(&mut body.get(at..)?).ok()?;
    Some((bytes, Block::decode(bytes).ok()?))
}
