//! Points from the rows of a table: CSV (RFC 4180) with a header, in one of three shapes.

use csv_core::{ReadRecordResult, Reader};

use super::columns::{Columns, TableReading};
use super::missing::MissingValues;
use super::records::KEPT_BYTES;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::limits::Limits;
use crate::types::{TimeReading, doubt_of_text, point_value_from_text, read_time_parameter, step};

/// A table whose header was read.
#[derive(Debug)]
pub(super) struct Table {
    columns: Columns,
    columns_bytes: usize,
    /// How many columns the header has.
    width: usize,
    row: Row,
    times: TimeReading,
    missing: MissingValues,
    /// Cells without a value in the rows that were taken.
    gaps: u64,
}

/// A point of a row: its series, its timestamp in microseconds and its value.
pub(super) type Cell<'r> = (&'r str, i64, f64);

/// The points of a row, and why their time is unlikely.
type Cells<'r> = (Vec<Cell<'r>>, Option<String>);

/// What a column of a header takes while it is read: the end of its field, its name and
/// that among those seen, and its series.
const COLUMN: usize = 128;

impl Table {
    /// Reads the header. Linear.
    ///
    /// # Errors
    /// [`InvalidCode::Point`] for a header that has none of the three shapes, or not the one
    /// that was named; [`Error::TooLarge`] for more columns than a table has that is given
    /// out: as many as a page has items, and `timestamp`.
    pub(super) fn new(
        header: &[u8],
        form: &TableReading,
        limits: &Limits,
        budget: &Budget,
    ) -> Result<Self> {
        let mut row = Row::default();
        if !row.read(header, limits.page_items.saturating_add(1))? {
            return Err(Error::TooLarge {
                what: "the number of columns beside timestamp in the header of the table",
                actual: limits.page_items as u64 + 1,
                limit: limits.page_items as u64,
                setting: "page_items",
            });
        }
        let names = (0..row.len())
            .map(|i| row.name(i))
            .collect::<Result<Vec<_>>>()?;
        let columns = Columns::of(&names, form, limits, budget)?;
        Ok(Self {
            columns_bytes: columns.bytes(),
            columns,
            width: names.len(),
            row,
            times: form.times.clone(),
            missing: form.missing.clone(),
            gaps: 0,
        })
    }

    /// The points of a row, those of its cells that have a value, and why their time is unlikely.
    /// Linear; all of them or none.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the name of the column that is wrong, the first if several
    /// are; those of the [`Budget`].
    pub(super) fn points(&mut self, text: &[u8], budget: &Budget) -> Result<Cells<'_>> {
        let whole = self.row.read(text, self.width)?;
        if !whole || self.row.len() != self.width {
            let more = if whole { "" } else { "more than " };
            let detail = format!(
                "the row has {more}{} fields, the header {}; quote fields with commas in them",
                self.row.len(),
                self.width
            );
            return Err(refusal("", detail));
        }
        let (row, missing) = (&self.row, &self.missing);
        let mut cells = Vec::new();
        let mut times = Times::new(row, self.columns.timestamp(), &self.times);
        match &self.columns {
            Columns::Single { series, value, .. } => {
                cells.extend(row.cell(series, (*value, "value"), &mut times, missing)?);
            }
            Columns::Long { series, value, .. } => {
                let series = row.name(*series)?;
                cells.extend(row.cell(series, (*value, "value"), &mut times, missing)?);
            }
            Columns::Wide { series, .. } => {
                for (value, id) in series {
                    budget.step()?;
                    cells.extend(row.cell(id, (*value, id), &mut times, missing)?);
                }
            }
        }
        self.gaps += (self.columns.values() - cells.len()) as u64;
        Ok((cells, times.doubt()?))
    }

    /// Cells without a value in the rows that were taken so far.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.columns_bytes + self.row.bytes()
    }

    /// Bytes that reading a header or a row takes at most.
    pub(super) fn reading_bytes(text: &[u8], limits: &Limits) -> usize {
        let columns = text.len().min(limits.page_items.saturating_add(1));
        2 * text.len() + columns.saturating_mul(COLUMN)
    }
}

