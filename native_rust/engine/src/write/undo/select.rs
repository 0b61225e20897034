//! Which blocks a client wants undone.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::block::{Action, Block, OpKind};
use crate::budget::Budget;
use crate::error::{Entity, Error, InvalidCode, Result, Shown};
use crate::read::ahead::ReadAhead;
use crate::read::journal::versions;
use crate::state::State;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{
    Json, Members, Source, TimeUnit, at, check_range, decode_points, parse_provenance,
    stored_delete_feature, stored_delete_points, stored_feature, timestamp_from_json, write_json,
};

/// What is to be undone, and how.
#[derive(Debug, Clone)]
pub struct Undo {
    pub(super) what: Selection,
    /// Of the blocks that undo; without one, features come back with what they had.
    pub(super) provenance: Option<Vec<u8>>,
    /// Whether a transaction may be undone in part.
    pub(super) partial: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Selection {
    /// One, by itself.
    Block(u64),
    /// All of the transaction that a block belongs to.
    Transaction(u64),
    /// These, as they were given.
    Sequences(Vec<u64>),
    /// Those from one sequence to another that a filter lets through.
    Range {
        first: u64,
        last: u64,
        filter: Option<Filter>,
    },
}

/// All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    actor: Option<String>,
    /// Members that the provenance has, with these values.
    provenance: Vec<(String, Value)>,
    feature: Option<String>,
    series: Option<String>,
    /// When they were committed, half-open.
    times: Option<(i64, i64)>,
}

/// Blocks that were selected, ascending, and where the request names them.
#[derive(Debug)]
pub(super) struct Selected {
    pub seqs: Vec<u64>,
    /// Of a list: each with its place in it, ascending.
    places: Vec<(u64, usize)>,
    whole: &'static str,
}

impl Selected {
    /// JSON pointer to what selects a block.
    pub(super) fn pointer(&self, seq: u64) -> String {
        let place = self.places.partition_point(|(other, _)| *other < seq);
        match self.places.get(place) {
            Some((_, place)) => format!("/sequences/{place}"),
            None => self.whole.to_owned(),
        }
    }
}

impl Undo {
    /// One block. `provenance` is the text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for bad provenance.
    pub fn block(seq: u64, provenance: Option<&[u8]>, partial: bool) -> Result<Self> {
        Ok(Self {
            what: Selection::Block(seq),
            provenance: provenance.map(parse_provenance).transpose()?,
            partial,
        })
    }

    /// What the text of a JSON object asks for: one of
    ///
    /// - `{"transaction": sequence of one of its blocks}`
    /// - `{"sequences": [sequence, ...]}`
    /// - `{"first_seq": sequence, "last_seq": sequence}`, both included
    /// - `{"filter": {...}}`, alone or within `first_seq` and `last_seq`: blocks of an
    ///   `actor`, a `feature_id`, a `series_id`, whose `provenance` has these members,
    ///   committed from `start` on and before `end`
    ///
    /// and `provenance`. Linear in the text.
    ///
    /// # Errors
    /// [`Error::Invalid`], pointing at what is wrong.
    pub fn parse(text: &[u8], partial: bool) -> Result<Self> {
        let source = Source::new(text)?;
        let members = source.members("an object that says what to undo")?;
        Self::of_members(&source, &members, partial, &[])
    }

    /// [`Self::parse`], of an object's members, of which some may be `besides`.
    pub(crate) fn of_members(
        source: &Source<'_>,
        members: &Members<'_, &RawValue>,
        partial: bool,
        besides: &[&str],
    ) -> Result<Self> {
        known(members, &[&TAKEN, besides].concat(), "")?;
        let given = |name: &str| members.get(name).map(|raw| raw.get());
        let seq = |name: &str| -> Result<Option<u64>> {
            let read = |raw| sequence(&source.part(raw)?, &format!("/{name}"));
            given(name).map(read).transpose()
        };
        let transaction = seq("transaction")?;
        let (first, last) = (seq("first_seq")?, seq("last_seq")?);
        let list = match given("sequences") {
            Some(raw) => Some(sequences(source.part(raw)?)?),
            None => None,
        };
        let filter = match given("filter") {
            Some(raw) => Some(Filter::parse(source, raw).map_err(|e| e.within("/filter"))?),
            None => None,
        };
        let ranged = first.is_some() || last.is_some() || filter.is_some();
        let what = match (transaction, list, ranged) {
            (Some(seq), None, false) => Selection::Transaction(seq),
            (None, Some(list), false) => Selection::Sequences(list),
            (None, None, true) => match (first, last, &filter) {
                (Some(first), Some(last), _) if first > last => {
                    let detail = format!("first_seq is {first} and last_seq {last}; exchange them");
                    return Err(refusal("/first_seq", detail));
                }
                (None, Some(_), None) => return Err(missing("first_seq")),
                (Some(_), None, None) => return Err(missing("last_seq")),
                _ => Selection::Range {
                    first: first.unwrap_or(1),
                    last: last.unwrap_or(u64::MAX),
                    filter,
                },
            },
            _ => {
                let detail = "expected one of transaction, sequences, first_seq with last_seq, and \
                              filter; a filter may stand with the two";
                return Err(refusal("", detail));
            }
        };
        let provenance = given("provenance").filter(|text| *text != "null");
        let provenance = provenance.map(|text| parse_provenance(text.as_bytes()));
        Ok(Self {
            what,
            provenance: provenance.transpose()?,
            partial,
        })
    }
}

