//! Blocks: one operation each, stored as one deterministic CBOR map.
//!
//! ```text
//! {"op": text, "seq": uint, "txn": uint, "body": any, "prev": uint?,
//!  "time": int, "actor": text?, "provenance": map?}
//! ```
//!
//! The members stand in the order of RFC 8949 section 4.2.1. `txn` is the
//! sequence of the transaction's first block; `time` is microseconds since the
//! epoch, UTC; `prev` is the sequence of the entity's previous version.

use std::sync::Arc;

use minicbor::Decoder;

use crate::model::{PointBatch, PutFeature, cbor};

/// What a block does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// Write a feature: a new one, or a new version of an existing one.
    PutFeature,
    /// Append points to one series.
    PutPoints,
}

impl OpKind {
    /// The text stored in the block's `op`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PutFeature => "put_feature",
            Self::PutPoints => "put_points",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "put_feature" => Some(Self::PutFeature),
            "put_points" => Some(Self::PutPoints),
            _ => None,
        }
    }
}

/// One validated operation, its body already encoded, ready for the committer.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Write a feature.
    PutFeature(PutFeature),
    /// Append points to one series; `body` is the encoded form of `batch`.
    PutPoints {
        /// The columns, for the index.
        batch: PointBatch,
        /// The columns as CBOR, for the journal.
        body: Vec<u8>,
    },
}

impl Operation {
    pub(crate) fn kind(&self) -> OpKind {
        match self {
            Self::PutFeature(_) => OpKind::PutFeature,
            Self::PutPoints { .. } => OpKind::PutPoints,
        }
    }

    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::PutFeature(feature) => &feature.body,
            Self::PutPoints { body, .. } => body,
        }
    }

    pub(crate) fn provenance(&self) -> Option<&[u8]> {
        match self {
            Self::PutFeature(feature) => feature.provenance.as_deref(),
            Self::PutPoints { batch, .. } => batch.provenance.as_deref(),
        }
    }

    /// Bytes it occupies in the queue and, nearly, in the journal.
    pub(crate) fn encoded_len(&self) -> usize {
        // The fixed members of a block: keys, integers and the op's name.
        const ENVELOPE: usize = 64;
        ENVELOPE + self.body().len() + self.provenance().map_or(0, <[u8]>::len)
    }
}

/// What the committer adds to an operation to make it a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub seq: u64,
    pub txn: u64,
    pub time: i64,
    pub prev: Option<u64>,
}

/// Append the block of `operation` to `out`.
pub(crate) fn encode_block(
    stamp: Stamp,
    actor: Option<&Arc<str>>,
    operation: &Operation,
    out: &mut Vec<u8>,
) {
    let provenance = operation.provenance();
    let members = 5
        + u64::from(stamp.prev.is_some())
        + u64::from(actor.is_some())
        + u64::from(provenance.is_some());
    cbor::write_map_header(members, out);
    cbor::write_text("op", out);
    cbor::write_text(operation.kind().as_str(), out);
    cbor::write_text("seq", out);
    cbor::write_uint(stamp.seq, out);
    cbor::write_text("txn", out);
    cbor::write_uint(stamp.txn, out);
    cbor::write_text("body", out);
    out.extend_from_slice(operation.body());
    if let Some(prev) = stamp.prev {
        cbor::write_text("prev", out);
        cbor::write_uint(prev, out);
    }
    cbor::write_text("time", out);
    cbor::write_int(stamp.time, out);
    if let Some(actor) = actor {
        cbor::write_text("actor", out);
        cbor::write_text(actor, out);
    }
    if let Some(provenance) = provenance {
        cbor::write_text("provenance", out);
        out.extend_from_slice(provenance);
    }
}

/// A block read back; slices borrow its stored bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block<'a> {
    /// Its place in the journal, from 1.
    pub seq: u64,
    /// Sequence of the first block of its transaction.
    pub txn: u64,
    /// Commit time, microseconds since the epoch.
    pub time: i64,
    /// What it does.
    pub op: OpKind,
    /// Who asked for it, where known.
    pub actor: Option<&'a str>,
    /// Sequence of the entity's previous version.
    pub prev: Option<u64>,
    /// The operation's body, CBOR.
    pub body: &'a [u8],
    /// Its provenance, a CBOR map.
    pub provenance: Option<&'a [u8]>,
}

