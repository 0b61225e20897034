//! The operations of a transaction as a client writes them.

use crate::database::Database;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::model::{Source, at, id_text, parse_timestamp};
use crate::operation::Operation;
use crate::prepare::Duplicates;

impl Database {
    /// Parse `{"operations": [...]}`, each one of
    ///
    /// - `{"op": "put_feature", "feature": Feature or FeatureCollection, "on_duplicate"?}`
    /// - `{"op": "delete_feature", "id": text or number, "provenance"?}`
    /// - `{"op": "put_points", "points": one of the shapes of points}`
    /// - `{"op": "delete_points", "series_id": text, "start"?, "end"?, "provenance"?}`
    ///
    /// Operations are carried out in this order, so the same feature may be put by
    /// several of them; within one FeatureCollection that has to be asked for
    /// ([`Duplicates`]).
    ///
    /// Returns the operations and the ids of the features that are put, in order.
    /// Linear in the text.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a JSON pointer to the offending part.
    pub fn prepare_operations(&self, text: &[u8]) -> Result<(Vec<Operation>, Vec<String>)> {
        let source = Source::new(text)?;
        let members = source.members("{\"operations\": [...]}")?;
        let list = members.get("operations").ok_or_else(|| {
            refusal(
                "",
                "the member \"operations\" is missing; add it, a list of operations",
            )
        })?;
        let mut operations = Vec::new();
        let mut ids = Vec::new();
        let parts = source.parts(list.get()).map_err(|e| at("/operations", e))?;
        for (i, part) in parts.iter().enumerate() {
            let pointer = format!("/operations/{i}");
            self.prepare_operation(part, &mut operations, &mut ids)
                .map_err(|e| at(&pointer, e))?;
        }
        Ok((operations, ids))
    }

    fn prepare_operation(
        &self,
        part: &str,
        operations: &mut Vec<Operation>,
        ids: &mut Vec<String>,
    ) -> Result<()> {
        let source = Source::new(part.as_bytes())?;
        let members = source.members("an operation with the member \"op\"")?;
        let text = |name: &str| -> Result<Option<String>> {
            match members.get(name) {
                None => Ok(None),
                Some(raw) => source
                    .part(raw.get())?
                    .into_text(&format!("/{name}"))
                    .map(Some),
            }
        };
        let need = |name: &str| refusal("", &format!("the member {name:?} is missing; add it"));
        let provenance = members.get("provenance").map(|raw| raw.get().as_bytes());
        let op = text("op")?.ok_or_else(|| need("op"))?;
        match op.as_str() {
            "put_feature" => {
                let raw = members.get("feature").ok_or_else(|| need("feature"))?;
                let duplicates = match text("on_duplicate")? {
                    Some(text) => text.parse()?,
                    None => Duplicates::Refuse,
                };
                let prepared = self
                    .prepare_features_with(raw.get().as_bytes(), duplicates)
                    .map_err(|e| at("/feature", e))?;
                operations.extend(prepared.operations);
                ids.extend(prepared.ids);
            }
            "delete_feature" => {
                let raw = members.get("id").ok_or_else(|| need("id"))?.get();
                let id = id_text(&source.part(raw)?, Some(raw), &self.state.limits)?;
                operations.push(self.prepare_delete_feature(&id, provenance)?);
            }
            "put_points" => {
                let raw = members.get("points").ok_or_else(|| need("points"))?;
                let prepared = self
                    .prepare_points(raw.get().as_bytes())
                    .map_err(|e| at("/points", e))?;
                operations.extend(prepared.operations);
            }
            "delete_points" => {
                let series = text("series_id")?.ok_or_else(|| need("series_id"))?;
                let time = |name: &str, open: i64| match text(name)? {
                    None => Ok(open),
                    Some(text) => parse_timestamp(&text).ok_or_else(|| {
                        let detail =
                            format!("{text:?} is not a timestamp; give ISO 8601 with an offset");
                        Error::invalid(InvalidCode::Timestamp, format!("/{name}"), detail)
                    }),
                };
                let (start, end) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
                operations.push(self.prepare_delete_points(&series, start, end, provenance)?);
            }
            other => {
                let detail = format!(
                    "the op is {}; expected put_feature, delete_feature, put_points or delete_points",
                    Shown(other)
                );
                return Err(refusal("/op", &detail));
            }
        }
        Ok(())
    }
}

fn refusal(pointer: &str, detail: &str) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}
