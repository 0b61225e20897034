//! Looking at a journal that nobody has open, be it damaged or not. Changes nothing.
//!
//! Opening stops at the first thing that does not hold. This goes on for as long as
//! what it reads is proved by checksums, sequences and Merkle roots, and says how
//! far that was: what can be verified, explained and salvaged.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::durable::{Durable, Witness};
use super::footer::Footer;
use super::footer_check::FooterCheck;
use super::header::DatabaseId;
use super::layout::{HeaderError, SEGMENT_HEADER, SegmentHeader, parse_segment_name};
use super::location::BlockLocation;
use super::reader::SegmentReader;
use super::scan::{Scan, Tail};
use super::survey::{FoundSegment, refusal};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::merkle::Tree;

/// Something that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Byte offset in it.
    pub offset: u64,
    /// What does not hold there.
    pub reason: String,
}

/// How far a check has come, in bytes of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes to be read.
    pub total: u64,
}

/// A segment, as far as it is whole.
#[derive(Debug)]
pub(crate) struct Examined {
    pub path: PathBuf,
    /// Its header; where that is damaged, what it must have been but for the time.
    pub header: SegmentHeader,
    /// Offset at which its whole groups end.
    pub end: u64,
}

/// What is in a journal folder.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    /// The database that it is of, where anything says so.
    pub database: Option<DatabaseId>,
    /// Segments with whole groups, in order; the last may be so in part.
    pub segments: Vec<Examined>,
    /// Whole groups, and transactions in them.
    pub groups: u64,
    pub transactions: u64,
    /// Tree of the blocks in whole groups.
    pub tree: Tree,
    /// Commit time of the last of them.
    pub last_time: i64,
    /// Bytes in files that are not in a whole group, nor header or footer of one.
    pub lost: Vec<Lost>,
    /// The first thing for which opening is refused.
    pub damage: Option<Damage>,
    /// A torn tail, which opening cuts off, or a segment that was being made.
    pub torn: Option<Damage>,
    /// Footers that are damaged: derived data.
    pub footers: Vec<Damage>,
    /// Footers that were not written to their end.
    pub footers_missing: Vec<Damage>,
}

/// Bytes that are in no whole group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The file.
    pub path: PathBuf,
    /// Offset of the first.
    pub from: u64,
    /// How many.
    pub bytes: u64,
}

/// What is called with every block.
type Visit<'a> = dyn FnMut(&Block<'_>, BlockLocation) -> Result<(), String> + 'a;

/// One segment file before its groups are read.
struct File {
    first_seq: u64,
    reader: SegmentReader,
    header: Result<SegmentHeader, HeaderError>,
}

/// Read and check the journal in `dir`. `visit` is called with every block in order,
/// and refuses those that do not hold; `progress` now and then. `durable` is what is
/// known to have been durable from elsewhere. Reads every byte once.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be read, [`Error::UnsupportedFormat`]. A
/// segment that cannot be read is damage.
pub(crate) fn examine(
    fs: &dyn FileSystem,
    dir: &Path,
    durable: Option<Durable>,
    progress: &mut dyn FnMut(Progress),
    visit: &mut Visit<'_>,
) -> Result<Examination> {
    const STEP: u64 = 4 << 20;
    let mut files = list(fs, dir)?;
    let mut found = Examination::default();
    take_unfinished(&mut files, &mut found)?;
    let Some(database) = identify(&mut files)? else {
        if let Some(File { reader, .. }) = files.first() {
            let reason = "no segment has a header, so that nothing can be read";
            found.damaged(damage_at(reader, 0, reason));
        }
        found.lose(&files, 0);
        return Ok(found);
    };
    found.database = Some(database);
    let total = files.iter().map(|file| file.reader.len).sum();
    let (before, told) = (Cell::new(0), Cell::new(0));
    let mut replay = |block: &Block<'_>, location: BlockLocation| {
        let done = before.get() + u64::from(location.offset);
        if done >= told.get() + STEP {
            told.set(done);
            progress(Progress { done, total });
        }
        visit(block, location)
    };
    let mut scan = Scan::new(&mut replay);
    match durable {
        Some(known) if known.database == database => scan.known(known),
        Some(known) if known.source == Witness::Mark => {
            if let Some(File { reader, .. }) = files.first() {
                let reason =
                    "the journal is of one database and the file DURABLE beside it of another";
                found.damaged(damage_at(reader, 0, reason));
            }
        }
        _ => {}
    }
    let mut position = 0;
    let count = files.len();
    for number in 0..count {
        let (next, rest) = match files.get(number..) {
            Some([file, rest @ ..]) => (file, rest),
            _ => break,
        };
        let header = SegmentHeader {
            database,
            first_seq: scan.tree.size() + 1,
            position,
            created: next.header.as_ref().map_or(0, |header| header.created),
            root: scan.tree.root(),
        };
        let len = next.reader.len;
        let end = found.segment(&mut scan, next, rest.first(), &header, number)?;
        before.set(before.get() + len);
        match end {
            Some(end) => position += end,
            None => {
                found.lose(&files, number);
                break;
            }
        }
    }
    let Scan {
        tree,
        groups,
        transactions,
        last_time,
        ..
    } = scan;
    (found.tree, found.groups) = (tree, groups);
    (found.transactions, found.last_time) = (transactions, last_time);
    progress(Progress { done: total, total });
    Ok(found)
}

