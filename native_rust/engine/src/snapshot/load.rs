//! Loading a snapshot.

use std::path::Path;
use std::sync::Arc;

use super::file_name;
use super::frames::{FrameKind, FrameReader, Header};
use super::records::{
    Totals, VersionCodec, groups, take_id, take_kinds, take_locations, take_part,
};
use super::wire::Records;
use crate::fs::FileSystem;
use crate::index::kinds::Kinds;
use crate::index::{
    BlockTable, FeatureLoader, FeatureRestorer, IdRestorer, SharedSeries, TemporalIndex, Traces,
};
use crate::journal::Start;
use crate::merkle::{LOWEST, NodeTable, Tree};
use crate::types::Hash;

/// What a snapshot holds: the indexes as they were, and where the journal goes on.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub start: Start,
    pub features: FeatureLoader,
    pub series: TemporalIndex,
    pub blocks: BlockTable,
    /// Points alive in all series.
    pub points: u64,
    /// The section that is the caller's own.
    pub extra: Vec<u8>,
    /// Journal position right after the snapshot's last block.
    pub position: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// Load the snapshot as of `seq` in `dir`. The R-trees are still being built when
/// this returns; the features' loader waits for them. Linear in
/// features and points.
///
/// # Errors
/// Why it is of no use, as a sentence that begins with "it" or "the frame".
pub(crate) fn load(fs: &dyn FileSystem, dir: &Path, seq: u64) -> Result<Loaded, String> {
    let frames = FrameReader::open(fs, &dir.join(file_name(seq)))?;
    if frames.header.seq != seq {
        return Err(format!("it is as of block {}", frames.header.seq));
    }
    let mut loading = Loading {
        frames,
        totals: Totals::default(),
        traces: Traces::up_to(seq),
    };
    let ids = loading.versions()?;
    let features = loading.ids(ids)?;
    let blocks = loading.blocks()?;
    let (tree, nodes) = loading.nodes()?;
    let series = loading.series()?;
    let extra = loading.extra()?;
    loading.end()?;
    let FrameReader { header, len, .. } = loading.frames;
    Ok(Loaded {
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
        features,
        series,
        blocks,
        points: header.points,
        extra,
        position: header.position,
        bytes: len,
    })
}

/// A snapshot being loaded.
struct Loading {
    frames: FrameReader,
    totals: Totals,
    traces: Traces,
}

impl Loading {
    /// Calls `record` for each record of this kind.
    fn each(
        &mut self,
        kind: FrameKind,
        mut record: impl FnMut(&mut Records<'_>, &mut Totals, &mut Traces) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        let mut damage = None;
        while damage.is_none()
            && let Some(payload) = self.frames.next_of(kind)?
        {
            let mut records = Records::new(payload);
            while damage.is_none() && !records.is_empty() {
                damage = record(&mut records, &mut self.totals, &mut self.traces).err();
            }
        }
        match damage {
            Some(damage) => Err(self.frames.damage(damage)),
            None => Ok(()),
        }
    }

    fn versions(&mut self) -> Result<IdRestorer, String> {
        let mut features = FeatureRestorer::default();
        let mut codec = VersionCodec::default();
        let seq = self.frames.header.seq;
        self.each(FrameKind::Versions, |records, totals, traces| {
            let version = codec.take(records)?;
            if !(1..=seq).contains(&version.begin_seq) {
                return Err("a version of a block that is not there");
            }
            totals.versions += 1;
            traces.note(version.begin_seq);
            features.version(&version)
        })?;
        let ids = features.versions_done();
        ids.map_err(|damage| self.frames.damage(damage))
    }

    fn ids(&mut self, mut ids: IdRestorer) -> Result<FeatureLoader, String> {
        self.each(FrameKind::Ids, |records, totals, _| {
            totals.ids += 1;
            ids.id(take_id(records)?);
            Ok(())
        })?;
        ids.finish().map_err(|damage| self.frames.damage(damage))
    }

    fn blocks(&mut self) -> Result<BlockTable, String> {
        let mut blocks = BlockTable::default();
        self.each(FrameKind::Blocks, |records, totals, _| {
            take_locations(records, |location, begins| {
                totals.blocks += 1;
                // Their groups say what they are.
                blocks.push(location, begins, Kinds::NONE);
            })
        })?;
        let seq = self.frames.header.seq;
        if self.totals.blocks != seq {
            return Err("it lacks blocks".into());
        }
        let mut group = 0;
        self.each(FrameKind::Kinds, |records, totals, _| {
            blocks.add_kinds(group, take_kinds(records)?);
            group += 1;
            totals.kinds += 1;
            Ok(())
        })?;
        if self.totals.kinds != groups(seq) {
            return Err("it lacks kinds of blocks".into());
        }
        Ok(blocks)
    }

    /// The tree with all its kept nodes, grown from the lowest ones.
    fn nodes(&mut self) -> Result<(Tree, NodeTable), String> {
        let mut tree = Tree::default();
        let mut nodes = NodeTable::default();
        let mut push = |tree: &mut Tree, level, hash: Hash| {
            tree.push_subtree(level, hash, |level, node| {
                if NodeTable::keeps(level) {
                    nodes.push((level, node));
                }
            });
        };
        self.each(FrameKind::Nodes, |records, totals, _| {
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

    fn series(&mut self) -> Result<TemporalIndex, String> {
        let index = TemporalIndex::default();
        let seq = self.frames.header.seq;
        let mut alive = 0;
        let mut current: Option<(String, Arc<SharedSeries>)> = None;
        self.each(FrameKind::Series, |records, totals, traces| {
            let (id, part) = take_part(records)?;
            totals.parts += 1;
            if part.runs.iter().any(|run| run.last() > seq) {
                return Err("a point of a block that is not there");
            }
            let (_, series) = match current.take() {
                Some(same) if same.0 == id => current.insert(same),
                _ => {
                    let series = index.get_or_create(&id);
                    current.insert((id, series))
                }
            };
            for run in &part.runs {
                alive += run.alive();
                traces.note(run.seq);
                run.ends.iter().for_each(|end| traces.note(*end));
            }
            index.restore(series, &part)
        })?;
        if alive != self.frames.header.points {
            return Err("it holds other points than it counts".into());
        }
        self.traces
            .missing(seq)
            .for_each(|seq| index.note_traceless(seq));
        Ok(index)
    }

    fn extra(&mut self) -> Result<Vec<u8>, String> {
        let mut extra = Vec::new();
        self.each(FrameKind::Extra, |records, _, _| {
            extra.extend_from_slice(records.bytes()?);
            Ok(())
        })?;
        self.totals.extra = extra.len() as u64;
        Ok(extra)
    }

    /// Holds what was read against what was written.
    fn end(&mut self) -> Result<(), String> {
        let payload = self.frames.next_of(FrameKind::End)?;
        let totals = payload.map(|payload| Totals::take(&mut Records::new(payload)));
        if totals != Some(Ok(self.totals)) || !self.frames.at_end() {
            return Err("it holds something else than it says at its end".into());
        }
        Ok(())
    }
}
