//! Time-series points: from a client's text to batches of one series each.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::batch::{MAX_BATCH_POINTS, PointBatch};
use super::document::encode_document;
use super::id::check_series_id;
use super::json::{Json, Members, Source, at, shown, step};
use super::provenance::encode_provenance;
use super::time::{TimeReading, timestamp_from_json};
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Whether it was a single point rather than a list or columns.
    pub single: bool,
    /// The points in batches; of one series, in the order they came.
    pub batches: Vec<PointBatch>,
    /// Points in all batches.
    pub count: usize,
}

/// Reads points in one of three shapes. Linear in the text, about 0.25 us for
/// a point object and 0.1 us for a row of columns; one point object is a tree at a
/// time.
///
/// - One point: `{"series_id", "timestamp", "value", "metadata"?, "provenance"?}`.
/// - A list: `{"points": [one point, ...], "provenance"?}`; the provenance stands
///   for every point without one of its own.
/// - Columns of one series:
///   `{"series_id", "timestamps": [...], "values": [...], "provenance"?}`.
///
/// A timestamp is text as in [`super::parse_timestamp`] or an integer of
/// microseconds; a value is a number, kept as a double; metadata and provenance are
/// objects. Lists and columns may be empty. Successive points of a series that have
/// the same provenance share a batch, up to [`MAX_BATCH_POINTS`].
///
/// # Errors
/// [`Error::Invalid`] with a pointer from the top of the text to the offending
/// part; members that are not listed above are refused.
pub fn parse_points(text: &[u8], limits: &Limits) -> Result<Points> {
    parse_points_in(text, &TimeReading::default(), limits)
}

/// [`parse_points`], with timestamps read as `times` says.
///
/// # Errors
/// As [`parse_points`].
pub fn parse_points_in(text: &[u8], times: &TimeReading, limits: &Limits) -> Result<Points> {
    let source = Source::new(text)?;
    let members = source.members(
        "a point, {\"points\": [...]} or {\"series_id\", \"timestamps\": [...], \"values\": [...]}",
    )?;
    let mut batches = PointBatches::default();
    let mut single = false;
    if members.get("points").is_some() {
        list(&source, &members, times, limits, &mut batches)?;
    } else if members.get("timestamps").is_some() || members.get("values").is_some() {
        return columns(&source, &members, times, limits);
    } else {
        single = true;
        batches.push(Point::read(source.value()?, times)?, None, limits)?;
    }
    Ok(Points {
        single,
        batches: batches.batches,
        count: batches.count,
    })
}

fn list<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    times: &TimeReading,
    limits: &Limits,
    batches: &mut PointBatches,
) -> Result<()> {
    only(members, &["points", "provenance"], "a list of points")?;
    let provenance = provenance(source, members)?;
    let raw = need(members, "points")?;
    source
        .elements(raw.get(), |i, value| {
            Point::read(value, times)
                .and_then(|point| batches.push(point, provenance.as_deref(), limits))
                .map_err(|e| at(format_args!("/points/{i}"), e))
        })?
        .map(|_| ())
        .ok_or_else(|| refusal("/points", "expected an array of points"))
}

fn columns<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    times: &TimeReading,
    limits: &Limits,
) -> Result<Points> {
    let names = ["series_id", "timestamps", "values", "provenance"];
    only(members, &names, "columns of points")?;
    let provenance = provenance(source, members)?;
    let series = source.part(need(members, "series_id")?.get())?;
    let series = series_id(&series)?;
    check_series_id(series, "/series_id", limits)?;
    let timestamp = |value: &Json<'_>| timestamp_from_json(value, times);
    let timestamps = column(source, members, "timestamps", timestamp)?;
    let values = column(source, members, "values", point_value)?;
    if timestamps.len() != values.len() {
        return Err(refusal(
            "/values",
            format!(
                "found {} timestamps and {} values; expected as many of each",
                timestamps.len(),
                values.len()
            ),
        ));
    }
    let count = timestamps.len();
    let batch = PointBatch {
        series: series.to_owned(),
        timestamps,
        values,
        metadata: Vec::new(),
        provenance,
    };
    Ok(Points {
        single: false,
        batches: batch.split(),
        count,
    })
}

