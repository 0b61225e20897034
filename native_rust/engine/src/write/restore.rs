//! Making an earlier version of a feature, or of attributes, the newest one, whatever came
//! since.
//!
//! That is a put like any other, whose provenance says which block it was derived from: so
//! history, lineage and whoever follows the journal see where it came from.

use crate::block::{OpKind, Operation, readable};
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{Json, Source, Warnings, encode_provenance, stored_feature, write_json};
use crate::write::prepare::PreparedFeatures;
use crate::write::undo::{attributes_version, version};

impl Database {
    /// The feature as block `seq` wrote it, or the attributes as it set them, to be written
    /// again; attributes have no id among those of features. `provenance` is the text of
    /// a JSON object, without which it has the one it had; `derived_from` names the block
    /// in either. Reads the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a sequence the journal has not reached; [`Error::Invalid`]
    /// for a block that wrote neither, and for bad provenance.
    pub fn prepare_restore(&self, seq: u64, provenance: Option<&[u8]>) -> Result<PreparedFeatures> {
        let state = &self.state;
        self.check_block(seq)?;
        let bytes = read_block(state, seq)?;
        let (block, action) = block_at(state, seq, &bytes)?;
        if !matches!(action.op, OpKind::PutFeature | OpKind::SetAttributes) {
            let detail = format!(
                "block {seq} is a {}; expected one that wrote a feature or set attributes",
                block.op.as_str()
            );
            return Err(Error::invalid(InvalidCode::Parameter, "/block", detail));
        }
        let mut text = Vec::new();
        match (provenance, block.provenance) {
            (Some(given), _) => text.extend_from_slice(given),
            (None, Some(stored)) => {
                write_json(stored, &mut text).map_err(|e| damaged(state, seq, e))?;
            }
            (None, None) => text.extend_from_slice(b"{}"),
        }
        let provenance = derived(Source::new(&text)?.value()?, seq);
        let provenance = encode_provenance(&provenance)?;
        if action.op == OpKind::SetAttributes {
            let Some(set) = attributes_version(state, seq, Some(provenance))? else {
                let detail = format!("block {seq} deleted attributes; expected one that set them");
                return Err(Error::invalid(InvalidCode::Parameter, "/block", detail));
            };
            return Ok(PreparedFeatures {
                operations: vec![readable(Operation::SetAttributes(set))?],
                ..PreparedFeatures::default()
            });
        }
        let stored = stored_feature(action.body).map_err(|e| damaged(state, seq, e))?;
        match version(state, &stored.id, seq, Some(&provenance))? {
            Some(feature) => PreparedFeatures::of_one((feature, Warnings::default())),
            None => Err(damaged(state, seq, "a put of no feature")),
        }
    }
}

/// A provenance that says that it was derived from block `seq`; anything else as it is.
fn derived(provenance: Json<'_>, seq: u64) -> Json<'_> {
    let Json::Obj(mut members) = provenance else {
        return provenance;
    };
    let origin = Json::U64(seq);
    match members.get_mut("derived_from") {
        Some(Json::Arr(origins)) if origins.contains(&origin) => {}
        Some(Json::Arr(origins)) => origins.push(origin),
        // Something else is refused as it is.
        Some(_) => {}
        None => members.insert("derived_from", Json::Arr(vec![origin])),
    }
    Json::Obj(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_names_the_block_once() {
        for (text, expected) in [
            ("{}", r#"{"derived_from":[7]}"#),
            (r#"{"source":"x"}"#, r#"{"source":"x","derived_from":[7]}"#),
            (r#"{"derived_from":[3]}"#, r#"{"derived_from":[3,7]}"#),
            (r#"{"derived_from":[7]}"#, r#"{"derived_from":[7]}"#),
        ] {
            let stored = encode_provenance(&derived(json(text), 7)).unwrap();
            assert_eq!(stored, encode_provenance(&json(expected)).unwrap());
        }
        assert!(encode_provenance(&derived(json("[]"), 7)).is_err());
        assert!(encode_provenance(&derived(json(r#"{"derived_from":7}"#), 7)).is_err());
    }

    fn json(text: &str) -> Json<'_> {
        Source::new(text.as_bytes()).unwrap().value().unwrap()
    }
}
