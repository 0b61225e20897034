//! A place in the journal to begin reading at.

use super::header::DatabaseId;
use super::layout::{GROUP_HEADER, SEGMENT_HEADER};
use super::survey::{FoundSegment, Survey};
use crate::error::Result;
use crate::merkle::{NodeTable, Tree};

/// A place after a group, and what is known as of it: what an index snapshot
/// brings, so that only the journal after it is read.
#[derive(Debug)]
pub(crate) struct Start {
    /// Last sequence before it.
    pub seq: u64,
    /// Tree of the blocks up to there.
    pub tree: Tree,
    /// Its kept nodes.
    pub nodes: NodeTable,
    /// The database it belongs to.
    pub database: DatabaseId,
    /// First sequence of the segment it lies in.
    pub segment_first_seq: u64,
    /// Offset in that segment right after the group that ends with `seq`.
    pub end_offset: u64,
    /// Offset of that group's header.
    pub last_group_offset: u64,
    /// Commit time of block `seq`.
    pub last_time: i64,
}

/// The number of the segment that a start lies in, or why the start is not of this
/// journal. Reads one group.
pub(super) fn find_start(start: &Start, survey: &mut Survey) -> Result<Result<usize, String>> {
    let place = survey
        .segments
        .iter()
        .position(|found| found.header.first_seq == start.segment_first_seq);
    let Some(number) = place else {
        return Ok(Err(format!(
            "the journal has no segment that begins with block {}",
            start.segment_first_seq
        )));
    };
    let next_seq = survey
        .segments
        .get(number + 1)
        .map(|next| next.header.first_seq);
    let Some(FoundSegment {
        reader,
        header,
        groups_end,
        ..
    }) = survey.segments.get_mut(number)
    else {
        return Ok(Err("the journal has no such segment".into()));
    };
    if header.database != start.database {
        return Ok(Err("it is of another database".into()));
    }
    if next_seq.is_some_and(|next| next <= start.seq) {
        return Ok(Err(
            "its last block lies in another segment than it says".into()
        ));
    }
    let end = groups_end.unwrap_or(reader.len);
    if start.last_group_offset < SEGMENT_HEADER as u64 || start.end_offset > end {
        return Ok(Err(format!(
            "it ends at byte {} of a segment whose groups end at byte {end}",
            start.end_offset
        )));
    }
    let group = match reader.group(header, start.last_group_offset)? {
        Ok((group, _)) => group,
        Err(reason) => return Ok(Err(format!("its last group does not check: {reason}"))),
    };
    let group_end = start.last_group_offset + GROUP_HEADER as u64 + u64::from(group.body_len);
    let same = group.tree_size == start.seq
        && start.tree.size() == start.seq
        && group.root == start.tree.root()
        && group_end == start.end_offset;
    if !same {
        return Ok(Err(
            "the journal has another group where its last one should be".into(),
        ));
    }
    Ok(Ok(number))
}