const TAKEN: [&str; 6] = [
    "transaction",
    "sequences",
    "first_seq",
    "last_seq",
    "filter",
    "provenance",
];

/// Refuse members that nothing is known of: whoever mistypes a condition would undo more
/// than they meant.
fn known<V>(members: &Members<'_, V>, taken: &[&str], pointer: &str) -> Result<()> {
    let unknown = members.iter().find(|(name, _)| !taken.contains(name));
    let Some((name, _)) = unknown else {
        return Ok(());
    };
    let detail = format!(
        "found the member {}; those taken are {}",
        Shown(name),
        taken.join(", ")
    );
    Err(refusal(pointer, detail))
}

fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}

fn missing(name: &str) -> Error {
    refusal("", format!("the member {name:?} is missing; add it"))
}

fn sequence(value: &Json<'_>, pointer: &str) -> Result<u64> {
    match value {
        Json::U64(seq) if *seq > 0 => Ok(*seq),
        other => {
            let detail = format!(
                "found {}; expected the sequence of a block, 1 or above",
                other.kind()
            );
            Err(refusal(pointer, detail))
        }
    }
}

fn sequences(list: Json<'_>) -> Result<Vec<u64>> {
    let Json::Arr(list) = list else {
        let detail = format!("found {}; expected a list of sequences", list.kind());
        return Err(refusal("/sequences", detail));
    };
    let read = |(i, value)| sequence(value, &format!("/sequences/{i}"));
    list.iter().enumerate().map(read).collect()
}

impl Filter {
    fn parse(source: &Source<'_>, raw: &str) -> Result<Self> {
        const TAKEN: [&str; 6] = [
            "actor",
            "provenance",
            "feature_id",
            "series_id",
            "start",
            "end",
        ];
        let value = source.part(raw)?;
        let Json::Obj(members) = value else {
            let detail = format!("found {}; expected an object of conditions", value.kind());
            return Err(refusal("", detail));
        };
        known(&members, &TAKEN, "")?;
        if members.is_empty() {
            return Err(refusal("", format!("expected one of {}", TAKEN.join(", "))));
        }
        let text = |name: &str| -> Result<Option<String>> {
            let text = members.get(name).cloned();
            text.map(|value| value.into_text(&format!("/{name}")))
                .transpose()
        };
        let time = |name: &str, open: i64| match members.get(name) {
            None => Ok(open),
            Some(value) => timestamp_from_json(value, TimeUnit::default())
                .map_err(|e| at(format_args!("/{name}"), e)),
        };
        let (start, end) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
        check_range(start, end)?;
        let timed = members.get("start").or(members.get("end")).is_some();
        Ok(Self {
            actor: text("actor")?,
            provenance: match members.get("provenance") {
                None => Vec::new(),
                Some(_) => wanted(raw)?,
            },
            feature: text("feature_id")?,
            series: text("series_id")?,
            times: timed.then_some((start, end)),
        })
    }

    fn takes(&self, state: &State, block: &Block<'_>) -> Result<bool> {
        let broken = |e| damaged(state, block.seq, e);
        let actor = self.actor.as_deref();
        Ok(actor.is_none_or(|actor| block.actor == Some(actor))
            && self.has_provenance(block).map_err(broken)?
            && self.is_about(&block.action().map_err(broken)?, state, block.seq)?)
    }

    fn has_provenance(&self, block: &Block<'_>) -> Result<bool, crate::types::DecodeError> {
        if self.provenance.is_empty() {
            return Ok(true);
        }
        let Some(provenance) = block.provenance else {
            return Ok(false);
        };
        let mut text = Vec::new();
        write_json(provenance, &mut text)?;
        let stored: Value = serde_json::from_slice(&text).unwrap_or_default();
        let has = |(name, value): &(String, Value)| stored.get(name) == Some(value);
        Ok(self.provenance.iter().all(has))
    }

    fn is_about(&self, action: &Action<'_>, state: &State, seq: u64) -> Result<bool> {
        if self.feature.is_none() && self.series.is_none() {
            return Ok(true);
        }
        let entity = entity(action).map_err(|e| damaged(state, seq, e))?;
        Ok(match entity {
            (Entity::Feature, id) => self.feature.as_ref() == Some(&id),
            (_, id) => self.series.as_ref() == Some(&id),
        })
    }
}

/// The members of `provenance` in a filter.
fn wanted(raw: &str) -> Result<Vec<(String, Value)>> {
    let filter: Value = serde_json::from_str(raw).unwrap_or_default();
    match filter.get("provenance") {
        Some(Value::Object(members)) if !members.is_empty() => {
            Ok(members.clone().into_iter().collect())
        }
        _ => Err(refusal(
            "/provenance",
            "expected an object of members that the provenance has, such as {\"source\": \"x\"}",
        )),
    }
}

