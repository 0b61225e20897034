//! Points from the rows of a table: CSV (RFC 4180) with a header, in one of three shapes.

use csv_core::{ReadRecordResult, Reader};

use crate::error::{Error, InvalidCode, Result, Shown};
use crate::limits::Limits;
use crate::types::{TimeReading, check_series_id, point_value_from_text, read_time_parameter};

/// A table whose header was read.
#[derive(Debug)]
pub(super) struct Table {
    columns: Columns,
    /// How many columns the header has.
    width: usize,
    row: Row,
    times: TimeReading,
}

/// What stands where.
#[derive(Debug, PartialEq)]
enum Columns {
    /// `timestamp,value` of one series.
    Single {
        series: String,
        timestamp: usize,
        value: usize,
    },
    /// `series_id,timestamp,value`.
    Long {
        series: usize,
        timestamp: usize,
        value: usize,
    },
    /// `timestamp` and a column a series.
    Wide {
        timestamp: usize,
        series: Vec<(usize, String)>,
    },
}

/// A point of a row: its series, its timestamp in microseconds and its value.
pub(super) type Cell<'r> = (&'r str, i64, f64);

impl Table {
    /// Reads the header. `series` is that of all points, where no column says it.
    ///
    /// # Errors
    /// [`InvalidCode::Point`] for a header that has none of the three shapes.
    pub(super) fn new(
        header: &[u8],
        series: Option<&str>,
        times: TimeReading,
        limits: &Limits,
    ) -> Result<Self> {
        let mut row = Row::default();
        row.read(header)?;
        let names = (0..row.len())
            .map(|i| row.name(i))
            .collect::<Result<Vec<_>>>()?;
        let columns = Columns::of(&names, series, limits)?;
        Ok(Self {
            columns,
            width: names.len(),
            row,
            times,
        })
    }

    /// The points of a row: none of a row of gaps.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the name of the column that is wrong.
    pub(super) fn points(&mut self, text: &[u8]) -> Result<Vec<Cell<'_>>> {
        self.row.read(text)?;
        if self.row.len() != self.width {
            let detail = format!(
                "the row has {} fields, the header {}; quote fields with commas in them",
                self.row.len(),
                self.width
            );
            return Err(refusal("", detail));
        }
        let (row, times) = (&self.row, &self.times);
        let mut cells = Vec::new();
        match &self.columns {
            Columns::Single {
                series,
                timestamp,
                value,
            } => cells.extend(row.cell(series, *timestamp, *value, "value", times)?),
            Columns::Long {
                series,
                timestamp,
                value,
            } => cells.extend(row.cell(row.name(*series)?, *timestamp, *value, "value", times)?),
            Columns::Wide { timestamp, series } => {
                for (value, id) in series {
                    cells.extend(row.cell(id, *timestamp, *value, id, times)?);
                }
            }
        }
        Ok(cells)
    }
}

