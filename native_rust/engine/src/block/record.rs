//! Blocks: one operation each, stored as one deterministic CBOR map.
//!
//! ```text
//! {"op": text, "key": [text, bytes]?, "seq": uint, "txn": uint, "body": any,
//!  "prev": uint?, "time": int, "actor": text?, "provenance": map?}
//! ```
//!
//! The members stand in the order of RFC 8949 section 4.2.1. `txn` is the
//! sequence of the transaction's first block; `time` is microseconds since the
//! epoch, UTC; `prev` is the sequence of the entity's previous version; `key` is
//! the idempotency key of its transaction, in the first block alone.

use std::sync::Arc;

use minicbor::Decoder;

use crate::block::IdempotencyKey;
use crate::block::{OpKind, Operation, Versioned};
use crate::types::{
    DecodeError, DecodedPoints, Defaults, PointSpan, StoredFeature, cbor, decode_points,
    stored_attributes, stored_delete_feature, stored_delete_points, stored_feature, stored_webhook,
};

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
    key: Option<&IdempotencyKey>,
    operation: &Operation,
    out: &mut Vec<u8>,
) {
    let block = Block {
        seq: stamp.seq,
        txn: stamp.txn,
        time: stamp.time,
        op: operation.kind(),
        actor: actor.map(|actor| &**actor),
        key: key.map(|key| (&*key.text, &key.request[..])),
        prev: stamp.prev,
        body: operation.body(),
        provenance: operation.provenance(),
    };
    block.encode(out);
}

impl Block<'_> {
    /// Append its bytes: what [`Block::decode`] reads.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let &Self {
            actor,
            key,
            provenance,
            ..
        } = self;
        let members = 5
            + u64::from(self.prev.is_some())
            + u64::from(actor.is_some())
            + u64::from(key.is_some())
            + u64::from(provenance.is_some());
        cbor::write_map_header(members, out);
        cbor::write_text("op", out);
        cbor::write_text(self.op.as_str(), out);
        if let Some((text, request)) = key {
            cbor::write_text("key", out);
            cbor::write_array_header(2, out);
            cbor::write_text(text, out);
            cbor::write_bytes(request, out);
        }
        cbor::write_text("seq", out);
        cbor::write_uint(self.seq, out);
        cbor::write_text("txn", out);
        cbor::write_uint(self.txn, out);
        cbor::write_text("body", out);
        out.extend_from_slice(self.body);
        if let Some(prev) = self.prev {
            cbor::write_text("prev", out);
            cbor::write_uint(prev, out);
        }
        cbor::write_text("time", out);
        cbor::write_int(self.time, out);
        if let Some(actor) = actor {
            cbor::write_text("actor", out);
            cbor::write_text(actor, out);
        }
        if let Some(provenance) = provenance {
            cbor::write_text("provenance", out);
            out.extend_from_slice(provenance);
        }
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
    /// The idempotency key of its transaction and the digest of that request; in
    /// the first block of the transaction alone.
    pub key: Option<(&'a str, &'a [u8])>,
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
            key: fields.key,
            prev: fields.prev,
            body: fields.body.ok_or_else(|| missing("body"))?,
            provenance: fields.provenance,
        })
    }
}

/// What a stored block does to the indexes.
#[derive(Debug)]
pub(crate) enum Effect<'a> {
    PutFeature(StoredFeature<'a>),
    DeleteFeature(&'a str),
    PutPoints(DecodedPoints),
    DeletePoints(PointSpan),
    SetDefaults(Defaults),
    SetAttributes { series: &'a str, present: bool },
    SetWebhook { id: &'a str, present: bool },
}

impl Effect<'_> {
    /// What it writes a version of, and whether that is a deletion.
    pub(crate) fn version(&self) -> Option<(Versioned<'_>, bool)> {
        match self {
            Self::PutFeature(feature) => Some((Versioned::Feature(&feature.id), false)),
            Self::DeleteFeature(id) => Some((Versioned::Feature(id), true)),
            Self::SetAttributes { series, present } => {
                Some((Versioned::Attributes(series), !present))
            }
            Self::SetWebhook { id, present } => Some((Versioned::Webhook(id), !present)),
            Self::PutPoints(_) | Self::DeletePoints(_) | Self::SetDefaults(_) => None,
        }
    }
}

/// The operation that a block performs, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Action<'a> {
    /// Never [`OpKind::Revert`].
    pub op: OpKind,
    pub body: &'a [u8],
    /// The block it undoes.
    pub reverts: Option<u64>,
}

impl<'a> Block<'a> {
    /// Its operation, or the inverse that a revert holds.
    pub(crate) fn action(&self) -> Result<Action<'a>, DecodeError> {
        Action::of(self.op, self.body)
    }

    /// What it does, decoded.
    pub(crate) fn effect(&self) -> Result<Effect<'a>, DecodeError> {
        self.action()?.effect()
    }
}

