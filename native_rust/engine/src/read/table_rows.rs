//! Timestamps and values as lines: a JSON object each (NDJSON), or rows of a table
//! (RFC 4180, but that lines end in a line feed alone).

use crate::types::{TimeWriter, Zone};

/// Bytes of a usual row, without the id of its series.
const ROW: usize = 48;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// `{"series_id":..,"timestamp":..,"value":..}`; a missing value is null.
    Lines,
    /// `timestamp,value`; a missing value is an empty cell.
    Csv,
    /// `series_id,timestamp,value`.
    CsvOfMany,
}

/// Rows, one after the other. Linear.
#[derive(Debug)]
pub(crate) struct TableRows {
    form: TableForm,
    out: Vec<u8>,
    /// What stands before the timestamp.
    before: Vec<u8>,
    times: TimeWriter,
}

impl TableRows {
    pub(crate) fn with_capacity(form: TableForm, rows: usize, zone: &Zone) -> Self {
        Self {
            form,
            out: Vec::with_capacity(rows * ROW),
            before: Vec::new(),
            times: TimeWriter::new(zone),
        }
    }

    /// The rows after it are of this series.
    pub(crate) fn series(&mut self, id: &str) {
        let before = &mut self.before;
        before.clear();
        match self.form {
            TableForm::Lines => {
                before.extend_from_slice(b"{\"series_id\":");
                // Writing text into memory has no way to fail.
                let _ = serde_json::to_writer(&mut *before, id);
                before.extend_from_slice(b",\"timestamp\":\"");
            }
            TableForm::Csv => {}
            TableForm::CsvOfMany => {
                write_cell(id, before);
                before.push(b',');
            }
        }
    }

    /// The rows after it are of groups of this series.
    pub(crate) fn series_of_groups(&mut self, id: &str) {
        self.series(id);
        if self.form == TableForm::Lines {
            let key = b"\"timestamp\":\"".len();
            self.before.truncate(self.before.len() - key);
            self.before.extend_from_slice(b"\"group\":");
        }
    }

    /// A row. A value that is no finite number is missing.
    pub(crate) fn row(&mut self, timestamp: i64, value: Option<f64>) {
        self.begin(timestamp);
        self.member("value");
        self.number(value);
        self.end();
    }

    /// A number, an integer if it counts, or none.
    pub(crate) fn cell(&mut self, value: Option<f64>, counts: bool) {
        match value {
            Some(count) if counts => self.count(count as u64),
            _ => self.number(value),
        }
    }

