//! Several series side by side: a row for each time, a column for each series.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::answer::AggregatePage;
use super::{Aggregation, SERIES};
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::index::{self, InOrder, Order, SharedSeries};
use crate::read::page::check_limit;
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, Zone, check_range};

/// Points that are read for a page, of all columns together, where columns are few.
const POINTS: usize = 100_000;
/// Points that are read of a column at least.
const FEW: usize = 16;

/// A question for the points of all series whose ids begin alike, side by side.
#[derive(Debug, Clone, Copy)]
pub struct WideQuery<'a> {
    /// What the ids begin with; all do with nothing.
    pub prefix: &'a str,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
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
    /// but with all points of one time. O(number of all series), and for each column
    /// [`Database::range`].
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
        let columns = self.columns(query.prefix, at, budget)?;
        let mut header = b"timestamp".to_vec();
        for (id, _) in &columns {
            budget.make_room(&mut header, id.len() + 3)?;
            header.push(b',');
            write_cell(id, &mut header);
        }
        header.push(b'\n');
        let mut each = (POINTS / columns.len().max(1)).clamp(FEW, query.limit.max(FEW));
        loop {
            let (read, edge) = read(query, at, &columns, each, budget)?;
            // All that was read of some column may be of one time, and more of it left.
            if edge.is_some_and(|edge| edge == first(query)) {
                each = each.saturating_mul(4);
                continue;
            }
            let mut rows = Rows::new(&read, query.order, false, (query.zone, budget));
            let mut next = edge.map(|edge| boundary(query.order, edge));
            while let Some(timestamp) = rows.next_time() {
                if edge.is_some_and(|edge| !before(query.order, timestamp, edge)) {
                    break;
                }
                if rows.returned >= query.limit || rows.out.len() > state.limits.page_bytes {
                    next = Some(boundary(query.order, timestamp));
                    break;
                }
                rows.write(timestamp)?;
            }
            return Ok(WidePage {
                header,
                returned: rows.returned,
                rows: rows.out,
                seq: at,
                next,
            });
        }
    }

    fn columns(&self, prefix: &str, at: u64, budget: &Budget) -> Result<Vec<Named>> {
        let state = &self.state;
        let mut found = InOrder::after(&state.indexes.series, prefix, None, SERIES, budget);
        let mut columns = Vec::new();
        while let Some((id, series)) = found.next()? {
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

/// The points of a series that stand in its column.
#[derive(Debug, Default)]
struct Column {
    timestamps: Vec<i64>,
    /// One that is no number stands for a missing value.
    values: Vec<f64>,
}

/// The first time that the question asks about.
fn first(query: &WideQuery<'_>) -> i64 {
    match query.order {
        Order::Ascending => query.start,
        Order::Descending => query.end - 1,
    }
}

/// Where the next question begins so that its first time is this one.
fn boundary(order: Order, timestamp: i64) -> i64 {
    match order {
        Order::Ascending => timestamp,
        Order::Descending => timestamp + 1,
    }
}

fn before(order: Order, one: i64, other: i64) -> bool {
    match order {
        Order::Ascending => one < other,
        Order::Descending => one > other,
    }
}

/// Up to `each` points of each column, and the first time of which a column may have more
/// than was read of it.
fn read(
    query: &WideQuery<'_>,
    at: u64,
    columns: &[Named],
    each: usize,
    budget: &Budget,
) -> Result<(Vec<Column>, Option<i64>)> {
    let range = index::RangeQuery {
        start: query.start,
        end: query.end,
        at,
        order: query.order,
        skip: 0,
        limit: each,
    };
    let mut read = Vec::new();
    budget.make_room(&mut read, columns.len())?;
    let mut edge: Option<i64> = None;
    for (_, series) in columns {
        let mut column = Column::default();
        let Column { timestamps, values } = &mut column;
        let resume = series.range_columns(&range, budget, timestamps, values)?;
        if resume.is_some()
            && let Some(last) = column.timestamps.last().copied()
            && edge.is_none_or(|edge| before(query.order, last, edge))
        {
            edge = Some(last);
        }
        read.push(column);
    }
    Ok((read, edge))
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
    columns: &'q [Column],
    /// How much of each column is written.
    places: Vec<usize>,
    next: BinaryHeap<Next>,
    order: Order,
    integers: bool,
    times: TimeWriter,
    budget: &'q Budget,
    out: Vec<u8>,
    returned: usize,
}

impl<'q> Rows<'q> {
    fn new(
        columns: &'q [Column],
        order: Order,
        integers: bool,
        (zone, budget): (&Zone, &'q Budget),
    ) -> Self {
        let next = columns.iter().enumerate().filter_map(|(column, points)| {
            Some(Next {
                timestamp: *points.timestamps.first()?,
                column,
                order,
            })
        });
        Self {
            columns,
            places: vec![0; columns.len()],
            next: next.collect(),
            order,
            integers,
            times: TimeWriter::new(zone),
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
            self.times.write(timestamp, &mut self.out);
            let mut row = Vec::new();
            while self.next_time() == Some(timestamp) {
                row.extend(self.next.pop().map(|next| next.column));
            }
            let mut written = 0;
            for column in row {
                self.out.resize(self.out.len() + column + 1 - written, b',');
                written = column + 1;
                self.value(column);
            }
            let rest = self.columns.len() - written;
            self.out.resize(self.out.len() + rest, b',');
            self.out.push(b'\n');
            self.returned += 1;
        }
        Ok(())
    }

    /// The next value of a column; what comes after it is next.
    fn value(&mut self, column: usize) {
        let (Some(points), Some(place)) = (self.columns.get(column), self.places.get_mut(column))
        else {
            return;
        };
        match points.values.get(*place).filter(|value| value.is_finite()) {
            // Writing numbers into memory has no way to fail.
            Some(count) if self.integers => {
                let _ = serde_json::to_writer(&mut self.out, &(*count as u64));
            }
            Some(value) => {
                let _ = serde_json::to_writer(&mut self.out, value);
            }
            None => {}
        }
        *place += 1;
        if let Some(timestamp) = points.timestamps.get(*place) {
            self.next.push(Next {
                timestamp: *timestamp,
                column,
                order: self.order,
            });
        }
    }
}

impl AggregatePage {
    /// The buckets of all series side by side, as [`Database::range_wide`] has points, with
    /// the header.
    ///
    /// # Errors
    /// Those of the [`Budget`].
    pub fn to_wide(&self, order: Order, zone: &Zone, budget: &Budget) -> Result<Vec<u8>> {
        let mut header = b"timestamp".to_vec();
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
        let integers = self.aggregation == Aggregation::Count;
        let mut rows = Rows::new(&columns, order, integers, (zone, budget));
        rows.out = header;
        while let Some(timestamp) = rows.next_time() {
            rows.write(timestamp)?;
        }
        Ok(rows.out)
    }
}
