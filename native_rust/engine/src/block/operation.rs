//! Operations: what a transaction is made of, encoded and ready for the committer.

use crate::error::{Entity, Error};
use crate::types::{
    Defaults, DeleteFeature, DeletePoints, OnDuplicate, PointBatch, Pointers, PutFeature,
    SetAttributes, SetWebhook, cbor, encode_points,
};

/// What a block does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// Write a feature: a new one, or a new version of an existing one.
    PutFeature,
    /// Delete a feature; its versions stay readable.
    DeleteFeature,
    /// Append points to one series.
    PutPoints,
    /// Delete points of one series; they stay readable as of earlier.
    DeletePoints,
    /// Set the attributes of a series, or delete them; earlier ones stay readable.
    SetAttributes,
    /// Set what holds for requests that do not say otherwise.
    SetDefaults,
    /// Register a webhook, change it, or delete it.
    SetWebhook,
    /// Undo an earlier block by the inverse of its operation.
    Revert,
}

/// All of them, in the order messages list them.
const KINDS: [(OpKind, &str); 8] = [
    (OpKind::PutFeature, "put_feature"),
    (OpKind::DeleteFeature, "delete_feature"),
    (OpKind::PutPoints, "put_points"),
    (OpKind::DeletePoints, "delete_points"),
    (OpKind::SetAttributes, "set_attributes"),
    (OpKind::SetDefaults, "set_defaults"),
    (OpKind::SetWebhook, "set_webhook"),
    (OpKind::Revert, "revert"),
];

impl OpKind {
    /// The text stored in the block's `op`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        KINDS
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, text)| text)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        KINDS
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(kind, _)| *kind)
    }

    /// Every text [`OpKind::as_str`] gives, for messages.
    pub(crate) fn names() -> String {
        KINDS.map(|(_, name)| name).join(", ")
    }
}

/// One validated operation, its body already encoded, ready for the committer.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Write a feature.
    PutFeature(PutFeature),
    /// Delete a feature, which must exist.
    DeleteFeature(DeleteFeature),
    /// Append points to one series; `body` is the encoded form of `batch`.
    PutPoints {
        /// The columns, for the index.
        batch: PointBatch,
        /// The columns as CBOR, for the journal.
        body: Vec<u8>,
        /// What becomes of those whose timestamps the series has.
        duplicates: PointDuplicates,
    },
    /// Delete points of one series.
    DeletePoints(DeletePoints),
    /// Set the attributes of a series, or delete them, which it must have then.
    SetAttributes(SetAttributes),
    /// Set what holds for requests that do not say otherwise.
    SetDefaults(SetDefaults),
    /// Register a webhook, change it, or delete it, which must be there then.
    SetWebhook(SetWebhook),
    /// Undo a block.
    Revert(Revert),
}

/// What has versions, each a block that names the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Versioned<'a> {
    /// The feature of that id.
    Feature(&'a str),
    /// The attributes of the series of that id.
    Attributes(&'a str),
    /// The webhook of that id.
    Webhook(&'a str),
}

impl Versioned<'_> {
    /// For messages, which go on with the id.
    pub(crate) fn entity(&self) -> Entity {
        match self {
            Self::Feature(_) => Entity::Feature,
            Self::Attributes(_) => Entity::Attributes,
            Self::Webhook(_) => Entity::Webhook,
        }
    }

    /// The id.
    pub(crate) fn id(&self) -> &str {
        let (Self::Feature(id) | Self::Attributes(id) | Self::Webhook(id)) = self;
        id
    }

    /// That it is not there.
    pub(crate) fn not_found(&self) -> Error {
        Error::NotFound {
            entity: self.entity(),
            id: self.id().to_owned(),
        }
    }
}

/// What becomes of points whose timestamps their series has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PointDuplicates {
    /// What was asked for; what the database says as it is committed where nothing was.
    pub on_duplicate: Option<OnDuplicate>,
    /// Where each point stands in its request, for the refusal.
    pub pointers: Pointers,
}

/// New defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct SetDefaults {
    /// All of them.
    pub defaults: Defaults,
    /// The same as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Provenance of the change, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

impl SetDefaults {
    /// The change to these defaults.
    #[must_use]
    pub fn new(defaults: Defaults, provenance: Option<Vec<u8>>) -> Self {
        Self {
            body: defaults.encode(),
            defaults,
            provenance,
        }
    }
}

/// The inverse of a block's operation.
#[derive(Debug, Clone)]
pub struct Revert {
    /// Sequence of the block it undoes.
    pub block: u64,
    /// What undoes it; itself no revert.
    inverse: Box<Operation>,
    /// Both as CBOR, for the journal.
    body: Vec<u8>,
}

impl Revert {
    pub(crate) fn new(block: u64, inverse: Operation) -> Self {
        let body = revert_body(block, inverse.kind(), inverse.body());
        Self {
            block,
            inverse: Box::new(inverse),
            body,
        }
    }
}

/// The put of a batch, of which nothing is said but what it holds.
pub(crate) fn put_points(batch: PointBatch) -> Operation {
    Operation::PutPoints {
        body: encode_points(&batch),
        batch,
        duplicates: PointDuplicates::default(),
    }
}

/// The stored body of a revert: the block it undoes, and the operation that does.
pub(crate) fn revert_body(block: u64, op: OpKind, inverse: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(inverse.len() + 40);
    cbor::write_map_header(3, &mut body);
    cbor::write_text("op", &mut body);
    cbor::write_text(op.as_str(), &mut body);
    cbor::write_text("body", &mut body);
    body.extend_from_slice(inverse);
    cbor::write_text("block", &mut body);
    cbor::write_uint(block, &mut body);
    body
}

