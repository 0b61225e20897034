//! The records inside the frames: what a snapshot says about each index.
//!
//! docs/FORMAT.md is the prose of this module.

use std::collections::HashMap;

use super::wire::{Damage, Records, put_bytes, put_step, put_uint};
use crate::index::kinds::{self, Kinds};
use crate::index::{Content, PartRun, SeriesPart, StoredVersion};
use crate::journal::BLOCK_PREFIX;
use crate::journal::BlockLocation;
use crate::types::{FeatureSignature, PointBatch, Rect, decode_points, encode_points};

/// What a version is, in the low bits of its first byte.
const TOMBSTONE: u8 = 0;
const NOWHERE: u8 = 1;
const POINT: u8 = 2;
const RECT: u8 = 3;
/// The envelope of the version before it.
const SAME: u8 = 4;
/// Bit of a version that is its feature's first.
const OLDEST: u8 = 8;
/// Bit of a version after which the feature's signature is given.
const SHAPED: u8 = 16;

/// Writes or reads versions one after the other; each is told by what differs
/// from the one before.
#[derive(Debug, Default)]
pub(super) struct VersionCodec {
    begin_seq: u64,
    envelope: Option<Rect>,
    /// Signatures in the order of their first use.
    signatures: Vec<FeatureSignature>,
    /// Their places there, when writing.
    places: HashMap<Vec<u8>, usize>,
    /// The place of the last one, which most often comes again.
    last: usize,
}

impl VersionCodec {
    pub(super) fn put(&mut self, version: &StoredVersion, out: &mut Vec<u8>) {
        let &StoredVersion {
            begin_seq,
            content,
            oldest,
            ref signature,
        } = version;
        let (kind, envelope) = match content {
            Content::Tombstone => (TOMBSTONE, None),
            Content::Nowhere => (NOWHERE, None),
            Content::At(rect) if self.envelope == Some(rect) => (SAME, None),
            Content::At(rect) if rect.min == rect.max => (POINT, Some(rect)),
            Content::At(rect) => (RECT, Some(rect)),
        };
        let flag = |set, bit| if set { bit } else { 0 };
        out.push(kind | flag(oldest, OLDEST) | flag(signature.is_some(), SHAPED));
        put_step(self.begin_seq, begin_seq, out);
        if let Some(rect) = envelope {
            let corners = if kind == POINT { 1 } else { 2 };
            for number in [rect.min, rect.max].iter().take(corners).flatten() {
                out.extend_from_slice(&number.to_le_bytes());
            }
            self.envelope = envelope;
        }
        if let Some(signature) = signature {
            self.put_shape(signature, out);
        }
        self.begin_seq = begin_seq;
    }

    /// The place of a signature, and at its first use the signature itself.
    fn put_shape(&mut self, signature: &FeatureSignature, out: &mut Vec<u8>) {
        if self.signatures.get(self.last) != Some(signature) {
            self.last = match self.places.get(signature.as_bytes()) {
                Some(place) => *place,
                None => {
                    let place = self.signatures.len();
                    self.places.insert(signature.as_bytes().to_vec(), place);
                    self.signatures.push(signature.clone());
                    put_uint(place as u64, out);
                    put_bytes(signature.as_bytes(), out);
                    self.last = place;
                    return;
                }
            };
        }
        put_uint(self.last as u64, out);
    }

    fn take_shape(&mut self, records: &mut Records<'_>) -> Result<FeatureSignature, Damage> {
        let place = usize::try_from(records.uint()?).unwrap_or(usize::MAX);
        if place == self.signatures.len() {
            let signature = FeatureSignature::from_bytes(records.bytes()?).map_err(|e| e.reason)?;
            self.signatures.push(signature);
        }
        let signature = self.signatures.get(place).cloned();
        signature.ok_or("a signature that was not given before")
    }

    pub(super) fn take(&mut self, records: &mut Records<'_>) -> Result<StoredVersion, Damage> {
        let head = records.byte()?;
        let begin_seq = records.step(self.begin_seq)?;
        let content = match head & !(OLDEST | SHAPED) {
            TOMBSTONE => Content::Tombstone,
            NOWHERE => Content::Nowhere,
            SAME => Content::At(self.envelope.ok_or("an envelope is missing")?),
            kind @ (POINT | RECT) => {
                let min = [records.float()?, records.float()?];
                let max = match kind {
                    POINT => min,
                    _ => [records.float()?, records.float()?],
                };
                let rect = Rect { min, max };
                self.envelope = Some(rect);
                Content::At(rect)
            }
            _ => return Err("a version of an unknown kind"),
        };
        self.begin_seq = begin_seq;
        let signature = match head & SHAPED {
            0 => None,
            _ => Some(self.take_shape(records)?),
        };
        Ok(StoredVersion {
            begin_seq,
            content,
            signature,
            oldest: head & OLDEST != 0,
        })
    }
}

pub(super) fn put_id(id: &[u8], out: &mut Vec<u8>) {
    put_bytes(id, out);
}

pub(super) fn take_id<'a>(records: &mut Records<'a>) -> Result<&'a str, Damage> {
    str::from_utf8(records.bytes()?).map_err(|_| "an id is not UTF-8")
}