/// The timestamp of a row, which is read once, and not at all for a row of gaps.
struct Times<'r> {
    row: &'r Row,
    column: usize,
    reading: &'r TimeReading,
    read: Option<i64>,
}

impl<'r> Times<'r> {
    fn new(row: &'r Row, column: usize, reading: &'r TimeReading) -> Self {
        Self {
            row,
            column,
            reading,
            read: None,
        }
    }

    fn get(&mut self) -> Result<i64> {
        if let Some(time) = self.read {
            return Ok(time);
        }
        let time = read_time_parameter(self.row.field(self.column)?, self.reading);
        let time = time.map_err(|e| e.within("/timestamp"))?;
        self.read = Some(time);
        Ok(time)
    }

    /// Why the time that was read is unlikely.
    fn doubt(&self) -> Result<Option<String>> {
        match self.read {
            None => Ok(None),
            Some(time) => Ok(doubt_of_text(
                self.row.field(self.column)?,
                self.reading,
                time,
            )),
        }
    }
}

/// The fields of one record; its memory is used again.
#[derive(Debug)]
struct Row {
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
    quoted: bool,
    /// Making one costs more than reading many rows with it. It stands where a record begins,
    /// and not the first one: there it would take a byte order mark away.
    reader: Reader,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
            fields: 0,
            quoted: false,
            reader: begun(Reader::new()),
        }
    }
}

/// A reader that has read an empty line.
fn begun(mut reader: Reader) -> Reader {
    reader.reset();
    let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
    reader
}

impl Row {
    /// Reads the fields of a record, unless it has more than `most`: then it has those, and
    /// the answer is no.
    fn read(&mut self, record: &[u8], most: usize) -> Result<bool> {
        if self.text.capacity() > KEPT_BYTES.max(record.len()) {
            self.text = Vec::new();
        }
        // No field grows by being read, and the reader wants room even for what has none.
        self.text.resize(record.len() + 1, 0);
        let read = self.fields_of(record, most);
        if !matches!(read, Ok(true)) {
            self.reader = begun(std::mem::take(&mut self.reader));
        }
        self.quoted = memchr::memchr(b'"', record).is_some();
        read
    }

