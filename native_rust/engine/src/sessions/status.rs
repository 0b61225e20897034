//! Where a transaction stands, and what is told of that.

use crate::block::Ack;
use crate::error::{Entity, Error, Result};

/// What there is to know of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionStatus {
    /// Its id, `txn_` and 32 hexadecimal digits.
    pub id: String,
    /// The sequence it sees.
    pub seq: u64,
    /// Whether it can write.
    pub read_only: bool,
    /// Operations it holds.
    pub operations: usize,
    /// Their bytes, encoded.
    pub bytes: usize,
    /// Until its lease ends, in milliseconds; 0 when it has ended.
    pub expires_in_ms: u64,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It takes operations.
    Open,
    /// It was handed to the committer, which has not answered yet.
    Committing,
    /// It was committed; `None`: and had written nothing.
    Committed(Option<Ack>),
    /// It was aborted, its lease ended, or its commit was refused; with the reason.
    Aborted(String),
    /// The disk failed while it was being committed, so whether it is kept is open; with
    /// the cause and what to do.
    Unsettled(String),
}

/// What a transaction holds, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub operations: usize,
    pub bytes: usize,
}

impl Phase {
    /// What the committer's answer makes of a transaction.
    pub(crate) fn after(answer: &Result<Ack>) -> Self {
        match answer {
            Ok(ack) => Self::Committed(ack.wrote().then_some(*ack)),
            Err(refusal @ Error::Unsettled { .. }) => Self::Unsettled(why(refusal)),
            Err(refusal) => Self::Aborted(why(refusal)),
        }
    }

    /// Whether nothing more becomes of it.
    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self, Self::Open | Self::Committing)
    }

    /// Refuse what only an open transaction takes.
    pub(crate) fn check_open(&self, id: &str) -> Result<()> {
        let reason = match self {
            Self::Open => return Ok(()),
            Self::Committing => return Err(Error::Committing { id: id.to_owned() }),
            Self::Committed(_) => "it was committed, and what it wrote stands".to_owned(),
            Self::Aborted(reason) => format!("{reason}; begin another"),
            Self::Unsettled(reason) => reason.clone(),
        };
        Err(Error::Ended {
            id: id.to_owned(),
            reason,
        })
    }
}

/// Why a transaction ended; what to do next is said with it.
fn why(refusal: &Error) -> String {
    match refusal {
        Error::Conflict { detail } => detail.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn unknown(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Transaction,
        id: id.to_owned(),
    }
}