impl<'a> Action<'a> {
    /// What a block of this operation with this body performs.
    pub(crate) fn of(op: OpKind, body: &'a [u8]) -> Result<Self, DecodeError> {
        if op != OpKind::Revert {
            return Ok(Self {
                op,
                body,
                reverts: None,
            });
        }
        let mut reader = cbor::Reader::new(body);
        let (mut op, mut inner, mut block) = (None, None, None);
        for _ in 0..reader.map()? {
            match reader.text()? {
                "op" => op = OpKind::parse(reader.text()?),
                "body" => inner = Some(reader.item()?),
                "block" => block = Some(reader.uint()?),
                _ => return Err(reader.error("a member that a revert has not")),
            }
        }
        reader.end()?;
        match (op, inner, block) {
            (Some(op), Some(body), Some(block)) if op != OpKind::Revert => Ok(Self {
                op,
                body,
                reverts: Some(block),
            }),
            _ => Err(reader.error("a revert without op, body or block")),
        }
    }

    /// What it does, decoded.
    pub(crate) fn effect(&self) -> Result<Effect<'a>, DecodeError> {
        let &Self { op, body, .. } = self;
        Ok(match op {
            OpKind::PutFeature => Effect::PutFeature(stored_feature(body)?),
            OpKind::DeleteFeature => Effect::DeleteFeature(stored_delete_feature(body)?),
            OpKind::PutPoints => Effect::PutPoints(decode_points(body)?),
            OpKind::DeletePoints => Effect::DeletePoints(stored_delete_points(body)?),
            OpKind::SetAttributes => {
                let stored = stored_attributes(body)?;
                Effect::SetAttributes {
                    series: stored.series,
                    present: stored.attributes.is_some(),
                }
            }
            OpKind::SetDefaults => Effect::SetDefaults(Defaults::decode(body)?),
            OpKind::SetWebhook => {
                let stored = stored_webhook(body)?;
                Effect::SetWebhook {
                    id: stored.id,
                    present: stored.webhook.is_some(),
                }
            }
            OpKind::Revert => return Err(cbor::Reader::new(body).error("a revert of a revert")),
        })
    }
}

#[derive(Default)]
struct Fields<'a> {
    op: Option<&'a str>,
    key: Option<(&'a str, &'a [u8])>,
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
                "key" => {
                    if d.array()? != Some(2) {
                        return Err(message("a key that is not a pair"));
                    }
                    fields.key = Some((d.str()?, d.bytes()?));
                }
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
    cbor::skip(d)?;
    bytes
        .get(start..d.position())
        .ok_or_else(minicbor::decode::Error::end_of_input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Revert;
    use crate::types::{DeleteFeature, FeatureSignature, GeometryType, PutFeature};
    use ciborium::Value;

    fn feature(provenance: Option<Vec<u8>>) -> Operation {
        Operation::PutFeature(PutFeature {
            id: "a".into(),
            envelope: None,
            signature: FeatureSignature::unknown(GeometryType::Null),
            body: vec![0xa1, 0x62, b'i', b'd', 0x61, b'a'],
            provenance,
        })
    }

    #[test]
    fn a_block_reads_back_and_is_deterministic_cbor() {
        let actor: Arc<str> = "ops@example".into();
        let key = IdempotencyKey::new("k", &[b"request"]);
        let cases = [
            (None, None, None, None),
            (Some(7), Some(&actor), Some(vec![0xa0]), Some(key)),
            (Some(u64::MAX), None, None, None),
        ];
        for (prev, actor, provenance, key) in cases {
            let operation = feature(provenance.clone());
            let stamp = Stamp {
                seq: 300,
                txn: 299,
                time: -5,
                prev,
            };
            let mut bytes = Vec::new();
            encode_block(stamp, actor, key.as_ref(), &operation, &mut bytes);
            let block = Block::decode(&bytes).unwrap();
            assert_eq!((block.seq, block.txn, block.time), (300, 299, -5));
            assert_eq!(block.prev, prev);
            assert_eq!(block.actor, actor.map(|a| &**a));
            let stored = key.as_ref().map(|key| (&*key.text, &key.request[..]));
            assert_eq!(block.key, stored);
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
    fn a_revert_holds_the_operation_that_undoes() {
        let inverse = Operation::DeleteFeature(DeleteFeature::new("a".into(), None));
        let inner = inverse.body().to_vec();
        let revert = Operation::Revert(Revert::new(41, inverse));
        let stamp = Stamp {
            seq: 42,
            txn: 42,
            time: 0,
            prev: Some(41),
        };
        let mut bytes = Vec::new();
        encode_block(stamp, None, None, &revert, &mut bytes);
        let block = Block::decode(&bytes).unwrap();
        let action = block.action().unwrap();
        assert_eq!(block.op, OpKind::Revert);
        assert_eq!(action.op, OpKind::DeleteFeature);
        assert_eq!((action.body, action.reverts), (&inner[..], Some(41)));
        assert!(matches!(
            block.effect().unwrap(),
            Effect::DeleteFeature("a")
        ));
        let value: Value = ciborium::from_reader(block.body).unwrap();
        let mut again = Vec::new();
        ciborium::into_writer(&value, &mut again).unwrap();
        assert_eq!(again, block.body);
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
        encode_block(stamp, None, None, &feature(None), &mut bytes);
        for end in 0..bytes.len() {
            assert!(Block::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert!(Block::decode(&bytes).is_err());
    }
}
