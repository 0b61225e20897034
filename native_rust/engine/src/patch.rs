//! Changing a part of a feature: JSON Merge Patch (RFC 7396).

use serde_json::{Map, Value};

use crate::conditions::{Condition, Expected};
use crate::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::features::document;
use crate::model::Source;
use crate::prepare::PreparedFeatures;

impl Database {
    /// The feature `id` with a merge patch applied, and the condition that nobody
    /// writes it in between. Members that the patch gives as null are removed, others
    /// replaced, objects merged member by member. The provenance of the version
    /// before is not taken over: that of a change is its own. May read the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a patch that is no JSON object and
    /// for one whose outcome is no feature of that id.
    pub fn prepare_patch(&self, id: &str, patch: &[u8]) -> Result<(PreparedFeatures, Condition)> {
        // Says what is wrong with the text, and refuses members that occur twice.
        Source::new(patch)?.members("a JSON merge patch of a Feature (RFC 7396)")?;
        let patch: Value = serde_json::from_slice(strip_mark(patch)).map_err(not_json)?;
        let current = document(&self.state, self.current_seq(id)?)?;
        let mut merged: Value = serde_json::from_slice(&current.json).map_err(not_json)?;
        if let Value::Object(members) = &mut merged {
            members.remove("provenance");
        }
        merge(&mut merged, patch);
        let prepared = self.prepare_feature_as(id, merged.to_string().as_bytes())?;
        let condition = Condition::Feature {
            id: id.to_owned(),
            expected: Expected::Version(current.seq),
        };
        Ok((prepared, condition))
    }
}

fn strip_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

fn not_json(error: serde_json::Error) -> Error {
    Error::invalid(
        InvalidCode::Json,
        "",
        format!("the text is not JSON: {error}"),
    )
}

/// RFC 7396, section 2. The depth is bounded by that of the parser, 128.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(members) = target {
        for (name, value) in patch {
            match value {
                Value::Null => {
                    members.remove(&name);
                }
                value => merge(members.entry(name).or_insert(Value::Null), value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_as_the_examples_of_rfc_7396() {
        // Appendix A.
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut value: Value = serde_json::from_str(target).unwrap();
            merge(&mut value, serde_json::from_str(patch).unwrap());
            let result: Value = serde_json::from_str(result).unwrap();
            assert_eq!(value, result, "{target} {patch}");
        }
    }
}