impl Columns {
    fn of(names: &[&str], series: Option<&str>, limits: &Limits) -> Result<Self> {
        let repeated =
            (1..names.len()).find(|&i| names.iter().take(i).any(|n| Some(n) == names.get(i)));
        if let Some(name) = repeated.and_then(|i| names.get(i)) {
            return Err(header(&format!("two columns are called {}", Shown(name))));
        }
        let place = |name: &str| names.iter().position(|other| *other == name);
        let Some(timestamp) = place("timestamp") else {
            return Err(header("no column is called timestamp"));
        };
        let only = |known: &[&str]| match names.iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let with = known.join(", ");
                Err(header(&format!(
                    "found the column {} beside {with}",
                    Shown(name)
                )))
            }
        };
        match (place("series_id"), place("value"), series) {
            (Some(_), _, Some(_)) => Err(header(
                "there are both a column series_id and the parameter series_id; leave one of them out",
            )),
            (Some(series), Some(value), None) => {
                only(&["series_id", "timestamp", "value"])?;
                Ok(Self::Long {
                    series,
                    timestamp,
                    value,
                })
            }
            (Some(_), None, None) => Err(header("no column is called value")),
            (None, Some(value), Some(series)) => {
                only(&["timestamp", "value"])?;
                check_series_id(series, "/series_id", limits)?;
                Ok(Self::Single {
                    series: series.to_owned(),
                    timestamp,
                    value,
                })
            }
            (None, None, Some(_)) => Err(header("no column is called value")),
            (None, Some(_), None) if names.len() == 2 => Err(header(
                "nothing says which series the points are of; give the parameter series_id",
            )),
            (None, _, None) => {
                let others = names.iter().enumerate().filter(|(i, _)| *i != timestamp);
                let series: Vec<(usize, String)> =
                    others.map(|(i, name)| (i, (*name).to_owned())).collect();
                for (_, id) in &series {
                    check_series_id(id, "", limits)?;
                }
                match series.is_empty() {
                    true => Err(header("there is no column besides timestamp")),
                    false => Ok(Self::Wide { timestamp, series }),
                }
            }
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
    /// Making one costs more than reading many rows with it.
    reader: Reader,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
            fields: 0,
            quoted: false,
            reader: Reader::new(),
        }
    }
}

impl Row {
    fn read(&mut self, record: &[u8]) -> Result<()> {
        // No field grows by being read, and none is without a comma or the end after it.
        self.text.resize(record.len(), 0);
        self.ends.resize(record.len() + 1, 0);
        self.reader.reset();
        let (mut read, mut written, mut fields) = (0, 0, 0);
        loop {
            let input = record.get(read..).unwrap_or_default();
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, r, w, e) = self.reader.read_record(input, text, ends);
            (read, written, fields) = (read + r, written + w, fields + e);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(refusal("", "the row cannot be read as CSV"));
                }
            }
        }
        // Readers of CSV take a carriage return for the end of a line, but lines were told
        // apart before.
        let rest = record.get(read..).unwrap_or_default();
        if !rest.trim_ascii().is_empty() {
            return Err(refusal(
                "",
                "there is a carriage return within the line; expected lines that end in LF or CR LF",
            ));
        }
        self.fields = fields;
        self.quoted = memchr::memchr(b'"', record).is_some();
        Ok(())
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

    /// The point of two fields, unless the value is a gap. `name` is the column's.
    fn cell<'r>(
        &'r self,
        series: &'r str,
        timestamp: usize,
        value: usize,
        name: &str,
        times: &TimeReading,
    ) -> Result<Option<Cell<'r>>> {
        let text = self.field(value)?;
        if text.is_empty() {
            return Ok(None);
        }
        let time = read_time_parameter(self.field(timestamp)?, times);
        let time = time.map_err(|e| e.within("/timestamp"))?;
        let number = point_value_from_text(text).map_err(|e| e.within(format_args!("/{name}")))?;
        Ok(Some((series, time, number)))
    }
}

fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Point, pointer, detail)
}

fn header(what: &str) -> Error {
    let detail = format!(
        "in the header of the table {what}; expected timestamp,value with the parameter series_id, or \
         series_id,timestamp,value, or timestamp and a column a series, with commas between"
    );
    refusal("", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(header: &str, series: Option<&str>) -> Result<Table> {
        Table::new(
            header.as_bytes(),
            series,
            TimeReading::default(),
            &Limits::default(),
        )
    }

    fn rows(header: &str, series: Option<&str>, row: &str) -> Result<Vec<(String, i64, f64)>> {
        let mut table = table(header, series)?;
        let cells = table.points(row.as_bytes())?;
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
            ("1970-01-01,x,1", "/a", "expected a number"),
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
            let error = rows("timestamp,a,b", None, row).unwrap_err();
            let Error::Invalid { pointer: found, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(found, pointer, "{row}: {error}");
            assert!(error.to_string().contains(part), "{row}: {error}");
        }
    }
}
