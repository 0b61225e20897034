//! Time-series points: from a client's text to batches of one series each.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::batch::{MAX_BATCH_POINTS, PointBatch};
use super::document::encode_document;
use super::id::check_series_id;
use super::json::{Json, Members, NumberFault, Room, Source, at, number_fault, shown, step};
use super::provenance::encode_provenance;
use super::time::{TimeReading, timestamp_from_json};
use super::unlikely_time::{UNLIKELY_TIME, doubt_of_json};
use super::warnings::Warnings;
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Whether it was a single point rather than a list or columns.
    pub single: bool,
    /// The points in batches; of one series, in the order they came.
    pub batches: Vec<PointBatch>,
    /// For each batch, where its points stand in the text.
    pub pointers: Vec<Pointers>,
    /// Points in all batches.
    pub count: usize,
    /// Of a list or of columns: what stands for every point without one of its own.
    pub provenance: Option<Vec<u8>>,
    /// Of times that are unlikely.
    pub warnings: Warnings,
}

/// What comes in place of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// Its value.
    pub value: f64,
    /// Its timestamp, unless it is that of the point.
    pub timestamp: Option<i64>,
    /// A CBOR map.
    pub metadata: Option<Vec<u8>>,
    /// A CBOR map.
    pub provenance: Option<Vec<u8>>,
    /// Why its timestamp is unlikely.
    pub doubt: Option<String>,
}

impl Correction {
    /// What is to be told of it.
    #[must_use]
    pub fn warnings(&self, limits: &Limits) -> Warnings {
        let mut warnings = Warnings::new(limits.faults);
        if let Some(doubt) = &self.doubt {
            warnings.add(UNLIKELY_TIME, || "/timestamp".to_owned(), || doubt.clone());
        }
        warnings
    }
}

/// What the text says is to come in place of a point:
/// `{"value", "timestamp"?, "metadata"?, "provenance"?}`, as in [`parse_points`].
///
/// # Errors
/// As [`parse_points`].
pub fn parse_correction(text: &[u8], times: &TimeReading, room: &Room) -> Result<Correction> {
    let source = Source::new(text)?.within(room);
    let mut point = Parts::default();
    let known = ["value", "timestamp", "metadata", "provenance"];
    let Json::Obj(members) = source.value()? else {
        return Err(refusal("", "expected an object with a value"));
    };
    for (name, value) in members.into_vec() {
        if !known.contains(&name.as_ref()) {
            return Err(unknown(&name, &known, "a correction"));
        }
        point.take(&name, value, times)?;
    }
    let missing = || refusal("", "the member \"value\" is missing; add it");
    Ok(Correction {
        value: point.value.ok_or_else(missing)?,
        timestamp: point.timestamp,
        metadata: point.metadata,
        provenance: point.provenance,
        doubt: point.doubt,
    })
}

/// The id of the point that stands at a place among those that a block wrote.
#[must_use]
pub fn point_id(block: u64, place: u32) -> String {
    format!("pt_{block}_{place}")
}

/// The block and the place that a point's id names.
///
/// # Errors
/// [`InvalidCode::Id`] for what is no id of a point.
pub fn parse_point_id(id: &str) -> Result<(u64, u32)> {
    let numbers = id.strip_prefix("pt_").and_then(|rest| rest.split_once('_'));
    let parsed =
        numbers.and_then(|(block, place)| Some((block.parse().ok()?, place.parse().ok()?)));
    // One spelling alone: no sign and no zeros in front.
    match parsed {
        Some((block, place)) if block > 0 && point_id(block, place) == id => Ok((block, place)),
        _ => {
            let detail = format!(
                "found {}; expected the id of a point, such as pt_17_0",
                shown(id)
            );
            Err(Error::invalid(InvalidCode::Id, "/point_id", detail))
        }
    }
}

/// Where the points of a batch stand in the request that they came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// Where the points stand that the places are among.
    within: String,
    places: Places,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Places {
    #[default]
    Unknown,
    /// It is the one point.
    One,
    /// These of a list.
    List(Vec<u32>),
    /// Those of columns from this one on.
    Columns(usize),
}

impl Pointers {
    /// JSON pointer to the point at a place of the batch; empty where that is not known.
    #[must_use]
    pub fn of(&self, place: usize) -> String {
        let within = &self.within;
        match &self.places {
            Places::Unknown => within.clone(),
            Places::One => format!("{within}/timestamp"),
            Places::List(list) => match list.get(place) {
                Some(place) => format!("{within}/points/{place}/timestamp"),
                None => within.clone(),
            },
            Places::Columns(first) => format!("{within}/timestamps/{}", first + place),
        }
    }

