//! Pages of points with where they come from, as text.

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::Point;
use crate::read::json_rows::JsonRows;
use crate::read::point_origins::{Include, Origins};
use crate::read::points::{PointPage, RangeQuery};
use crate::read::table_rows::{TableForm, TableRows};
use crate::state::State;
use crate::types::Zone;

/// How points are written with where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailedForm {
    /// A JSON array; of several series one of `{"series_id", "data"}`.
    Json,
    /// Lines or a table.
    Table(TableForm),
}

/// A page of points as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailedPage {
    /// In the form asked for.
    pub text: Vec<u8>,
    /// Points in it.
    pub returned: usize,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// Rows of points of one series or several, each with where it comes from: they end at a
/// number of bytes.
pub(crate) struct DetailedRows<'q> {
    origins: Origins<'q>,
    rows: Rows,
    /// What is told of one.
    more: Vec<u8>,
    bytes: usize,
    budget: &'q Budget,
    pub returned: usize,
    /// Series so far, in JSON.
    series: usize,
}

enum Rows {
    Json(JsonRows),
    Table(TableRows, TableForm),
}

impl<'q> DetailedRows<'q> {
    pub(crate) fn new(
        state: &'q State,
        include: &'q Include,
        form: DetailedForm,
        zone: &Zone,
        budget: &'q Budget,
    ) -> Result<Self> {
        if form != DetailedForm::Json && form != DetailedForm::Table(TableForm::Lines) {
            include.columns()?;
        }
        Ok(Self {
            origins: Origins::new(state, include, budget),
            rows: match form {
                DetailedForm::Json => Rows::Json(JsonRows::with_capacity(0, zone)),
                DetailedForm::Table(form) => {
                    Rows::Table(TableRows::with_capacity(form, 0, zone), form)
                }
            },
            more: Vec::new(),
            bytes: state.limits.page_bytes,
            budget,
            returned: 0,
            series: 0,
        })
    }

    /// The points of a series, which in JSON have its name if they are of several. Returns
    /// how many there was room for; the first of a page has a place in any case.
    pub(crate) fn add(&mut self, id: &str, points: &[Point], many: bool) -> Result<usize> {
        let before = self.len();
        match &mut self.rows {
            Rows::Json(rows) => {
                if many {
                    rows.series(self.series, id);
                }
                rows.text(b"[");
            }
            Rows::Table(rows, _) => rows.series(id),
        }
        for (place, point) in points.iter().enumerate() {
            self.budget.step()?;
            let len = self.len();
            self.more.clear();
            let cells = matches!(&self.rows, Rows::Table(_, form) if *form != TableForm::Lines);
            self.origins.write(point, cells, &mut self.more)?;
            self.budget.hold(self.more.len())?;
            let Point {
                timestamp, value, ..
            } = *point;
            match &mut self.rows {
                Rows::Json(rows) => rows.row_with(place, timestamp, value, &self.more),
                Rows::Table(rows, _) => rows.row_with(timestamp, value, &self.more),
            }
            if self.returned > 0 && self.len() > self.bytes {
                match place {
                    // Nor is its series begun.
                    0 if many => self.cut(before),
                    _ => {
                        self.cut(len);
                        self.end_series(many);
                    }
                }
                return Ok(place);
            }
            self.returned += 1;
        }
        self.end_series(many);
        Ok(points.len())
    }

    fn end_series(&mut self, many: bool) {
        self.series += 1;
        if let Rows::Json(rows) = &mut self.rows {
            rows.text(if many { b"]}" } else { b"]" });
        }
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        if let Rows::Json(rows) = &mut self.rows {
            rows.text(text);
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self.rows {
            Rows::Json(rows) => rows.finish(),
            Rows::Table(rows, _) => rows.finish(),
        }
    }

    fn len(&self) -> usize {
        match &self.rows {
            Rows::Json(rows) => rows.len(),
            Rows::Table(rows, _) => rows.len(),
        }
    }

    fn cut(&mut self, len: usize) {
        match &mut self.rows {
            Rows::Json(rows) => rows.cut(len),
            Rows::Table(rows, _) => rows.cut(len),
        }
    }
}

impl Database {
    /// A page of points of a series, which `page` was asked by `query` for, in the
    /// transaction `txn` if there is one, with where they come from. It ends where it would pass
    /// [`crate::Limits::page_bytes`]. Reads each block of the points once, unless sequence
    /// and id alone are told.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for what a table has no column for, those of the
    /// [`Budget`], [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn with_origins(
        &self,
        (query, txn): (&RangeQuery<'_>, Option<&str>),
        page: PointPage,
        include: &Include,
        (form, zone): (DetailedForm, &Zone),
        budget: &Budget,
    ) -> Result<DetailedPage> {
        let mut rows = DetailedRows::new(&self.state, include, form, zone, budget)?;
        let kept = rows.add(query.series, &page.points, false)?;
        let mut next = page.next;
        if let Some(points) = page.points.get(..kept).filter(|_| kept < page.points.len()) {
            let range = self.range_query(query, txn)?;
            next = self.point_cursor((query, txn), page.seq, range.behind(points));
        }
        Ok(DetailedPage {
            returned: rows.returned,
            text: rows.finish(),
            seq: page.seq,
            next,
        })
    }
}
