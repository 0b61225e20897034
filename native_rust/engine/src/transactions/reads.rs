//! Reads inside a transaction: the database as of its beginning, and its own
//! writes on top.

use std::collections::HashSet;
use std::iter::Peekable;

use super::Session;
use super::overlay::SeriesOverlay;
use crate::budget::Budget;
use crate::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::features::{
    BoxQuery, FeaturePage, Page, box_cursor, check_limit, damaged, document, document_meeting,
    no_feature,
};
use crate::index::{self, Hit, Order, Point, PointRef, Resume};
use crate::merkle::Hash;
use crate::model::{feature_to_json, intersects_box};
use crate::operation::Operation;
use crate::points::{PointPage, RangeQuery, no_series, point_cursor};
use crate::search;

/// A feature as a transaction sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDocument {
    /// Sequence and hash of its version; nothing for a version of its own, which has
    /// neither before it is committed.
    pub version: Option<(u64, Hash)>,
    /// GeoJSON text.
    pub json: Vec<u8>,
}

impl Database {
    /// The feature `id` as the transaction `txn` sees it. Begins its lease anew. May
    /// read the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the feature or the transaction, and those of
    /// [`Database::feature`].
    pub fn feature_in(&self, txn: &str, id: &str) -> Result<OwnDocument> {
        let session = self.session(txn)?;
        let mut session = session.lock();
        session.check_open()?;
        session.touch();
        match session.overlay.feature(id) {
            Some(place) => match session.own_json(place)? {
                Some(json) => Ok(OwnDocument {
                    version: None,
                    json,
                }),
                None => Err(no_feature(id)),
            },
            None => {
                let at = session.seq;
                drop(session);
                let document = self.feature(id, Some(at))?;
                Ok(OwnDocument {
                    version: Some((document.seq, document.hash)),
                    json: document.json.to_vec(),
                })
            }
        }
    }

    /// Features in a box as the transaction `txn` sees them: those from before it in
    /// order of sequence, then its own in the order they were applied. Begins its
    /// lease anew. May read the journal.
    ///
    /// # Errors
    /// As [`Database::features_in_box`], and [`Error::NotFound`] for the transaction.
    pub fn features_in_box_in(
        &self,
        txn: &str,
        query: &BoxQuery,
        budget: &Budget,
    ) -> Result<FeaturePage> {
        let session = self.session(txn)?;
        let mut session = session.lock();
        session.check_open()?;
        session.touch();
        let state = &self.state;
        let pinned = BoxQuery {
            as_of: Some(session.seq),
            ..query.clone()
        };
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let (as_of, after) = box_cursor(&pinned)?;
        let at = search::at(state, as_of)?;
        let pieces = query.bbox.pieces();
        let mut hits = Vec::new();
        search::each_in_box(state, &pieces, at, budget, |version| {
            if version.seq > after {
                budget.make_room(&mut hits, 1)?;
                hits.push(Hit::new(version, &pieces));
            }
            Ok(())
        })?;
        hits.sort_unstable();
        let hidden: HashSet<u64> = {
            let features = state.features.read();
            let overwritten = session.overlay.features();
            overwritten
                .filter_map(|id| features.current(id, at))
                .collect()
        };
        let mut page = Page::new(query.limit, state, budget);
        for hit in hits.into_iter().filter(|hit| !hidden.contains(&hit.seq)) {
            budget.step()?;
            let found = match hit.certain {
                true => Some(document(state, hit.seq)?),
                false => document_meeting(state, hit.seq, &pieces)?,
            };
            if let Some(document) = found
                && !page.push(&document.json, document.seq)?
            {
                return Ok(page.finish(at));
            }
        }
        for place in session.overlay.feature_places() {
            budget.step()?;
            // Own writes stand behind the last sequence, in a cursor too.
            let order = at + 1 + place as u64;
            let Some(Operation::PutFeature(put)) = session.operations.get(place) else {
                continue;
            };
            if order <= after || put.envelope.is_none() {
                continue;
            }
            if intersects_box(&put.body, &pieces).map_err(|e| damaged(state, at, e))?
                && let Some(json) = session.own_json(place)?
                && !page.push(&json, order)?
            {
                break;
            }
        }
        Ok(page.finish(at))
    }

    /// Points of a series as the transaction `txn` sees them. Begins its lease anew.
    ///
    /// # Errors
    /// As [`Database::range`], and [`Error::NotFound`] for the transaction.
    pub fn range_in(&self, txn: &str, query: &RangeQuery<'_>) -> Result<PointPage> {
        let session = self.session(txn)?;
        let mut session = session.lock();
        session.check_open()?;
        session.touch();
        let pinned = RangeQuery {
            as_of: Some(session.seq),
            ..query.clone()
        };
        match session.overlay.series(query.series) {
            None => self.range(&pinned),
            Some(own) => self.merged_range(&pinned, own),
        }
    }