    /// The same points, where what they came in stands within a larger whole.
    #[must_use]
    pub fn within(mut self, pointer: &str) -> Self {
        self.within = format!("{pointer}{}", self.within);
        self
    }

    /// For batches that columns were split into.
    pub(crate) fn of_columns(batches: &[PointBatch]) -> Vec<Self> {
        let mut first = 0;
        let pointers = batches.iter().map(|batch| {
            let places = Places::Columns(first);
            first += batch.timestamps.len();
            Self {
                within: String::new(),
                places,
            }
        });
        pointers.collect()
    }

    /// Bytes of memory behind its pointers.
    pub(crate) fn memory(&self) -> usize {
        let places = match &self.places {
            Places::List(list) => size_of::<u32>() * list.capacity(),
            _ => 0,
        };
        self.within.capacity() + places
    }
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
    let times = TimeReading::default();
    let series = None;
    parse(
        Source::new(text)?,
        &Form {
            times: &times,
            series,
        },
        limits,
    )
}

/// [`parse_points`], with timestamps read as `times` says, in memory that is counted.
///
/// # Errors
/// As [`parse_points`]; [`Error::MemoryFull`].
pub fn parse_points_in(
    text: &[u8],
    times: &TimeReading,
    limits: &Limits,
    room: &Room,
) -> Result<Points> {
    let series = None;
    parse(
        Source::new(text)?.within(room),
        &Form { times, series },
        limits,
    )
}

/// Reads a list or columns of points of one series, in which its id may be left out.
///
/// # Errors
/// As [`parse_points_in`]; [`Error::Invalid`] for a point of another series, and for one that
/// is not in a list.
pub fn parse_points_of(
    text: &[u8],
    series: &str,
    times: &TimeReading,
    limits: &Limits,
    room: &Room,
) -> Result<Points> {
    let series = Some(series);
    let source = Source::new(text)?.within(room);
    let points = parse(source, &Form { times, series }, limits)?;
    if points.single {
        let detail = "found one point; expected {\"points\": [...]} or {\"timestamps\": [...], \"values\": [...]}";
        return Err(refusal("", detail));
    }
    Ok(points)
}

/// How points are written in a text.
struct Form<'f> {
    times: &'f TimeReading,
    /// The series that all are of, where that is known.
    series: Option<&'f str>,
}

impl Form<'_> {
    /// Refuse a point of another series than the one that all are of.
    fn check(&self, series: &str) -> Result<()> {
        match self.series {
            Some(all) if all != series => {
                let detail = format!(
                    "found the series {}; expected {}, or none",
                    shown(series),
                    shown(all)
                );
                Err(Error::invalid(InvalidCode::Id, "/series_id", detail))
            }
            _ => Ok(()),
        }
    }
}

fn parse(source: Source<'_>, form: &Form<'_>, limits: &Limits) -> Result<Points> {
    let members = source.members(
        "a point, {\"points\": [...]} or {\"series_id\", \"timestamps\": [...], \"values\": [...]}",
    )?;
    let mut batches = PointBatches::default();
    let (mut single, mut provenance) = (false, None);
    let mut warnings = Warnings::new(limits.faults);
    if members.get("points").is_some() {
        let into = (&mut batches, &mut warnings);
        provenance = list(&source, &members, form, limits, into)?;
    } else if members.get("timestamps").is_some() || members.get("values").is_some() {
        return columns(&source, &members, form, limits);
    } else {
        single = true;
        let point = Point::read(source.value()?, form)?;
        point.warn(&mut warnings, String::new);
        batches.push(point, None, limits)?;
    }
    let pointers = match single {
        true => vec![Places::One],
        false => batches.places.into_iter().map(Places::List).collect(),
    };
    let pointers = pointers.into_iter().map(|places| Pointers {
        within: String::new(),
        places,
    });
    Ok(Points {
        single,
        pointers: pointers.collect(),
        batches: batches.batches,
        count: batches.count,
        provenance,
        warnings,
    })
}

fn list<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    form: &Form<'_>,
    limits: &Limits,
    (batches, warnings): (&mut PointBatches, &mut Warnings),
) -> Result<Option<Vec<u8>>> {
    only(members, &["points", "provenance"], "a list of points")?;
    let provenance = provenance(source, members)?;
    let raw = need(members, "points")?;
    source
        .elements(raw.get(), |i, value| {
            Point::read(value, form)
                .and_then(|point| {
                    point.warn(warnings, || format!("/points/{i}"));
                    batches.push(point, provenance.as_deref(), limits)
                })
                .map_err(|e| at(format_args!("/points/{i}"), e))?;
            batches.note_place(i);
            Ok(())
        })?
        .ok_or_else(|| refusal("/points", "expected an array of points"))?;
    Ok(provenance)
}

