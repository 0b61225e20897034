//! Blocks that could be read after the damage of a journal, as new blocks of its copy.
//!
//! Nothing proves where they stood, so they are not copied but written anew, in the old
//! order: the log that the copy goes on with is another one from there on. What named
//! another block by its sequence names it by its new one; what named a block that is lost
//! is left out, and said to be.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::block::{Action, Block, Effect};
use crate::block::{OpKind, Versioned, revert_body};
use crate::error::Result;
use crate::fs::FileSystem;
use crate::journal::{Examination, Group, Journal, readable_blocks};
use crate::merkle::leaf_hash;
use crate::planted::{Bug, planted};
use crate::types::{
    DeletePoints, Hash, Which, cbor, parse_hash, stored_delete_points, to_hex, write_timestamp,
};

/// A block that could be read and is not in the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its sequence in the old journal.
    pub seq: u64,
    /// Why.
    pub reason: String,
}

/// What became of the blocks after the damage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Blocks and transactions that were written anew.
    pub blocks: u64,
    /// Transactions they make up.
    pub transactions: u64,
    /// Blocks that were left out, in order.
    pub left_out: Vec<LeftOut>,
    /// Sequences of the old journal of which no block could be read, as first and last.
    /// What lay after the last block that could be read is in none of them.
    pub missing: Vec<(u64, u64)>,
}

/// The newest version of a feature in the copy.
#[derive(Debug, Clone, Copy)]
struct Newest {
    seq: u64,
    deleted: bool,
}

/// What the copy holds, as far as later blocks depend on it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Features, and series with attributes, by id.
    features: HashMap<Box<str>, Newest>,
    attributes: HashMap<Box<str>, Newest>,
    webhooks: HashMap<Box<str>, Newest>,
    /// The block that set the defaults last.
    defaults: Option<u64>,
}

impl Kept {
    /// A block of the copy.
    pub(super) fn block(&mut self, block: &Block<'_>) -> Result<(), String> {
        self.note(&block.effect().map_err(|e| e.to_string())?, block.seq);
        Ok(())
    }

    fn note(&mut self, effect: &Effect<'_>, seq: u64) {
        if let Effect::SetDefaults(_) = effect {
            self.defaults = Some(seq);
        }
        let Some((of, deleted)) = effect.version() else {
            return;
        };
        let newest = Newest { seq, deleted };
        let (table, id) = match of {
            Versioned::Feature(id) => (&mut self.features, id),
            Versioned::Attributes(id) => (&mut self.attributes, id),
            Versioned::Webhook(id) => (&mut self.webhooks, id),
        };
        match table.get_mut(id) {
            Some(known) => *known = newest,
            None => drop(table.insert(id.into(), newest)),
        }
    }

    fn newest(&self, of: Versioned<'_>) -> Option<Newest> {
        let newest = match of {
            Versioned::Feature(id) => self.features.get(id),
            Versioned::Attributes(id) => self.attributes.get(id),
            Versioned::Webhook(id) => self.webhooks.get(id),
        };
        newest.copied()
    }
}

/// Writes blocks anew after the end of a copy.
pub(super) struct Appending<'a> {
    journal: &'a mut Journal,
    kept: Kept,
    /// Blocks copied as they were: their sequences are the old ones.
    copied: u64,
    /// New sequences of the others, by old ones, and new hashes.
    moved: BTreeMap<u64, u64>,
    hashes: HashMap<Hash, Hash>,
    /// Last sequence of the old journal that was seen.
    last: u64,
    /// When they are written, microseconds since the epoch.
    now: i64,
    group: Group,
    group_bytes: usize,
    /// The transaction being put together: its old and its new first sequence.
    transaction: Option<(u64, u64)>,
    /// Last sequence given out.
    seq: u64,
    done: Appended,
}

/// How many blocks can be read after the damage, beyond the first `kept` ones: what
/// [`super::Reach::Beyond`] takes at most.
pub(super) fn count_beyond(
    fs: &dyn FileSystem,
    journal: &Path,
    found: &Examination,
    kept: u64,
) -> Result<u64> {
    let Some(database) = &found.database else {
        return Ok(0);
    };
    let (mut last, mut count) = (kept, 0);
    let mut visit = |block: &Block<'_>, _: &[u8]| {
        if block.seq > last {
            last = block.seq;
            count += 1;
        }
        Ok(())
    };
    readable_blocks(fs, journal, database, &found.lost, &mut visit)?;
    Ok(count)
}