impl Examination {
    /// Read one segment, of which `header` is the header it should have. Returns
    /// where its groups end, or nothing if reading cannot go on after it.
    fn segment(
        &mut self,
        scan: &mut Scan<'_>,
        file: &File,
        next: Option<&File>,
        header: &SegmentHeader,
        number: usize,
    ) -> Result<Option<u64>> {
        let reader = &file.reader;
        if file.first_seq != header.first_seq {
            let reason = format!(
                "the segment begins with block {}, the journal before it ends with block {}: what was between them is missing",
                file.first_seq,
                header.first_seq - 1
            );
            self.damaged(damage_at(reader, 0, reason));
            return Ok(None);
        }
        match &file.header {
            Ok(there) if there == header => {}
            Ok(_) => {
                let reason = "the segment does not continue the one before it";
                self.damaged(damage_at(reader, 0, reason));
                return Ok(None);
            }
            // Everything in it but the time follows from what was read before.
            Err(error) => self.damaged(as_damage(refusal(reader, *error))?),
        }
        let footer = Footer::open(&reader.segment, reader.len, &header.database)?;
        let groups_end = self.groups_end(file, footer.as_ref(), next, header);
        let mut found = FoundSegment {
            reader: reader.again(),
            header: header.clone(),
            groups_end,
            footer: None,
            leaves: None,
        };
        scan.footer = footer.clone().map(FooterCheck::new);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let outcome = scan.segment(&mut found, number, None);
        let mut whole = false;
        let end = match outcome {
            Ok(Tail { end, torn }) => {
                if let Some(reason) = torn {
                    let damage = damage_at(reader, end, reason);
                    match next {
                        None => self.torn = Some(damage),
                        Some(_) => self.damaged(damage),
                    }
                }
                whole = torn.is_none();
                end
            }
            Err(error @ (Error::Corrupt { .. } | Error::Io { .. })) => {
                let here = scan
                    .last_group
                    .filter(|group| group.segment_first_seq == header.first_seq);
                let end = here.map_or(SEGMENT_HEADER as u64, |group| group.end);
                self.damaged(match error {
                    Error::Corrupt { .. } => as_damage(error)?,
                    other => damage_at(reader, end, other.to_string()),
                });
                end
            }
            Err(other) => return Err(other),
        };
        let checked = scan.footer.take();
        if let (true, Some(end)) = (whole, groups_end) {
            match checked {
                None if lacks_footer(reader, end, header, next)? => {
                    let reason = "the footer was not written to its end";
                    self.footers_missing.push(damage_at(reader, end, reason));
                }
                None => self
                    .footers
                    .push(damage_at(reader, end, "the footer is damaged")),
                Some(checked) => {
                    let wrong = checked.wrong();
                    self.footers
                        .extend(wrong.map(|reason| damage_at(reader, end, reason)));
                }
            }
        }
        self.segments.push(Examined {
            path: reader.segment.path.clone(),
            header: header.clone(),
            end,
        });
        Ok(whole.then_some(end))
    }

    /// Where the groups of a segment end, as its footer or the next segment says.
    fn groups_end(
        &mut self,
        file: &File,
        footer: Option<&Footer>,
        next: Option<&File>,
        header: &SegmentHeader,
    ) -> Option<u64> {
        let File { reader, .. } = file;
        if let Some(footer) = footer {
            let end = footer.groups_end();
            if next.is_none() {
                let reason =
                    "the segment is sealed, so another one followed it, and that is missing";
                self.damaged(damage_at(reader, end, reason));
            }
            return Some(end);
        }
        let next = next?.header.as_ref().ok()?;
        let end = next.position.checked_sub(header.position)?;
        if end > reader.len {
            let reason =
                format!("the segment ends here, the one after it says that it ends at byte {end}");
            self.damaged(damage_at(reader, reader.len, reason));
            return None;
        }
        Some(end)
    }

