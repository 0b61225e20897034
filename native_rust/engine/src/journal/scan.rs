//! Reading a journal's groups in order and checking everything they say. Changes
//! nothing.

use super::durable::{Durable, Witness};
use super::footer_check::FooterCheck;
use super::layout::take_record;
use super::layout::take_u32;
use super::layout::{GROUP_HEADER, GroupHeader, SEGMENT_HEADER, SegmentHeader};
use super::leaves::Leaves;
use super::location::BlockLocation;
use super::mark::LastGroup;
use super::reader::SegmentReader;
use super::survey::FoundSegment;
use crate::block::Block;
use crate::error::Result;
use crate::merkle::{NodeTable, Tree, leaf_hash};
use crate::planted::{Bug, planted};

/// What is called with every block that is read.
pub(super) type Replay<'a> = dyn FnMut(&Block<'_>, BlockLocation) -> Result<(), String> + 'a;

/// State carried from group to group.
pub(super) struct Scan<'a> {
    /// The tree of what was read.
    pub tree: Tree,
    /// Its kept nodes, where somebody wants them.
    pub nodes: Option<NodeTable>,
    /// Commit time of the last block.
    pub last_time: i64,
    /// Groups read.
    pub groups: u64,
    /// Transactions read.
    pub transactions: u64,
    /// Blocks read.
    pub blocks: u64,
    /// The last group read.
    pub last_group: Option<LastGroup>,
    /// Journal position up to which all is known to have been durable.
    pub durable_end: u64,
    /// What is known of that from elsewhere.
    known: Option<Durable>,
    /// Collects places and leaf hashes of the blocks, where somebody wants them.
    pub leaves: Option<Leaves>,
    /// Holds the blocks against the footer of their segment, likewise.
    pub footer: Option<FooterCheck>,
    /// Called with every block.
    pub replay: &'a mut Replay<'a>,
}

/// Where a segment's whole groups end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub end: u64,
    /// What is wrong with the bytes after it, if there are any: they may be a torn
    /// tail.
    pub torn: Option<&'static str>,
}

impl<'a> Scan<'a> {
    /// A scan from the journal's beginning on.
    pub(super) fn new(replay: &'a mut Replay<'a>) -> Self {
        Self {
            tree: Tree::default(),
            nodes: None,
            last_time: i64::MIN,
            groups: 0,
            transactions: 0,
            blocks: 0,
            last_group: None,
            durable_end: 0,
            known: None,
            leaves: None,
            footer: None,
            replay,
        }
    }

    /// Hold the journal against what is known from elsewhere to have been durable of it.
    pub(super) fn known(&mut self, known: Durable) {
        self.durable_end = self.durable_end.max(known.position);
        self.known = Some(known);
    }

