//! Reading a journal that is in use from its beginning to its end, a stretch at a time:
//! all that lies between blocks, and the blocks.

use super::footer::Footer;
use super::header::DatabaseId;
use super::layout::{
    BLOCK_PREFIX, GROUP_HEADER, GroupHeader, HeaderError, SEGMENT_HEADER, take_record,
};
use super::location::BlockLocation;
use super::reader::SegmentReader;
use super::segments::Segments;
use crate::error::{Error, Result};

/// Length of the count of blocks that a transaction begins with.
const COUNT: u64 = size_of::<u32>() as u64;

/// The body of a group on the way through it.
#[derive(Debug)]
struct Body {
    end: u64,
    /// Its checksum, and that of what was read so far.
    expected: u32,
    crc: u32,
}

/// A place in a journal, between two blocks.
#[derive(Debug, Default)]
pub(crate) struct Patrol {
    /// Number of the segment, if one was begun.
    segment: Option<u32>,
    database: DatabaseId,
    /// Offset up to which it was read.
    at: u64,
    /// The group it is in; nothing after damage, until the next one begins.
    body: Option<Body>,
}

/// A segment that is read with a buffer for the length of one stretch.
pub(crate) struct Buffer {
    number: u32,
    reader: SegmentReader,
    footer: Option<Footer>,
}

impl Patrol {
    /// The bytes of the block at `location`, which is the next one, after checking what
    /// lies before it and its checksum. Goes on after it also when that fails.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`]; [`Error::Closed`].
    pub(crate) fn next<'b>(
        &mut self,
        segments: &Segments,
        buffer: &'b mut Option<Buffer>,
        location: BlockLocation,
    ) -> Result<&'b [u8]> {
        let mut buffered = match buffer.take() {
            Some(same) if same.number == location.segment => same,
            _ => segments.open(location.segment)?,
        };
        let mut checked = Ok(());
        if self.segment != Some(location.segment) {
            checked = self.begin(&buffered, location.segment);
        }
        let reader = &mut buffered.reader;
        let offset = u64::from(location.offset);
        checked = checked.and_then(|()| self.between(reader, offset));
        let len = BLOCK_PREFIX + location.len as usize;
        self.at = offset + len as u64;
        let buffered = buffer.insert(buffered);
        checked.inspect_err(|_| self.body = None)?;
        let reader = &mut buffered.reader;
        let torn = reader.corrupt(offset, "a block is cut short");
        let Some(record) = reader.get(offset, len)? else {
            self.body = None;
            return Err(torn);
        };
        if let Some(body) = &mut self.body {
            body.crc = crc32c::crc32c_append(body.crc, record);
        }
        let mut rest = record;
        match take_record(&mut rest) {
            Ok(block) if rest.is_empty() => Ok(block),
            Ok(_) => Err(self.damaged(
                segments,
                location,
                "a block's length differs from the one it was indexed with",
            )),
            Err(reason) => Err(self.damaged(segments, location, reason)),
        }
    }

    fn damaged(&mut self, segments: &Segments, location: BlockLocation, reason: &str) -> Error {
        // The checksum of its group says the same once more.
        self.body = None;
        segments.corrupt(location, reason)
    }

    /// Check what is after the last block: the end of its group, and the footer of its
    /// segment, if that is sealed.
    ///
    /// # Errors
    /// As [`Patrol::next`].
    pub(crate) fn end(&mut self, segments: &Segments, buffer: &mut Option<Buffer>) -> Result<()> {
        let Some(number) = self.segment.take() else {
            return Ok(());
        };
        let buffered = match buffer.take() {
            Some(same) if same.number == number => same,
            _ => segments.open(number)?,
        };
        self.end_group(&buffered.reader)?;
        match &buffered.footer {
            Some(footer) if !footer.is_whole()? => Err(footer.not_whole()),
            _ => Ok(()),
        }
    }

    /// Whether the block at a location lies in another segment than the one before.
    pub(crate) fn leaves_segment(&self, location: BlockLocation) -> bool {
        self.segment
            .is_some_and(|number| number != location.segment)
    }

    fn begin(&mut self, buffered: &Buffer, number: u32) -> Result<()> {
        (self.segment, self.body) = (Some(number), None);
        self.at = SEGMENT_HEADER as u64;
        match buffered.reader.header()? {
            Ok(header) => self.database = header.database,
            Err(_) => {
                let reason = "the segment header does not match its checksum";
                return Err(buffered.reader.corrupt(0, reason));
            }
        }
        Ok(())
    }

    /// Check the bytes between two blocks: nothing within a transaction, or else the
    /// count of the next one, after a group header where a group begins.
    fn between(&mut self, reader: &mut SegmentReader, offset: u64) -> Result<()> {
        let gap = offset.checked_sub(self.at);
        let header = GROUP_HEADER as u64;
        if gap == Some(header + COUNT) {
            self.end_group(reader)?;
            let at = self.at;
            let bytes = reader.get(at, GROUP_HEADER)?.and_then(<[u8]>::first_chunk);
            let group = bytes.ok_or(HeaderError::Short);
            let group = group.and_then(|bytes| GroupHeader::decode(bytes, &self.database));
            let Ok(group) = group else {
                return Err(reader.corrupt(at, "a group header does not match its checksum"));
            };
            self.at += header;
            self.body = Some(Body {
                end: self.at + u64::from(group.body_len),
                expected: group.body_crc,
                crc: 0,
            });
        } else if !matches!(gap, Some(0 | COUNT)) {
            // After damage nothing is known of what lies between.
            let known = self.body.is_some();
            self.body = None;
            return match known {
                true => {
                    Err(reader.corrupt(self.at, "a block does not follow on the one before it"))
                }
                false => Ok(()),
            };
        }
        let len = usize::try_from(offset.saturating_sub(self.at)).unwrap_or(0);
        if let (Some(body), true) = (&mut self.body, len > 0)
            && let Some(bytes) = reader.get(self.at, len)?
        {
            body.crc = crc32c::crc32c_append(body.crc, bytes);
        }
        Ok(())
    }

    fn end_group(&mut self, reader: &SegmentReader) -> Result<()> {
        match self.body.take() {
            Some(body) if body.end != self.at || body.crc != body.expected => Err(reader.corrupt(
                self.at,
                "the group that ends here does not match its checksum",
            )),
            _ => Ok(()),
        }
    }
}

impl Segments {
    /// A segment to be read through.
    fn open(&self, number: u32) -> Result<Buffer> {
        let (segment, footer) = self.whole(number).ok_or(Error::Closed)?;
        Ok(Buffer {
            number,
            reader: SegmentReader::of(segment)?,
            footer,
        })
    }
}