    fn fields_of(&mut self, record: &[u8], most: usize) -> Result<bool> {
        let (mut read, mut written) = (0, 0);
        self.fields = 0;
        let mut ended = false;
        loop {
            let input = match ended {
                true => b"\n",
                false => record.get(read..).unwrap_or_default(),
            };
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
            let (result, r, w, e) = self.reader.read_record(input, text, ends);
            (read, written, self.fields) = (read + r, written + w, self.fields + e);
            match result {
                ReadRecordResult::Record if ended => return Ok(true),
                ReadRecordResult::InputEmpty if ended => {
                    return Err(refusal(
                        "",
                        "a quote in the line is not closed, or stands within a field that has none \
                         around it; expected fields with quotes in them in quotes, and two for each",
                    ));
                }
                ReadRecordResult::InputEmpty => ended = true,
                // Readers of CSV take a carriage return for the end of a line, but lines were
                // told apart before.
                ReadRecordResult::Record | ReadRecordResult::End => {
                    return Err(refusal(
                        "",
                        "there is a carriage return within the line; expected lines that end in LF or \
                         CR LF",
                    ));
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() == most => return Ok(false),
                ReadRecordResult::OutputFull => {
                    return Err(refusal("", "the row cannot be read as CSV"));
                }
                ReadRecordResult::OutputEndsFull => {
                    let room = (2 * self.ends.len()).clamp(8, most.max(8)).min(most);
                    self.ends.resize(room, 0);
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn len(&self) -> usize {
        self.fields
    }

    /// A field without the blanks around it; an empty one where there is none.
    fn field(&self, i: usize) -> Result<&str> {
        self.whole(i).map(str::trim)
    }

    /// A field that is a name: of a row that has quotes, with the blanks around it, which
    /// may be why there are quotes.
    fn name(&self, i: usize) -> Result<&str> {
        let name = self.whole(i)?;
        Ok(if self.quoted { name } else { name.trim() })
    }

    fn whole(&self, i: usize) -> Result<&str> {
        let end = |i: usize| self.ends.get(i).copied().unwrap_or_default();
        let begin = i.checked_sub(1).map_or(0, end);
        let bytes = self.text.get(begin..end(i)).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| refusal("", format!("field {} is not UTF-8", i + 1)))
    }

    /// The point of a field, unless that has no value. It stands in a column with a name.
    fn cell<'r>(
        &'r self,
        series: &'r str,
        (value, name): (usize, &str),
        times: &mut Times<'_>,
        missing: &MissingValues,
    ) -> Result<Option<Cell<'r>>> {
        let text = self.field(value)?;
        if missing.has_text(text) {
            return Ok(None);
        }
        let number = point_value_from_text(text);
        if number
            .as_ref()
            .is_ok_and(|number| missing.has_number(*number))
        {
            return Ok(None);
        }
        let time = times.get()?;
        let number = number.map_err(|e| in_column(e, name, text))?;
        Ok(Some((series, time, number)))
    }
}

/// The error of a value, with the column that it stands in, and what to do if it stands for
/// none.
fn in_column(error: Error, name: &str, text: &str) -> Error {
    match error {
        Error::Invalid { code, detail, .. } => {
            let mut detail = format!("column {}: {detail}", Shown(name));
            let decimal = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
            let is_number =
                text.bytes().all(decimal) && text.bytes().any(|byte| byte.is_ascii_digit());
            let plain = text.len() <= 40 && !text.contains([',', '=', '&', '+', '%', '#', ' ']);
            match (is_number, plain) {
                (true, _) => {}
                (false, true) => {
                    detail += &format!("; if it stands for no value, give missing={text}");
                }
                (false, false) => {
                    detail += "; what stands for no value, the parameter missing says";
                }
            }
            Error::invalid(code, step(name), detail)
        }
        other => other,
    }
}

fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Point, pointer, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(header: &str, series: Option<&str>) -> Result<Table> {
        let form = TableReading {
            series: series.map(str::to_owned),
            ..TableReading::default()
        };
        let budget = Budget::ample();
        Table::new(header.as_bytes(), &form, &Limits::default(), &budget)
    }

    fn rows(header: &str, series: Option<&str>, row: &str) -> Result<Vec<(String, i64, f64)>> {
        let mut table = table(header, series)?;
        let budget = Budget::ample();
        let (cells, _) = table.points(row.as_bytes(), &budget)?;
        Ok(cells
            .into_iter()
            .map(|(s, t, v)| (s.to_owned(), t, v))
            .collect())
    }

    #[test]
    fn three_shapes() {
        let one = rows("timestamp,value", Some("a"), "1970-01-01T00:00:01Z,1.5").unwrap();
        assert_eq!(one, [("a".into(), 1_000_000, 1.5)]);
        let long = rows(
            "value, series_id ,timestamp",
            None,
            "-2,\"a,\"\"b\",1970-01-02",
        )
        .unwrap();
        assert_eq!(long, [("a,\"b".into(), 86_400_000_000, -2.0)]);
        let wide = rows("timestamp,a,b,c", None, "1970-01-01,1,,3e2").unwrap();
        assert_eq!(wide, [("a".into(), 0, 1.0), ("c".into(), 0, 300.0)]);
        assert_eq!(rows("timestamp,a", None, "not read,").unwrap(), []);
    }

    #[test]
    fn cells_without_a_value_leave_the_others_of_their_row() {
        let form = TableReading {
            missing: MissingValues::parse("NA,-999").unwrap(),
            ..TableReading::default()
        };
        let budget = Budget::ample();
        let mut table = Table::new(b"timestamp,a,b,c", &form, &Limits::default(), &budget).unwrap();
        let mut points = |row: &str| -> Result<Vec<(String, f64)>> {
            let (cells, _) = table.points(row.as_bytes(), &budget)?;
            Ok(cells
                .iter()
                .map(|(s, _, v)| ((*s).to_owned(), *v))
                .collect())
        };
        let both = [("a".to_owned(), 1.0), ("c".to_owned(), 2.0)];
        for gap in ["", "NA", " NA ", "\"NA\"", "-999", "-999.0", "-9.99e2"] {
            assert_eq!(
                points(&format!("1970-01-01,1,{gap},2")).unwrap(),
                both,
                "{gap}"
            );
        }
        assert_eq!(points("not read,NA,,-999").unwrap(), []);
        for (cell, said) in [
            ("n/a", "missing=n/a"),
            ("-", "missing=-"),
            ("na", "missing=na"),
            ("not known", "the parameter missing"),
        ] {
            let error = points(&format!("1970-01-01,1,{cell},2"))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("column \"b\"") && error.contains(said),
                "{error}"
            );
        }
        for cell in ["1e999", "1.2.3", "9007199254740993"] {
            let error = points(&format!("1970-01-01,1,{cell},2"))
                .unwrap_err()
                .to_string();
            assert!(!error.contains("missing"), "{error}");
        }
        assert_eq!(table.gaps(), 7 + 3);
    }

