//! From a client's bytes to operations the committer can write: parsing,
//! validation and encoding, all on the calling thread.

use crate::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::model::{
    DeleteFeature, DeletePoints, FIRST_TIMESTAMP, Features, LAST_TIMESTAMP, PointBatch, PointSpan,
    check_id, encode_points, is_timestamp, parse_feature_as, parse_features, parse_points,
    parse_provenance,
};
use crate::operation::Operation;

/// Features ready to be written, all or none.
#[derive(Debug, Clone)]
pub struct PreparedFeatures {
    /// Whether the text was a FeatureCollection.
    pub collection: bool,
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
    /// One operation for each run of points of one series and one provenance.
    pub operations: Vec<Operation>,
}

impl PreparedFeatures {
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
    /// Parse a GeoJSON Feature or FeatureCollection. Linear in its length.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a JSON pointer to the offending part.
    pub fn prepare_features(&self, text: &[u8]) -> Result<PreparedFeatures> {
        let (collection, features) = match parse_features(text, &self.state.limits)? {
            Features::One(feature) => (false, vec![feature]),
            Features::Many(features) => (true, features),
        };
        Ok(PreparedFeatures {
            collection,
            ids: features.iter().map(|feature| feature.id.clone()).collect(),
            operations: features.into_iter().map(Operation::PutFeature).collect(),
        })
    }

    /// Parse a Feature that is to be written to `id`: its own `id` is that one or
    /// absent.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a JSON pointer to the offending part.
    pub fn prepare_feature_as(&self, id: &str, text: &[u8]) -> Result<PreparedFeatures> {
        let feature = parse_feature_as(text, id, &self.state.limits)?;
        Ok(PreparedFeatures {
            collection: false,
            ids: vec![feature.id.clone()],
            operations: vec![Operation::PutFeature(feature)],
        })
    }

    /// The deletion of feature `id`; whether there is one is seen on committing.
    /// `provenance` is the text of a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad id or provenance.
    pub fn prepare_delete_feature(&self, id: &str, provenance: Option<&[u8]>) -> Result<Operation> {
        check_id(id, "/id", &self.state.limits)?;
        let provenance = optional_provenance(provenance)?;
        Ok(Operation::DeleteFeature(DeleteFeature::new(
            id.to_owned(),
            provenance,
        )))
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
        if start > end {
            let detail = "the start lies after the end";
            return Err(Error::invalid(InvalidCode::TimeRange, "/start", detail));
        }
        let span = PointSpan {
            series: series.to_owned(),
            start: start.max(FIRST_TIMESTAMP),
            end: end.min(LAST_TIMESTAMP + 1),
            block: None,
        };
        let provenance = optional_provenance(provenance)?;
        Ok(Operation::DeletePoints(DeletePoints::new(span, provenance)))
    }

    /// Parse one point, a list of points or columns. Linear in its length.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a JSON pointer to the offending part.
    pub fn prepare_points(&self, text: &[u8]) -> Result<PreparedPoints> {
        let points = parse_points(text, &self.state.limits)?;
        Ok(PreparedPoints {
            single: points.single,
            count: points.count,
            operations: points.batches.into_iter().map(put_points).collect(),
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
        check_id(series, "/series_id", &self.state.limits)?;
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
        Ok(PreparedPoints {
            single: false,
            count,
            operations: batch.split().into_iter().map(put_points).collect(),
        })
    }
}

/// Whether these columns can be entered: of one length, dated in the years -9999 to
/// 9999, finite. About 1 ns a point.
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

pub(crate) fn optional_provenance(text: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    text.map(parse_provenance).transpose()
}

pub(crate) fn put_points(batch: PointBatch) -> Operation {
    let body = encode_points(&batch);
    Operation::PutPoints { batch, body }
}
