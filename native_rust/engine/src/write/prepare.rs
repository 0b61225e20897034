//! From a client's bytes to operations the committer can write: parsing,
//! validation and encoding, all on the calling thread.

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::versions::{StoredFeatures, surroundings};
use crate::block::{Operation, all_readable, check_size, put_points, readable};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, Fault, InvalidCode, Result};
use crate::limits::Limits;
use crate::types::{
    Antimeridian, DeleteFeature, DeletePoints, FIRST_TIMESTAMP, LAST_TIMESTAMP, OnDuplicate,
    PointBatch, PointSpan, Pointers, Points, PutFeature, ReadFeatures, Rejected, Room,
    SetAttributes, SetWebhook, TimeReading, Warnings, check_id, check_range, check_series_id,
    is_timestamp, parse_feature_as, parse_points_in, parse_provenance, read_features_in,
};

/// What becomes of features of one request that have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// The request is refused: one would be lost without a word.
    #[default]
    Refuse,
    /// All are written, in order: each is a version, and the last one stands.
    Replace,
}

impl std::str::FromStr for Duplicates {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "replace" => Ok(Self::Replace),
            other => {
                let detail = format!("found {other:?}; expected refuse or replace");
                let pointer = "/on_duplicate";
                Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
            }
        }
    }
}

/// What a request that puts features says of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Puts {
    /// What becomes of features with the same id.
    pub duplicates: Duplicates,
    /// What becomes of edges wider than 180 degrees.
    pub antimeridian: Antimeridian,
    /// Whether faulty features of a FeatureCollection are left out, in place of all being
    /// refused.
    pub skip: bool,
}

/// Features ready to be written, all or none.
#[derive(Debug, Clone, Default)]
pub struct PreparedFeatures {
    /// Whether the text was a FeatureCollection.
    pub collection: bool,
    /// Features that were left out because of their faults, if that was asked for, in
    /// order.
    pub rejected: Vec<Rejected>,
    /// What is to be told of those that are written.
    pub warnings: Warnings,
    /// Id of each feature, in order: the client's or a generated one.
    pub ids: Vec<String>,
    /// One operation a feature.
    pub operations: Vec<Operation>,
}

/// Points ready to be written, all or none.
#[derive(Debug, Clone)]
pub struct PreparedPoints {
    /// Whether the text was one point, not a list.
    pub single: bool,
    /// Points in all operations.
    pub count: usize,
    /// What is to be told of them.
    pub warnings: Warnings,
    /// One operation for each run of points of one series and one provenance.
    pub operations: Vec<Operation>,
}

impl PreparedFeatures {
    /// One feature, if it reads back.
    pub(crate) fn of_one((feature, warnings): (PutFeature, Warnings)) -> Result<Self> {
        Ok(Self {
            collection: false,
            rejected: Vec::new(),
            warnings,
            ids: vec![feature.id.clone()],
            operations: vec![readable(Operation::PutFeature(feature))?],
        })
    }

    /// With a provenance, text of a JSON object, for all features without one of their own.
    ///
    /// # Errors
    /// As [`PreparedPoints::with_provenance`].
    pub fn with_provenance(mut self, database: &Database, text: Option<&[u8]>) -> Result<Self> {
        inherit_provenance(&mut self.operations, text, &database.state.limits)?;
        Ok(self)
    }

    /// Refuse a FeatureCollection where one feature is expected.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn one(self) -> Result<Self> {
        if self.collection {
            let detail = "found a FeatureCollection; expected one Feature";
            return Err(Error::invalid(InvalidCode::Feature, "/type", detail));
        }
        Ok(self)
    }
}

impl Database {
    /// Room for what one text is read to.
    pub(super) fn room(&self) -> Room {
        Room::new(&self.state.memory.work)
    }

    /// Parse a GeoJSON Feature, FeatureCollection or geometry, as
    /// [`Database::prepare_features_with`] by default.
    ///
    /// # Errors
    /// As [`Database::prepare_features_with`].
    pub fn prepare_features(&self, text: &[u8]) -> Result<PreparedFeatures> {
        self.prepare_features_with(text, Puts::default())
    }

    /// Parse a GeoJSON Feature, FeatureCollection or geometry. Linear in its length. Reads the
    /// journal for features with the member `formdb`, for as long as a question may take.
    ///
    /// # Errors
    /// [`Error::Faults`], all that is wrong, with JSON pointers to the offending parts;
    /// [`InvalidCode::DuplicateId`] points at the later of two features with the same
    /// id, and names the first. [`InvalidCode::Json`] for what is no JSON.
    /// [`Error::MemoryFull`].
    pub fn prepare_features_with(&self, text: &[u8], puts: Puts) -> Result<PreparedFeatures> {
        self.features_within(text, puts, &self.budget(Cancel::default()))
    }

