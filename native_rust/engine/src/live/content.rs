//! Events as text: written once for all who get the same.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::finding::Finding;
use super::matched::Matched;
use super::subject::Subject;
use crate::block::OpKind;
use crate::error::Result;
use crate::mem::Reservation;
use crate::merkle::leaf_hash;
use crate::read::journal::{Parts, write_entry};
use crate::read::proofs::included;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{Hash, to_hex, write_timestamp};

/// The JSON of an event, which counts as memory for as long as anybody has it.
#[derive(Debug)]
pub struct EventText {
    json: Vec<u8>,
    _held: Reservation,
}

impl EventText {
    /// An entry of the journal with `matched`, as a JSON object.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

/// An event but for its place in a subscription.
pub struct Content {
    text: Arc<EventText>,
    form: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Content {
    fn new(state: &State, mut json: Vec<u8>) -> Result<Self> {
        json.shrink_to_fit();
        let held = state.memory.work.reserve(json.capacity())?;
        Ok(Self {
            text: Arc::new(EventText { json, _held: held }),
            form: OnceLock::new(),
        })
    }

    /// What it counts as of the bytes that may be under way to one: its text, and what a
    /// message takes beside it in a process that does not read.
    pub(super) fn weight(&self) -> usize {
        const MESSAGE: usize = 384;
        self.text.json.len() + MESSAGE
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &Arc<EventText> {
        &self.text
    }

    /// What a kind of sink makes of the text, made by the first that asks.
    pub fn form<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce(&Arc<EventText>) -> T,
    ) -> Option<&T> {
        let form = self.form.get_or_init(|| Box::new(make(&self.text)));
        form.downcast_ref()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// What a subscriber gets of a block.
#[derive(Debug, Clone)]
pub struct LiveEvent {
    /// The block.
    pub seq: u64,
    /// The block of the event before; of the first, where the subscription begins.
    pub after: u64,
    /// Which versions the filter takes.
    pub matched: Matched,
    /// The rest.
    pub content: Arc<Content>,
}

/// What a subscriber is told of one who stayed inside a fence.
#[derive(Debug, Clone)]
pub struct LiveDwell {
    /// The feature.
    pub feature_id: String,
    /// The block by which it entered.
    pub entered: u64,
    /// All of it.
    pub content: Arc<Content>,
}

/// Write the event of a block; with a proof that it is in the tree of a size, if it is to
/// have one. `{"matched", "effect"?, "seq", "hash", ..., "proof"?}`. Linear in the block;
/// where that is too long it has `link` in place of what was written and its provenance.
///
/// # Errors
/// [`crate::Error::MemoryFull`]; those of reading blocks.
pub(super) fn write(
    state: &State,
    subject: &Subject<'_>,
    finding: &Finding,
    proof: Option<u64>,
) -> Result<Content> {
    /// A block that is so many times as long as an event may be is so as JSON, too.
    const LONGER: usize = 4;
    let most = state.limits.event_bytes;
    let block = &subject.block;
    let mut json = b"{".to_vec();
    finding.write(&mut json);
    let start = json.len();
    if subject.bytes.len() <= most.saturating_mul(LONGER) {
        if block.op == OpKind::Revert {
            let effect = subject.effect.as_str();
            json.extend_from_slice(format!(",\"effect\":\"{effect}\"").as_bytes());
        }
        entry(state, subject, Parts::All, &mut json)?;
    }
    if json.len() == start || json.len() > most {
        json.truncate(start);
        entry(state, subject, Parts::Link, &mut json)?;
        json.pop();
        let hash = to_hex(&leaf_hash(subject.bytes));
        json.extend_from_slice(format!(",\"link\":\"blocks/{hash}\"}}").as_bytes());
    }
    if let Some(size) = proof {
        json.pop();
        json.extend_from_slice(b",\"proof\":");
        write_proof(state, block.seq, size, &mut json)?;
        json.push(b'}');
    }
    Content::new(state, json)
}

/// Write that a feature has stayed in a fence since it entered.
/// `{"fence", "feature_id", "entered", "since", "due", "dwell"}`, of which `fence` names the
/// filter.
///
/// # Errors
/// [`crate::Error::MemoryFull`].
pub(super) fn write_dwell(
    state: &State,
    (filter, micros): (&Hash, i64),
    id: &str,
    (seq, time): (u64, i64),
) -> Result<Content> {
    let mut json = b"{\"fence\":\"".to_vec();
    json.extend(to_hex(filter).bytes().take(32));
    json.extend_from_slice(b"\",\"feature_id\":");
    let _ = serde_json::to_writer(&mut json, id);
    json.extend_from_slice(format!(",\"entered\":{seq},\"since\":\"").as_bytes());
    write_timestamp(time, &mut json);
    json.extend_from_slice(b"\",\"due\":\"");
    write_timestamp(time.saturating_add(micros), &mut json);
    let seconds = micros as f64 / 1e6;
    json.extend_from_slice(format!("\",\"dwell\":{seconds}}}").as_bytes());
    Content::new(state, json)
}

/// The members of an entry of the journal, and the end of its object.
fn entry(state: &State, subject: &Subject<'_>, parts: Parts, json: &mut Vec<u8>) -> Result<()> {
    let start = json.len();
    let block = &subject.block;
    let written = write_entry(block, subject.bytes, parts, json);
    written.map_err(|e| damaged(state, block.seq, e))?;
    if let Some(brace) = json.get_mut(start) {
        *brace = b',';
    }
    Ok(())
}

fn write_proof(state: &State, seq: u64, size: u64, json: &mut Vec<u8>) -> Result<()> {
    let proof = included(state, seq, size)?;
    let path: Vec<String> = proof
        .path
        .iter()
        .map(|hash| format!("\"{}\"", to_hex(hash)))
        .collect();
    let text = format!(
        "{{\"leaf_index\":{},\"tree_size\":{},\"leaf_hash\":\"{}\",\"root\":\"{}\",\"path\":[{}]}}",
        proof.leaf_index,
        proof.tree_size,
        to_hex(&proof.leaf_hash),
        to_hex(&proof.root),
        path.join(",")
    );
    json.extend_from_slice(text.as_bytes());
    Ok(())
}