    /// Only the first is what opening refuses for.
    fn damaged(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
    }

    /// Nothing of the files from `number` on is in a whole group, but for what was
    /// found of the first of them.
    fn lose(&mut self, files: &[File], number: usize) {
        for File { reader, .. } in files.iter().skip(number) {
            let path = &reader.segment.path;
            let whole = self.segments.iter().find(|segment| segment.path == *path);
            let from = whole.map_or(0, |segment| segment.end);
            if reader.len > from {
                self.lost.push(Lost {
                    path: path.clone(),
                    from,
                    bytes: reader.len - from,
                });
            }
        }
    }
}

/// Whether a segment, whose groups end at `end`, ends before its footer does.
fn lacks_footer(
    reader: &SegmentReader,
    end: u64,
    header: &SegmentHeader,
    next: Option<&File>,
) -> Result<bool> {
    let blocks = next.map_or(0, |next| next.first_seq.saturating_sub(header.first_seq));
    let count = u32::try_from(blocks).unwrap_or(u32::MAX);
    Footer::is_unfinished(&reader.segment, reader.len, end, count)
}

/// The segment files of a folder, with their headers.
fn list(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<File>> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let mut first_seqs: Vec<u64> = names.iter().filter_map(|n| parse_segment_name(n)).collect();
    first_seqs.sort_unstable();
    let files = first_seqs.into_iter().map(|first_seq| {
        let reader = SegmentReader::open(fs, dir, first_seq)?;
        let header = match reader.header() {
            Err(Error::Io { .. }) => Err(HeaderError::Checksum),
            other => other?,
        };
        if let Err(HeaderError::Version(found)) = header {
            return Err(reader.unsupported(found));
        }
        Ok(File {
            first_seq,
            reader,
            header,
        })
    });
    files.collect()
}

/// Take a last file away that never got a header.
fn take_unfinished(files: &mut Vec<File>, found: &mut Examination) -> Result<()> {
    let Some((last, others)) = files.split_last() else {
        return Ok(());
    };
    // One that cannot be read is damaged.
    let unfinished = last.reader.may_be_unfinished().unwrap_or(false);
    if last.header.is_ok() || !unfinished {
        return Ok(());
    }
    // The first of all had one before the database got its name.
    if others.is_empty() {
        return Ok(());
    }
    let before = others.last().and_then(|before| {
        let header = before.header.as_ref().ok()?;
        Some((&before.reader, header.database))
    });
    let sealed = match before {
        None => None,
        Some((SegmentReader { segment, len, .. }, id)) => Footer::open(segment, *len, &id)?,
    };
    // A sealed segment says that the next one had a header.
    if sealed.is_some() {
        return Ok(());
    }
    let reason = "the segment was being made: it holds no group yet";
    found.torn = Some(damage_at(&last.reader, 0, reason));
    found.lost.push(Lost {
        path: last.reader.segment.path.clone(),
        from: 0,
        bytes: last.reader.len,
    });
    files.pop();
    Ok(())
}

/// The database that the files are of: what the first valid header says, or what a
/// damaged one says and the first group confirms.
fn identify(files: &mut [File]) -> Result<Option<DatabaseId>> {
    let mut headers = files.iter().filter_map(|file| file.header.as_ref().ok());
    if let Some(header) = headers.next() {
        return Ok(Some(header.database));
    }
    const ID_AT: u64 = 16;
    let Some(file) = files.first_mut() else {
        return Ok(None);
    };
    let id = file.reader.get(ID_AT, size_of::<DatabaseId>())?;
    let Some(id) = id.and_then(|bytes| DatabaseId::try_from(bytes).ok()) else {
        return Ok(None);
    };
    let header = SegmentHeader {
        database: id,
        first_seq: 1,
        position: 0,
        created: 0,
        root: Tree::default().root(),
    };
    let confirmed = file.reader.group(&header, SEGMENT_HEADER as u64)?.is_ok();
    Ok(confirmed.then_some(id))
}

fn damage_at(reader: &SegmentReader, offset: u64, reason: impl Into<String>) -> Damage {
    Damage {
        path: reader.segment.path.clone(),
        offset,
        reason: reason.into(),
    }
}

/// A [`Error::Corrupt`] as damage; any other error stays one.
fn as_damage(error: Error) -> Result<Damage> {
    match error {
        Error::Corrupt {
            path,
            offset,
            reason,
            ..
        } => Ok(Damage {
            path,
            offset,
            reason,
        }),
        other => Err(other),
    }
}