    /// As [`Database::prepare_features_with`], looking up versions within a budget.
    ///
    /// # Errors
    /// As that; [`Error::Timeout`].
    pub(super) fn features_within(
        &self,
        text: &[u8],
        puts: Puts,
        budget: &Budget,
    ) -> Result<PreparedFeatures> {
        let limits = &self.state.limits;
        let others = Cell::new(surroundings(&self.state));
        let stored = StoredFeatures::new(&self.state, budget, &others);
        let mut read =
            read_features_in(text, puts.antimeridian, limits, Some(&stored), &self.room())?;
        if puts.duplicates == Duplicates::Refuse {
            reject_duplicates(&mut read, limits.faults);
        }
        if !puts.skip {
            read = read.all_good(limits)?;
        }
        let ReadFeatures {
            collection,
            features,
            rejected,
            of_whole,
            warnings: all,
        } = read;
        let mut warnings = Warnings::new(limits.faults);
        warnings.append(of_whole, "");
        if !all.is_empty() {
            // Some were left out since, as duplicates.
            let out: HashSet<usize> = rejected.iter().map(|rejected| rejected.index).collect();
            for (_, of_one) in all.into_iter().filter(|(place, _)| !out.contains(place)) {
                warnings.append(of_one, "");
            }
        }
        let places: Vec<usize> = features.iter().map(|(place, _)| *place).collect();
        let pointer = |i: usize| match (collection, places.get(i)) {
            (true, Some(place)) => format!("/features/{place}"),
            _ => String::new(),
        };
        let features = features.into_iter().map(|(_, feature)| feature);
        let (ids, operations) = features
            .map(|feature| (feature.id.clone(), Operation::PutFeature(feature)))
            .unzip();
        Ok(PreparedFeatures {
            collection,
            rejected,
            warnings,
            ids,
            operations: all_readable(operations, pointer)?,
        })
    }

    /// Parse a Feature or geometry that is to be written to `id`: its own `id` is that one
    /// or absent.
    ///
    /// # Errors
    /// [`Error::Faults`], as [`Database::prepare_features_with`].
    pub fn prepare_feature_as(
        &self,
        id: &str,
        text: &[u8],
        antimeridian: Antimeridian,
    ) -> Result<PreparedFeatures> {
        let budget = self.budget(Cancel::default());
        let others = Cell::new(surroundings(&self.state));
        let stored = StoredFeatures::new(&self.state, &budget, &others);
        let limits = &self.state.limits;
        let read = parse_feature_as(text, id, antimeridian, limits, Some(&stored), &self.room())?;
        PreparedFeatures::of_one(read)
    }

    /// The deletion of feature `id`; whether there is one is seen on committing.
    /// `provenance` is the text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad id or provenance.
    pub fn prepare_delete_feature(&self, id: &str, provenance: Option<&[u8]>) -> Result<Operation> {
        check_id(id, "/id", &self.state.limits)?;
        let provenance = optional_provenance(provenance)?;
        let delete = DeleteFeature::new(id.to_owned(), provenance);
        readable(Operation::DeleteFeature(delete))
    }

    /// The attributes of a series, from the text of a JSON object: its members, but for
    /// `provenance`. At most 64 KiB, encoded.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything but an object, a member `feature` that is no id, a
    /// bad series id and bad provenance.
    pub fn prepare_attributes(&self, series: &str, text: &[u8]) -> Result<Operation> {
        let set = SetAttributes::parse(series, text, &self.state.limits)?;
        readable(Operation::SetAttributes(set))
    }

    /// The deletion of the attributes of a series; whether it has any is seen on committing.
    /// `provenance` is the text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad id or provenance.
    pub fn prepare_delete_attributes(
        &self,
        series: &str,
        provenance: Option<&[u8]>,
    ) -> Result<Operation> {
        check_id(series, "/series_id", &self.state.limits)?;
        let provenance = optional_provenance(provenance)?;
        let set = SetAttributes::encoded(series.to_owned(), None, provenance);
        readable(Operation::SetAttributes(set))
    }

    /// What a webhook is to be, from the text of a JSON object; its deletion without one.
    /// Whether it is there is seen on committing.
    ///
    /// # Errors
    /// Those of [`SetWebhook::parse`].
    pub fn prepare_webhook(&self, id: &str, text: Option<&[u8]>) -> Result<Operation> {
        let set = SetWebhook::parse(id, text, &self.state.limits)?;
        readable(Operation::SetWebhook(set))
    }

