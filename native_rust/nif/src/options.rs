//! Options of writes.

use std::sync::Arc;

use formdb_engine::types::Antimeridian;
use formdb_engine::{
    Condition, Database, Durability, Error, Expected, Hash, IdempotencyKey, Transaction,
};
use rustler::{Binary, NifMap, NifTaggedEnum, NifUnitEnum};

use crate::answer::Failure;

/// What every write takes.
#[derive(NifMap)]
pub(crate) struct Options<'a> {
    actor: Option<String>,
    durability: Level,
    idempotency_key: Option<String>,
    expect: Option<Expect<'a>>,
}

/// What becomes of edges wider than 180 degrees.
#[derive(NifUnitEnum, Clone, Copy)]
pub(crate) enum Crossing {
    Refuse,
    Cut,
    AsIs,
}

impl Crossing {
    /// What it adds to a request that has an idempotency key; nothing by default.
    pub(crate) fn named(self) -> Option<&'static [u8]> {
        match self {
            Self::Refuse => None,
            Self::Cut => Some(b"cut"),
            Self::AsIs => Some(b"as_is"),
        }
    }
}

impl From<Crossing> for Antimeridian {
    fn from(crossing: Crossing) -> Self {
        match crossing {
            Crossing::Refuse => Self::Refuse,
            Crossing::Cut => Self::Cut,
            Crossing::AsIs => Self::AsIs,
        }
    }
}

#[derive(NifUnitEnum)]
enum Level {
    Sync,
    Interval,
    None,
}

/// What a write of one feature expects of the version before.
#[derive(NifTaggedEnum)]
enum Expect<'a> {
    Absent,
    Exists,
    /// The bytes of leaf hashes.
    Hashes(Vec<Binary<'a>>),
    Seq(u64),
}

impl Options<'_> {
    pub(crate) fn durability(&self) -> Durability {
        match self.durability {
            Level::Sync => Durability::Sync,
            Level::Interval => Durability::Interval,
            Level::None => Durability::None,
        }
    }

    /// Who writes.
    pub(crate) fn actor(&self) -> Option<Arc<str>> {
        self.actor.as_deref().map(Arc::from)
    }

    /// The idempotency key, with the digest of all that makes the request.
    pub(crate) fn key(&self, request: &[&[u8]]) -> Option<IdempotencyKey> {
        let key = self.idempotency_key.as_ref()?;
        Some(IdempotencyKey::new(key, request))
    }

    /// A transaction that has no operations yet.
    pub(crate) fn transaction(&self, key: Option<IdempotencyKey>) -> Transaction {
        Transaction {
            actor: self.actor(),
            key,
            durability: self.durability(),
            ..Transaction::default()
        }
    }

    /// What must hold of feature `id`.
    pub(crate) fn condition(
        &self,
        database: &Database,
        id: &str,
    ) -> Result<Option<Condition>, Failure> {
        let matches = |hashes: &[Hash]| database.match_feature(id, Some(hashes));
        let feature = |id, expected| Condition::Feature { id, expected };
        self.condition_on(id, feature, matches)
    }

    /// What must hold of the attributes of a series.
    pub(crate) fn attributes_condition(
        &self,
        database: &Database,
        series: &str,
    ) -> Result<Option<Condition>, Failure> {
        let matches = |hashes: &[Hash]| database.match_attributes(series, Some(hashes));
        let attributes = |id, expected| Condition::Attributes { id, expected };
        self.condition_on(series, attributes, matches)
    }

    /// What must hold of a webhook.
    pub(crate) fn webhook_condition(
        &self,
        database: &Database,
        id: &str,
    ) -> Result<Option<Condition>, Failure> {
        let matches = |hashes: &[Hash]| database.match_webhook(id, Some(hashes));
        let webhook = |id, expected| Condition::Webhook { id, expected };
        self.condition_on(id, webhook, matches)
    }

    fn condition_on(
        &self,
        id: &str,
        condition: impl FnOnce(String, Expected) -> Condition,
        matches: impl FnOnce(&[Hash]) -> Result<Condition, Error>,
    ) -> Result<Option<Condition>, Failure> {
        let expected = match &self.expect {
            None => return Ok(None),
            Some(Expect::Absent) => Expected::Absent,
            Some(Expect::Exists) => Expected::Exists,
            Some(Expect::Seq(seq)) => Expected::Version(*seq),
            Some(Expect::Hashes(binaries)) => {
                let hashes: Vec<Hash> = binaries
                    .iter()
                    .filter_map(|binary| Hash::try_from(binary.as_slice()).ok())
                    .collect();
                return Ok(Some(matches(&hashes)?));
            }
        };
        Ok(Some(condition(id.to_owned(), expected)))
    }
}