fn column<'a, T>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    name: &'static str,
    read: impl Fn(&Json<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let raw = need(members, name)?;
    let mut items = Vec::new();
    source
        .elements(raw.get(), |i, value| {
            items.push(read(&value).map_err(|e| at(format_args!("/{name}/{i}"), e))?);
            Ok(())
        })?
        .ok_or_else(|| refusal(format!("/{name}"), "expected an array"))?;
    Ok(items)
}

fn provenance<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
) -> Result<Option<Vec<u8>>> {
    members
        .get("provenance")
        .map(|raw| encode_provenance(&source.part(raw.get())?))
        .transpose()
}

fn need<'a, V: Copy>(members: &Members<'a, V>, name: &str) -> Result<V> {
    let found = members.get(name).copied();
    found.ok_or_else(|| refusal("", format!("the member {name:?} is missing; add it")))
}

fn only<V>(members: &Members<'_, V>, known: &[&str], what: &str) -> Result<()> {
    match members.iter().find(|(name, _)| !known.contains(name)) {
        None => Ok(()),
        Some((name, _)) => Err(unknown(name, known, what)),
    }
}

fn unknown(name: &str, known: &[&str], what: &str) -> Error {
    let detail = format!(
        "found the member {}; {what} takes {}",
        shown(name),
        known.join(", ")
    );
    refusal(step(name), detail)
}

fn series_id<'j>(value: &'j Json<'_>) -> Result<&'j str> {
    match value {
        Json::Str(id) => Ok(id),
        other => {
            let detail = format!("found {}; expected a string", other.kind());
            Err(Error::invalid(InvalidCode::Id, "/series_id", detail))
        }
    }
}

/// A number as the double that is stored: an integer that would be rounded is refused.
fn point_value(value: &Json<'_>) -> Result<f64> {
    match value {
        Json::U64(n) => unrounded(i128::from(*n)),
        Json::I64(n) => unrounded(i128::from(*n)),
        Json::F64(number) => Ok(*number),
        other => {
            let detail = format!("found {}; expected a number", other.kind());
            Err(Error::invalid(InvalidCode::Value, "", detail))
        }
    }
}

/// A number in text, in decimal digits with or without a fraction and an exponent.
///
/// # Errors
/// [`InvalidCode::Value`], pointing at the text itself, also for an integer that would be
/// rounded and for a number beyond a double.
pub(crate) fn point_value_from_text(text: &str) -> Result<f64> {
    if let Ok(integer) = text.parse() {
        return unrounded(integer);
    }
    // Not its words for infinity, nor for what is no number.
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let refusal = |detail| Err(Error::invalid(InvalidCode::Value, "", detail));
    match text.parse::<f64>() {
        Ok(number) if digits && number.is_finite() => Ok(number),
        Ok(_) if digits => refusal(format!(
            "found {}; expected a finite number, which a double holds",
            shown(text)
        )),
        _ => refusal(format!(
            "found {}; expected a number such as -3.5 or 1e-3",
            shown(text)
        )),
    }
}

/// An integer as the double that it is.
fn unrounded(integer: i128) -> Result<f64> {
    let double = integer as f64;
    if double as i128 == integer {
        return Ok(double);
    }
    let detail = format!(
        "found {integer}, an integer that a double does not hold; values are doubles, of which the \
         nearest is {double:.1}: send that, or {integer}.0 to have it rounded"
    );
    Err(Error::invalid(InvalidCode::Value, "", detail))
}

fn refusal(pointer: impl Into<String>, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Point, pointer, detail)
}

/// One point object.
struct Point<'a> {
    series: Cow<'a, str>,
    timestamp: i64,
    value: f64,
    metadata: Option<Vec<u8>>,
    provenance: Option<Vec<u8>>,
}