/// The feature or the series that an action is about.
fn entity(action: &Action<'_>) -> Result<(Entity, String), crate::types::DecodeError> {
    let body = action.body;
    Ok(match action.op {
        OpKind::PutFeature => (Entity::Feature, stored_feature(body)?.id.into_owned()),
        OpKind::DeleteFeature => (Entity::Feature, stored_delete_feature(body)?.to_owned()),
        OpKind::PutPoints => (Entity::Series, decode_points(body)?.series),
        OpKind::DeletePoints | OpKind::Revert => {
            (Entity::Series, stored_delete_points(body)?.series)
        }
    })
}

/// The blocks that are meant, of those up to `last`. A list and a transaction read nothing,
/// nor does a range; a filter reads the versions of its feature or, without one, all blocks
/// of its range and times.
///
/// # Errors
/// [`Error::NotFound`] for a block that is not there; [`Error::TooLarge`]; those of the
/// budget.
pub(super) fn select(
    state: &State,
    what: &Selection,
    until: u64,
    budget: &Budget,
) -> Result<Selected> {
    let check = |seq: u64| match (1..=until).contains(&seq) {
        true => Ok(seq),
        false => Err(Error::NotFound {
            entity: Entity::Block,
            id: seq.to_string(),
        }),
    };
    let mut selected = Selected {
        seqs: Vec::new(),
        places: Vec::new(),
        whole: "",
    };
    match what {
        Selection::Block(seq) => selected.seqs = vec![check(*seq)?],
        Selection::Transaction(seq) => {
            selected.whole = "/transaction";
            let (first, last) = transaction_of(state, check(*seq)?, budget)?;
            selected.fill(first, last, state, budget)?;
        }
        Selection::Sequences(list) => {
            limited(list.len() as u64, state)?;
            budget.make_room(&mut selected.places, list.len())?;
            for (place, seq) in list.iter().enumerate() {
                selected.places.push((check(*seq)?, place));
            }
            selected.places.sort_unstable();
            selected.places.dedup_by_key(|(seq, _)| *seq);
            selected.seqs = selected.places.iter().map(|(seq, _)| *seq).collect();
        }
        Selection::Range {
            first,
            last,
            filter: None,
        } => {
            selected.whole = "/first_seq";
            selected.fill(check(*first)?, check(*last)?, state, budget)?;
        }
        Selection::Range {
            first,
            last,
            filter: Some(filter),
        } => {
            selected.whole = "/filter";
            let range = (*first, (*last).min(until));
            selected.seqs = matching(state, range, filter, budget)?;
        }
    }
    Ok(selected)
}

impl Selected {
    fn fill(&mut self, first: u64, last: u64, state: &State, budget: &Budget) -> Result<()> {
        limited((last + 1).saturating_sub(first), state)?;
        let count = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        budget.make_room(&mut self.seqs, count)?;
        self.seqs.extend(first..=last);
        Ok(())
    }
}

fn limited(actual: u64, state: &State) -> Result<()> {
    let limit = state.limits.revert_blocks as u64;
    match actual > limit {
        false => Ok(()),
        true => Err(Error::TooLarge {
            what: "what is to be undone, in blocks,",
            actual,
            limit,
            setting: "revert_blocks",
        }),
    }
}

/// First and last block of the transaction that a block belongs to.
pub(super) fn transaction_of(state: &State, seq: u64, budget: &Budget) -> Result<(u64, u64)> {
    let bytes = read_block(state, seq)?;
    let first = block_at(state, seq, &bytes)?.0.txn;
    budget.step()?;
    Ok((first, state.indexes.blocks.read().end_of(seq)))
}

/// The blocks of a range that a filter takes, in order.
fn matching(
    state: &State,
    (mut first, mut last): (u64, u64),
    filter: &Filter,
    budget: &Budget,
) -> Result<Vec<u64>> {
    if let Some((start, end)) = filter.times {
        first = first.max(since(state, start, last)?);
        last = last.min(since(state, end, last)? - 1);
    }
    let mut found = Vec::new();
    let mut ahead = ReadAhead::default();
    let mut look = |seq: u64| -> Result<()> {
        budget.step()?;
        let bytes = ahead.block(state, seq, last)?;
        let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
        if filter.takes(state, &block)? {
            limited(found.len() as u64 + 1, state)?;
            budget.make_room(&mut found, 1)?;
            found.push(seq);
        }
        Ok(())
    };
    match &filter.feature {
        _ if first > last => {}
        Some(id) => {
            let range = first.saturating_sub(1)..last;
            versions(state, id, range, usize::MAX, budget)?
                .into_iter()
                .try_for_each(&mut look)?;
        }
        None => (first..=last).try_for_each(&mut look)?,
    }
    Ok(found)
}

/// The first sequence that was committed at `time` or later; one more than `last` if none
/// was. Commit times never decrease: reads some thirty blocks.
fn since(state: &State, time: i64, last: u64) -> Result<u64> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let bytes = read_block(state, middle)?;
        let block = Block::decode(&bytes).map_err(|e| damaged(state, middle, e))?;
        if block.time < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
