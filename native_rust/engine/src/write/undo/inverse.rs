//! The operation that undoes a block.
//!
//! | block | inverse |
//! |---|---|
//! | put or delete of a feature | put of the version before, or delete |
//! | attributes of a series | those before, or their deletion |
//! | put of points | delete of those points |
//! | delete of points | the points it deleted are there again |
//! | change of the defaults | those before |
//! | revert | the inverse of what it did |

use super::plan::{Step, Target};
use crate::block::{OpKind, Operation, Revert, SetDefaults, put_points, readable};
use crate::budget::Budget;
use crate::error::Result;
use crate::index::Point;
use crate::state::State;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{
    Defaults, DeleteFeature, DeletePoints, PointBatch, PointSpan, PutFeature, SetAttributes,
    all_metadata, stored_attributes, stored_feature,
};

/// The operation that undoes a block: a revert that names it. `provenance` is a CBOR map;
/// without one a feature comes back with the provenance it had. Reads the journal; linear
/// in what it brings back.
pub(super) fn inverse(
    state: &State,
    step: &Step,
    provenance: Option<&Vec<u8>>,
    budget: &Budget,
) -> Result<Operation> {
    let provenance = provenance.cloned();
    let inverse = match &step.target {
        Target::Feature { id, prev } => match before(state, id, *prev, provenance.as_ref())? {
            Some(feature) => Operation::PutFeature(feature),
            None => Operation::DeleteFeature(DeleteFeature::new(id.clone(), provenance)),
        },
        Target::Attributes { series, prev } => attributes(state, series, *prev, provenance)?,
        Target::Defaults { prev } => {
            let before = defaults_of(state, *prev)?;
            Operation::SetDefaults(SetDefaults::new(before, provenance))
        }
        Target::Points { span, .. } => {
            Operation::DeletePoints(DeletePoints::new(span.clone(), provenance))
        }
        Target::Deletion { span, count } => put_points(deleted(
            state,
            step.block,
            (span, *count),
            provenance,
            budget,
        )?),
    };
    readable(Operation::Revert(Revert::new(step.block, inverse)))
}

/// The attributes that a block superseded, or their deletion.
fn attributes(
    state: &State,
    series: &str,
    prev: Option<u64>,
    provenance: Option<Vec<u8>>,
) -> Result<Operation> {
    let before = match prev {
        Some(prev) => attributes_version(state, prev, provenance.clone())?,
        None => None,
    };
    Ok(Operation::SetAttributes(before.unwrap_or_else(|| {
        SetAttributes::encoded(series.to_owned(), None, provenance)
    })))
}

/// The attributes that block `seq` set, to be set again; nothing if it deleted them.
pub(crate) fn attributes_version(
    state: &State,
    seq: u64,
    provenance: Option<Vec<u8>>,
) -> Result<Option<SetAttributes>> {
    let bytes = read_block(state, seq)?;
    let (block, action) = block_at(state, seq, &bytes)?;
    let stored = stored_attributes(action.body).map_err(|e| damaged(state, seq, e))?;
    Ok(stored.attributes.map(|attributes| {
        let provenance = provenance.or_else(|| block.provenance.map(<[u8]>::to_vec));
        SetAttributes::encoded(stored.series.to_owned(), Some(attributes), provenance)
    }))
}

/// The version that a block superseded, unless there was none to see.
fn before(
    state: &State,
    id: &str,
    prev: Option<u64>,
    provenance: Option<&Vec<u8>>,
) -> Result<Option<PutFeature>> {
    let Some(prev) = prev else {
        return Ok(None);
    };
    version(state, id, prev, provenance)
}

/// The version of a feature that block `seq` wrote, to be written again; nothing if it
/// deleted it.
pub(crate) fn version(
    state: &State,
    id: &str,
    seq: u64,
    provenance: Option<&Vec<u8>>,
) -> Result<Option<PutFeature>> {
    let bytes = read_block(state, seq)?;
    let (block, action) = block_at(state, seq, &bytes)?;
    if action.op != OpKind::PutFeature {
        return Ok(None);
    }
    let stored = stored_feature(action.body).map_err(|e| damaged(state, seq, e))?;
    Ok(Some(PutFeature {
        id: id.to_owned(),
        envelope: stored.envelope,
        signature: stored.signature,
        body: action.body.to_vec(),
        provenance: match provenance {
            Some(given) => Some(given.clone()),
            None => block.provenance.map(<[u8]>::to_vec),
        },
    }))
}

/// The defaults that a block set; those of a database that has set none without one.
fn defaults_of(state: &State, block: Option<u64>) -> Result<Defaults> {
    let Some(seq) = block else {
        return Ok(Defaults::default());
    };
    let bytes = read_block(state, seq)?;
    let (_, action) = block_at(state, seq, &bytes)?;
    Defaults::decode(action.body).map_err(|e| damaged(state, seq, e))
}

/// The points that block `seq` deleted.
fn deleted(
    state: &State,
    seq: u64,
    (span, count): (&PointSpan, usize),
    provenance: Option<Vec<u8>>,
    budget: &Budget,
) -> Result<PointBatch> {
    let mut deleted = Vec::new();
    budget.make_room(&mut deleted, count)?;
    if let Some(series) = state.indexes.series.get(&span.series) {
        let range = (span.start, span.end);
        series.deleted_by(seq, range, budget, |points| {
            deleted.extend_from_slice(points)
        })?;
    }
    let batch = PointBatch {
        series: span.series.clone(),
        timestamps: deleted.iter().map(|point| point.timestamp).collect(),
        values: deleted.iter().map(|point| point.value).collect(),
        metadata: metadata(state, &deleted, budget)?,
        provenance,
    };
    budget.give_back(count * size_of::<Point>());
    Ok(batch)
}

/// The metadata of each point, or nothing where none has any. Reads each block that
/// points are from once.
fn metadata(state: &State, points: &[Point], budget: &Budget) -> Result<Vec<Option<Vec<u8>>>> {
    let mut by_block: Vec<usize> = (0..points.len()).collect();
    let block = |place: &usize| points.get(*place).map_or(0, |point| point.source.seq);
    by_block.sort_by_key(block);
    let mut all = vec![None; points.len()];
    for places in by_block.chunk_by(|a, b| block(a) == block(b)) {
        budget.step()?;
        let Some(seq) = places.first().map(block) else {
            continue;
        };
        let bytes = read_block(state, seq)?;
        let (_, action) = block_at(state, seq, &bytes)?;
        let stored = all_metadata(action.body).map_err(|e| damaged(state, seq, e))?;
        for place in places {
            let index = points.get(*place).map(|point| point.source.index as usize);
            let metadata = index.and_then(|index| stored.get(index)).copied().flatten();
            if let Some(slot) = all.get_mut(*place) {
                *slot = metadata.map(<[u8]>::to_vec);
            }
        }
    }
    if all.iter().all(Option::is_none) {
        all.clear();
    }
    Ok(all)
}
