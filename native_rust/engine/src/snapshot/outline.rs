//! Checking a snapshot without building the indexes.

use std::path::Path;

use super::file_name;
use super::frames::{FrameKind, FrameReader, Header};
use super::records::{
    Totals, VersionCodec, groups, take_id, take_kinds, take_locations, take_part,
};
use super::wire::Records;
use crate::fs::FileSystem;
use crate::index::PartRun;
use crate::journal::Start;
use crate::merkle::{LOWEST, NodeTable, Tree};
use crate::types::Hash;

/// Where the journal goes on after a snapshot.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Its kept nodes are there only if they were asked for.
    pub start: Start,
    /// Journal position right after the snapshot's last block.
    pub position: u64,
}

/// Read and check every frame and record of the snapshot as of `seq` in `dir`. Holds a
/// frame in memory and each distinct signature of features; with `nodes` four bytes a block
/// more.
///
/// # Errors
/// Why it is of no use, as a sentence that begins with "it" or "the frame".
pub(crate) fn outline(
    fs: &dyn FileSystem,
    dir: &Path,
    seq: u64,
    nodes: bool,
) -> Result<Outline, String> {
    let frames = FrameReader::open(fs, &dir.join(file_name(seq)))?;
    if frames.header.seq != seq {
        return Err(format!("it is as of block {}", frames.header.seq));
    }
    let mut skimming = Skimming {
        frames,
        totals: Totals::default(),
    };
    let mut codec = VersionCodec::default();
    skimming.each(FrameKind::Versions, |records, totals| {
        let version = codec.take(records)?;
        totals.versions += 1;
        match (1..=seq).contains(&version.begin_seq) {
            true => Ok(()),
            false => Err("a version of a block that is not there"),
        }
    })?;
    skimming.each(FrameKind::Ids, |records, totals| {
        totals.ids += 1;
        take_id(records).map(drop)
    })?;
    skimming.each(FrameKind::Blocks, |records, totals| {
        take_locations(records, |_, _| totals.blocks += 1)
    })?;
    if skimming.totals.blocks != seq {
        return Err("it lacks blocks".into());
    }
    skimming.each(FrameKind::Kinds, |records, totals| {
        totals.kinds += 1;
        take_kinds(records).map(drop)
    })?;
    if skimming.totals.kinds != groups(seq) {
        return Err("it lacks kinds of blocks".into());
    }
    let (tree, nodes) = skimming.nodes(nodes)?;
    let mut alive = 0;
    skimming.each(FrameKind::Series, |records, totals| {
        let (_, part) = take_part(records)?;
        totals.parts += 1;
        alive += part.runs.iter().map(PartRun::alive).sum::<u64>();
        let later = |run: &PartRun| run.last() > seq;
        match part.runs.iter().any(later) {
            true => Err("a point of a block that is not there"),
            false => Ok(()),
        }
    })?;
    if alive != skimming.frames.header.points {
        return Err("it holds other points than it counts".into());
    }
    skimming.each(FrameKind::Extra, |records, totals| {
        totals.extra += records.bytes()?.len() as u64;
        Ok(())
    })?;
    let payload = skimming.frames.next_of(FrameKind::End)?;
    let totals = payload.map(|payload| Totals::take(&mut Records::new(payload)));
    if totals != Some(Ok(skimming.totals)) || !skimming.frames.at_end() {
        return Err("it holds something else than it says at its end".into());
    }
    let header = skimming.frames.header;
    Ok(Outline {
        start: Start {
            seq,
            tree,
            nodes,
            database: header.database,
            segment_first_seq: header.segment_first_seq,
            end_offset: header.end_offset,
            last_group_offset: header.last_group_offset,
            last_time: header.last_time,
        },
        position: header.position,
    })
}

struct Skimming {
    frames: FrameReader,
    totals: Totals,
}

impl Skimming {
    fn each(
        &mut self,
        kind: FrameKind,
        mut record: impl FnMut(&mut Records<'_>, &mut Totals) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        while let Some(payload) = self.frames.next_of(kind)? {
            let mut records = Records::new(payload);
            let mut damage = Ok(());
            while damage.is_ok() && !records.is_empty() {
                damage = record(&mut records, &mut self.totals);
            }
            damage.map_err(|damage| self.frames.damage(damage))?;
        }
        Ok(())
    }

    /// The tree, and its kept nodes where they are wanted.
    fn nodes(&mut self, keep: bool) -> Result<(Tree, NodeTable), String> {
        let (mut tree, mut nodes) = (Tree::default(), NodeTable::default());
        let mut push = |tree: &mut Tree, level, hash: Hash| {
            tree.push_subtree(level, hash, |level, node| {
                if keep && NodeTable::keeps(level) {
                    nodes.push((level, node));
                }
            });
        };
        self.each(FrameKind::Nodes, |records, totals| {
            totals.nodes += 1;
            push(&mut tree, LOWEST, records.array()?);
            Ok(())
        })?;
        let Header {
            seq,
            root,
            low_peaks,
            ..
        } = &self.frames.header;
        for (level, peak) in (0..LOWEST).zip(low_peaks).rev() {
            if seq >> level & 1 == 1 {
                push(&mut tree, level, *peak);
            }
        }
        if tree.size() != *seq || tree.root() != *root {
            return Err("its Merkle nodes do not make up its root".into());
        }
        Ok((tree, nodes))
    }
}
