//! The segments of a journal, as their headers describe them. Reads little and
//! changes nothing.

use std::path::{Path, PathBuf};

use super::footer::Footer;
use super::layout::{HeaderError, SEGMENT_HEADER, SegmentHeader, parse_segment_name};
use super::leaves::Leaves;
use super::read_leaves::read_leaves;
use super::reader::{ADVICE, SegmentReader};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::merkle::Tree;
use crate::types::Hash;

/// A segment with a valid header that continues the one before it.
pub(super) struct FoundSegment {
    pub reader: SegmentReader,
    pub header: SegmentHeader,
    /// Offset at which its groups end, by the header of the next segment; the last
    /// segment's groups end where they no longer check.
    pub groups_end: Option<u64>,
    /// Its footer, if the trailer of one is there.
    pub footer: Option<Footer>,
    /// What the footer holds, where it had to be read from the blocks.
    pub leaves: Option<Leaves>,
}

impl FoundSegment {
    /// Leaf hash of the block at `index` of a sealed segment: from its footer, or,
    /// where that is missing or damaged, from its blocks, which are all read then.
    pub(super) fn leaf(&mut self, index: u32) -> Result<Option<Hash>> {
        if let Some(footer) = &self.footer {
            match footer.hash(index) {
                Ok(hash) => return Ok(Some(hash)),
                // Derived data: it is made anew.
                Err(Error::Corrupt { .. } | Error::Io { .. }) => self.footer = None,
                Err(other) => return Err(other),
            }
        }
        Ok(self
            .leaves()?
            .and_then(|leaves| leaves.get(index))
            .map(|(hash, _)| hash))
    }

    /// What the footer of a sealed segment holds, from its blocks.
    pub(super) fn leaves(&mut self) -> Result<Option<&Leaves>> {
        if let (None, Some(end)) = (&self.leaves, self.groups_end) {
            self.leaves = Some(read_leaves(&mut self.reader, &self.header, end)?);
        }
        Ok(self.leaves.as_ref())
    }
}

/// A last file that never got a durable header, and so never held a group.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub path: PathBuf,
    pub bytes: u64,
}

/// What a journal folder holds.
pub(super) struct Survey {
    /// In journal order.
    pub segments: Vec<FoundSegment>,
    /// What a crash left of making the next segment.
    pub unfinished: Option<Unfinished>,
}

/// Read the headers of all segments in `dir` and check that each continues the one
/// before it. Two reads a segment.
///
/// # Errors
/// [`Error::Corrupt`] where they do not.
pub(super) fn survey(fs: &dyn FileSystem, dir: &Path) -> Result<Survey> {
    let first_seqs = first_seqs(fs, dir)?;
    let mut survey = Survey {
        segments: Vec::with_capacity(first_seqs.len()),
        unfinished: None,
    };
    for (number, first_seq) in first_seqs.iter().enumerate() {
        let is_last = number + 1 == first_seqs.len();
        let reader = SegmentReader::open(fs, dir, *first_seq)?;
        let header = reader.header()?;
        // Groups are written only after a durable header, so a file that is
        // longer than one once had it. So had the first of all: a database gets its
        // name only once that is durable.
        if is_last && number > 0 && header.is_err() && reader.may_be_unfinished()? {
            survey.unfinished = Some(Unfinished {
                path: reader.segment.path,
                bytes: reader.len,
            });
            break;
        }
        let header = header.map_err(|error| refusal(&reader, error))?;
        if header.first_seq != *first_seq {
            let reason = format!(
                "its header says that it begins with block {}, its name says {first_seq}",
                header.first_seq
            );
            return Err(reader.corrupt(0, reason));
        }
        survey.add(reader, header)?;
    }
    survey.check_end()?;
    Ok(survey)
}

/// The first sequences that the names of segments say, ascending.
fn first_seqs(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<u64>> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let mut first_seqs: Vec<u64> = names.iter().filter_map(|n| parse_segment_name(n)).collect();
    first_seqs.sort_unstable();
    Ok(first_seqs)
}

/// Whether the folder of a journal has a segment, be it whole or not.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn has_segments(fs: &dyn FileSystem, dir: &Path) -> Result<bool> {
    first_seqs(fs, dir).map(|found| !found.is_empty())
}

impl Survey {
    /// A segment is sealed only once the next one is durable.
    fn check_end(&self) -> Result<()> {
        let Some(last) = self.segments.last() else {
            return Ok(());
        };
        let SegmentReader { segment, len, .. } = &last.reader;
        let Some(footer) = Footer::open(segment, *len, &last.header.database)? else {
            return Ok(());
        };
        let next = footer.first_seq() + u64::from(footer.count());
        Err(match &self.unfinished {
            None => last.reader.corrupt(
                footer.groups_end(),
                format!("the segment is sealed, so another one followed it, and that is missing: it begins with block {next}"),
            ),
            Some(unfinished) => Error::Corrupt {
                path: unfinished.path.clone(),
                offset: 0,
                reason: "the segment has no valid header, and the one before it is sealed, so it had one".into(),
                advice: ADVICE,
            },
        })
    }

    fn add(&mut self, reader: SegmentReader, header: SegmentHeader) -> Result<()> {
        let Some(before) = self.segments.last_mut() else {
            let begins = header.first_seq == 1
                && header.position == 0
                && header.root == Tree::default().root();
            if !begins {
                let reason = format!(
                    "the segment begins with block {}: those before it are missing",
                    header.first_seq
                );
                return Err(reader.corrupt(0, reason));
            }
            self.segments.push(FoundSegment {
                reader,
                header,
                groups_end: None,
                footer: None,
                leaves: None,
            });
            return Ok(());
        };
        if header.database != before.header.database {
            return Err(reader.corrupt(0, "the segment belongs to another database"));
        }
        let end = header.position.checked_sub(before.header.position);
        let Some(end) = end.filter(|end| *end > SEGMENT_HEADER as u64) else {
            return Err(reader.corrupt(0, "the segment does not continue the one before it"));
        };
        let SegmentReader { segment, len, .. } = &before.reader;
        before.footer = Footer::open(segment, *len, &header.database)?;
        if let Some(footer) = &before.footer {
            let next_seq = footer.first_seq() + u64::from(footer.count());
            if footer.groups_end() != end || next_seq != header.first_seq {
                let reason = format!(
                    "the segment begins with block {}, the one before it was sealed with block {} as its last; a segment between them is missing, or this one is not of the same journal",
                    header.first_seq,
                    next_seq - 1
                );
                return Err(reader.corrupt(0, reason));
            }
        }
        if before.reader.len < end {
            let reason =
                format!("the segment ends here, the one after it says that it ends at byte {end}");
            return Err(before.reader.corrupt(before.reader.len, reason));
        }
        before.groups_end = Some(end);
        self.segments.push(FoundSegment {
            reader,
            header,
            groups_end: None,
            footer: None,
            leaves: None,
        });
        Ok(())
    }
}

/// Why a segment with such a header is not read.
pub(super) fn refusal(reader: &SegmentReader, error: HeaderError) -> Error {
    match error {
        HeaderError::Version(found) => reader.unsupported(found),
        HeaderError::Short => reader.corrupt(0, "the segment is shorter than its header"),
        HeaderError::Magic => reader.corrupt(0, "the file is not a journal segment"),
        HeaderError::Checksum => {
            reader.corrupt(0, "the segment header does not match its checksum")
        }
    }
}
