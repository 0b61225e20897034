//! The filter of a request to undo: which blocks it means.
//!
//! It means no reverts unless it asks for them by `op`. A revert has the provenance that its
//! caller gave, or that of the version it brings back, and so would often be met by the
//! filter by which it was made: asked a second time, that would do again what it had undone.

use serde_json::Value;

use crate::block::OpKind;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::read::selection::{BlockFilter, Member, SeriesNames};
use crate::types::{Json, Members, Source, TimeReading, at, check_range, timestamp_from_json};

/// What the text of a JSON object of conditions means, at least one.
pub(super) fn parse_filter(source: &Source<'_>, raw: &str) -> Result<BlockFilter> {
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
    let op = match text("op")? {
        None => None,
        Some(op) => Some(OpKind::parse(&op).ok_or_else(|| {
            let detail = format!("found {}; expected one of {}", Shown(&op), OpKind::names());
            refusal("/op", detail)
        })?),
    };
    Ok(BlockFilter {
        actor: text("actor")?,
        not_op: (op.is_none()).then_some(OpKind::Revert),
        op,
        provenance: match members.get("provenance") {
            None => Vec::new(),
            Some(_) => wanted(raw)?,
        },
        feature: text("feature_id")?,
        series: text("series_id")?.map(|names| SeriesNames::parse(&names)),
        times: timed.then_some((start, end)),
        ..BlockFilter::default()
    })
}

/// The members of `provenance` in a filter.
fn wanted(raw: &str) -> Result<Vec<Member>> {
    let filter: Value = serde_json::from_str(raw).unwrap_or_default();
    match filter.get("provenance") {
        Some(Value::Object(members)) if !members.is_empty() => {
            let members = members.clone().into_iter();
            Ok(members
                .map(|(name, value)| Member::exactly(name, value))
                .collect())
        }
        _ => Err(refusal(
            "/provenance",
            "expected an object of members that the provenance has, such as {\"source\": \"x\"}",
        )),
    }
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
