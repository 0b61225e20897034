//! The operations of a transaction as a client writes them.

use crate::block::{Operation, readable};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::sessions::{Additions, Undoing};
use crate::types::{
    Faults, Json, OnDuplicate, Rejected, Source, TimeReading, Warnings, at, attributes_operation,
    id_text, may_name_version, parse_provenance, timestamp_from_json,
};
use crate::write::correct;
use crate::write::prepare::Puts;
use crate::write::undo::Undo;

/// The operations of one call.
#[derive(Debug, Clone, Default)]
pub struct PreparedOperations {
    /// In the order in which they are carried out.
    pub operations: Vec<Operation>,
    /// The ids of the features that are put, in order.
    pub feature_ids: Vec<String>,
    /// Features that were left out because of their faults, if that was asked for: the
    /// number of the operation, and the feature.
    pub rejected: Vec<(usize, Rejected)>,
    /// What is to be told of what they write.
    pub warnings: Warnings,
    /// Those of them that undo blocks.
    undoing: Vec<Undoing>,
    /// Whether an operation was left out because the journal was not to be read.
    left: bool,
}

impl From<PreparedOperations> for Additions {
    fn from(prepared: PreparedOperations) -> Self {
        Self {
            operations: prepared.operations,
            undoing: prepared.undoing,
        }
    }
}

/// For operations that read the journal.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'b> {
    /// The sequence as of which blocks are undone, by default the last one.
    pub at: Option<u64>,
    /// What that may spend.
    pub budget: &'b Budget,
}

impl Database {
    /// Parse `{"operations": [...]}`, each one of
    ///
    /// - `{"op": "put_feature", "feature": Feature, FeatureCollection or geometry,
    ///   "on_duplicate"?, "on_error"?, "antimeridian"?}`
    /// - `{"op": "delete_feature", "id": text or number, "provenance"?}`
    /// - `{"op": "put_points", "points": one of the shapes of points, "on_duplicate"?}`
    /// - `{"op": "delete_point", "series_id": text, "point_id": text, "provenance"?}`
    /// - `{"op": "put_point", "series_id": text, "point_id": text, "value", "timestamp"?,
    ///   "metadata"?, "provenance"?, "on_duplicate"?}`
    /// - `{"op": "delete_points", "series_id": text, "start"?, "end"?, "provenance"?}`
    /// - `{"op": "set_attributes", "series_id": text, "attributes": object, or null, which
    ///   deletes them, "provenance"?}`
    /// - `{"op": "revert", "partial"?, ...}`, with what [`Undo::parse`] takes
    /// - `{"op": "restore", "block": sequence, "provenance"?}`, as
    ///   [`Database::prepare_restore`]
    ///
    /// Operations are carried out in this order, so the same feature may be put by
    /// several of them; within one FeatureCollection that has to be asked for
    /// ([`crate::Duplicates`]). Times are text, or integers of microseconds. Linear in the
    /// text.
    ///
    /// # Errors
    /// [`Error::Faults`], all that is wrong, with JSON pointers to the offending parts.
    pub fn prepare_operations(&self, text: &[u8]) -> Result<PreparedOperations> {
        let budget = &self.budget(Cancel::default());
        let reading = Reading { at: None, budget };
        let prepared = self.prepare_operations_in(text, &TimeReading::default(), Some(reading))?;
        Ok(prepared.unwrap_or_default())
    }

    /// [`Self::prepare_operations`], with times read as `times` says. `None` if
    /// one of them reads the journal, and it is not to be read.
    ///
    /// # Errors
    /// As [`Self::prepare_operations`].
    pub fn prepare_operations_in(
        &self,
        text: &[u8],
        times: &TimeReading,
        reading: Option<Reading<'_>>,
    ) -> Result<Option<PreparedOperations>> {
        let source = Source::new(text)?;
        let members = source.members("{\"operations\": [...]}")?;
        let list = members.get("operations").ok_or_else(|| {
            refusal(
                "",
                "the member \"operations\" is missing; add it, a list of operations",
            )
        })?;
        let mut prepared = PreparedOperations {
            warnings: Warnings::new(self.state.limits.faults),
            ..PreparedOperations::default()
        };
        let mut faults = Faults::new(self.state.limits.faults);
        let parts = source.parts(list.get()).map_err(|e| at("/operations", e))?;
        for (i, part) in parts.iter().enumerate() {
            faults.within(
                || format!("/operations/{i}"),
                |faults| {
                    faults.take(self.prepare_operation(i, part, (times, reading), &mut prepared))
                },
            );
            if prepared.left {
                return Ok(None);
            }
        }
        faults.into_result()?;
        Ok(Some(prepared))
    }

