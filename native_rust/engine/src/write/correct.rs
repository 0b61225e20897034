//! Correcting points: one by its id, or all of a range, each as one transaction of a
//! deletion and what comes in its place.

use crate::block::{Condition, Operation, SetDefaults, put_points, readable};
use crate::db::database::Database;
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::types::{
    Correction, Defaults, DeletePoints, FIRST_TIMESTAMP, Json, LAST_TIMESTAMP, OnDuplicate,
    PointBatch, PointSpan, Room, Source, TimeReading, Warnings, Which, check_id, check_range,
    parse_correction, parse_points_of,
};
use crate::write::prepare::{point_operations, set_on_duplicate};

/// Points ready to be corrected, all or none.
#[derive(Debug, Clone)]
pub struct PreparedCorrection {
    /// The deletion first.
    pub operations: Vec<Operation>,
    /// What must hold when they are committed.
    pub conditions: Vec<Condition>,
    /// Points that are put.
    pub count: usize,
    /// What is to be told of those.
    pub warnings: Warnings,
}

impl Database {
    /// The deletion of the one point `id` of a series, such as `pt_17_0`, which must be
    /// there when it is committed. `provenance` is a CBOR map. Reads the block that wrote it.
    fn deletion(
        &self,
        series: &str,
        id: &str,
        provenance: Option<Vec<u8>>,
    ) -> Result<(DeletePoints, Condition)> {
        check_id(series, "/series_id", &self.state.limits)?;
        let Some((source, timestamp)) = self.written_point(series, id)? else {
            return Err(Error::NotFound {
                entity: Entity::Point,
                id: id.to_owned(),
            });
        };
        let (block, place) = (source.seq, source.index);
        let span = PointSpan {
            series: series.to_owned(),
            start: timestamp,
            // Stored timestamps end far before the greatest integer.
            end: timestamp.saturating_add(1),
            which: Which::One { block, place },
        };
        let condition = Condition::HasPoint {
            id: series.to_owned(),
            timestamp,
            block,
            place,
        };
        Ok((DeletePoints::new(span, provenance), condition))
    }

    /// The deletion of the point `id` of a series, such as `pt_17_0`, and that it must be
    /// there when it is committed. `provenance` is the text of a JSON object. Reads the
    /// block that wrote it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a point that never was; [`Error::Invalid`] for a bad id or
    /// provenance; those of reading the journal.
    pub fn prepare_delete_point(
        &self,
        series: &str,
        id: &str,
        provenance: Option<&[u8]>,
    ) -> Result<PreparedCorrection> {
        let provenance = super::prepare::optional_provenance(provenance)?;
        let (delete, condition) = self.deletion(series, id, provenance)?;
        Ok(PreparedCorrection {
            operations: vec![readable(Operation::DeletePoints(delete))?],
            conditions: vec![condition],
            count: 0,
            warnings: Warnings::default(),
        })
    }

    /// As [`Self::prepare_delete_point`], and another in its place: the text is
    /// `{"value", "timestamp"?, "metadata"?, "provenance"?}`; without a timestamp it has the
    /// one of the point in whose place it comes.
    ///
    /// # Errors
    /// As [`Self::prepare_delete_point`]; [`Error::Invalid`] with a pointer into the text.
    pub fn prepare_put_point(
        &self,
        series: &str,
        id: &str,
        text: &[u8],
        times: &TimeReading,
        on_duplicate: Option<OnDuplicate>,
    ) -> Result<PreparedCorrection> {
        let correction = parse_correction(text, times, &self.room())?;
        self.correction(series, id, correction, on_duplicate)
    }

    pub(super) fn correction(
        &self,
        series: &str,
        id: &str,
        correction: Correction,
        on_duplicate: Option<OnDuplicate>,
    ) -> Result<PreparedCorrection> {
        let warnings = correction.warnings(&self.state.limits);
        let Correction {
            value,
            timestamp,
            metadata,
            provenance,
            ..
        } = correction;
        let (delete, condition) = self.deletion(series, id, provenance.clone())?;
        let batch = PointBatch {
            series: series.to_owned(),
            timestamps: vec![timestamp.unwrap_or(delete.span.start)],
            values: vec![value],
            metadata: Vec::from_iter(metadata.map(Some)),
            provenance,
        };
        let mut operations = vec![
            readable(Operation::DeletePoints(delete))?,
            readable(put_points(batch))?,
        ];
        set_on_duplicate(&mut operations, on_duplicate);
        Ok(PreparedCorrection {
            operations,
            conditions: vec![condition],
            count: 1,
            warnings,
        })
    }