fn columns<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    form: &Form<'_>,
    limits: &Limits,
) -> Result<Points> {
    let names = ["series_id", "timestamps", "values", "provenance"];
    only(members, &names, "columns of points")?;
    let provenance = provenance(source, members)?;
    let named = match (members.get("series_id"), form.series) {
        (None, Some(series)) => Json::Str(series.into()),
        _ => source.part(need(members, "series_id")?.get())?,
    };
    let series = series_id(&named)?;
    form.check(series)?;
    check_series_id(series, "/series_id", limits)?;
    let mut warnings = Warnings::new(limits.faults);
    let timestamp = |i: usize, value: &Json<'_>| {
        let time = timestamp_from_json(value, form.times)?;
        if let Some(doubt) = doubt_of_json(value, form.times, time) {
            warnings.add(UNLIKELY_TIME, || format!("/timestamps/{i}"), || doubt);
        }
        Ok(time)
    };
    let timestamps = column(source, members, "timestamps", timestamp)?;
    let values = column(source, members, "values", |_, value| point_value(value))?;
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
        provenance: provenance.clone(),
    };
    let batches = batch.split();
    Ok(Points {
        provenance,
        single: false,
        pointers: Pointers::of_columns(&batches),
        batches,
        count,
        warnings,
    })
}