impl<'a> Block<'a> {
    /// Decode a stored block. Members it does not know are refused: a block is
    /// never half understood.
    ///
    /// # Errors
    /// A sentence on what is wrong with the bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, String> {
        let mut d = Decoder::new(bytes);
        let fields = Fields::read(&mut d, bytes).map_err(|e| format!("not a block: {e}"))?;
        if d.position() != bytes.len() {
            return Err("not a block: bytes after its end".into());
        }
        let missing = |name| format!("a block without {name:?}");
        let op = fields.op.ok_or_else(|| missing("op"))?;
        Ok(Self {
            seq: fields.seq.ok_or_else(|| missing("seq"))?,
            txn: fields.txn.ok_or_else(|| missing("txn"))?,
            time: fields.time.ok_or_else(|| missing("time"))?,
            op: OpKind::parse(op).ok_or_else(|| format!("a block with unknown op {op:?}"))?,
            actor: fields.actor,
            prev: fields.prev,
            body: fields.body.ok_or_else(|| missing("body"))?,
            provenance: fields.provenance,
        })
    }
}

#[derive(Default)]
struct Fields<'a> {
    op: Option<&'a str>,
    seq: Option<u64>,
    txn: Option<u64>,
    body: Option<&'a [u8]>,
    prev: Option<u64>,
    time: Option<i64>,
    actor: Option<&'a str>,
    provenance: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(d: &mut Decoder<'a>, bytes: &'a [u8]) -> Result<Self, minicbor::decode::Error> {
        let message = minicbor::decode::Error::message;
        let mut fields = Self::default();
        let members = d
            .map()?
            .ok_or_else(|| message("a map of indefinite length"))?;
        for _ in 0..members {
            match d.str()? {
                "op" => fields.op = Some(d.str()?),
                "seq" => fields.seq = Some(d.u64()?),
                "txn" => fields.txn = Some(d.u64()?),
                "body" => fields.body = Some(skipped(d, bytes)?),
                "prev" => fields.prev = Some(d.u64()?),
                "time" => fields.time = Some(d.i64()?),
                "actor" => fields.actor = Some(d.str()?),
                "provenance" => fields.provenance = Some(skipped(d, bytes)?),
                _ => return Err(message("an unknown member")),
            }
        }
        Ok(fields)
    }
}

/// The bytes of the next item, stepped over.
fn skipped<'a>(d: &mut Decoder<'a>, bytes: &'a [u8]) -> Result<&'a [u8], minicbor::decode::Error> {
    let start = d.position();
    d.skip()?;
    bytes
        .get(start..d.position())
        .ok_or_else(minicbor::decode::Error::end_of_input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciborium::Value;

    fn feature(provenance: Option<Vec<u8>>) -> Operation {
        Operation::PutFeature(PutFeature {
            id: "a".into(),
            envelope: None,
            body: vec![0xa1, 0x62, b'i', b'd', 0x61, b'a'],
            provenance,
        })
    }

    #[test]
    fn a_block_reads_back_and_is_deterministic_cbor() {
        let actor: Arc<str> = "ops@example".into();
        let cases = [
            (None, None, None),
            (Some(7), Some(&actor), Some(vec![0xa0])),
            (Some(u64::MAX), None, None),
        ];
        for (prev, actor, provenance) in cases {
            let operation = feature(provenance.clone());
            let stamp = Stamp {
                seq: 300,
                txn: 299,
                time: -5,
                prev,
            };
            let mut bytes = Vec::new();
            encode_block(stamp, actor, &operation, &mut bytes);
            let block = Block::decode(&bytes).unwrap();
            assert_eq!((block.seq, block.txn, block.time), (300, 299, -5));
            assert_eq!(block.prev, prev);
            assert_eq!(block.actor, actor.map(|a| &**a));
            assert_eq!(block.body, operation.body());
            assert_eq!(block.provenance, provenance.as_deref());

            let value: Value = ciborium::from_reader(&bytes[..]).unwrap();
            let keys: Vec<&str> = value
                .as_map()
                .unwrap()
                .iter()
                .map(|(k, _)| k.as_text().unwrap())
                .collect();
            let mut sorted = keys.clone();
            sorted.sort_by_key(|k| (k.len(), *k));
            assert_eq!(keys, sorted);
            let mut again = Vec::new();
            ciborium::into_writer(&value, &mut again).unwrap();
            assert_eq!(again, bytes, "another encoder gives the same bytes");
        }
    }

    #[test]
    fn every_truncation_and_every_trailing_byte_is_refused() {
        let mut bytes = Vec::new();
        let stamp = Stamp {
            seq: 1,
            txn: 1,
            time: 0,
            prev: None,
        };
        encode_block(stamp, None, &feature(None), &mut bytes);
        for end in 0..bytes.len() {
            assert!(Block::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert!(Block::decode(&bytes).is_err());
    }
}
