//! Deletes: of a feature, and of points of a series, as bodies for the journal and
//! back.

use super::batch::{StoredTimes, TimeColumn};
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
    /// Which of the points in the range.
    pub which: Which,
}

/// Which points of a range are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those that this block wrote or brought back.
    Of(u64),
    /// The one that stands at this place among those that this block wrote.
    One {
        /// The sequence of the block.
        block: u64,
        /// The place, from 0.
        place: u32,
    },
    /// Those in whose place a block put others.
    Replaced {
        /// The sequence of that block.
        by: u64,
        /// Ascending, without repetition. At each of these all points are meant but the
        /// last one of block `by`.
        timestamps: Vec<i64>,
    },
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

impl PointSpan {
    /// All points of a range.
    #[must_use]
    pub fn all(series: String, start: i64, end: i64) -> Self {
        Self {
            series,
            start,
            end,
            which: Which::All,
        }
    }

    /// Bytes of memory beside its series' id.
    pub(crate) fn memory(&self) -> usize {
        match &self.which {
            Which::Replaced { timestamps, .. } => 8 * timestamps.capacity(),
            Which::All | Which::Of(_) | Which::One { .. } => 0,
        }
    }

    /// The points that those of block `by` replace at `timestamps`, which ascend.
    #[must_use]
    pub fn replaced(series: String, by: u64, timestamps: Vec<i64>) -> Self {
        Self {
            series,
            start: timestamps.first().copied().unwrap_or_default(),
            // Stored timestamps end far before the greatest integer.
            end: timestamps.last().map_or(0, |last| last.saturating_add(1)),
            which: Which::Replaced { by, timestamps },
        }
    }
}