/// Locations of consecutive blocks: for each stretch in one segment, how many, the
/// segment, and where the first lies; then for each the bytes between it and the
/// one before, and twice its length, one more where it begins a transaction.
pub(super) fn put_locations(locations: &[(BlockLocation, bool)], out: &mut Vec<u8>) {
    for stretch in locations.chunk_by(|(a, _), (b, _)| a.segment == b.segment) {
        let Some((first, _)) = stretch.first() else {
            continue;
        };
        put_uint(stretch.len() as u64, out);
        put_uint(u64::from(first.segment), out);
        put_uint(u64::from(first.offset), out);
        let mut end = u64::from(first.offset);
        for (location, begins) in stretch {
            put_step(end, u64::from(location.offset), out);
            put_uint(u64::from(location.len) << 1 | u64::from(*begins), out);
            end = end_of(location);
        }
    }
}

/// The inverse of [`put_locations`] for one stretch.
pub(super) fn take_locations(
    records: &mut Records<'_>,
    mut each: impl FnMut(BlockLocation, bool),
) -> Result<(), Damage> {
    let count = records.uint()?;
    let segment = records.uint32()?;
    let mut end = records.uint()?;
    for _ in 0..count {
        let offset = records.step(end)?;
        let len = records.uint()?;
        let location = BlockLocation {
            segment,
            offset: u32::try_from(offset).map_err(|_| "a block lies outside its segment")?,
            len: u32::try_from(len >> 1).map_err(|_| "a block is longer than any")?,
        };
        end = end_of(&location);
        each(location, len & 1 == 1);
    }
    Ok(())
}

/// What kinds of operations are among the blocks of each group.
pub(super) fn put_kinds(kinds: &[Kinds], out: &mut Vec<u8>) {
    out.extend(kinds.iter().flat_map(|kinds| kinds.to_bytes()));
}

/// The inverse of [`put_kinds`] for one group.
pub(super) fn take_kinds(records: &mut Records<'_>) -> Result<Kinds, Damage> {
    Kinds::from_bytes(records.array()?).ok_or("a block of an unknown kind")
}

/// Groups of blocks up to this sequence whose kinds are given together.
pub(super) fn groups(seq: u64) -> u64 {
    seq.div_ceil(kinds::GROUP as u64)
}

fn end_of(location: &BlockLocation) -> u64 {
    u64::from(location.offset) + u64::from(location.len) + BLOCK_PREFIX as u64
}

/// A part of a series: its columns as the body of a block of points would have
/// them, and its runs.
pub(super) fn put_part(series: &str, part: &mut SeriesPart, out: &mut Vec<u8>) {
    let mut batch = PointBatch {
        series: series.to_owned(),
        timestamps: std::mem::take(&mut part.timestamps),
        values: std::mem::take(&mut part.values),
        metadata: Vec::new(),
        provenance: None,
    };
    put_bytes(&encode_points(&batch), out);
    part.timestamps = std::mem::take(&mut batch.timestamps);
    part.values = batch.values;
    put_uint(part.runs.len() as u64, out);
    let mut before = 0;
    for run in &part.runs {
        put_step(before, run.seq, out);
        put_uint(u64::from(run.index), out);
        put_uint(u64::from(run.len), out);
        put_uint(run.ends.len() as u64, out);
        let mut turn = run.seq;
        for end in &run.ends {
            put_uint(end.wrapping_sub(turn), out);
            turn = *end;
        }
        before = run.seq;
    }
}

/// The inverse of [`put_part`]: the id of the series, and the part.
pub(super) fn take_part(records: &mut Records<'_>) -> Result<(String, SeriesPart), Damage> {
    let columns = decode_points(records.bytes()?).map_err(|error| error.reason)?;
    let count = records.uint()?;
    let mut runs = Vec::new();
    let mut before = 0;
    for _ in 0..count {
        let seq = records.step(before)?;
        let index = records.uint32()?;
        let len = records.uint32()?;
        let mut ends = Vec::new();
        let mut turn = seq;
        for _ in 0..records.uint()? {
            turn = turn.wrapping_add(records.uint()?);
            ends.push(turn);
        }
        runs.push(PartRun {
            len,
            seq,
            ends,
            index,
        });
        before = seq;
    }
    let part = SeriesPart {
        timestamps: columns.timestamps,
        values: columns.values,
        runs,
    };
    Ok((columns.series, part))
}

/// How much of everything there was, to be held against at the end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub versions: u64,
    pub ids: u64,
    pub blocks: u64,
    pub kinds: u64,
    pub nodes: u64,
    pub parts: u64,
    pub extra: u64,
}

impl Totals {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for total in [
            self.versions,
            self.ids,
            self.blocks,
            self.kinds,
            self.nodes,
            self.parts,
            self.extra,
        ] {
            put_uint(total, out);
        }
    }

    pub(super) fn take(records: &mut Records<'_>) -> Result<Self, Damage> {
        Ok(Self {
            versions: records.uint()?,
            ids: records.uint()?,
            blocks: records.uint()?,
            kinds: records.uint()?,
            nodes: records.uint()?,
            parts: records.uint()?,
            extra: records.uint()?,
        })
    }
}
