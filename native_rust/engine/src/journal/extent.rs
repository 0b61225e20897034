//! What a copy of a journal takes of each segment, and how much of it is checked without
//! hashing its blocks.

use std::path::Path;

use super::copy::whole_transaction;
use super::examine::{Examination, Examined};
use super::footer::Footer;
use super::layout::{BLOCK_PREFIX, SEGMENT_HEADER, SegmentHeader, take_record, take_u32};
use super::location::BlockLocation;
use super::mark::TreeHead;
use super::reader::SegmentReader;
use super::segment::Segment;
use super::segments::Segments;
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;

/// A segment, and how much of it belongs to a copy.
#[derive(Debug, Clone)]
pub(crate) struct Extent {
    pub segment: Segment,
    pub header: SegmentHeader,
    /// Offset at which the groups end that belong to it.
    pub end: u64,
    /// The length of the whole file where it has its footer and is not the last of the
    /// copy: nothing but those bytes is ever written to it.
    pub sealed: Option<u64>,
    /// Size and root of the tree with its blocks.
    pub head: TreeHead,
}

impl Segments {
    /// The segments of a journal that ends with the block at `last`, where the tree has the
    /// head `head`; without a block, the first one without its groups. Reads their headers.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub(crate) fn extents(
        &self,
        last: Option<BlockLocation>,
        head: TreeHead,
    ) -> Result<Vec<Extent>> {
        let number = last.map_or(0, |last| last.segment);
        let end = last.map_or(SEGMENT_HEADER as u64, |last| {
            u64::from(last.offset) + BLOCK_PREFIX as u64 + u64::from(last.len)
        });
        let mut extents: Vec<Extent> = Vec::new();
        for number in 0..=number {
            let (segment, footer) = self.whole(number).ok_or(Error::Closed)?;
            let header = header(&SegmentReader::of(segment.clone())?)?;
            let sealed = match footer {
                Some(_) => Some(length(&segment)?),
                None => None,
            };
            extents.push(Extent {
                segment,
                header,
                end,
                sealed,
                head,
            });
        }
        finish(&mut extents);
        Ok(extents)
    }
}

impl Examination {
    /// The segments of a journal that was examined, all of whose groups are whole. Those
    /// with a footer that is damaged count as such without one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn extents(&self, fs: &dyn FileSystem) -> Result<Vec<Extent>> {
        let head = (self.tree.size(), self.tree.root());
        let extent = |examined: &Examined| {
            let Examined { path, header, end } = examined;
            let dir = path.parent().unwrap_or(Path::new(""));
            let SegmentReader { segment, len, .. } =
                SegmentReader::open(fs, dir, header.first_seq)?;
            let damaged = self.footers.iter().any(|damage| damage.path == *path);
            let footer = match damaged {
                true => None,
                false => Footer::open(&segment, len, &header.database)?,
            };
            Ok(Extent {
                segment,
                header: header.clone(),
                end: *end,
                sealed: footer.map(|_| len),
                head,
            })
        };
        let mut extents: Vec<Extent> = self.segments.iter().map(extent).collect::<Result<_>>()?;
        finish(&mut extents);
        Ok(extents)
    }
}

/// Take from each header what it says of the segment before it, and from the last its seal.
fn finish(extents: &mut [Extent]) {
    for number in 1..extents.len() {
        if let Some([before, next]) = extents.get_mut(number - 1..=number) {
            before.end = next.header.position.saturating_sub(before.header.position);
            before.head = (next.header.first_seq - 1, next.header.root);
        }
    }
    if let Some(last) = extents.last_mut() {
        last.sealed = None;
    }
}

fn header(reader: &SegmentReader) -> Result<SegmentHeader> {
    let read = reader.header()?;
    read.map_err(|error| super::survey::refusal(reader, error))
}

fn length(segment: &Segment) -> Result<u64> {
    let len = segment.file.len();
    len.map_err(|e| Error::io("measure", &segment.path, e))
}

