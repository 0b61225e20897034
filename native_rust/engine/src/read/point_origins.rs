//! Where points come from, told beside them: the block of each, and what it says.

use std::collections::HashMap;
use std::rc::Rc;

use crate::block::OpKind;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::index::{Point, PointRef};
use crate::merkle::leaf_hash;
use crate::read::ahead::ReadAhead;
use crate::read::table_rows::write_cell;
use crate::state::State;
use crate::state::blocks::{block_at, damaged};
use crate::types::{all_metadata, to_hex, write_json, write_timestamp};

/// What may be told of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Seq,
    Hash,
    Time,
    Actor,
    PointId,
    Metadata,
    Provenance,
}

/// In the order in which they are told.
const DETAILS: [(&str, Detail); 7] = [
    ("seq", Detail::Seq),
    ("hash", Detail::Hash),
    ("time", Detail::Time),
    ("actor", Detail::Actor),
    ("point_id", Detail::PointId),
    ("metadata", Detail::Metadata),
    ("provenance", Detail::Provenance),
];

/// What is told of points besides timestamp and value: the sequence, hash, commit time, actor
/// and provenance of the block that wrote them, their metadata, and the id that their writer
/// was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Include(Vec<(&'static str, Detail)>);

impl Include {
    /// Names with commas between them.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for any other, and for one that stands twice.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |detail| Err(Error::invalid(InvalidCode::Parameter, "/include", detail));
        let asked: Vec<&str> = text.split(',').map(str::trim).collect();
        for (i, name) in asked.iter().enumerate() {
            if DETAILS.iter().all(|(known, _)| known != name) {
                let names = DETAILS.map(|(name, _)| name).join(", ");
                let name = Shown(name);
                return refuse(format!("found {name}; include takes {names}, with commas"));
            }
            if asked.iter().take(i).any(|before| before == name) {
                return refuse(format!("found {name} twice; give it once"));
            }
        }
        let details = DETAILS.into_iter();
        Ok(Self(
            details.filter(|(name, _)| asked.contains(name)).collect(),
        ))
    }

    /// The names of the columns that a table has for it, each with the comma before it.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for what no cell holds.
    pub fn columns(&self) -> Result<String> {
        let objects = [Detail::Metadata, Detail::Provenance];
        match self.0.iter().find(|(_, detail)| objects.contains(detail)) {
            Some((name, _)) => {
                let detail = format!(
                    "a table has no column for {name}; leave it out, or ask for application/x-ndjson"
                );
                Err(Error::invalid(InvalidCode::Parameter, "/include", detail))
            }
            None => Ok(self.0.iter().map(|(name, _)| format!(",{name}")).collect()),
        }
    }

    fn has(&self, wanted: Detail) -> bool {
        self.0.iter().any(|(_, detail)| *detail == wanted)
    }

    /// Whether blocks have to be read for it.
    fn reads(&self) -> bool {
        let known = |detail: &Detail| matches!(detail, Detail::Seq | Detail::PointId);
        !self.0.iter().all(|(_, detail)| known(detail))
    }
}

/// What a block says of all its points.
#[derive(Debug)]
struct Origin {
    hash: String,
    time: String,
    actor: Option<String>,
    /// As JSON.
    provenance: Option<Vec<u8>>,
    /// Of each point, as it is stored; nothing where none has any.
    metadata: Vec<Option<Box<[u8]>>>,
}

impl Origin {
    fn memory(&self) -> usize {
        let provenance = self.provenance.as_ref().map_or(0, Vec::len);
        let metadata = self
            .metadata
            .iter()
            .map(|one| 24 + one.as_ref().map_or(0, |m| m.len()));
        512 + provenance + metadata.sum::<usize>()
    }
}

/// The blocks of the points of a page, each read once.
pub(crate) struct Origins<'q> {
    state: &'q State,
    include: &'q Include,
    budget: &'q Budget,
    ahead: ReadAhead,
    known: HashMap<u64, Rc<Origin>>,
    /// Bytes of those.
    held: usize,
}

impl<'q> Origins<'q> {
    pub(crate) fn new(state: &'q State, include: &'q Include, budget: &'q Budget) -> Self {
        Self {
            state,
            include,
            budget,
            ahead: ReadAhead::default(),
            known: HashMap::new(),
            held: 0,
        }
    }

