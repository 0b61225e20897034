//! Changing a part of a feature: JSON Merge Patch (RFC 7396).

use std::cell::Cell;

use crate::block::{Condition, Expected};
use crate::budget::Cancel;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::read::features::document;
use crate::types::{
    Antimeridian, Json, Members, Source, Stored, read_feature_as, warn_of_names, written_id,
};
use crate::write::prepare::PreparedFeatures;
use crate::write::versions::{StoredFeatures, surroundings};

impl Database {
    /// The feature `id` with a merge patch applied, and the condition that nobody
    /// writes it in between. Members that the patch gives as null are removed, others
    /// replaced, objects merged member by member; but a `geometry` is one value, which
    /// is replaced as a whole, also by null. The provenance of the version before is
    /// not taken over: that of a change is its own. A geometry that the patch leaves alone
    /// is not checked anew. May read the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a patch that is no JSON object and
    /// for one whose outcome is no feature of that id.
    pub fn prepare_patch(
        &self,
        id: &str,
        patch: &[u8],
        antimeridian: Antimeridian,
    ) -> Result<(PreparedFeatures, Condition)> {
        let room = self.room();
        let source = Source::of_features(patch)?.within(&room);
        let members = source.members("a JSON merge patch of a Feature (RFC 7396)")?;
        let number = members.get("id").map(|raw| raw.get());
        if members.get("formdb").is_some() {
            let detail = "a patch holds what changes, and \"formdb\" is none of the feature's own \
                          members; leave it out, or PUT the whole document";
            return Err(Error::invalid(InvalidCode::Feature, "/formdb", detail));
        }
        let patch = source.value()?;
        // What it does not touch was accepted before, by whatever rules there were.
        let touched = ["geometry", "bbox", "crs"]
            .iter()
            .any(|name| members.get(name).is_some());
        let antimeridian = touched.then_some(antimeridian);
        let current = document(&self.state, self.current_seq(id)?)?;
        let stored = self.room();
        let mut feature = Source::of_features(&current.json)?
            .within(&stored)
            .value()?;
        if let Json::Obj(members) = &mut feature {
            members.remove("provenance");
            members.remove("formdb");
        }
        let number = match number {
            Some(number) => Some(number),
            None => written_id(&current.json)?,
        };
        let patched = patched(feature, patch);
        let limits = &self.state.limits;
        let budget = self.budget(Cancel::default());
        let others = Cell::new(surroundings(&self.state));
        let stored = StoredFeatures::new(&self.state, &budget, &others);
        // What is stored was looked at as it came.
        let beside = antimeridian.is_some().then_some(&stored as &dyn Stored);
        let read = read_feature_as(patched, number, id, antimeridian, limits, beside)?;
        let (feature, mut warnings) = read;
        warn_of_names(&members, "is stored as one", &mut warnings);
        let prepared = PreparedFeatures::of_one((feature, warnings))?;
        let condition = Condition::Feature {
            id: id.to_owned(),
            expected: Expected::Version(current.seq),
        };
        Ok((prepared, condition))
    }
}

/// A feature with a patch applied. The members of a geometry mean something together
/// only: merging two of them would make one that nobody sent.
fn patched<'a>(feature: Json<'a>, patch: Json<'a>) -> Json<'a> {
    let Json::Obj(mut patch) = patch else {
        return patch;
    };
    let geometry = patch.remove("geometry");
    let mut feature = merge(feature, Json::Obj(patch));
    if let (Json::Obj(members), Some(geometry)) = (&mut feature, geometry) {
        members.insert("geometry", geometry);
    }
    feature
}

/// RFC 7396, section 2. The depth is bounded by that of the parser, 128; linear in both.
fn merge<'a>(target: Json<'a>, patch: Json<'a>) -> Json<'a> {
    let Json::Obj(patch) = patch else {
        return patch;
    };
    let members = match target {
        Json::Obj(members) => members,
        _ => Members::default(),
    };
    Json::Obj(members.merge(patch, |before, value| match value {
        Json::Null => None,
        value => Some(merge(before.unwrap_or(Json::Null), value)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'_> {
        Source::new(text.as_bytes()).unwrap().value().unwrap()
    }

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
            let merged = merge(json(target), json(patch));
            assert_eq!(merged, json(result), "{target} {patch}");
        }
    }

    #[test]
    fn a_geometry_is_one_value() {
        let feature = r#"{"geometry":{"type":"Point","coordinates":[1,2],"x":1},"properties":{"geometry":{"a":1}}}"#;
        for (patch, result) in [
            (
                r#"{"geometry":{"type":"GeometryCollection","geometries":null}}"#,
                r#"{"geometry":{"type":"GeometryCollection","geometries":null},"properties":{"geometry":{"a":1}}}"#,
            ),
            (
                r#"{"geometry":null}"#,
                r#"{"geometry":null,"properties":{"geometry":{"a":1}}}"#,
            ),
            (
                r#"{"properties":{"geometry":{"b":2}}}"#,
                r#"{"geometry":{"type":"Point","coordinates":[1,2],"x":1},"properties":{"geometry":{"a":1,"b":2}}}"#,
            ),
        ] {
            assert_eq!(patched(json(feature), json(patch)), json(result));
        }
    }
}
