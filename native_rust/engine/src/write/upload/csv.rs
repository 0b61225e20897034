//! Points from the rows of a table: CSV (RFC 4180) with a header, in one of three shapes.

use super::columns::{Columns, TableReading};
use super::missing::MissingValues;
use super::row::{Row, refusal};
use crate::budget::Budget;
use crate::error::{Error, Result, Shown};
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
/// What a field of a row takes: its end, and its point.
const CELL: usize = size_of::<usize>() + 2 * size_of::<Cell<'static>>();

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
                cells.extend(times.cell(series, (*value, "value"), missing)?);
            }
            Columns::Long { series, value, .. } => {
                cells.extend(times.cell(row.name(*series)?, (*value, "value"), missing)?);
            }
            Columns::Wide { series, .. } => {
                for (value, id) in series {
                    budget.step()?;
                    cells.extend(times.cell(id, (*value, id), missing)?);
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

    /// Bytes that reading a header takes at most.
    pub(super) fn header_bytes(text: &[u8], limits: &Limits) -> usize {
        let columns = text.len().min(limits.page_items.saturating_add(1));
        2 * text.len() + columns.saturating_mul(COLUMN)
    }

    /// Bytes that reading a row takes at most, beside what becomes of its points.
    pub(super) fn row_bytes(&self, text: &[u8]) -> usize {
        2 * text.len() + text.len().min(self.width) * CELL
    }

    /// Points that a row has at most, and bytes of the ids of their series.
    pub(super) fn row_points(&self, text: &[u8]) -> (usize, usize) {
        match &self.columns {
            Columns::Wide { .. } => (text.len().min(self.width), self.columns_bytes),
            Columns::Single { .. } | Columns::Long { .. } => (1, text.len()),
        }
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

    /// The point of a field, unless that has no value. It stands in a column with a name.
    fn cell(
        &mut self,
        series: &'r str,
        (value, name): (usize, &str),
        missing: &MissingValues,
    ) -> Result<Option<Cell<'r>>> {
        let text = self.row.field(value)?;
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
        let time = self.get()?;
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

#[cfg(test)]
mod tests;
