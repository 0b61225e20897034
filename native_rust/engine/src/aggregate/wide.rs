//! Several series side by side: a row for each time, a column for each series.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Aggregation;
use super::answer::AggregatePage;
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{self, Order, SharedSeries};
use crate::read::page::check_limit;
use crate::read::series_filter::{Chosen, SeriesFilter};
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, ValueFilter, Zone, check_range};

/// Points that are read of a column at first, and each time at most; in between twice as
/// many as before. So little is read of a column that has more than the page takes.
const FEW: usize = 16;
const MANY: usize = 1_024;

/// A question for the points of all series whose ids begin alike, side by side.
#[derive(Debug, Clone, Copy)]
pub struct WideQuery<'a> {
    /// What the ids begin with; all do with nothing.
    pub prefix: &'a str,
    /// What must hold for the series: all of it. At most 64.
    pub filters: &'a [SeriesFilter],
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// Which values count; all without it.
    pub values: Option<&'a ValueFilter>,
    /// Of the rows, by time.
    pub order: Order,
    /// Rows at most, at least 1.
    pub limit: usize,
    /// The sequence to ask as of, by default all there is.
    pub as_of: Option<u64>,
    /// Of the timestamps in the rows.
    pub zone: &'a Zone,
}

/// Some rows, and from where to ask for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidePage {
    /// `timestamp` and the ids of the series, as a row.
    pub header: Vec<u8>,
    /// Rows of CSV: a timestamp and a value for each series, or nothing where it has none.
    /// Points of one series with equal timestamps stand in rows of their own.
    pub rows: Vec<u8>,
    /// How many rows.
    pub returned: usize,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Ascending the `start`, descending the `end` of the next question, for the same
    /// sequence; `None` where nothing is left.
    pub next: Option<i64>,
}

impl Database {
    /// Points in `[start, end)` of all series whose ids begin with `prefix`, side by side.
    /// The series are those that have points as of the sequence, by id in byte order, as
    /// many as a page may have items ([`crate::Limits::page_items`]). No file work.
    ///
    /// A page ends at its limit, or after a row that passes [`crate::Limits::page_bytes`],
    /// but with all points of one time. O(log of all series), for each column
    /// [`Database::range`] of a few points, O(log columns) for each value, and a comma for
    /// each column in each row.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad range or limit, [`Error::TooLarge`] for more series,
    /// those of the [`Budget`], [`Error::Closed`].
    pub fn range_wide(&self, query: &WideQuery<'_>, budget: &Budget) -> Result<WidePage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        if query.start != query.end {
            check_range(query.start, query.end)?;
        }
        let at = state.at(query.as_of)?;
        let chosen = Chosen::new(state, query.filters, at)?;
        let columns = self.columns(query.prefix, chosen, at, budget)?;
        let mut header = b"timestamp".to_vec();
        for (id, _) in &columns {
            budget.make_room(&mut header, id.len() + 3)?;
            header.push(b',');
            write_cell(id, &mut header);
        }
        header.push(b'\n');
        let range = index::RangeQuery {
            start: query.start,
            end: query.end,
            at,
            values: query.values,
            order: query.order,
            skip: 0,
            limit: FEW,
        };
        let mut read = Vec::new();
        budget.make_room(&mut read, columns.len())?;
        for (_, series) in &columns {
            read.push(Column::of(series, range, budget)?);
        }
        let times = Some(TimeWriter::new(query.zone));
        let mut rows = Rows::new(read, query.order, false, (times, budget));
        let mut next = None;
        while let Some(timestamp) = rows.next_time() {
            if rows.returned >= query.limit || rows.out.len() > state.limits.page_bytes {
                next = Some(boundary(query.order, timestamp));
                break;
            }
            rows.write(timestamp)?;
        }
        Ok(WidePage {
            header,
            returned: rows.returned,
            rows: rows.out,
            seq: at,
            next,
        })
    }

    fn columns(
        &self,
        prefix: &str,
        chosen: Chosen<'_>,
        at: u64,
        budget: &Budget,
    ) -> Result<Vec<Named>> {
        let state = &self.state;
        let mut found = chosen.walk_after((prefix, None), budget);
        let mut columns = Vec::new();
        while let Some((id, series)) = found.next_of(chosen)? {
            if series.latest(at, budget)?.is_none() {
                continue;
            }
            if columns.len() == state.limits.page_items {
                return Err(Error::TooLarge {
                    what: "the series side by side",
                    actual: columns.len() as u64 + 1,
                    limit: state.limits.page_items as u64,
                    setting: "page_items",
                });
            }
            budget.make_room(&mut columns, 1)?;
            columns.push((id, series));
        }
        Ok(columns)
    }
}

type Named = (Arc<str>, Arc<SharedSeries>);

/// The points of a series that stand in its column, some of them at a time.
#[derive(Debug, Default)]
struct Column<'s> {
    timestamps: Vec<i64>,
    /// One that is no number stands for a missing value.
    values: Vec<f64>,
    /// How many of those are written.
    place: usize,
    /// What comes after them.
    rest: Option<(&'s SharedSeries, index::RangeQuery<'s>)>,
}

impl<'s> Column<'s> {
    fn of(series: &'s SharedSeries, range: index::RangeQuery<'s>, budget: &Budget) -> Result<Self> {
        let mut column = Self {
            rest: Some((series, range)),
            ..Self::default()
        };
        column.read_on(budget)?;
        Ok(column)
    }

    /// The next points, in the place of those that are written.
    fn read_on(&mut self, budget: &Budget) -> Result<()> {
        if let Some((series, range)) = self.rest.take() {
            self.timestamps.clear();
            self.values.clear();
            self.place = 0;
            let Self {
                timestamps, values, ..
            } = self;
            let resume = series.range_columns(&range, budget, timestamps, values)?;
            self.rest = resume.map(|resume| {
                let limit = MANY.min(2 * range.limit);
                let rest = range.resume(resume);
                (series, index::RangeQuery { limit, ..rest })
            });
        }
        Ok(())
    }