fn column<'a, T>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    name: &'static str,
    mut read: impl FnMut(usize, &Json<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let raw = need(members, name)?;
    let mut items = Vec::new();
    source
        .elements(raw.get(), |i, value| {
            items.push(read(i, &value).map_err(|e| at(format_args!("/{name}/{i}"), e))?);
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

/// A number in text: decimal digits with or without a sign, a point and an exponent. What
/// it may be is what it may be in JSON; only that has to begin and end with a digit, and
/// takes no `+` before it.
///
/// # Errors
/// [`InvalidCode::Value`], pointing at the text itself, also for an integer that would be
/// rounded and for a number that a double is too small or too great for.
pub(crate) fn point_value_from_text(text: &str) -> Result<f64> {
    if let Ok(integer) = text.parse::<i64>()
        && integer != 0
    {
        return unrounded(i128::from(integer));
    }
    let refusal = |what: &str| {
        let detail = format!("found {}{what}", shown(text));
        Err(Error::invalid(InvalidCode::Value, "", detail))
    };
    // Not its words for infinity, nor for what is no number.
    let decimal = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    match (text.bytes().all(decimal), text.parse::<f64>()) {
        (true, Ok(number)) => match number_fault(text) {
            None => match text.parse::<u64>() {
                Ok(integer) => unrounded(i128::from(integer)),
                Err(_) => Ok(number),
            },
            Some(NumberFault::Rounded) => refusal(
                ", an integer beyond 64 bits, which would be rounded; send it with a fraction or an \
                 exponent to have the nearest double",
            ),
            Some(NumberFault::Zero) => {
                refusal(", which is too small for a double and would be 0; send 0")
            }
            Some(NumberFault::Infinite) => {
                refusal("; expected a finite number, which a double holds")
            }
        },
        _ => refusal("; expected a number such as -3.5 or 1e-3"),
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
    /// Why its timestamp is unlikely.
    doubt: Option<String>,
}

/// The members of a point, as they come.
#[derive(Default)]
struct Parts {
    timestamp: Option<i64>,
    value: Option<f64>,
    metadata: Option<Vec<u8>>,
    provenance: Option<Vec<u8>>,
    doubt: Option<String>,
}

impl Parts {
    /// Takes a member; returns whether it is one of these.
    fn take(&mut self, name: &str, value: Json<'_>, times: &TimeReading) -> Result<bool> {
        match name {
            "timestamp" => {
                let read = timestamp_from_json(&value, times);
                let time = read.map_err(|e| at("/timestamp", e))?;
                self.timestamp = Some(time);
                self.doubt = doubt_of_json(&value, times, time);
            }
            "value" => self.value = Some(point_value(&value).map_err(|e| at("/value", e))?),
            "metadata" => self.metadata = Some(encode_document(&value, "/metadata")?),
            "provenance" => self.provenance = Some(encode_provenance(&value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Point<'a> {
    fn read(value: Json<'a>, form: &Form<'_>) -> Result<Self> {
        let Json::Obj(members) = value else {
            let detail = format!("found {}; expected a point object", value.kind());
            return Err(refusal("", detail));
        };
        let (mut series, mut parts) = (None, Parts::default());
        for (name, value) in members.into_vec() {
            if name == "series_id" {
                match value {
                    Json::Str(id) => series = Some(id),
                    other => {
                        series_id(&other)?;
                    }
                }
            } else if !parts.take(&name, value, form.times)? {
                let known = ["series_id", "timestamp", "value", "metadata", "provenance"];
                return Err(unknown(&name, &known, "a point"));
            }
        }
        if let Some(series) = &series {
            form.check(series)?;
        }
        let given = || form.series.map(|series| Cow::Owned(series.to_owned()));
        let missing = |name| move || refusal("", format!("the member {name:?} is missing; add it"));
        Ok(Self {
            series: series.or_else(given).ok_or_else(missing("series_id"))?,
            timestamp: parts.timestamp.ok_or_else(missing("timestamp"))?,
            value: parts.value.ok_or_else(missing("value"))?,
            metadata: parts.metadata,
            provenance: parts.provenance,
            doubt: parts.doubt,
        })
    }

    /// Says what is to be told of it, which stands at `pointer`.
    fn warn(&self, warnings: &mut Warnings, pointer: impl FnOnce() -> String) {
        if let Some(doubt) = &self.doubt {
            let pointer = || format!("{}/timestamp", pointer());
            warnings.add(UNLIKELY_TIME, pointer, || doubt.clone());
        }
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
    /// For each batch the places of its points, where those were noted.
    places: Vec<Vec<u32>>,
    /// Bytes of ids, metadata and provenance in them.
    texts: usize,
}

/// What a batch takes beside its points and texts: it, its series by id, and columns that
/// have room.
const BATCH: usize = 400;
/// What a point takes, with as much room again.
const POINT: usize = 32;

impl PointBatches {
    /// Bytes of memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.batches.len() * BATCH + self.count * POINT + self.texts
    }

    /// What so many points more take at most, all of different series, whose ids have so many
    /// bytes.
    pub(crate) fn bytes_of(&self, points: usize, ids: usize) -> usize {
        let batches = match self.batches.len() < points {
            true => points * BATCH + 2 * ids,
            false => 0,
        };
        points * POINT + batches
    }

    /// Adds the one point that a text is, and says what is to be told of it; `inherited` is its
    /// provenance if it has none.
    ///
    /// # Errors
    /// As [`parse_points`].
    pub(crate) fn read(
        &mut self,
        text: &[u8],
        times: &TimeReading,
        inherited: Option<&[u8]>,
        limits: &Limits,
        warnings: &mut Warnings,
    ) -> Result<()> {
        let source = Source::new(text)?;
        let form = Form {
            times,
            series: None,
        };
        let point = Point::read(source.value()?, &form)?;
        point.warn(warnings, String::new);
        self.push(point, inherited, limits)
    }

    /// Adds a point without metadata: its series, timestamp and value.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the id of a series that is none.
    pub(crate) fn add(
        &mut self,
        (series, timestamp, value): (&str, i64, f64),
        provenance: Option<&[u8]>,
        limits: &Limits,
    ) -> Result<()> {
        let point = Point {
            series: series.into(),
            timestamp,
            value,
            metadata: None,
            provenance: None,
            doubt: None,
        };
        self.push(point, provenance, limits)
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
                self.texts += 2 * series.len() + provenance.map_or(0, <[u8]>::len);
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
                let bytes = point.metadata.as_ref().map_or(0, Vec::len);
                self.texts += size_of::<Option<Vec<u8>>>() + bytes;
                batch.metadata.push(point.metadata);
            }
            batch.timestamps.push(point.timestamp);
            batch.values.push(point.value);
        }
        self.last = Some(i);
        self.count += 1;
        Ok(())
    }

    /// Notes that the last point stands at place `i` of a list.
    fn note_place(&mut self, i: usize) {
        self.places.resize_with(self.batches.len(), Vec::new);
        let batch = self.last.and_then(|last| self.places.get_mut(last));
        if let (Some(places), Ok(place)) = (batch, u32::try_from(i)) {
            places.push(place);
        }
    }

    fn series(&self, i: usize) -> Option<&str> {
        self.batches.get(i).map(|batch| batch.series.as_str())
    }
}

#[cfg(test)]
mod tests;
