//! Reads inside a transaction: the database as of its beginning, and its own
//! writes on top. They hold no lock while they read, and end when the time of a query
//! is over.

use std::iter::Peekable;

use crate::block::Operation;
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{self, Order, Point, PointRef};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::features::no_feature;
use crate::read::page::{FeaturePage, Page, check_limit};
use crate::read::points::{PointPage, RangeQuery, no_series};
use crate::search;
use crate::search::BoxQuery;
use crate::sessions::{Contents, SeriesOverlay, Using, View};
use crate::state::blocks::damaged;
use crate::types::{Hash, PutFeature, feature_to_json, intersects_box};

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
        let (using, view) = self.look(txn)?;
        match view.feature(id).map(Operation::effect) {
            Some(Operation::PutFeature(put)) => Ok(OwnDocument {
                version: None,
                json: own_json(put)?,
            }),
            Some(_) => Err(no_feature(id)),
            None => {
                let document = self.feature(id, Some(using.seq))?;
                Ok(OwnDocument {
                    version: Some((document.seq, document.hash)),
                    json: document.json.to_vec(),
                })
            }
        }
    }

    /// Begin to read in a transaction.
    fn look(&self, txn: &str) -> Result<(Using<'_, Contents>, View)> {
        let using = self.sessions.enter(txn)?;
        let contents = using.held().lock();
        self.check_whole(txn, &contents)?;
        let view = contents.view();
        drop(contents);
        Ok((using, view))
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
        let (using, view) = self.look(txn)?;
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let edges = query.bbox.edges().map(f64::to_bits);
        let asked = || Asked::new(&state.cursors, List::FeaturesIn, &(edges, txn));
        let begin = match &query.cursor {
            None => None,
            Some(cursor) => asked().open_as_of(state, Some(cursor), Some(using.seq))?,
        };
        let after = match begin {
            Some(Cursor::Features { after, .. }) => after,
            _ => 0,
        };
        let at = search::at(state, Some(using.seq))?;
        let mut page = Page::new(query.limit, state, budget);
        let mut full = false;
        // Own writes stand after the last sequence, in a cursor too.
        if after <= at {
            let wanted = |seq| !view.hides(seq);
            search::documents_in_box(
                state,
                (query.bbox, at),
                after,
                budget,
                wanted,
                |json, seq| {
                    full = !page.push(json, seq)?;
                    Ok(!full)
                },
            )?;
        }
        if !full {
            let pieces = query.bbox.pieces();
            let from = usize::try_from(after.saturating_sub(at)).unwrap_or(usize::MAX);
            for (place, operation) in view.operations(from) {
                budget.step()?;
                let Operation::PutFeature(put) = operation.effect() else {
                    continue;
                };
                if put.envelope.is_none() || !view.is_newest(&put.id, place) {
                    continue;
                }
                let order = at + 1 + place as u64;
                if intersects_box(&put.body, &pieces).map_err(|e| damaged(state, at, e))?
                    && !page.push(&own_json(put)?, order)?
                {
                    break;
                }
            }
        }
        Ok(page.finish(at, asked))
    }

    /// Points of a series as the transaction `txn` sees them. Begins its lease anew.
    ///
    /// # Errors
    /// As [`Database::range`], [`Error::NotFound`] for the transaction, and
    /// [`Error::Timeout`].
    pub fn range_in(
        &self,
        txn: &str,
        query: &RangeQuery<'_>,
        budget: &Budget,
    ) -> Result<PointPage> {
        let (using, view) = self.look(txn)?;
        let pinned = RangeQuery {
            as_of: Some(using.seq),
            ..query.clone()
        };
        let own = view.series(query.series);
        match own.is_empty() {
            true => self.range_as(&pinned, Some(txn), budget),
            false => self.merged_range((&pinned, txn), &own, budget),
        }
    }

    fn merged_range(
        &self,
        (query, txn): (&RangeQuery<'_>, &str),
        own: &[&SeriesOverlay],
        budget: &Budget,
    ) -> Result<PointPage> {
        let range = self.range_query(query, Some(txn))?;
        let (at, limit) = (range.at, range.limit);
        let mut stored = Stored::new(self, query.series, range);
        if stored.is_empty_series(budget)? && own.iter().all(|own| own.points.is_empty()) {
            return Err(no_series(query.series));
        }
        let mut merged = Merge {
            order: query.order,
            own: Own::new(query.order, range, own),
        };
        let mut left = usize::try_from(range.skip).unwrap_or(usize::MAX);
        let mut points = Vec::new();
        while points.len() <= limit {
            budget.step()?;
            let Some(point) = merged.next(&mut stored, own, budget)? else {
                break;
            };
            match left {
                0 => {
                    budget.make_room(&mut points, 1)?;
                    points.push(point);
                }
                _ => left -= 1,
            }
        }
        let more = points.len() > limit;
        points.truncate(limit);
        let resume = range.behind(&points).filter(|_| more);
        Ok(PointPage {
            points,
            seq: at,
            next: self.point_cursor((query, Some(txn)), at, resume),
        })
    }
}

