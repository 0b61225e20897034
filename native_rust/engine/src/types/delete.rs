//! Deletes: of a feature, and of points of a series, as bodies for the journal and
//! back.

use super::cbor::{DecodeError, Reader, write_int, write_map_header, write_text, write_uint};
use super::time::{FIRST_TIMESTAMP, LAST_TIMESTAMP, write_timestamp};

/// A feature to be deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteFeature {
    /// Its id as text.
    pub id: String,
    /// The id as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Provenance of the deletion, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

impl DeleteFeature {
    /// The deletion of feature `id`.
    #[must_use]
    pub fn new(id: String, provenance: Option<Vec<u8>>) -> Self {
        let mut body = Vec::with_capacity(id.len() + 8);
        write_map_header(1, &mut body);
        write_text("id", &mut body);
        write_text(&id, &mut body);
        Self {
            id,
            body,
            provenance,
        }
    }
}

/// Points of one series, in a range of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointSpan {
    /// Series id.
    pub series: String,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// Only points that this block wrote.
    pub block: Option<u64>,
}

/// Points to be deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletePoints {
    /// Which ones: those that are there when the deletion is committed.
    pub span: PointSpan,
    /// The span as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Provenance of the deletion, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

impl DeletePoints {
    /// The deletion of the points of `span`.
    #[must_use]
    pub fn new(span: PointSpan, provenance: Option<Vec<u8>>) -> Self {
        let mut body = Vec::with_capacity(span.series.len() + 48);
        write_map_header(3 + u64::from(span.block.is_some()), &mut body);
        write_text("end", &mut body);
        write_int(span.end, &mut body);
        if let Some(block) = span.block {
            write_text("block", &mut body);
            write_uint(block, &mut body);
        }
        write_text("start", &mut body);
        write_int(span.start, &mut body);
        write_text("series", &mut body);
        write_text(&span.series, &mut body);
        Self {
            span,
            body,
            provenance,
        }
    }
}

/// The feature id of a stored deletion.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn stored_delete_feature(body: &[u8]) -> Result<&str, DecodeError> {
    let mut reader = Reader::new(body);
    if reader.map()? != 1 || reader.text()? != "id" {
        return Err(reader.error("a deletion without the id alone"));
    }
    let id = reader.text()?;
    reader.end()?;
    Ok(id)
}

/// The span of a stored deletion of points.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn stored_delete_points(body: &[u8]) -> Result<PointSpan, DecodeError> {
    let mut reader = Reader::new(body);
    let (mut series, mut start, mut end, mut block) = (None, None, None, None);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "series" => series = Some(reader.text()?.to_owned()),
            "start" => start = Some(reader.signed()?),
            "end" => end = Some(reader.signed()?),
            "block" => block = Some(reader.uint()?),
            _ => return Err(reader.error("a member that a deletion of points has not")),
        }
    }
    reader.end()?;
    match (series, start, end) {
        (Some(series), Some(start), Some(end)) => Ok(PointSpan {
            series,
            start,
            end,
            block,
        }),
        _ => Err(reader.error("a deletion of points without series, start or end")),
    }
}

/// Appends a stored deletion of points as JSON: `{"series_id", "start"?, "end"?,
/// "block"?}`, the times in ISO 8601, absent where the range is open.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn delete_points_to_json(body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let span = stored_delete_points(body)?;
    out.extend_from_slice(b"{\"series_id\":");
    // Writing text into memory has no way to fail.
    let _ = serde_json::to_writer(&mut *out, &span.series);
    let ends = [
        ("start", span.start, span.start > FIRST_TIMESTAMP),
        ("end", span.end, span.end <= LAST_TIMESTAMP),
    ];
    for (name, time, bounded) in ends {
        if bounded {
            out.extend_from_slice(format!(",\"{name}\":\"").as_bytes());
            write_timestamp(time, out);
            out.push(b'"');
        }
    }
    if let Some(block) = span.block {
        out.extend_from_slice(format!(",\"block\":{block}").as_bytes());
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use ciborium::Value;

    use super::*;

    fn span(block: Option<u64>) -> PointSpan {
        PointSpan {
            series: "s".into(),
            start: -5,
            end: 1_700_000_000_000_000,
            block,
        }
    }

    #[test]
    fn deletions_read_back_and_are_deterministic_cbor() {
        let feature = DeleteFeature::new("é".into(), None);
        assert_eq!(stored_delete_feature(&feature.body).unwrap(), "é");
        for block in [None, Some(7)] {
            let points = DeletePoints::new(span(block), None);
            assert_eq!(stored_delete_points(&points.body).unwrap(), span(block));
            let value: Value = ciborium::from_reader(&points.body[..]).unwrap();
            let keys = value.as_map().unwrap().iter();
            let keys: Vec<&str> = keys.map(|(k, _)| k.as_text().unwrap()).collect();
            let mut sorted = keys.clone();
            sorted.sort_by_key(|k| (k.len(), *k));
            assert_eq!(keys, sorted);
            let mut again = Vec::new();
            ciborium::into_writer(&value, &mut again).unwrap();
            assert_eq!(again, points.body);
        }
    }

    #[test]
    fn truncations_are_refused() {
        let bodies = [
            DeleteFeature::new("ab".into(), None).body,
            DeletePoints::new(span(Some(1)), None).body,
        ];
        for (n, body) in bodies.iter().enumerate() {
            for end in 0..body.len() {
                let cut = &body[..end];
                match n {
                    0 => assert!(stored_delete_feature(cut).is_err()),
                    _ => assert!(stored_delete_points(cut).is_err()),
                }
            }
        }
    }

    #[test]
    fn as_json_the_times_are_text() {
        let mut out = Vec::new();
        delete_points_to_json(&DeletePoints::new(span(Some(9)), None).body, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"series_id":"s","start":"1969-12-31T23:59:59.999995Z","end":"2023-11-14T22:13:20.000000Z","block":9}"#
        );
    }
}
