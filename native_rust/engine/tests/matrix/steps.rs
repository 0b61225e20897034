//! Operations on a database and on plain maps, every answer compared: across closes,
//! kills and openings, and with pages that go on while others write.

use formdb_engine::types::BoundingBox;
use formdb_engine::{BoxQuery, Database, Order, RangeQuery};
use serde_json::Value;

use super::ask::{Points, compare, compare_as_of, parsed, prepare, same, text};
use super::disk::SimFs;
use super::image::crash_points;
use super::model::{Change, Model};
use super::workload::open;

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    Write(Vec<Change>),
    /// A box of features in pages of so many, with a write after each page.
    Box([f64; 4], usize, Vec<Change>),
    /// A range of points, likewise.
    Range(Range, usize, Vec<Change>),
    Compare,
    /// Compare the state after one of the writes so far.
    Past(usize),
    /// Undo one of the blocks that can be undone.
    Undo(usize),
    /// Ask to undo any of the last blocks, reverts among them: it is done if it can be.
    Try(usize),
    Close,
    Kill,
}

/// A half-open range of one series.
#[derive(Debug, Clone)]
pub struct Range {
    pub series: String,
    pub start: i64,
    pub end: i64,
    pub order: Order,
}

/// Pages that are followed by a write, of each query.
const WRITES: usize = 3;

/// A database and what it should hold.
struct Pair {
    fs: SimFs,
    db: Database,
    model: Model,
    /// The states before, since the first.
    past: Vec<Model>,
}

impl Pair {
    fn write(&mut self, changes: &[Change]) -> Result<(), String> {
        // A feature can be deleted if it is there, and attributes too.
        let mut model = self.model.clone();
        let mut possible = Vec::new();
        for change in changes {
            let possible_now = match change {
                Change::Delete(id) => model.features().contains_key(id.as_str()),
                Change::Attributes(series, None) => model.attributes_of(series).is_some(),
                _ => true,
            };
            if possible_now {
                model.apply(std::slice::from_ref(change));
                possible.push(change.clone());
            }
        }
        if possible.is_empty() {
            return Ok(());
        }
        let transaction = prepare(&self.db, &possible).map_err(text)?;
        let ack = self.db.write_transaction(transaction).map_err(text)?;
        same("first block", ack.first_seq, self.model.seq + 1)?;
        self.past.push(std::mem::replace(&mut self.model, model));
        same("last block", ack.last_seq, self.model.seq)
    }

    fn pages_of_box(
        &mut self,
        edges: [f64; 4],
        limit: usize,
        more: &[Change],
    ) -> Result<(), String> {
        let [w, s, e, n] = edges;
        let expected: Vec<Value> = self.model.in_box(edges).into_iter().cloned().collect();
        let seq = self.model.seq;
        let mut query = BoxQuery {
            bbox: BoundingBox::parse(&format!("{w},{s},{e},{n}")).map_err(text)?,
            limit,
            cursor: None,
            as_of: None,
        };
        let mut found: Vec<Value> = Vec::new();
        let mut pages = 0;
        loop {
            let page = self.db.features_in_box(&query).map_err(text)?;
            same("sequence of a page", page.seq, seq)?;
            found.extend(parsed::<Vec<Value>>(&page.json)?);
            if page.next.is_none() {
                break;
            }
            query.cursor = page.next;
            pages += 1;
            if pages <= WRITES {
                self.write(more)?;
            }
        }
        found.retain(|feature| Model::knows(edges, feature));
        same("features in a box", found, expected)
    }

    fn pages_of_range(
        &mut self,
        range: &Range,
        limit: usize,
        more: &[Change],
    ) -> Result<(), String> {
        let points = self.model.points(&range.series);
        if points.is_empty() {
            return Ok(());
        }
        let inside = |point: &(i64, f64)| (range.start..range.end).contains(&point.0);
        let mut expected: Points = points.into_iter().filter(inside).collect();
        if range.order == Order::Descending {
            expected.reverse();
        }
        let seq = self.model.seq;
        let mut found = Points::new();
        let mut pages = 0;
        let mut cursor: Option<String> = None;
        loop {
            let query = RangeQuery {
                series: &range.series,
                start: range.start,
                end: range.end,
                values: None,
                order: range.order,
                limit,
                cursor: cursor.as_deref(),
                as_of: None,
            };
            let page = self
                .db
                .range(&query, &self.db.budget(formdb_engine::Cancel::default()))
                .map_err(text)?;
            same("sequence of a page", page.seq, seq)?;
            found.extend(page.points.iter().map(|p| (p.timestamp, p.value)));
            if page.next.is_none() {
                return same("points of a range", found, expected);
            }
            cursor = page.next;
            pages += 1;
            if pages <= WRITES {
                self.write(more)?;
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Write(changes) => self.write(changes),
            Step::Box(edges, limit, more) => self.pages_of_box(*edges, *limit, more),
            Step::Range(range, limit, more) => self.pages_of_range(range, *limit, more),
            Step::Compare => compare(&self.db, &self.model),
            Step::Past(which) => match self.past.len() {
                0 => Ok(()),
                count => {
                    let model = &self.past[which % count];
                    compare_as_of(&self.db, model, Some(model.seq))
                }
            },
            Step::Undo(which) => {
                let blocks = 1..=self.model.seq;
                let blocks: Vec<u64> = blocks.filter(|b| self.model.can_undo(*b)).collect();
                match blocks.len() {
                    0 => Ok(()),
                    count => self.write(&[Change::Revert(blocks[which % count])]),
                }
            }
            Step::Try(which) => {
                const LAST: usize = 8;
                let last = self.model.seq as usize;
                let block = (last - which % last.clamp(1, LAST)) as u64;
                if block > 0 && self.model.can_undo(block) {
                    return self.write(&[Change::Revert(block)]);
                }
                let undone = self.db.prepare_revert(block, None);
                match undone.err().map(|e| e.code()) {
                    Some("cannot_revert" | "invalid_parameter" | "block_not_found") => Ok(()),
                    other => Err(format!("undoing block {block}: {other:?}")),
                }
            }
            Step::Close => {
                self.db.close();
                self.db = open(&self.fs).map_err(text)?;
                same("bytes cut", self.db.recovered().bytes_cut, 0)
            }
            Step::Kill => {
                let (before, log) = self.fs.history();
                let points = crash_points(before, &log);
                self.fs = points[points.len() - 1].killed();
                self.db = open(&self.fs).map_err(text)?;
                same("bytes cut", self.db.recovered().bytes_cut, 0)
            }
        }
    }
}

/// Take these steps on an empty disk, comparing every answer.
pub fn run(steps: &[Step]) -> Result<(), String> {
    let fs = SimFs::new();
    let db = open(&fs).map_err(text)?;
    let model = Model::default();
    let past = Vec::new();
    let mut pair = Pair {
        fs,
        db,
        model,
        past,
    };
    for (number, step) in steps.iter().enumerate() {
        pair.step(step).map_err(|e| format!("step {number}: {e}"))?;
    }
    compare(&pair.db, &pair.model)
}