/// The document of an own put.
fn own_json(put: &PutFeature) -> Result<Vec<u8>> {
    let mut json = Vec::with_capacity(put.body.len() * 2);
    feature_to_json(&put.body, put.provenance.as_deref(), &mut json).map_err(|e| {
        let detail = format!("an own write is damaged: {e}");
        Error::invalid(InvalidCode::Feature, "", detail)
    })?;
    Ok(json)
}

/// Points of the database in a range, read in pieces.
struct Stored<'d> {
    database: &'d Database,
    series: &'d str,
    next: Option<index::RangeQuery<'d>>,
    piece: Peekable<std::vec::IntoIter<Point>>,
}

impl<'d> Stored<'d> {
    fn new(database: &'d Database, series: &'d str, range: index::RangeQuery<'d>) -> Self {
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
            piece: Vec::new().into_iter().peekable(),
        }
    }

    fn is_empty_series(&self, budget: &Budget) -> Result<bool> {
        let at = self.next.map_or(0, |range| range.at);
        Ok(match self.database.state.indexes.series.get(self.series) {
            None => true,
            Some(series) => series.latest(at, budget)?.is_none(),
        })
    }

    /// The next one that the own deletions spare.
    fn peek(&mut self, own: &[&SeriesOverlay], budget: &Budget) -> Result<Option<Point>> {
        loop {
            while let Some(point) = self.piece.peek() {
                if !own.iter().any(|own| own.hits(point)) {
                    return Ok(Some(*point));
                }
                budget.step()?;
                self.piece.next();
            }
            let Some(range) = self.next.take() else {
                return Ok(None);
            };
            let Some(series) = self.database.state.indexes.series.get(self.series) else {
                return Ok(None);
            };
            // Of its own budget, since pieces come and go.
            let reading = self.database.budget(Cancel::default());
            budget.check()?;
            let mut points = Vec::new();
            let resume = series.range(&range, &reading, &mut points)?;
            self.next = resume.map(|resume| range.resume(resume));
            self.piece = points.into_iter().peekable();
        }
    }
}

type Points<'o> = Peekable<Box<dyn Iterator<Item = (i64, f64)> + 'o>>;

/// Own points that are left of all layers, in order.
struct Own<'o> {
    order: Order,
    layers: Vec<Points<'o>>,
}

impl<'o> Own<'o> {
    fn new(order: Order, range: index::RangeQuery<'o>, own: &[&'o SeriesOverlay]) -> Self {
        let bounds = (range.start, 0)..(range.end.max(range.start), 0);
        let layer = |(number, series): (usize, &&'o SeriesOverlay)| {
            // What a layer has deleted of its own is gone from it already.
            let later: Vec<&SeriesOverlay> = own.iter().skip(number + 1).copied().collect();
            let points = series.points.range(bounds.clone());
            let points = points.map(|((timestamp, _), value)| (*timestamp, *value));
            let spared = move |(timestamp, value): &(i64, f64)| {
                range.values.is_none_or(|values| values.takes(*value))
                    && !later.iter().any(|later| later.hits_own(*timestamp))
            };
            let points: Box<dyn Iterator<Item = (i64, f64)> + 'o> = match order {
                Order::Ascending => Box::new(points.filter(spared)),
                Order::Descending => Box::new(points.rev().filter(spared)),
            };
            points.peekable()
        };
        Self {
            order,
            layers: own.iter().enumerate().map(layer).collect(),
        }
    }

    /// The layer of the next one; at equal timestamps those of later layers arrived
    /// later.
    fn first(&mut self) -> Option<(i64, usize)> {
        let mut first: Option<(i64, usize)> = None;
        for (number, layer) in self.layers.iter_mut().enumerate() {
            let Some((timestamp, _)) = layer.peek() else {
                continue;
            };
            let before = first.is_none_or(|(least, _)| match self.order {
                Order::Ascending => *timestamp < least,
                Order::Descending => *timestamp >= least,
            });
            if before {
                first = Some((*timestamp, number));
            }
        }
        first
    }
}

/// Stored points that the own deletions spare and own points, in the order asked
/// for; at equal timestamps the own ones arrived later.
struct Merge<'o> {
    order: Order,
    own: Own<'o>,
}

impl Merge<'_> {
    fn next(
        &mut self,
        stored: &mut Stored<'_>,
        own: &[&SeriesOverlay],
        budget: &Budget,
    ) -> Result<Option<Point>> {
        let next = stored.peek(own, budget)?;
        let first = self.own.first();
        let own_first = match (next, first) {
            (None, _) => true,
            (_, None) => false,
            (Some(stored), Some((own, _))) => match self.order {
                Order::Ascending => own < stored.timestamp,
                Order::Descending => own >= stored.timestamp,
            },
        };
        if !own_first {
            stored.piece.next();
            return Ok(next);
        }
        let layer = first.and_then(|(_, number)| self.own.layers.get_mut(number));
        let point = layer.and_then(Iterator::next);
        Ok(point.map(|(timestamp, value)| Point {
            timestamp,
            value,
            source: PointRef { seq: 0, index: 0 },
        }))
    }
}