    #[test]
    fn a_mark_in_an_id_is_a_part_of_it() {
        let header = "series_id,timestamp,value";
        let mut table = table(header, None).unwrap();
        let budget = Budget::ample();
        for row in [
            "\u{feff}a,0,1",
            "\u{feff}a,bad,1",
            "\u{feff}a,0,1",
            "\u{feff}a,0,1,2",
            "\u{feff}a,0,1",
        ] {
            let row = row.replace(",0,", ",1970-01-01,");
            if let Ok(cells) = table.points(row.as_bytes(), &budget) {
                assert_eq!(cells.0, [("\u{feff}a", 0, 1.0)]);
            }
        }
    }

    #[test]
    fn no_more_fields_are_kept_than_there_may_be() {
        let limits = Limits {
            page_items: 10,
            ..Limits::default()
        };
        let (form, budget) = (TableReading::default(), Budget::ample());
        let header = |count: usize| {
            let names: Vec<String> = (0..count).map(|i| format!("s{i}")).collect();
            format!("timestamp,{}", names.join(","))
        };
        let mut table = Table::new(header(10).as_bytes(), &form, &limits, &budget).unwrap();
        let error = Table::new(header(11).as_bytes(), &form, &limits, &budget).unwrap_err();
        assert!(error.to_string().contains("FORMDB_PAGE_ITEMS"), "{error}");
        let commas = ",".repeat(1 << 22);
        let error = table.points(commas.as_bytes(), &budget).unwrap_err();
        assert!(error.to_string().contains("more than 11 fields"), "{error}");
        assert!(table.row.ends.capacity() < 32);
        let row = format!("1970-01-01{}", ",1".repeat(10));
        assert_eq!(table.points(row.as_bytes(), &budget).unwrap().0.len(), 10);
        // The room for the long row is gone.
        assert!(table.bytes() < 4_096, "{}", table.bytes());
    }

    #[test]
    fn a_row_is_given_up_when_nobody_waits() {
        let memory = crate::mem::Memory::new(&Limits::default());
        let header = format!(
            "timestamp,{}",
            (0..1_000)
                .map(|i| format!("s{i}"))
                .collect::<Vec<_>>()
                .join(",")
        );
        let mut table = table(&header, None).unwrap();
        let cancel = crate::budget::Cancel::default();
        cancel.cancel();
        let budget = Budget::without_end(&memory, cancel);
        let row = format!("1970-01-01{}", ",1".repeat(1_000));
        assert!(matches!(
            table.points(row.as_bytes(), &budget),
            Err(Error::Cancelled)
        ));
        let again = Table::new(
            header.as_bytes(),
            &TableReading::default(),
            &Limits::default(),
            &budget,
        );
        assert!(matches!(again, Err(Error::Cancelled)));
    }