impl<'a> Point<'a> {
    fn read(value: Json<'a>, times: &TimeReading) -> Result<Self> {
        let Json::Obj(members) = value else {
            let detail = format!("found {}; expected a point object", value.kind());
            return Err(refusal("", detail));
        };
        let (mut series, mut timestamp, mut number) = (None, None, None);
        let (mut metadata, mut provenance) = (None, None);
        for (name, value) in members.into_vec() {
            match name.as_ref() {
                "series_id" => match value {
                    Json::Str(id) => series = Some(id),
                    other => {
                        series_id(&other)?;
                    }
                },
                "timestamp" => {
                    let read = timestamp_from_json(&value, times);
                    timestamp = Some(read.map_err(|e| at("/timestamp", e))?);
                }
                "value" => number = Some(point_value(&value).map_err(|e| at("/value", e))?),
                "metadata" => metadata = Some(encode_document(&value, "/metadata")?),
                "provenance" => provenance = Some(encode_provenance(&value)?),
                other => {
                    let known = ["series_id", "timestamp", "value", "metadata", "provenance"];
                    return Err(unknown(other, &known, "a point"));
                }
            }
        }
        let missing = |name| move || refusal("", format!("the member {name:?} is missing; add it"));
        Ok(Self {
            series: series.ok_or_else(missing("series_id"))?,
            timestamp: timestamp.ok_or_else(missing("timestamp"))?,
            value: number.ok_or_else(missing("value"))?,
            metadata,
            provenance,
        })
    }
}

/// Batches being filled, with points as they come.
#[derive(Debug, Default)]
pub(crate) struct PointBatches {
    batches: Vec<PointBatch>,
    /// The newest batch of each series, which is the only one that may grow: a
    /// later point in an older batch would overtake those between.
    newest: HashMap<String, usize>,
    /// The batch of the last point, which most often takes the next one too.
    last: Option<usize>,
    count: usize,
}

impl PointBatches {
    /// Adds the one point that a text is.
    ///
    /// # Errors
    /// As [`parse_points`].
    pub(crate) fn read(&mut self, text: &[u8], times: &TimeReading, limits: &Limits) -> Result<()> {
        let source = Source::new(text)?;
        self.push(Point::read(source.value()?, times)?, None, limits)
    }

    /// Adds a point without metadata and provenance.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the id of a series that is none.
    pub(crate) fn add(
        &mut self,
        series: &str,
        timestamp: i64,
        value: f64,
        limits: &Limits,
    ) -> Result<()> {
        let point = Point {
            series: series.into(),
            timestamp,
            value,
            metadata: None,
            provenance: None,
        };
        self.push(point, None, limits)
    }

    /// How many points there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The batches; of one series in the order in which its points came.
    pub(crate) fn into_batches(self) -> Vec<PointBatch> {
        self.batches
    }

    fn push(&mut self, point: Point<'_>, inherited: Option<&[u8]>, limits: &Limits) -> Result<()> {
        let provenance = point.provenance.as_deref().or(inherited);
        let newest = match self.last.filter(|&i| self.series(i) == Some(&point.series)) {
            Some(i) => Some(i),
            None => self.newest.get(point.series.as_ref()).copied(),
        };
        let open = newest.filter(|&i| {
            self.batches.get(i).is_some_and(|batch| {
                batch.timestamps.len() < MAX_BATCH_POINTS
                    && batch.provenance.as_deref() == provenance
            })
        });
        let i = match open {
            Some(i) => i,
            None => {
                if newest.is_none() {
                    check_series_id(&point.series, "/series_id", limits)?;
                }
                let i = self.batches.len();
                let series = point.series.into_owned();
                self.newest.insert(series.clone(), i);
                self.batches.push(PointBatch {
                    series,
                    timestamps: Vec::new(),
                    values: Vec::new(),
                    metadata: Vec::new(),
                    provenance: provenance.map(<[u8]>::to_vec),
                });
                i
            }
        };
        if let Some(batch) = self.batches.get_mut(i) {
            if point.metadata.is_some() && batch.metadata.is_empty() {
                batch.metadata.resize(batch.timestamps.len(), None);
            }
            if point.metadata.is_some() || !batch.metadata.is_empty() {
                batch.metadata.push(point.metadata);
            }
            batch.timestamps.push(point.timestamp);
            batch.values.push(point.value);
        }
        self.last = Some(i);
        self.count += 1;
        Ok(())
    }

    fn series(&self, i: usize) -> Option<&str> {
        self.batches.get(i).map(|batch| batch.series.as_str())
    }
}

#[cfg(test)]
mod tests;