    fn prepare_operation(
        &self,
        number: usize,
        part: &str,
        (times, reading): (&TimeReading, Option<Reading<'_>>),
        prepared: &mut PreparedOperations,
    ) -> Result<()> {
        let PreparedOperations {
            operations,
            feature_ids,
            rejected,
            warnings,
            undoing,
            left,
        } = prepared;
        let source = Source::of_features(part.as_bytes())?;
        let members = source.members("an operation with the member \"op\"")?;
        let text = |name: &str| -> Result<Option<String>> {
            match members.get(name) {
                None => Ok(None),
                Some(raw) if raw.get() == "null" => Ok(None),
                Some(raw) => source
                    .part(raw.get())?
                    .into_text(&format!("/{name}"))
                    .map(Some),
            }
        };
        let need = |name: &str| refusal("", &format!("the member {name:?} is missing; add it"));
        let provenance = members.get("provenance").map(|raw| raw.get());
        let provenance = provenance.filter(|text| *text != "null").map(str::as_bytes);
        let op = text("op")?.ok_or_else(|| need("op"))?;
        match op.as_str() {
            "put_feature" => {
                let raw = members.get("feature").ok_or_else(|| need("feature"))?;
                if reading.is_none() && may_name_version(raw.get().as_bytes()) {
                    *left = true;
                    return Ok(());
                }
                let mut puts = Puts::default();
                if let Some(text) = text("on_duplicate")? {
                    puts.duplicates = text.parse()?;
                }
                if let Some(text) = text("antimeridian")? {
                    puts.antimeridian = text.parse()?;
                }
                if let Some(text) = text("on_error")? {
                    puts.skip = skips(&text)?;
                }
                let text = raw.get().as_bytes();
                let prepared = match reading {
                    Some(Reading { budget, .. }) => self.features_within(text, puts, budget),
                    None => self.prepare_features_with(text, puts),
                };
                let prepared = prepared.map_err(|e| e.within("/feature"))?;
                operations.extend(prepared.operations);
                feature_ids.extend(prepared.ids);
                let pointer = format!("/operations/{number}/feature");
                warnings.append(prepared.warnings, &pointer);
                rejected.extend(prepared.rejected.into_iter().map(|mut rejected| {
                    for fault in &mut rejected.faults {
                        fault.pointer.insert_str(0, &pointer);
                    }
                    (number, rejected)
                }));
            }
            "delete_feature" => {
                let raw = members.get("id").ok_or_else(|| need("id"))?.get();
                let id = id_text(&source.part(raw)?, Some(raw), &self.state.limits)?;
                operations.push(self.prepare_delete_feature(&id, provenance)?);
            }
            "put_points" => {
                let raw = members.get("points").ok_or_else(|| need("points"))?;
                let asked = on_duplicate(text("on_duplicate")?)?;
                let prepared = self
                    .prepare_points_in(raw.get().as_bytes(), times)
                    .map_err(|e| e.within("/points"))?
                    .on_duplicate(asked);
                let pointer = format!("/operations/{number}/points");
                warnings.append(prepared.warnings, &pointer);
                operations.extend(prepared.operations.into_iter().map(|mut operation| {
                    if let Operation::PutPoints { duplicates, .. } = &mut operation {
                        let pointers = std::mem::take(&mut duplicates.pointers);
                        duplicates.pointers = pointers.within(&pointer);
                    }
                    operation
                }));
            }
            "delete_point" | "put_point" if reading.is_none() => *left = true,
            "delete_point" => {
                let series = text("series_id")?.ok_or_else(|| need("series_id"))?;
                let id = text("point_id")?.ok_or_else(|| need("point_id"))?;
                let prepared = self.prepare_delete_point(&series, &id, provenance)?;
                operations.extend(prepared.operations);
            }
            "put_point" => {
                let series = text("series_id")?.ok_or_else(|| need("series_id"))?;
                let id = text("point_id")?.ok_or_else(|| need("point_id"))?;
                let asked = on_duplicate(text("on_duplicate")?)?;
                let member = |name: &str| members.get(name).map(|raw| raw.get().to_owned());
                let correction = correct::of_members(member, times, &self.room())?;
                let prepared = self.correction(&series, &id, correction, asked)?;
                warnings.append(prepared.warnings, &format!("/operations/{number}"));
                operations.extend(prepared.operations);
            }
            "delete_points" => {
                let series = text("series_id")?.ok_or_else(|| need("series_id"))?;
                let time = |name: &str, open: i64| match members.get(name) {
                    None => Ok(open),
                    Some(raw) => timestamp_from_json(&source.part(raw.get())?, times)
                        .map_err(|e| at(format_args!("/{name}"), e)),
                };
                let (start, end) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
                operations.push(self.prepare_delete_points(&series, start, end, provenance)?);
            }
            "set_attributes" => {
                let series = text("series_id")?.ok_or_else(|| need("series_id"))?;
                let raw = members
                    .get("attributes")
                    .ok_or_else(|| need("attributes"))?;
                let attributes = source.part(raw.get())?;
                let provenance = provenance.map(parse_provenance).transpose()?;
                let limits = &self.state.limits;
                let set = attributes_operation(&series, &attributes, provenance, limits)?;
                operations.push(readable(Operation::SetAttributes(set))?);
            }
            "revert" | "restore" if reading.is_none() => *left = true,
            "revert" => {
                let partial = match members.get("partial") {
                    Some(raw) => flag(&source.part(raw.get())?, "/partial")?,
                    None => false,
                };
                let undo = Undo::of_members(&source, &members, partial, &["op", "partial"])?;
                let Some(Reading { at, budget }) = reading else {
                    return Ok(());
                };
                let prepared = self.prepare_undo(&undo, at, budget)?;
                let first = operations.len();
                operations.extend(prepared.operations);
                undoing.push(Undoing {
                    operations: first..operations.len(),
                    conditions: prepared.conditions,
                });
            }
            "restore" => {
                let raw = members.get("block").ok_or_else(|| need("block"))?.get();
                let Json::U64(block) = source.part(raw)? else {
                    let detail = format!("found {}; expected the sequence of a block", Shown(raw));
                    return Err(refusal("/block", &detail));
                };
                let prepared = self.prepare_restore(block, provenance)?;
                operations.extend(prepared.operations);
                feature_ids.extend(prepared.ids);
            }
            other => {
                let detail = format!(
                    "the op is {}; expected put_feature, delete_feature, put_points, \
                     delete_points, delete_point, put_point, set_attributes, revert or restore",
                    Shown(other)
                );
                return Err(refusal("/op", &detail));
            }
        }
        Ok(())
    }
}

fn on_duplicate(text: Option<String>) -> Result<Option<OnDuplicate>> {
    text.map(|text| text.parse()).transpose()
}

/// Whether faulty features are to be left out.
fn skips(text: &str) -> Result<bool> {
    match text {
        "refuse" => Ok(false),
        "skip" => Ok(true),
        other => {
            let detail = format!("found {other:?}; expected refuse or skip");
            Err(refusal("/on_error", &detail))
        }
    }
}

fn flag(value: &Json<'_>, pointer: &str) -> Result<bool> {
    match value {
        Json::Bool(flag) => Ok(*flag),
        other => {
            let detail = format!("found {}; expected true or false", other.kind());
            Err(refusal(pointer, &detail))
        }
    }
}

fn refusal(pointer: &str, detail: &str) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}
