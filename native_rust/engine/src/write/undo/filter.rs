//! Which blocks a filter means: who wrote them, what about, when, with what provenance.
//!
//! It means no reverts unless it asks for them by `op`. A revert has the provenance that its
//! caller gave, or that of the version it brings back, and so would often be met by the
//! filter by which it was made: asked a second time, that would do again what it had undone.

use serde_json::Value;

use crate::block::{Action, Block, OpKind};
use crate::error::{Entity, Error, InvalidCode, Result, Shown};
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{
    DecodeError, Json, Members, Source, TimeReading, at, check_range, decode_points,
    stored_delete_feature, stored_delete_points, stored_feature, timestamp_from_json, write_json,
};

/// All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    actor: Option<String>,
    /// What they do; without it anything but revert.
    op: Option<OpKind>,
    /// Members that the provenance has, with these values.
    provenance: Vec<(String, Value)>,
    pub feature: Option<String>,
    series: Option<String>,
    /// When they were committed, half-open.
    pub times: Option<(i64, i64)>,
}

impl Filter {
    pub(super) fn parse(source: &Source<'_>, raw: &str) -> Result<Self> {
        const TAKEN: [&str; 7] = [
            "actor",
            "op",
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
            Some(value) => timestamp_from_json(value, &TimeReading::default())
                .map_err(|e| at(format_args!("/{name}"), e)),
        };
        let (start, end) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
        check_range(start, end)?;
        let timed = members.get("start").or(members.get("end")).is_some();
        Ok(Self {
            actor: text("actor")?,
            op: match text("op")? {
                None => None,
                Some(op) => Some(OpKind::parse(&op).ok_or_else(|| {
                    let names = OpKind::names();
                    refusal(
                        "/op",
                        format!("found {}; expected one of {names}", Shown(&op)),
                    )
                })?),
            },
            provenance: match members.get("provenance") {
                None => Vec::new(),
                Some(_) => wanted(raw)?,
            },
            feature: text("feature_id")?,
            series: text("series_id")?,
            times: timed.then_some((start, end)),
        })
    }

    pub(super) fn takes(&self, state: &State, block: &Block<'_>) -> Result<bool> {
        let broken = |e| damaged(state, block.seq, e);
        let actor = self.actor.as_deref();
        let op_fits = match self.op {
            Some(op) => block.op == op,
            None => block.op != OpKind::Revert,
        };
        Ok(op_fits
            && actor.is_none_or(|actor| block.actor == Some(actor))
            && self.has_provenance(block).map_err(broken)?
            && self.is_about(&block.action().map_err(broken)?, state, block.seq)?)
    }

    fn has_provenance(&self, block: &Block<'_>) -> Result<bool, DecodeError> {
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
            (Entity::Database, _) => false,
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

/// The feature or the series that an action is about, or the database as a whole.
fn entity(action: &Action<'_>) -> Result<(Entity, String), DecodeError> {
    let body = action.body;
    Ok(match action.op {
        OpKind::PutFeature => (Entity::Feature, stored_feature(body)?.id.into_owned()),
        OpKind::DeleteFeature => (Entity::Feature, stored_delete_feature(body)?.to_owned()),
        OpKind::PutPoints => (Entity::Series, decode_points(body)?.series),
        OpKind::SetDefaults => (Entity::Database, String::new()),
        OpKind::DeletePoints | OpKind::Revert => {
            (Entity::Series, stored_delete_points(body)?.series)
        }
    })
}

/// Refuse members that nothing is known of: whoever mistypes a condition would undo more
/// than they meant.
pub(super) fn known<V>(members: &Members<'_, V>, taken: &[&str], pointer: &str) -> Result<()> {
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

pub(super) fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}
