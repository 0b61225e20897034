//! What changed in a feature from one version to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::budget::Budget;
use crate::cache::of_blocks::Document;
use crate::db::database::Database;
use crate::error::Result;
use crate::read::features::{document, no_feature};
use crate::read::journal::{Parts, write_entry};
use crate::state::State;
use crate::state::blocks::{block_at, damaged, read_block};

/// One step from a document to another: an operation of JSON Patch (RFC 6902), with what was
/// there before as `from`.
#[derive(Debug, Clone, Serialize)]
struct Change {
    op: &'static str,
    /// JSON pointer.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
}

impl Database {
    /// What changed in the feature `id` from one sequence to another, which may be the earlier
    /// one: `{"from", "to", "changes"}` as JSON. The ends are the versions there were, as
    /// blocks without their bodies, null where there was none. The changes are operations of a
    /// JSON Patch that makes the later document of the earlier one, each with what was there
    /// before as `from`: objects are compared member by member; everything else, the geometry too,
    /// changes as a whole. Linear in the documents; may read the journal.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] where there was none at either end,
    /// [`crate::Error::Invalid`] for a sequence that the journal has not reached, those of the
    /// [`Budget`], [`crate::Error::Closed`], [`crate::Error::Corrupt`],
    /// [`crate::Error::Io`].
    pub fn feature_diff(
        &self,
        id: &str,
        from: u64,
        to: Option<u64>,
        budget: &Budget,
    ) -> Result<Vec<u8>> {
        /// A document, its parts, and what is written of them.
        const COPIES: usize = 8;
        let state = &self.state;
        state.check_open()?;
        let (from, to) = (state.at(Some(from))?, state.at(to)?);
        let features = state.indexes.features.read();
        let seqs = [from, to].map(|at| features.current(id, at));
        drop(features);
        if seqs == [None, None] {
            return Err(no_feature(id));
        }
        let [from, to] = seqs;
        let (from, to) = (version(state, from)?, version(state, to)?);
        let bytes = [&from, &to].map(|one| one.as_ref().map_or(0, |(_, d)| d.json.len()));
        budget.hold(COPIES * bytes.iter().sum::<usize>())?;
        let changes = match (&from, &to) {
            (Some((_, one)), Some((_, other))) if one.seq == other.seq => Vec::new(),
            (Some((_, one)), Some((_, other))) => changes(state, one, other, budget)?,
            (None, Some((_, other))) => vec![Change {
                op: "add",
                path: String::new(),
                from: None,
                value: Some(raw(&other.json)),
            }],
            (Some((_, one)), None) => vec![Change {
                op: "remove",
                path: String::new(),
                from: Some(raw(&one.json)),
                value: None,
            }],
            (None, None) => Vec::new(),
        };
        let mut json = b"{\"from\":".to_vec();
        for (end, then) in [(from, ",\"to\":"), (to, ",\"changes\":")] {
            match end {
                Some((head, _)) => json.extend_from_slice(&head),
                None => json.extend_from_slice(b"null"),
            }
            json.extend_from_slice(then.as_bytes());
        }
        // Text in memory has no way to fail.
        let _ = serde_json::to_writer(&mut json, &changes);
        json.push(b'}');
        Ok(json)
    }
}

/// The block of a version without its body, and its document.
fn version(state: &State, seq: Option<u64>) -> Result<Option<(Vec<u8>, Arc<Document>)>> {
    let Some(seq) = seq else { return Ok(None) };
    let bytes = read_block(state, seq)?;
    let (block, _) = block_at(state, seq, &bytes)?;
    let mut head = Vec::new();
    write_entry(&block, &bytes, Parts::Head, &mut head).map_err(|e| damaged(state, seq, e))?;
    Ok(Some((head, document(state, seq)?)))
}

fn changes(
    state: &State,
    one: &Document,
    other: &Document,
    budget: &Budget,
) -> Result<Vec<Change>> {
    let read = |version: &'_ Document| -> Result<BTreeMap<String, Box<RawValue>>> {
        let document: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(&version.json).map_err(|e| damaged(state, version.seq, e))?;
        // Which versions they are is said beside the changes.
        let own = |(name, _): &(String, Box<RawValue>)| name != "formdb";
        Ok(document.into_iter().filter(own).collect())
    };
    let mut changes = Vec::new();
    members(&read(one)?, &read(other)?, "", budget, &mut changes)?;
    Ok(changes)
}

/// The changes from one object to another. Depth is that of documents, which is bounded.
fn members(
    one: &BTreeMap<String, Box<RawValue>>,
    other: &BTreeMap<String, Box<RawValue>>,
    path: &str,
    budget: &Budget,
    changes: &mut Vec<Change>,
) -> Result<()> {
    for (name, from) in one {
        budget.step()?;
        let path = || format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        let Some(to) = other.get(name) else {
            changes.push(Change {
                op: "remove",
                path: path(),
                from: Some(from.clone()),
                value: None,
            });
            continue;
        };
        if from.get() == to.get() {
            continue;
        }
        // A geometry is one thing.
        if let (Some(one), Some(other)) = (object(from), object(to))
            && !(path().len() == "/geometry".len() && name == "geometry")
        {
            members(&one, &other, &path(), budget, changes)?;
        } else if !same(from, to) {
            changes.push(Change {
                op: "replace",
                path: path(),
                from: Some(from.clone()),
                value: Some(to.clone()),
            });
        }
    }
    for (name, to) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
        budget.step()?;
        changes.push(Change {
            op: "add",
            path: format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")),
            from: None,
            value: Some(to.clone()),
        });
    }
    Ok(())
}

fn object(value: &RawValue) -> Option<BTreeMap<String, Box<RawValue>>> {
    match value.get().starts_with('{') {
        true => serde_json::from_str(value.get()).ok(),
        false => None,
    }
}

/// Whether two values are one that is written differently: by the order of members.
fn same(one: &RawValue, other: &RawValue) -> bool {
    let read = |value: &RawValue| serde_json::from_str::<Value>(value.get()).ok();
    let sorted = |value: Option<Value>| value.map(|value| value.to_string());
    one.get().len() == other.get().len() && sorted(read(one)) == sorted(read(other))
}

fn raw(json: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(json).into_owned();
    RawValue::from_string(text).unwrap_or_default()
}