    /// The deletion of the points of a series in `[start, end)`, microseconds, that
    /// are there when it is committed. `provenance` is the text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range that ends before it starts, a bad series id and
    /// bad provenance.
    pub fn prepare_delete_points(
        &self,
        series: &str,
        start: i64,
        end: i64,
        provenance: Option<&[u8]>,
    ) -> Result<Operation> {
        check_id(series, "/series_id", &self.state.limits)?;
        check_range(start, end)?;
        let start = start.max(FIRST_TIMESTAMP);
        let span = PointSpan::all(series.to_owned(), start, end.min(LAST_TIMESTAMP + 1));
        let provenance = optional_provenance(provenance)?;
        readable(Operation::DeletePoints(DeletePoints::new(span, provenance)))
    }

    /// Parse one point, a list of points or columns. Linear in its length.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a JSON pointer to the offending part.
    pub fn prepare_points(&self, text: &[u8]) -> Result<PreparedPoints> {
        self.prepare_points_in(text, &TimeReading::default())
    }

    /// [`Self::prepare_points`], with timestamps that are integers counting `unit`.
    ///
    /// # Errors
    /// As [`Self::prepare_points`].
    pub fn prepare_points_in(&self, text: &[u8], times: &TimeReading) -> Result<PreparedPoints> {
        let points = parse_points_in(text, times, &self.state.limits, &self.room())?;
        Ok(PreparedPoints {
            single: points.single,
            count: points.count,
            warnings: points.warnings.clone(),
            operations: point_operations(points)?,
        })
    }

    /// Points of one series from columns of equal length; `provenance` is the
    /// text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for columns of different length, a timestamp outside the
    /// years -9999 to 9999, a value that is not finite, a bad series id or bad
    /// provenance.
    pub fn prepare_columns(
        &self,
        series: &str,
        timestamps: Vec<i64>,
        values: Vec<f64>,
        provenance: Option<&[u8]>,
    ) -> Result<PreparedPoints> {
        check_series_id(series, "/series_id", &self.state.limits)?;
        check_columns(&timestamps, &values)?;
        let provenance = optional_provenance(provenance)?;
        let count = timestamps.len();
        let batch = PointBatch {
            series: series.to_owned(),
            timestamps,
            values,
            metadata: Vec::new(),
            provenance,
        };
        let batches = batch.split();
        let points = Points {
            single: false,
            pointers: Pointers::of_columns(&batches),
            batches,
            count,
            provenance: None,
            warnings: Warnings::default(),
        };
        Ok(PreparedPoints {
            single: false,
            count,
            warnings: Warnings::default(),
            operations: point_operations(points)?,
        })
    }
}

impl PreparedPoints {
    /// With what becomes of points whose timestamps their series has already; without one
    /// what the database says as they are committed.
    #[must_use]
    pub fn on_duplicate(mut self, on_duplicate: Option<OnDuplicate>) -> Self {
        set_on_duplicate(&mut self.operations, on_duplicate);
        self
    }

    /// With a provenance, text of a JSON object, for all points without one of their own.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a provenance that is none, [`Error::TooLarge`] where all of them
    /// with it are more than a transaction may be.
    pub fn with_provenance(mut self, database: &Database, text: Option<&[u8]>) -> Result<Self> {
        inherit_provenance(&mut self.operations, text, &database.state.limits)?;
        Ok(self)
    }
}

fn inherit_provenance(
    operations: &mut [Operation],
    text: Option<&[u8]>,
    limits: &Limits,
) -> Result<()> {
    let Some(provenance) = optional_provenance(text)? else {
        return Ok(());
    };
    // It is copied for each of them.
    let bytes = operations.len().saturating_mul(provenance.len());
    check_size(bytes, limits.transaction_bytes)?;
    for operation in operations {
        let own = match operation {
            Operation::PutFeature(feature) => &mut feature.provenance,
            Operation::PutPoints { batch, .. } => &mut batch.provenance,
            _ => continue,
        };
        own.get_or_insert_with(|| provenance.clone());
    }
    Ok(())
}

/// The puts of points, which know where they stand in their request.
pub(super) fn point_operations(points: Points) -> Result<Vec<Operation>> {
    let mut operations = put_batches(points.batches)?;
    for (operation, places) in operations.iter_mut().zip(points.pointers) {
        if let Operation::PutPoints { duplicates, .. } = operation {
            duplicates.pointers = places;
        }
    }
    Ok(operations)
}

/// Say of all puts of points what becomes of duplicates.
pub(super) fn set_on_duplicate(operations: &mut [Operation], asked: Option<OnDuplicate>) {
    for operation in operations {
        if let Operation::PutPoints { duplicates, .. } = operation {
            duplicates.on_duplicate = asked;
        }
    }
}

