//! Timestamps and values as JSON, in numbers.

use crate::types::{TimeWriter, Zone};

/// Bytes of a row whose value has all its digits.
const ROW: usize = 72;
/// Bytes that no row has more of, with the comma before it.
pub(crate) const LONGEST_ROW: usize = 85;

/// JSON text with rows of `{"timestamp", "value"}`. Linear.
pub(crate) struct JsonRows {
    out: Vec<u8>,
    times: TimeWriter,
}

impl JsonRows {
    pub(crate) fn with_capacity(rows: usize, zone: &Zone) -> Self {
        Self {
            out: Vec::with_capacity(rows * ROW + 2),
            times: TimeWriter::new(zone),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// JSON as it is.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// `{"series_id":..,"data":`, with a comma unless it is the first.
    pub(crate) fn series(&mut self, place: usize, id: &str) {
        self.id(place, id);
        self.text(b",\"data\":");
    }

    /// `{"series_id":..`, with a comma unless it is the first.
    pub(crate) fn id(&mut self, place: usize, id: &str) {
        if place > 0 {
            self.out.push(b',');
        }
        self.text(b"{\"series_id\":");
        // Writing text into memory has no way to fail.
        let _ = serde_json::to_writer(&mut self.out, id);
    }

    /// `{"timestamp":..,"value":..}`, with a comma unless it is the first. A value
    /// that is no finite number is null.
    pub(crate) fn row(&mut self, place: usize, timestamp: i64, value: Option<f64>) {
        self.timestamp(place, timestamp);
        self.text(b"\",\"value\":");
        self.number(value);
        self.out.push(b'}');
    }

    /// As [`Self::row`], with more members behind the value, each with the comma before it.
    pub(crate) fn row_with(&mut self, place: usize, timestamp: i64, value: f64, more: &[u8]) {
        self.begin(place, timestamp);
        self.member("value");
        self.number(Some(value));
        self.text(more);
        self.out.push(b'}');
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Forget what came after so many bytes.
    pub(crate) fn cut(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// An integer.
    pub(crate) fn count(&mut self, count: u64) {
        let _ = serde_json::to_writer(&mut self.out, &count);
    }

    /// `{"group":..`, as [`Self::begin`].
    pub(crate) fn begin_group(&mut self, place: usize, group: i64) {
        if place > 0 {
            self.out.push(b',');
        }
        self.text(b"{\"group\":");
        let _ = serde_json::to_writer(&mut self.out, &group);
    }

    /// `,"NAME":`, of a name that needs no escapes.
    pub(crate) fn member(&mut self, name: &str) {
        self.text(b",\"");
        self.text(name.as_bytes());
        self.text(b"\":");
    }

    /// A number, an integer if it counts.
    pub(crate) fn cell(&mut self, value: Option<f64>, counts: bool) {
        match value {
            Some(count) if counts => self.count(count as u64),
            _ => self.number(value),
        }
    }

    /// A number, or null.
    pub(crate) fn number(&mut self, value: Option<f64>) {
        match value {
            // Null if it is not finite.
            Some(value) => {
                let _ = serde_json::to_writer(&mut self.out, &value);
            }
            None => self.text(b"null"),
        }
    }

    /// `{"timestamp":..`, with a comma unless it is the first.
    pub(crate) fn begin(&mut self, place: usize, timestamp: i64) {
        self.timestamp(place, timestamp);
        self.out.push(b'"');
    }

    /// The same up to the quote behind it.
    fn timestamp(&mut self, place: usize, timestamp: i64) {
        match place {
            0 => self.text(b"{\"timestamp\":\""),
            _ => self.text(b",{\"timestamp\":\""),
        }
        self.times.write(timestamp, &mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FIRST_TIMESTAMP, LAST_TIMESTAMP, format_timestamp};
    use proptest::prelude::*;

    fn row(timestamp: i64, value: f64) -> String {
        format!(
            "{{\"timestamp\":\"{}\",\"value\":{}}}",
            format_timestamp(timestamp),
            serde_json::to_string(&value).unwrap()
        )
    }

    fn rows(points: &[(i64, f64)]) -> String {
        let mut rows = JsonRows::with_capacity(1, &Zone::default());
        for (place, &(timestamp, value)) in points.iter().enumerate() {
            rows.row(place, timestamp, Some(value));
        }
        String::from_utf8(rows.finish()).unwrap()
    }

    #[test]
    fn ends_of_time_and_nulls() {
        let ends = [
            i64::MIN,
            FIRST_TIMESTAMP - 1,
            FIRST_TIMESTAMP,
            -1,
            0,
            LAST_TIMESTAMP,
            LAST_TIMESTAMP + 1,
            i64::MAX,
        ];
        let points = ends.map(|timestamp| (timestamp, 0.5));
        let expected: Vec<String> = points.iter().map(|&(t, v)| row(t, v)).collect();
        assert_eq!(rows(&points), expected.join(","));
        for timestamp in ends {
            // A year of six digits with its sign, an offset, and a number of 24.
            let mut rows = JsonRows::with_capacity(1, &Zone::parse("Asia/Tokyo").unwrap());
            rows.row(1, timestamp, Some(-2.225_073_858_507_201_4e-308));
            let longest = String::from_utf8(rows.finish()).unwrap();
            assert!(longest.len() <= LONGEST_ROW, "{longest}");
        }
        let mut rows = JsonRows::with_capacity(0, &Zone::default());
        rows.row(0, 0, None);
        rows.begin_group(1, 7);
        rows.member("p95");
        rows.count(u64::MAX);
        rows.text(b"}");
        rows.row(2, 0, Some(f64::NAN));
        let text = String::from_utf8(rows.finish()).unwrap();
        assert!(
            text.starts_with("{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"value\":null},{")
        );
        assert!(
            text.contains(",{\"group\":7,\"p95\":18446744073709551615},")
                && text.ends_with(":null}")
        );
    }

    proptest! {
        #[test]
        fn rows_are_what_the_plain_writers_write(
            points in proptest::collection::vec(
                (prop_oneof![
                    FIRST_TIMESTAMP..=LAST_TIMESTAMP,
                    (-200_000..200_000_i64).prop_map(|s| s * 1_000_000),
                    (-200_000..200_000_i64).prop_map(|ms| ms * 1_000),
                ], -1e9..1e9_f64),
                0..20,
            ),
        ) {
            let expected: Vec<String> = points.iter().map(|&(t, v)| row(t, v)).collect();
            prop_assert_eq!(rows(&points), expected.join(","));
        }
    }
}