    /// The deletion of all points of a series in `[start, end)`, microseconds, and others
    /// in their place: the text is a list or columns as in [`Self::prepare_points`], in
    /// which the id of the series may be left out. Linear in the text.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer into the text, also for a point that does not lie in
    /// the range.
    pub fn prepare_replace_range(
        &self,
        series: &str,
        (start, end): (i64, i64),
        text: &[u8],
        times: &TimeReading,
        on_duplicate: Option<OnDuplicate>,
    ) -> Result<PreparedCorrection> {
        let limits = &self.state.limits;
        check_id(series, "/series_id", limits)?;
        check_range(start, end)?;
        let points = parse_points_of(text, series, times, limits, &self.room())?;
        for (batch, places) in points.batches.iter().zip(&points.pointers) {
            let outside = |timestamp: &i64| !(start..end).contains(timestamp);
            if let Some(place) = batch.timestamps.iter().position(outside) {
                let detail = "the point does not lie in the range that is replaced; leave it out, or \
                              widen start and end";
                let pointer = places.of(place);
                return Err(Error::invalid(InvalidCode::Timestamp, pointer, detail));
            }
        }
        let start = start.max(FIRST_TIMESTAMP);
        let span = PointSpan::all(series.to_owned(), start, end.min(LAST_TIMESTAMP + 1));
        let (count, warnings) = (points.count, points.warnings.clone());
        let delete = DeletePoints::new(span, points.provenance.clone());
        let mut operations = vec![readable(Operation::DeletePoints(delete))?];
        operations.extend(point_operations(points)?);
        set_on_duplicate(&mut operations, on_duplicate);
        Ok(PreparedCorrection {
            operations,
            conditions: Vec::new(),
            count,
            warnings,
        })
    }

    /// New defaults: the text is `{"on_duplicate", "provenance"?}`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer into the text.
    pub fn prepare_defaults(&self, text: &[u8]) -> Result<Operation> {
        let source = Source::new(text)?;
        let members =
            source.members("an object of defaults, such as {\"on_duplicate\": \"replace\"}")?;
        let refusal = |pointer: String, detail: String| {
            Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
        };
        let known = ["on_duplicate", "provenance"];
        if let Some((name, _)) = members.iter().find(|(name, _)| !known.contains(name)) {
            let detail = format!(
                "found the member {name:?}; those taken are {}",
                known.join(", ")
            );
            return refusal(String::new(), detail);
        }
        let Some(raw) = members.get("on_duplicate") else {
            let detail = "the member \"on_duplicate\" is missing; add it".to_owned();
            return refusal(String::new(), detail);
        };
        let on_duplicate = match source.part(raw.get())? {
            Json::Str(text) => text.parse()?,
            other => {
                let detail = format!("found {}; expected text", other.kind());
                return refusal("/on_duplicate".to_owned(), detail);
            }
        };
        let provenance = members.get("provenance").map(|raw| raw.get());
        let provenance = provenance.filter(|text| *text != "null").map(str::as_bytes);
        let provenance = super::prepare::optional_provenance(provenance)?;
        let defaults = Defaults { on_duplicate };
        readable(Operation::SetDefaults(SetDefaults::new(
            defaults, provenance,
        )))
    }

    /// What holds for requests that do not say otherwise, as of a sequence.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sequence that the journal has not reached.
    pub fn defaults(&self, as_of: Option<u64>) -> Result<Defaults> {
        let at = self.state.at(as_of)?;
        Ok(self.state.indexes.defaults.read().at(at))
    }
}

/// The members of an operation that corrects a point, but for those that name it.
pub(super) fn of_members(
    member: impl Fn(&str) -> Option<String>,
    times: &TimeReading,
    room: &Room,
) -> Result<Correction> {
    let parts = ["value", "timestamp", "metadata", "provenance"].map(|name| (name, member(name)));
    let given = parts
        .iter()
        .filter_map(|(name, text)| Some((name, text.as_ref()?)));
    let members: Vec<String> = given
        .map(|(name, text)| format!("\"{name}\":{text}"))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    parse_correction(text.as_bytes(), times, room)
}