/// Whether these columns can be entered: of one length, dated in the years -9999 to
/// 9999, finite. Linear.
///
/// # Errors
/// [`Error::Invalid`], pointing at the first that cannot.
pub fn check_columns(timestamps: &[i64], values: &[f64]) -> Result<()> {
    if timestamps.len() != values.len() {
        let detail = format!(
            "{} timestamps and {} values; the columns need equal lengths",
            timestamps.len(),
            values.len()
        );
        return Err(Error::invalid(InvalidCode::Point, "/values", detail));
    }
    let undated = |(_, micros): &(usize, &i64)| !is_timestamp(**micros);
    if let Some((i, micros)) = timestamps.iter().enumerate().find(undated) {
        let detail =
            format!("found {micros}; expected microseconds since 1970 in the years -9999 to 9999");
        let pointer = format!("/timestamps/{i}");
        return Err(Error::invalid(InvalidCode::Timestamp, pointer, detail));
    }
    if let Some(i) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::invalid(
            InvalidCode::Value,
            format!("/values/{i}"),
            "the value is not a finite number",
        ));
    }
    Ok(())
}

/// Takes out features with the id of an earlier one. Linear.
fn reject_duplicates(read: &mut ReadFeatures, limit: usize) {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(read.features.len());
    let mut later: HashMap<usize, usize> = HashMap::new();
    for (i, feature) in &read.features {
        match places.entry(feature.id.as_str()) {
            Entry::Vacant(free) => {
                free.insert(*i);
            }
            Entry::Occupied(first) => {
                later.insert(*i, *first.get());
            }
        }
    }
    if later.is_empty() {
        return;
    }
    let told: usize = read.rejected.iter().map(|r| r.faults.len()).sum();
    let mut room = limit.saturating_sub(told);
    let rejected = &mut read.rejected;
    read.features.retain(|(i, feature)| {
        let Some(first) = later.get(i) else {
            return true;
        };
        let fault = || Fault {
            code: InvalidCode::DuplicateId.as_str(),
            pointer: format!("/features/{i}/id"),
            detail: format!(
                "found the id {:?}, which the feature at /features/{first} has too; give each an id of \
                 its own, or ask for on_duplicate=replace: then both are written, and the later one \
                 stands",
                feature.id
            ),
        };
        rejected.push(Rejected {
            index: *i,
            faults: Vec::from_iter((room > 0).then(fault)),
            total: 1,
        });
        room = room.saturating_sub(1);
        false
    });
    rejected.sort_unstable_by_key(|rejected| rejected.index);
}

pub(super) fn put_batches(batches: Vec<PointBatch>) -> Result<Vec<Operation>> {
    let operations = batches.into_iter().map(put_points).collect();
    all_readable(operations, |_| String::new())
}

pub(crate) fn optional_provenance(text: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    text.map(parse_provenance).transpose()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fs::RealFileSystem;
    use crate::limits::Limits;

    #[test]
    fn what_a_text_is_read_to_is_counted_one_value_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            work_bytes: 8 << 20,
            ..Limits::default()
        };
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
        let numbers = |count: usize| vec!["0"; count].join(",");
        // A number takes 32 bytes.
        let many = numbers(400_000);
        let point = |numbers: &str| {
            format!(r#"{{"series_id":"a","timestamp":1,"value":1,"metadata":{{"n":[{numbers}]}}}}"#)
        };
        let feature = |numbers: &str| {
            format!(r#"{{"type":"Feature","geometry":null,"properties":{{"n":[{numbers}]}}}}"#)
        };
        let all = |list: &str, item: &str| {
            let items = vec![item; 20].join(",");
            format!(r#"{{"type":"FeatureCollection","{list}":[{items}]}}"#)
        };
        let members: Vec<String> = (0..400_000).map(|i| format!("\"{i}\":0")).collect();
        let members = format!("{{{}}}", members.join(","));
        let point_list = |item: &str| format!("{{\"points\":[{}]}}", vec![item; 20].join(","));
        let full = |refused: Result<bool>| {
            assert!(
                matches!(refused, Err(Error::TooLarge { setting, .. }) if setting == "work_bytes"),
                "{refused:?}"
            );
            assert_eq!(db.memory().work.used(), 0);
        };
        let points = |text: &str| db.prepare_points(text.as_bytes()).map(|p| p.single);
        let features = |text: &str| db.prepare_features(text.as_bytes()).map(|p| p.collection);
        full(points(&point(&many)));
        full(points(&point_list(&point(&many))));
        full(points(&members));
        full(features(&feature(&many)));
        full(features(&all("features", &feature(&many))));
        let put = db.prepare_feature_as("a", feature(&many).as_bytes(), Antimeridian::Refuse);
        full(put.map(|p| p.collection));
        // One after the other they take no more than one.
        let some = numbers(40_000);
        assert!(!points(&point_list(&point(&some))).unwrap());
        assert!(features(&all("features", &feature(&some))).unwrap());
        assert_eq!(db.memory().work.used(), 0);
    }
}
