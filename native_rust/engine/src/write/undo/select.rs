//! Which blocks a client wants undone.

use serde_json::value::RawValue;

use super::filter::{known, parse_filter, refusal};
use crate::block::{Block, OpKind};
use crate::budget::Budget;
use crate::error::{Entity, Error, Result};
use crate::index::Order;
use crate::read::ahead::ReadAhead;
use crate::read::selection::{BlockFilter, Candidates, transaction_of};
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{Json, Members, Source, parse_provenance};

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
        filter: Option<BlockFilter>,
    },
}

/// Blocks that were selected, ascending, and where the request names them.
#[derive(Debug)]
pub(super) struct Selected {
    pub seqs: Vec<u64>,
    /// Of a list: each with its place in it, ascending.
    places: Vec<(u64, usize)>,
    whole: &'static str,
}

impl Selection {
    /// Whether a block stands for what it did, by whichever block that is done now. Who
    /// names blocks means these and no others.
    pub(super) fn follows(&self) -> bool {
        matches!(
            self,
            Self::Range {
                filter: Some(_),
                ..
            }
        )
    }
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
    ///   committed from `start` on and before `end`; of the operation `op`, or of any but
    ///   `revert`. What was undone and done again is undone by the block that did it again
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
            Some(raw) => Some(parse_filter(source, raw).map_err(|e| e.within("/filter"))?),
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

fn missing(name: &str) -> Error {
    refusal("", format!("the member {name:?} is missing; add it"))
}

fn sequence(value: &Json<'_>, pointer: &str) -> Result<u64> {
    match value {
        Json::U64(seq) if *seq > 0 => Ok(*seq),
        other => {
            let found = match other {
                Json::U64(number) => number.to_string(),
                other => other.kind().to_owned(),
            };
            let detail = format!("found {found}; expected the sequence of a block, 1 or above");
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

/// The blocks that are meant, of those up to `last`. A list and a transaction read nothing,
/// nor does a range; a filter reads the blocks of its feature or series or, without one, all
/// blocks of its range and times that are near one of its kind of operation.
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
            selected.seqs = matching(state, (*first, *last), until, filter, budget)?;
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

/// The blocks of a range that a filter takes, in order.
fn matching(
    state: &State,
    range: (u64, u64),
    until: u64,
    filter: &BlockFilter,
    budget: &Budget,
) -> Result<Vec<u64>> {
    let order = Order::Ascending;
    let mut candidates = Candidates::new(state, filter, range, until, order, budget)?;
    let mut found = Vec::new();
    let mut ahead = ReadAhead::default();
    while let Some(seq) = candidates.next()? {
        let bytes = ahead.block(state, seq, until)?;
        let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
        // What was written is undone, and who is told of it stays as it is.
        let meant = filter.op.is_some() || block.op != OpKind::SetWebhook;
        if meant && filter.takes(state, &block)? {
            limited(found.len() as u64 + 1, state)?;
            budget.make_room(&mut found, 1)?;
            found.push(seq);
        }
    }
    Ok(found)
}