impl<'a> Appending<'a> {
    /// After the end of `journal`, in which `kept` is what there is.
    pub(super) fn new(journal: &'a mut Journal, kept: Kept, now: i64) -> Self {
        let copied = journal.tree().size();
        let mut group = Group::default();
        group.clear();
        Self {
            journal,
            kept,
            copied,
            moved: BTreeMap::new(),
            hashes: HashMap::new(),
            last: copied,
            now,
            group,
            group_bytes: 0,
            transaction: None,
            seq: copied,
            done: Appended::default(),
        }
    }

    /// Write a block of the old journal anew, if what it is about is there.
    pub(super) fn add(&mut self, block: &Block<'_>, bytes: &[u8]) -> Result<()> {
        if block.seq <= self.last {
            // It is in the copy already, or lies there twice.
            return Ok(());
        }
        if block.seq > self.last + 1 {
            self.done.missing.push((self.last + 1, block.seq - 1));
        }
        self.last = block.seq;
        match self.renumbered(block, bytes) {
            Ok(renumbered) => self.push(block, bytes, &renumbered),
            Err(reason) => {
                let seq = block.seq;
                self.done.left_out.push(LeftOut { seq, reason });
                Ok(())
            }
        }
    }

    /// Commit what is left; returns what was done.
    pub(super) fn finish(mut self) -> Result<Appended> {
        self.end_transaction();
        self.commit()?;
        Ok(self.done)
    }

    fn push(&mut self, block: &Block<'_>, bytes: &[u8], renumbered: &Renumbered) -> Result<()> {
        /// As much as a group of a running database has.
        const GROUP: usize = 16 << 20;
        if self.transaction.is_none_or(|(old, _)| old != block.txn) {
            self.end_transaction();
            if self.group_bytes > GROUP {
                self.commit()?;
            }
            self.group.begin_transaction();
            self.transaction = Some((block.txn, self.seq + 1));
            self.done.transactions += 1;
        }
        self.seq += 1;
        let txn = self.transaction.map_or(self.seq, |(_, new)| new);
        let new = Block {
            seq: self.seq,
            txn,
            time: self.now,
            op: block.op,
            actor: None,
            // Where the first block of the transaction is lost, so is its key.
            key: block.key.filter(|_| txn == self.seq),
            prev: renumbered.prev,
            body: &renumbered.body,
            provenance: Some(&renumbered.provenance),
        };
        let hash = self.group.push_block(|out| new.encode(out))?;
        self.group_bytes += bytes.len();
        if let Ok(effect) = new.effect() {
            self.kept.note(&effect, self.seq);
        }
        self.moved.insert(block.seq, self.seq);
        self.hashes.insert(leaf_hash(bytes), hash);
        self.done.blocks += 1;
        Ok(())
    }

    fn end_transaction(&mut self) {
        if self.transaction.take().is_some() {
            self.group.end_transaction();
        }
    }

    fn commit(&mut self) -> Result<()> {
        if !self.group.is_empty() {
            let written = self.journal.write(&mut self.group, self.now)?;
            self.journal.sync()?;
            self.journal.advance(written);
            self.group.clear();
            self.group_bytes = 0;
        }
        Ok(())
    }

    /// The new sequence of a block of the old journal, if it is in the copy.
    fn new_seq(&self, old: u64) -> Option<u64> {
        if old <= self.copied || planted(Bug::SalvageKeepsNumbers) {
            return Some(old);
        }
        self.moved.get(&old).copied()
    }