    #[test]
    fn what_a_number_is() {
        let number = |text: &str| rows("timestamp,value", Some("a"), &format!("1970-01-01,{text}"));
        for (text, expected) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1", -1.0),
            ("007", 7.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1E+3", 1_000.0),
            (" 2 ", 2.0),
            ("0e-400", 0.0),
            ("18446744073709551616.0", 18_446_744_073_709_551_616.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("5e-324", 5e-324),
        ] {
            let found = number(text).unwrap();
            assert_eq!(found, [("a".to_owned(), 0, expected)], "{text}");
        }
        for zero in ["-0", "-0.0"] {
            let found = number(zero).unwrap();
            let [(_, _, value)] = found.as_slice() else {
                panic!("{zero}")
            };
            assert!(*value == 0.0 && value.is_sign_negative(), "{zero}");
        }
        for (text, part) in [
            ("1e-400", "would be 0"),
            ("-1e-400", "would be 0"),
            ("1e400", "finite"),
            ("-1e400", "finite"),
            ("18446744073709551616", "beyond 64 bits"),
            (
                "123456789012345678901234567890123456789012345",
                "beyond 64 bits",
            ),
            ("18446744073709551615", "a double does not hold"),
            ("0x10", "expected a number"),
            ("1_000", "expected a number"),
            ("inf", "expected a number"),
            ("Infinity", "expected a number"),
            ("NaN", "expected a number"),
            ("1e", "expected a number"),
            (".", "expected a number"),
            ("-", "expected a number"),
            ("1 2", "expected a number"),
            ("1,5", "3 fields"),
        ] {
            let error = number(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn quotes_that_do_not_go_around_a_field_are_refused() {
        for row in ["1970-01-01,a\",\"b", "1970-01-01,\"1"] {
            let error = rows("timestamp,value", Some("a"), row).unwrap_err();
            assert!(error.to_string().contains("a quote in the line"), "{error}");
        }
    }

    #[test]
    fn headers_that_have_none_of_them() {
        for (columns, series, part) in [
            ("timestamp,value", None, "give the parameter series_id"),
            ("timestamp,value,unit", Some("a"), "column \"unit\""),
            ("series_id,timestamp", None, "no column is called value"),
            (
                "series_id,timestamp,value",
                Some("a"),
                "leave one of them out",
            ),
            ("time,value", Some("a"), "no column is called timestamp"),
            ("timestamp", None, "no column besides timestamp"),
            ("timestamp;value", Some("a"), "with commas between"),
            ("timestamp,a,a", None, "two columns are called \"a\""),
            (
                "timestamp,a\r1970-01-01,1\r",
                None,
                "carriage return within",
            ),
        ] {
            let Err(error) = table(columns, series) else {
                panic!("{columns} was taken");
            };
            assert!(error.to_string().contains(part), "{columns}: {error}");
        }
    }

    #[test]
    fn rows_that_are_wrong_say_where() {
        for (row, pointer, part) in [
            ("1970-01-01,1", "", "2 fields, the header 3"),
            (
                "1970-01-01,x,1",
                "/a~1c",
                "column \"a/c\": found \"x\"; expected a number",
            ),
            ("1970-01-01,1,nan", "/b", "expected a number"),
            ("1970-01-01,1,1e999", "/b", "finite"),
            (
                "1970-01-01,1,9007199254740993",
                "/b",
                "a double does not hold",
            ),
            ("yesterday,1,", "/timestamp", "expected a time"),
            ("12345678,1,", "/timestamp", "expected a time"),
            ("1970-01-01,1,\r1970-01-02,2,", "", "carriage return within"),
        ] {
            let error = rows("timestamp,a/c,b", None, row).unwrap_err();
            let Error::Invalid { pointer: found, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(found, pointer, "{row}: {error}");
            assert!(error.to_string().contains(part), "{row}: {error}");
        }
    }
}