    /// What says that the journal was durable up to `durable_end`.
    fn witness(&self) -> &'static str {
        self.known.map_or("a group", |known| known.source.name())
    }

    /// Check and replay one segment, from the offset `from` on where the groups
    /// before it are known.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] for what does not check and is no torn tail.
    pub(super) fn segment(
        &mut self,
        found: &mut FoundSegment,
        number: u32,
        from: Option<u64>,
    ) -> Result<Tail> {
        let FoundSegment {
            reader,
            header,
            groups_end,
            ..
        } = found;
        if from.is_none() && (header.first_seq != self.tree.size() + 1) {
            let reason = format!(
                "the segment begins with block {}, the journal before it ends with block {}",
                header.first_seq,
                self.tree.size()
            );
            return Err(reader.corrupt(0, reason));
        }
        if from.is_none() && header.root != self.tree.root() && !planted(Bug::IgnoreRoot) {
            return Err(reader.corrupt(0, "the segment does not continue the one before it"));
        }
        let mut offset = from.unwrap_or(SEGMENT_HEADER as u64);
        let end = groups_end.unwrap_or(reader.len);
        while offset < end {
            let reason = match self.group(reader, number, header, offset)? {
                Ok(next) if next <= end => {
                    offset = next;
                    continue;
                }
                Ok(_) => "a group ends past the end of its segment",
                Err(reason) => reason,
            };
            if groups_end.is_some() {
                return Err(reader.corrupt(offset, reason));
            }
            if header.position + offset < self.durable_end {
                let witness = self.witness();
                let reason = format!("{reason}, and {witness} says that it was durable");
                return Err(reader.corrupt(offset, reason));
            }
            if let Some(later) = reader.later_proof(header, offset)? {
                let reason =
                    format!("{reason}, and the group at byte {later} proves that it was durable");
                return Err(reader.corrupt(offset, reason));
            }
            reader.release();
            return Ok(Tail {
                end: offset,
                torn: Some(reason),
            });
        }
        reader.release();
        if groups_end.is_none() && header.position + offset < self.durable_end {
            let witness = self.witness();
            let reason = format!("the journal ends here, and {witness} says that it went on");
            return Err(reader.corrupt(offset, reason));
        }
        Ok(Tail {
            end: offset,
            torn: None,
        })
    }

    /// Check and replay the group at `offset`; returns where it ends. The inner
    /// error is for bytes that could be a torn tail; the outer one is final.
    fn group(
        &mut self,
        reader: &mut SegmentReader,
        number: u32,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Result<u64, &'static str>> {
        let (header, body) = match reader.group(segment, offset)? {
            Ok(group) => group,
            Err(reason) => return Ok(Err(reason)),
        };
        let body_at = offset + GROUP_HEADER as u64;
        let before = self.tree.size();
        // From here on the bytes are what was written: what does not hold now is no
        // torn write.
        if let Err((at, reason)) = self.replay_group(&header, body, number, body_at) {
            return Err(reader.corrupt(at, reason));
        }
        if let Some(known) = self.known
            && known.source == Witness::Mark
            && (before + 1..=self.tree.size()).contains(&known.head.0)
            && known.head != (self.tree.size(), self.tree.root())
        {
            let reason = format!(
                "the group with block {} is another one than {} says: the segment is of another history",
                known.head.0,
                self.witness()
            );
            return Err(reader.corrupt(offset, reason));
        }
        self.groups += 1;
        self.durable_end = self.durable_end.max(header.durable_end);
        let end = body_at + u64::from(header.body_len);
        self.last_group = Some(LastGroup {
            segment_first_seq: segment.first_seq,
            offset,
            end,
        });
        Ok(Ok(end))
    }

    /// Replay the blocks of a group and check them against its header. What was
    /// read counts only if all of it holds.
    fn replay_group(
        &mut self,
        header: &GroupHeader,
        body: &[u8],
        number: u32,
        body_at: u64,
    ) -> Result<(), (u64, String)> {
        let mut rest = body;
        let at = |rest: &[u8]| body_at + (body.len() - rest.len()) as u64;
        let mut tree = self.tree.clone();
        let mut last_time = self.last_time;
        if header.first_seq != tree.size() + 1 {
            return Err((body_at, "a group begins with the wrong block".into()));
        }
        for _ in 0..header.transactions {
            let Some(count) = take_u32(&mut rest) else {
                return Err((at(rest), "a transaction is cut short".into()));
            };
            let txn = tree.size() + 1;
            for _ in 0..count {
                let here = at(rest);
                let bytes = take_record(&mut rest).map_err(|e| (here, e.to_owned()))?;
                let block = Block::decode(bytes).map_err(|e| (here, e))?;
                let expected = tree.size() + 1;
                if block.seq != expected || block.txn != txn || block.time < last_time {
                    return Err((here, format!("block {expected} is out of order")));
                }
                let location = BlockLocation {
                    segment: number,
                    offset: u32::try_from(here)
                        .map_err(|_| (here, "a segment over 4 GiB".to_owned()))?,
                    len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                };
                (self.replay)(&block, location).map_err(|e| (here, e))?;
                last_time = block.time;
                let hash = leaf_hash(bytes);
                if let Some(leaves) = &mut self.leaves {
                    leaves.push(hash, location.offset);
                }
                if let Some(footer) = &mut self.footer {
                    footer.push(&hash, location.offset);
                }
                match &mut self.nodes {
                    None => tree.push(hash),
                    Some(nodes) => tree.push_and(hash, |level, node| {
                        if NodeTable::keeps(level) {
                            nodes.push((level, node));
                        }
                    }),
                }
            }
        }
        let blocks = tree.size() - self.tree.size();
        if !rest.is_empty() || blocks != u64::from(header.blocks) || tree.size() != header.tree_size
        {
            return Err((
                body_at,
                "a group holds other blocks than its header says".into(),
            ));
        }
        if tree.root() != header.root && !planted(Bug::IgnoreRoot) {
            return Err((body_at, "the Merkle root of a group does not hold".into()));
        }
        self.blocks += blocks;
        self.transactions += u64::from(header.transactions);
        self.tree = tree;
        self.last_time = last_time;
        Ok(())
    }
}