    /// Appends what is told of a point, as members of JSON or as cells, each with the comma
    /// before it. What a transaction has not committed yet is from no block: null, or empty.
    pub(crate) fn write(&mut self, point: &Point, cells: bool, out: &mut Vec<u8>) -> Result<()> {
        let PointRef { seq, index } = point.source;
        let origin = match seq > 0 && self.include.reads() {
            true => Some(self.origin(seq)?),
            false => None,
        };
        for (name, detail) in &self.include.0 {
            out.push(b',');
            if !cells {
                out.extend_from_slice(format!("\"{name}\":").as_bytes());
            }
            let origin = origin.as_deref();
            let text = |text: &str, out: &mut Vec<u8>| match cells {
                true => write_cell(text, out),
                // Writing text into memory has no way to fail.
                false => drop(serde_json::to_writer(&mut *out, text)),
            };
            let nothing = |out: &mut Vec<u8>| {
                if !cells {
                    out.extend_from_slice(b"null");
                }
            };
            let scalar = |value: Option<&str>, out: &mut Vec<u8>| match value {
                Some(value) => text(value, out),
                None => nothing(out),
            };
            match detail {
                _ if seq == 0 => nothing(out),
                Detail::Seq => out.extend_from_slice(seq.to_string().as_bytes()),
                Detail::PointId => text(&format!("pt_{seq}_{index}"), out),
                Detail::Hash => scalar(origin.map(|origin| &*origin.hash), out),
                Detail::Time => scalar(origin.map(|origin| &*origin.time), out),
                Detail::Actor => scalar(origin.and_then(|origin| origin.actor.as_deref()), out),
                Detail::Provenance => match origin.and_then(|origin| origin.provenance.as_ref()) {
                    Some(json) => out.extend_from_slice(json),
                    None => nothing(out),
                },
                Detail::Metadata => {
                    let of = origin.and_then(|origin| origin.metadata.get(index as usize));
                    match of.and_then(Option::as_ref) {
                        Some(cbor) => {
                            let written = write_json(cbor, out);
                            written.map_err(|e| damaged(self.state, seq, e))?;
                        }
                        None => nothing(out),
                    }
                }
            }
        }
        Ok(())
    }

    fn origin(&mut self, seq: u64) -> Result<Rc<Origin>> {
        if let Some(known) = self.known.get(&seq) {
            return Ok(Rc::clone(known));
        }
        self.budget.step()?;
        let origin = Rc::new(self.read(seq)?);
        let memory = origin.memory();
        // Of large blocks those of a page may be more than one wants to keep.
        if self.held + memory > self.state.limits.page_bytes {
            self.budget.give_back(self.held);
            (self.known, self.held) = (HashMap::new(), 0);
        }
        self.budget.hold(memory)?;
        self.held += memory;
        self.known.insert(seq, Rc::clone(&origin));
        Ok(origin)
    }

    fn read(&mut self, seq: u64) -> Result<Origin> {
        let state = self.state;
        let bytes = self.ahead.block(state, seq, state.published())?;
        let (block, action) = block_at(state, seq, bytes)?;
        if action.op != OpKind::PutPoints {
            return Err(damaged(state, seq, "another block lies at its place"));
        }
        let broken = |e| damaged(state, seq, e);
        let mut time = Vec::new();
        write_timestamp(block.time, &mut time);
        let mut provenance = None;
        if let Some(cbor) = block
            .provenance
            .filter(|_| self.include.has(Detail::Provenance))
        {
            let mut json = Vec::new();
            write_json(cbor, &mut json).map_err(broken)?;
            provenance = Some(json);
        }
        let metadata = match self.include.has(Detail::Metadata) {
            true => all_metadata(action.body).map_err(broken)?,
            false => Vec::new(),
        };
        Ok(Origin {
            hash: match self.include.has(Detail::Hash) {
                true => to_hex(&leaf_hash(bytes)),
                false => String::new(),
            },
            time: String::from_utf8_lossy(&time).into_owned(),
            actor: block.actor.map(str::to_owned),
            provenance,
            metadata: metadata.into_iter().map(|one| one.map(Box::from)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_one_order_and_unknown_ones_are_refused() {
        let include = Include::parse("point_id, seq").unwrap();
        assert_eq!(include.columns().unwrap(), ",seq,point_id");
        assert!(!include.reads() && Include::parse("hash").unwrap().reads());
        for wrong in [
            "",
            "seq,",
            "Seq",
            "seq;hash",
            "value",
            "seq,seq",
            "hash, seq, hash",
        ] {
            let error = Include::parse(wrong).unwrap_err();
            assert_eq!(error.pointer(), Some("/include"), "{wrong}");
        }
        assert!(Include::parse("seq,metadata").unwrap().columns().is_err());
    }
}