    fn merged_range(&self, query: &RangeQuery<'_>, own: &SeriesOverlay) -> Result<PointPage> {
        let range = self.range_query(query)?;
        let at = range.at;
        let (first, skip) = match query.order {
            Order::Ascending => (range.start, range.skip),
            Order::Descending => (range.end.saturating_sub(1), range.skip),
        };
        let mut stored = Stored::new(self, query.series, range);
        if stored.is_empty_series() && own.points.is_empty() {
            return Err(no_series(query.series));
        }
        let merged = merge(query.order, range, own, &mut stored);
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut points: Vec<Point> = merged.skip(skipped).take(query.limit + 1).collect();
        let more = points.len() > query.limit;
        points.truncate(query.limit);
        let resume = points.last().filter(|_| more).map(|last| {
            let same = points
                .iter()
                .rev()
                .take_while(|p| p.timestamp == last.timestamp);
            let earlier = if last.timestamp == first { skip } else { 0 };
            Resume {
                edge: match query.order {
                    Order::Ascending => last.timestamp,
                    Order::Descending => last.timestamp.saturating_add(1),
                },
                skip: earlier + same.count() as u64,
            }
        });
        Ok(PointPage {
            points,
            seq: at,
            next: resume.map(|resume| point_cursor(at, resume)),
        })
    }
}

impl Session {
    /// The document of the own put at `place`; nothing for a deletion.
    fn own_json(&self, place: usize) -> Result<Option<Vec<u8>>> {
        let Some(Operation::PutFeature(put)) = self.operations.get(place).map(Operation::effect)
        else {
            return Ok(None);
        };
        let mut json = Vec::with_capacity(put.body.len() * 2);
        feature_to_json(&put.body, put.provenance.as_deref(), &mut json).map_err(|e| {
            Error::invalid(
                InvalidCode::Feature,
                "",
                format!("an own write is damaged: {e}"),
            )
        })?;
        Ok(Some(json))
    }
}

/// Points of the database in a range, read in pieces.
struct Stored<'d> {
    database: &'d Database,
    series: &'d str,
    next: Option<index::RangeQuery>,
    piece: std::vec::IntoIter<Point>,
}

impl<'d> Stored<'d> {
    fn new(database: &'d Database, series: &'d str, range: index::RangeQuery) -> Self {
        /// Points read under one hold of the series' lock.
        const PIECE: usize = 1_024;
        Self {
            database,
            series,
            next: Some(index::RangeQuery {
                skip: 0,
                limit: PIECE,
                ..range
            }),
            piece: Vec::new().into_iter(),
        }
    }

    fn is_empty_series(&self) -> bool {
        let series = self.database.state.series.get(self.series);
        let at = self.next.map_or(0, |range| range.at);
        series.is_none_or(|series| series.read().latest(at).is_none())
    }
}

impl Iterator for Stored<'_> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        loop {
            if let Some(point) = self.piece.next() {
                return Some(point);
            }
            let range = self.next.take()?;
            let series = self.database.state.series.get(self.series)?;
            let mut points = Vec::new();
            let resume = series.read().range(&range, &mut points);
            self.next = resume.map(|resume| range.resume(resume));
            self.piece = points.into_iter();
        }
    }
}

/// Stored points that the own deletions spare and own points, in the order asked
/// for; at equal timestamps the own ones arrived later.
fn merge<'a>(
    order: Order,
    range: index::RangeQuery,
    own: &'a SeriesOverlay,
    stored: &'a mut Stored<'_>,
) -> impl Iterator<Item = Point> + 'a {
    let spared = stored
        .filter(|point| own.spares(point.timestamp, point.source.seq))
        .peekable();
    let begin = (range.start, 0);
    let mine = own.points.range(begin..(range.end.max(range.start), 0));
    let point = |(&(timestamp, _), &value): (&(i64, u64), &f64)| Point {
        timestamp,
        value,
        source: PointRef { seq: 0, index: 0 },
    };
    let mine: Box<dyn Iterator<Item = Point> + 'a> = match order {
        Order::Ascending => Box::new(mine.map(point)),
        Order::Descending => Box::new(mine.rev().map(point)),
    };
    Merge {
        order,
        stored: spared,
        own: mine.peekable(),
    }
}

struct Merge<S: Iterator<Item = Point>, O: Iterator<Item = Point>> {
    order: Order,
    stored: Peekable<S>,
    own: Peekable<O>,
}

impl<S: Iterator<Item = Point>, O: Iterator<Item = Point>> Iterator for Merge<S, O> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        let own_first = match (self.stored.peek(), self.own.peek()) {
            (None, _) => true,
            (_, None) => false,
            (Some(stored), Some(own)) => match self.order {
                Order::Ascending => own.timestamp < stored.timestamp,
                Order::Descending => own.timestamp >= stored.timestamp,
            },
        };
        match own_first {
            true => self.own.next(),
            false => self.stored.next(),
        }
    }
}