    fn next_time(&self) -> Option<i64> {
        self.timestamps.get(self.place).copied()
    }

    /// The next value, which is written then.
    fn take(&mut self, budget: &Budget) -> Result<Option<f64>> {
        let value = self.values.get(self.place).copied();
        self.place += 1;
        if self.place >= self.timestamps.len() {
            self.read_on(budget)?;
        }
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// Where the next question begins so that its first time is this one.
fn boundary(order: Order, timestamp: i64) -> i64 {
    match order {
        Order::Ascending => timestamp,
        Order::Descending => timestamp + 1,
    }
}

/// A time with the column that has it next; the greatest comes first.
#[derive(PartialEq, Eq)]
struct Next {
    timestamp: i64,
    column: usize,
    order: Order,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        let times = match self.order {
            Order::Ascending => other.timestamp.cmp(&self.timestamp),
            Order::Descending => self.timestamp.cmp(&other.timestamp),
        };
        times.then(Reverse(self.column).cmp(&Reverse(other.column)))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Columns merged to rows: O(log columns) a value, and a comma a column in each row.
struct Rows<'q> {
    columns: Vec<Column<'q>>,
    next: BinaryHeap<Next>,
    /// The columns that the row under way has a value of.
    row: Vec<usize>,
    order: Order,
    integers: bool,
    /// How times are written; without it they are numbers.
    times: Option<TimeWriter>,
    budget: &'q Budget,
    out: Vec<u8>,
    returned: usize,
}

impl<'q> Rows<'q> {
    fn new(
        columns: Vec<Column<'q>>,
        order: Order,
        integers: bool,
        (times, budget): (Option<TimeWriter>, &'q Budget),
    ) -> Self {
        let next = columns.iter().enumerate().filter_map(|(column, points)| {
            Some(Next {
                timestamp: points.next_time()?,
                column,
                order,
            })
        });
        Self {
            next: next.collect(),
            columns,
            row: Vec::new(),
            order,
            integers,
            times,
            budget,
            out: Vec::new(),
            returned: 0,
        }
    }

    fn next_time(&self) -> Option<i64> {
        self.next.peek().map(|next| next.timestamp)
    }

    /// All rows of that time, which is the next.
    fn write(&mut self, timestamp: i64) -> Result<()> {
        while self.next_time() == Some(timestamp) {
            self.budget.step()?;
            // The longest number has 24 digits.
            self.budget
                .make_room(&mut self.out, 40 + 32 * self.columns.len())?;
            match &mut self.times {
                Some(times) => times.write(timestamp, &mut self.out),
                None => self.out.extend_from_slice(timestamp.to_string().as_bytes()),
            }
            let mut row = std::mem::take(&mut self.row);
            while self.next_time() == Some(timestamp) {
                row.extend(self.next.pop().map(|next| next.column));
            }
            let mut written = 0;
            for column in row.drain(..) {
                self.out.resize(self.out.len() + column + 1 - written, b',');
                written = column + 1;
                self.value(column)?;
            }
            self.row = row;
            let rest = self.columns.len() - written;
            self.out.resize(self.out.len() + rest, b',');
            self.out.push(b'\n');
            self.returned += 1;
        }
        Ok(())
    }

    /// The next value of a column; what comes after it is next.
    fn value(&mut self, column: usize) -> Result<()> {
        let Some(points) = self.columns.get_mut(column) else {
            return Ok(());
        };
        match points.take(self.budget)? {
            // Writing numbers into memory has no way to fail.
            Some(count) if self.integers => {
                let _ = serde_json::to_writer(&mut self.out, &(count as u64));
            }
            Some(value) => {
                let _ = serde_json::to_writer(&mut self.out, &value);
            }
            None => {}
        }
        if let Some(timestamp) = points.next_time() {
            self.next.push(Next {
                timestamp,
                column,
                order: self.order,
            });
        }
        Ok(())
    }
}

impl AggregatePage {
    /// The buckets of all series side by side, as [`Database::range_wide`] has points, with
    /// the header.
    ///
    /// # Errors
    /// Those of the [`Budget`], [`Error::Invalid`] for several aggregations.
    pub fn to_wide(&self, order: Order, zone: &Zone, budget: &Budget) -> Result<Vec<u8>> {
        let [aggregation] = *self.aggregations.as_slice() else {
            let detail = "side by side each series has one value; ask for one aggregation, or \
                          for shape=long";
            return Err(Error::invalid(InvalidCode::Parameter, "/shape", detail));
        };
        let mut header = self.key().as_bytes().to_vec();
        let mut columns = Vec::new();
        for series in self.series.iter() {
            budget.make_room(&mut header, series.id.len() + 3)?;
            header.push(b',');
            write_cell(&series.id, &mut header);
            let mut column = Column::default();
            budget.make_room(&mut column.timestamps, series.buckets.len())?;
            budget.make_room(&mut column.values, series.buckets.len())?;
            for bucket in &series.buckets {
                column.timestamps.push(bucket.timestamp);
                column.values.push(bucket.value.unwrap_or(f64::NAN));
            }
            budget.make_room(&mut columns, 1)?;
            columns.push(column);
        }
        header.push(b'\n');
        let integers = aggregation == Aggregation::Count;
        let times = self.group_by.is_none().then(|| TimeWriter::new(zone));
        let mut rows = Rows::new(columns, order, integers, (times, budget));
        rows.out = header;
        while let Some(timestamp) = rows.next_time() {
            rows.write(timestamp)?;
        }
        Ok(rows.out)
    }
}