    /// A number, or none.
    pub(crate) fn number(&mut self, value: Option<f64>) {
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let _ = serde_json::to_writer(&mut self.out, &value);
            }
            None if self.form == TableForm::Lines => self.out.extend_from_slice(b"null"),
            None => {}
        }
    }

    /// As [`Self::row`], with more members or cells behind the value, each with the comma
    /// before it.
    pub(crate) fn row_with(&mut self, timestamp: i64, value: f64, more: &[u8]) {
        self.begin(timestamp);
        self.member("value");
        self.number(Some(value));
        self.out.extend_from_slice(more);
        self.end();
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

    /// What stands before a value of this name, which needs no escapes.
    pub(crate) fn member(&mut self, name: &str) {
        self.out.push(b',');
        if self.form == TableForm::Lines {
            self.out.push(b'"');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
    }

    /// The begin of a row.
    pub(crate) fn begin(&mut self, timestamp: i64) {
        self.out.extend_from_slice(&self.before);
        self.times.write(timestamp, &mut self.out);
        if self.form == TableForm::Lines {
            self.out.push(b'"');
        }
    }

    /// The begin of the row of a group.
    pub(crate) fn begin_group(&mut self, group: i64) {
        self.out.extend_from_slice(&self.before);
        let _ = serde_json::to_writer(&mut self.out, &group);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// The end of a row.
    pub(crate) fn end(&mut self) {
        let end: &[u8] = match self.form {
            TableForm::Lines => b"}\n",
            TableForm::Csv | TableForm::CsvOfMany => b"\n",
        };
        self.out.extend_from_slice(end);
    }
}

/// Text as a cell: in quotes where it has to be, or where a reader might take spaces at its
/// ends away.
pub(crate) fn write_cell(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| !matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if text.bytes().all(plain) && !text.is_empty() && text.trim() == text {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FIRST_TIMESTAMP, LAST_TIMESTAMP, format_timestamp};
    use proptest::prelude::*;

    fn lines(form: TableForm, series: &str, points: &[(i64, Option<f64>)]) -> String {
        let mut rows = TableRows::with_capacity(form, 1, &Zone::default());
        rows.series(series);
        for (timestamp, value) in points {
            rows.row(*timestamp, *value);
        }
        String::from_utf8(rows.finish()).unwrap()
    }

    #[test]
    fn each_form() {
        let points = [(0, Some(1.0)), (i64::MAX, None), (-1, Some(-0.5))];
        let csv = lines(TableForm::Csv, "s", &points);
        let last = format_timestamp(i64::MAX);
        let expected =
            format!("1970-01-01T00:00:00.000000Z,1.0\n{last},\n1969-12-31T23:59:59.999999Z,-0.5\n");
        assert_eq!(csv, expected);
        let many = lines(TableForm::CsvOfMany, "a,\"b\"", &points[..1]);
        assert_eq!(many, "\"a,\"\"b\"\"\",1970-01-01T00:00:00.000000Z,1.0\n");
        let json = lines(TableForm::Lines, "a\"", &points[..1]);
        assert_eq!(
            json,
            "{\"series_id\":\"a\\\"\",\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"value\":1.0}\n"
        );
        assert!(lines(TableForm::Lines, "a", &[(0, None)]).ends_with(":null}\n"));
        let mut rows = TableRows::with_capacity(TableForm::Csv, 1, &Zone::default());
        rows.begin_group(3);
        rows.member("p95");
        rows.count(7);
        rows.end();
        assert!(rows.finish().ends_with(b"3,7\n"));
    }

    #[test]
    fn cells() {
        for (text, cell) in [
            ("a b", "a b"),
            ("", "\"\""),
            (" a", "\" a\""),
            ("a\n", "\"a\n\""),
            ("a;b", "a;b"),
            ("\"", "\"\"\"\""),
        ] {
            let mut out = Vec::new();
            write_cell(text, &mut out);
            assert_eq!(out, cell.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn rows_are_what_a_reader_of_tables_reads(
            points in proptest::collection::vec(
                (FIRST_TIMESTAMP..=LAST_TIMESTAMP, proptest::option::of(-1e9..1e9_f64)), 0..20),
            id in ".{1,8}",
        ) {
            let text = lines(TableForm::CsvOfMany, &id, &points);
            // What stands first in a file may be taken for its byte order mark.
            let text = format!("series_id,timestamp,value\n{text}");
            let mut reader = csv_core::ReaderBuilder::new().build();
            let (mut out, mut ends) = (vec![0; 4 * text.len() + 16], vec![0; 8]);
            let (_, header, _, _) = reader.read_record(text.as_bytes(), &mut out, &mut ends);
            let mut rest = &text.as_bytes()[header..];
            for (timestamp, value) in points {
                let (_, read, _, cells) = reader.read_record(rest, &mut out, &mut ends);
                rest = &rest[read..];
                prop_assert_eq!(cells, 3);
                let cell = |n: usize| {
                    let begin = if n == 0 { 0 } else { ends[n - 1] };
                    std::str::from_utf8(&out[begin..ends[n]]).unwrap()
                };
                prop_assert_eq!(cell(0), &id);
                prop_assert_eq!(cell(1), format_timestamp(timestamp));
                prop_assert_eq!(cell(2).parse().ok(), value);
            }
        }
    }
}