    fn renumbered(&self, block: &Block<'_>, bytes: &[u8]) -> Result<Renumbered, String> {
        let text = |e: cbor::DecodeError| format!("it cannot be read: {e}");
        let effect = block.effect().map_err(text)?;
        let Action { op, body, reverts } = block.action().map_err(text)?;
        let lost = |what: &str, seq: u64| format!("it {what} block {seq}, which is lost");
        let mut body = body.to_vec();
        if op == OpKind::DeletePoints {
            let mut span = stored_delete_points(&body).map_err(text)?;
            if let Which::Of(source)
            | Which::One { block: source, .. }
            | Which::Replaced { by: source, .. } = &mut span.which
            {
                let new = self.new_seq(*source);
                *source = new.ok_or_else(|| lost("deletes points of", *source))?;
            }
            body = DeletePoints::new(span, None).body;
        }
        if let Some(undone) = reverts {
            let new = self.new_seq(undone).ok_or_else(|| lost("undoes", undone))?;
            body = revert_body(new, op, &body);
        }
        let version = effect.version();
        let prev = match effect {
            Effect::SetDefaults(_) => self.kept.defaults,
            _ => version
                .and_then(|(of, _)| self.kept.newest(of))
                .map(|newest| newest.seq),
        };
        if let Some((of, true)) = version
            && self.kept.newest(of).is_none_or(|newest| newest.deleted)
        {
            let (entity, id) = (of.entity(), of.id());
            return Err(format!("it deletes the {entity} {id:?}, which is lost"));
        }
        Ok(Renumbered {
            prev: match planted(Bug::SalvageKeepsNumbers) {
                true => block.prev,
                false => prev,
            },
            body,
            provenance: self.provenance(block, bytes).map_err(text)?,
        })
    }

    /// The provenance of a block, with where it was in the old journal.
    fn provenance(&self, block: &Block<'_>, bytes: &[u8]) -> Result<Vec<u8>, cbor::DecodeError> {
        let mut members: Vec<(&str, Vec<u8>)> = Vec::new();
        let (mut before, mut origins) = (None, None);
        if let Some(provenance) = block.provenance {
            let mut reader = cbor::Reader::new(provenance);
            for _ in 0..reader.map()? {
                match reader.text()? {
                    "salvaged" => before = Some(reader.item()?),
                    "derived_from" => {
                        let old = reader.item()?;
                        origins = Some(old);
                        members.push(("derived_from", self.origins(old)?));
                    }
                    key => members.push((key, reader.item()?.to_vec())),
                }
            }
        }
        members.push(("salvaged", salvaged(block, bytes, before, origins)));
        Ok(map(members))
    }

    /// `derived_from` with the new sequences and hashes; those that are lost are left out.
    fn origins(&self, old: &[u8]) -> Result<Vec<u8>, cbor::DecodeError> {
        let mut reader = cbor::Reader::new(old);
        let mut origins = Vec::new();
        let mut count = 0;
        for _ in 0..reader.array()? {
            if reader.at_number()? {
                if let Some(seq) = self.new_seq(reader.uint()?) {
                    cbor::write_uint(seq, &mut origins);
                    count += 1;
                }
            } else {
                let hash = reader.text()?;
                let new = parse_hash(hash).and_then(|hash| self.hashes.get(&hash));
                match new {
                    Some(new) => cbor::write_text(&to_hex(new), &mut origins),
                    None => cbor::write_text(hash, &mut origins),
                }
                count += 1;
            }
        }
        let mut list = Vec::new();
        cbor::write_array_header(count, &mut list);
        list.extend_from_slice(&origins);
        Ok(list)
    }
}

/// What changes of a block.
struct Renumbered {
    prev: Option<u64>,
    body: Vec<u8>,
    provenance: Vec<u8>,
}

/// The value of the provenance key `salvaged`. `before` is the one that the block had
/// from an earlier salvage, `origins` its list `derived_from` as it was.
fn salvaged(
    block: &Block<'_>,
    bytes: &[u8],
    before: Option<&[u8]>,
    origins: Option<&[u8]>,
) -> Vec<u8> {
    let text = |text: &str| {
        let mut out = Vec::new();
        cbor::write_text(text, &mut out);
        out
    };
    let mut seq = Vec::new();
    cbor::write_uint(block.seq, &mut seq);
    let mut time = Vec::new();
    write_timestamp(block.time, &mut time);
    let mut members = vec![
        ("seq", seq),
        ("hash", text(&to_hex(&leaf_hash(bytes)))),
        ("time", text(&String::from_utf8_lossy(&time))),
    ];
    members.extend(block.actor.map(|actor| ("actor", text(actor))));
    members.extend(before.map(|before| ("salvaged", before.to_vec())));
    members.extend(origins.map(|origins| ("derived_from", origins.to_vec())));
    map(members)
}

/// A deterministic CBOR map: keys in the order of their encoded bytes.
fn map(mut members: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
    members.sort_by_key(|(key, _)| (key.len(), *key));
    let mut out = Vec::new();
    cbor::write_map_header(members.len() as u64, &mut out);
    for (key, value) in members {
        cbor::write_text(key, &mut out);
        out.extend_from_slice(&value);
    }
    out
}