/// Check a segment in `dir` that is to have the header `header` and whole groups up to
/// `end`: that its groups match their checksums and follow on each other. Blocks are not
/// hashed. `step` is called with the bytes of each group. Returns the head of the tree that
/// the last group says.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Io`], and what `step` returns.
pub(crate) fn check_groups(
    fs: &dyn FileSystem,
    dir: &Path,
    expected: &SegmentHeader,
    end: u64,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<TreeHead> {
    let mut reader = SegmentReader::open(fs, dir, expected.first_seq)?;
    if header(&reader)? != *expected {
        return Err(reader.corrupt(0, "the segment has another header than it had before"));
    }
    let mut head = (expected.first_seq - 1, expected.root);
    let mut offset = SEGMENT_HEADER as u64;
    while offset < end {
        let (next, after) = group(&mut reader, expected, offset, head.0)?;
        step(next - offset)?;
        (offset, head) = (next, after);
    }
    match offset == end {
        true => Ok(head),
        false => Err(reader.corrupt(end, "a group ends past the end of its segment")),
    }
}

/// Where the group at `offset` ends, and the head that it says.
fn group(
    reader: &mut SegmentReader,
    segment: &SegmentHeader,
    offset: u64,
    before: u64,
) -> Result<(u64, TreeHead)> {
    let found = reader.group(segment, offset)?;
    let found = found.map(|(header, body)| (header, body.len() as u64));
    let (header, body) = found.map_err(|reason| reader.corrupt(offset, reason))?;
    if header.first_seq != before + 1
        || header.tree_size != before + u64::from(header.blocks)
        || header.blocks == 0
    {
        return Err(reader.corrupt(offset, "a group does not continue the one before it"));
    }
    let next = offset + super::layout::GROUP_HEADER as u64 + body;
    Ok((next, (header.tree_size, header.root)))
}

/// Where a journal is cut so that it ends with a whole transaction.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// Offset in the segment at which the whole groups end that are kept.
    pub offset: u64,
    /// The blocks, as bytes, of the transactions that are kept of the group after them.
    pub more: Vec<Vec<Vec<u8>>>,
}

/// Where to cut a segment that has groups up to `end`, so that no block after `until` is
/// left, nor a part of a transaction.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Io`].
pub(crate) fn cut_at(
    fs: &dyn FileSystem,
    dir: &Path,
    first_seq: u64,
    end: u64,
    until: u64,
) -> Result<Cut> {
    let mut reader = SegmentReader::open(fs, dir, first_seq)?;
    let segment = header(&reader)?;
    let mut size = segment.first_seq - 1;
    let mut offset = SEGMENT_HEADER as u64;
    while offset < end {
        let (next, head) = group(&mut reader, &segment, offset, size)?;
        if head.0 > until {
            break;
        }
        (offset, size) = (next, head.0);
    }
    let mut more = Vec::new();
    if offset < end && size < until {
        let group = reader
            .group(&segment, offset)?
            .map(|(_, body)| body.to_vec());
        let body = group.map_err(|reason| reader.corrupt(offset, reason))?;
        let (mut rest, mut last_time) = (&*body, i64::MIN);
        while let Some(blocks) = whole_transaction(&mut rest, &mut size, &mut last_time) {
            if size > until {
                break;
            }
            more.push(blocks);
        }
    }
    Ok(Cut { offset, more })
}

/// Called with a block, its bytes, and the offset after the group that it is in.
type Visit<'a> = dyn FnMut(&Block<'_>, &[u8], u64) -> Result<()> + 'a;

/// The blocks of a segment, in order, checked against the checksums of their groups and for
/// the sequence they have.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Io`], and what `visit` returns.
pub(crate) fn extent_blocks(extent: &Extent, visit: &mut Visit<'_>) -> Result<()> {
    let mut reader = SegmentReader::of(extent.segment.clone())?;
    let mut seq = extent.header.first_seq - 1;
    let mut offset = SEGMENT_HEADER as u64;
    while offset < extent.end {
        let (next, head) = group(&mut reader, &extent.header, offset, seq)?;
        let body = reader.group(&extent.header, offset)?;
        let body = body.map(|(header, body)| (header.transactions, body.to_vec()));
        let (transactions, body) = body.map_err(|reason| reader.corrupt(offset, reason))?;
        let refuse = |reason: String| reader.corrupt(offset, reason);
        let mut rest = &*body;
        for _ in 0..transactions {
            let count = take_u32(&mut rest).ok_or_else(|| refuse(CUT.into()))?;
            for _ in 0..count {
                let bytes = take_record(&mut rest).map_err(|e| refuse(e.to_owned()))?;
                let block = Block::decode(bytes).map_err(refuse)?;
                seq += 1;
                if block.seq != seq {
                    return Err(refuse(format!("block {seq} is out of order")));
                }
                visit(&block, bytes, next)?;
            }
        }
        if !rest.is_empty() || seq != head.0 {
            return Err(refuse(
                "a group holds other blocks than its header says".into(),
            ));
        }
        offset = next;
    }
    Ok(())
}

const CUT: &str = "a transaction is cut short";