impl Operation {
    pub(crate) fn kind(&self) -> OpKind {
        match self {
            Self::PutFeature(_) => OpKind::PutFeature,
            Self::DeleteFeature(_) => OpKind::DeleteFeature,
            Self::PutPoints { .. } => OpKind::PutPoints,
            Self::DeletePoints(_) => OpKind::DeletePoints,
            Self::SetAttributes(_) => OpKind::SetAttributes,
            Self::SetDefaults(_) => OpKind::SetDefaults,
            Self::SetWebhook(_) => OpKind::SetWebhook,
            Self::Revert(_) => OpKind::Revert,
        }
    }

    /// What it does to the indexes: itself, or the inverse that a revert holds.
    pub(crate) fn effect(&self) -> &Self {
        match self {
            Self::Revert(revert) => &revert.inverse,
            other => other,
        }
    }

    /// What it writes a version of, and whether that is a deletion.
    pub(crate) fn version(&self) -> Option<(Versioned<'_>, bool)> {
        match self.effect() {
            Self::PutFeature(put) => Some((Versioned::Feature(&put.id), false)),
            Self::DeleteFeature(delete) => Some((Versioned::Feature(&delete.id), true)),
            Self::SetAttributes(set) => Some((Versioned::Attributes(&set.series), !set.present)),
            Self::SetWebhook(set) => Some((Versioned::Webhook(&set.id), !set.present)),
            Self::PutPoints { .. }
            | Self::DeletePoints(_)
            | Self::SetDefaults(_)
            | Self::Revert(_) => None,
        }
    }

    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::PutFeature(feature) => &feature.body,
            Self::DeleteFeature(delete) => &delete.body,
            Self::PutPoints { body, .. } => body,
            Self::DeletePoints(delete) => &delete.body,
            Self::SetAttributes(set) => &set.body,
            Self::SetDefaults(set) => &set.body,
            Self::SetWebhook(set) => &set.body,
            Self::Revert(revert) => &revert.body,
        }
    }

    pub(crate) fn provenance(&self) -> Option<&[u8]> {
        match self {
            Self::PutFeature(feature) => feature.provenance.as_deref(),
            Self::DeleteFeature(delete) => delete.provenance.as_deref(),
            Self::PutPoints { batch, .. } => batch.provenance.as_deref(),
            Self::DeletePoints(delete) => delete.provenance.as_deref(),
            Self::SetAttributes(set) => set.provenance.as_deref(),
            Self::SetDefaults(set) => set.provenance.as_deref(),
            Self::SetWebhook(_) => None,
            Self::Revert(revert) => revert.inverse.provenance(),
        }
    }

    /// The series whose points it puts or deletes, or does so in undoing.
    pub(crate) fn series(&self) -> Option<&str> {
        match self.effect() {
            Self::PutPoints { batch, .. } => Some(&batch.series),
            Self::DeletePoints(delete) => Some(&delete.span.series),
            _ => None,
        }
    }

    /// Bytes of memory that it takes, with what a list of them leaves empty.
    pub(crate) fn memory(&self) -> usize {
        2 * size_of::<Self>() + self.heap()
    }

    /// Bytes of memory behind its pointers.
    fn heap(&self) -> usize {
        /// What the allocator takes for itself.
        const BLOCK: usize = 16;
        let bytes = |bytes: &Vec<u8>| bytes.capacity() + BLOCK;
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, |b| b.capacity() + BLOCK);
        match self {
            Self::PutFeature(put) => {
                let signature = put.signature.as_bytes().len() + 2 * BLOCK;
                put.id.capacity() + BLOCK + signature + bytes(&put.body) + optional(&put.provenance)
            }
            Self::DeleteFeature(delete) => {
                delete.id.capacity() + BLOCK + bytes(&delete.body) + optional(&delete.provenance)
            }
            Self::PutPoints {
                batch,
                body,
                duplicates,
            } => {
                let columns = 8 * (batch.timestamps.capacity() + batch.values.capacity());
                let metadata: usize = batch.metadata.iter().map(optional).sum();
                let list = batch.metadata.capacity() * size_of::<Option<Vec<u8>>>();
                batch.series.capacity()
                    + 4 * BLOCK
                    + columns
                    + metadata
                    + list
                    + optional(&batch.provenance)
                    + bytes(body)
                    + duplicates.pointers.memory()
            }
            Self::SetDefaults(set) => bytes(&set.body) + optional(&set.provenance),
            Self::SetWebhook(set) => set.id.capacity() + BLOCK + bytes(&set.body),
            Self::DeletePoints(delete) => {
                delete.span.memory()
                    + delete.span.series.capacity()
                    + BLOCK
                    + bytes(&delete.body)
                    + optional(&delete.provenance)
            }
            Self::SetAttributes(set) => {
                set.series.capacity() + BLOCK + bytes(&set.body) + optional(&set.provenance)
            }
            Self::Revert(revert) => {
                size_of::<Self>() + BLOCK + revert.inverse.heap() + bytes(&revert.body)
            }
        }
    }

    /// Bytes it occupies in the queue and, nearly, in the journal.
    pub(crate) fn encoded_len(&self) -> usize {
        // The fixed members of a block: keys, integers and the op's name.
        const ENVELOPE: usize = 64;
        ENVELOPE + self.body().len() + self.provenance().map_or(0, <[u8]>::len)
    }
}