impl DeletePoints {
    /// The deletion of the points of `span`.
    #[must_use]
    pub fn new(span: PointSpan, provenance: Option<Vec<u8>>) -> Self {
        let members = 3 + match &span.which {
            Which::All => 0,
            Which::Of(_) => 1,
            Which::One { .. } => 2,
            Which::Replaced { .. } => 4,
        };
        let mut body = Vec::with_capacity(span.series.len() + 64);
        let uint = |name: &str, number: u64, body: &mut Vec<u8>| {
            write_text(name, body);
            write_uint(number, body);
        };
        write_map_header(members, &mut body);
        // In the order of their encoded bytes: shorter first.
        let mut packed = None;
        if let Which::Replaced { by, timestamps } = &span.which {
            let column = TimeColumn::new(timestamps);
            uint("n", timestamps.len() as u64, &mut body);
            uint("by", *by, &mut body);
            write_text("ts", &mut body);
            column.write(&mut body);
            packed = Some(column);
        }
        write_text("end", &mut body);
        write_int(span.end, &mut body);
        if let Which::Of(block) | Which::One { block, .. } = &span.which {
            uint("block", *block, &mut body);
        }
        if let Some(column) = packed {
            write_text("codec", &mut body);
            write_text(column.codec(), &mut body);
        }
        if let Which::One { place, .. } = &span.which {
            uint("place", u64::from(*place), &mut body);
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
    let (mut place, mut by, mut times) = (None, None, StoredTimes::default());
    for _ in 0..reader.map()? {
        match reader.text()? {
            "n" => times.count = Some(reader.uint()?),
            "by" => by = Some(reader.uint()?),
            "ts" => times.read(&mut reader)?,
            "codec" => times.codec = Some(reader.text()?),
            "series" => series = Some(reader.text()?.to_owned()),
            "start" => start = Some(reader.signed()?),
            "end" => end = Some(reader.signed()?),
            "block" => block = Some(reader.uint()?),
            "place" => place = Some(reader.uint()?),
            _ => return Err(reader.error("a member that a deletion of points has not")),
        }
    }
    reader.end()?;
    let timestamps = times.decode(&reader)?;
    let which = match (block, place, by, timestamps) {
        (None, None, None, None) => Which::All,
        (Some(block), None, None, None) => Which::Of(block),
        (Some(block), Some(place), None, None) => Which::One {
            block,
            place: u32::try_from(place).map_err(|_| reader.error("a place beyond any"))?,
        },
        (None, None, Some(by), Some(timestamps)) if ascend(&timestamps) => {
            Which::Replaced { by, timestamps }
        }
        _ => return Err(reader.error("a deletion of points that names none in a known way")),
    };
    match (series, start, end) {
        (Some(series), Some(start), Some(end)) => Ok(PointSpan {
            series,
            start,
            end,
            which,
        }),
        _ => Err(reader.error("a deletion of points without series, start or end")),
    }
}

fn ascend(timestamps: &[i64]) -> bool {
    timestamps.is_sorted_by(|a, b| a < b)
}

/// Appends a stored deletion of points as JSON: `{"series_id", "start"?, "end"?,
/// "block"?, "point_id"?, "replaced_by"?, "timestamps"?}`, the times in ISO 8601, those of
/// the range absent where it is open.
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
    match &span.which {
        Which::All => {}
        Which::Of(block) => {
            out.extend_from_slice(format!(",\"block\":{block}").as_bytes());
        }
        Which::One { block, place } => {
            out.extend_from_slice(format!(",\"point_id\":\"pt_{block}_{place}\"").as_bytes());
        }
        Which::Replaced { by, timestamps } => {
            out.extend_from_slice(format!(",\"replaced_by\":{by},\"timestamps\":[").as_bytes());
            for (i, timestamp) in timestamps.iter().enumerate() {
                out.extend_from_slice(if i > 0 { b",\"" } else { b"\"" });
                write_timestamp(*timestamp, out);
                out.push(b'"');
            }
            out.push(b']');
        }
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use ciborium::Value;

    use super::*;

    fn span(which: Which) -> PointSpan {
        PointSpan {
            series: "s".into(),
            start: -5,
            end: 1_700_000_000_000_000,
            which,
        }
    }

    /// Few and many: those are packed.
    fn replaced(count: i64) -> PointSpan {
        let timestamps = (0..count).map(|i| i * 1_000_000 - 5).collect();
        PointSpan::replaced("s".into(), 9, timestamps)
    }

    #[test]
    fn deletions_read_back_and_are_deterministic_cbor() {
        let feature = DeleteFeature::new("é".into(), None);
        assert_eq!(stored_delete_feature(&feature.body).unwrap(), "é");
        let one = Which::One { block: 7, place: 3 };
        for span in [
            span(Which::All),
            span(Which::Of(7)),
            span(one),
            replaced(1),
            replaced(5_000),
        ] {
            let points = DeletePoints::new(span.clone(), None);
            assert_eq!(stored_delete_points(&points.body).unwrap(), span);
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
            DeletePoints::new(span(Which::Of(1)), None).body,
            DeletePoints::new(replaced(2), None).body,
            DeletePoints::new(replaced(300), None).body,
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
        let json = |span: PointSpan| {
            let mut out = Vec::new();
            delete_points_to_json(&DeletePoints::new(span, None).body, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            json(span(Which::Of(9))),
            r#"{"series_id":"s","start":"1969-12-31T23:59:59.999995Z","end":"2023-11-14T22:13:20.000000Z","block":9}"#
        );
        let one = span(Which::One { block: 9, place: 2 });
        assert!(json(one).ends_with(r#","point_id":"pt_9_2"}"#));
        assert_eq!(
            json(replaced(2)),
            r#"{"series_id":"s","start":"1969-12-31T23:59:59.999995Z","end":"1970-01-01T00:00:00.999996Z","replaced_by":9,"timestamps":["1969-12-31T23:59:59.999995Z","1970-01-01T00:00:00.999995Z"]}"#
        );
    }

    #[test]
    fn timestamps_that_do_not_ascend_are_refused() {
        for timestamps in [vec![2, 1], vec![1, 1]] {
            let span = PointSpan::replaced("s".into(), 1, timestamps);
            assert!(stored_delete_points(&DeletePoints::new(span, None).body).is_err());
        }
    }
}
