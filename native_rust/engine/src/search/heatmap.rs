//! How many features lie where: counts, or sums of a property, in the cells of a
//! grid.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::json;

use super::area::{Target, each_in_box};
use super::filter::Filter;
use super::grid::{CellIndex, Cells, Grid};
use super::{Question, check_filters};
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::Shape;
use crate::index::{CountStep, CountWalk, Hit, Placed};
use crate::read::features::feature_block;
use crate::state::blocks::damaged;
use crate::types::cbor::{DecodeError, Reader, Scalar};
use crate::types::exact::{Pair, Sum};
use crate::types::member_filter::{find, parse_path};
use crate::types::{BoundingBox, Rect, stored_feature};

/// A question for a heatmap.
#[derive(Debug, Clone)]
pub struct Heatmap {
    /// Where to count. Its edges count.
    pub bbox: BoundingBox,
    /// The cells.
    pub grid: Grid,
    /// The path of a property, as in [`Filter`], to add up; features that have no
    /// number there do not count.
    pub sum: Option<String>,
    /// What must hold for a feature to count. At most 64.
    pub filters: Vec<Filter>,
    /// The sequence to ask as of, by default all there is.
    pub as_of: Option<u64>,
}

/// A cell in which something was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Its bounds, in degrees.
    pub bounds: Rect,
    /// Features counted in it.
    pub count: u64,
    /// What they add up to, if that was asked for: the exact sum of their values,
    /// rounded once, whatever their order. Infinite beyond the range of doubles.
    pub sum: Option<f64>,
}

/// A heatmap: from south to north, and from west to east.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatmapPage {
    /// Cells that are not empty.
    pub cells: Vec<Cell>,
    /// The sequence the answer is as of.
    pub seq: u64,
}

impl HeatmapPage {
    /// The cells as a JSON array of `{"bbox":[west,south,east,north],"count":1}`, with
    /// `"sum"` if that was asked for, null where it is beyond the range of doubles.
    #[must_use]
    pub fn to_json(&self) -> String {
        let cell = |cell: &Cell| {
            let Rect { min, max } = cell.bounds;
            let mut row = json!({
                "bbox": [min[0], min[1], max[0], max[1]],
                "count": cell.count,
            });
            if let (Some(sum), Some(members)) = (cell.sum, row.as_object_mut()) {
                members.insert("sum".into(), json!(sum));
            }
            row
        };
        serde_json::Value::Array(self.cells.iter().map(cell).collect()).to_string()
    }
}

impl Database {
    /// Counts features in the cells of a grid.
    ///
    /// A feature counts once, where the middle of its bounding box is (RFC 7946, section 5): of
    /// one that is narrower across the antimeridian, that of the box that crosses it. One without
    /// geometry does not count. [`Grid`] has what lies between cells and at the poles. Counting
    /// needs no bodies without a sum or a filter on properties, but for those of what is wider
    /// than half the earth.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a grid out of range; [`Error::TooLarge`] for more cells with features in
    /// them than [`crate::Limits::page_items`], however many the box has; otherwise as [`Database::search`].
    pub fn heatmap(&self, heatmap: &Heatmap, budget: &Budget) -> Result<HeatmapPage> {
        let state = &self.state;
        state.check_open()?;
        check_filters(&heatmap.filters)?;
        let bbox = heatmap.bbox;
        let grid = Cells::new(heatmap.grid, bbox)?;
        let path = heatmap.sum.as_deref().map(sum_path).transpose()?;

        let target = Target::of_pieces(grid.with_wide());
        let question = Question::new(state, &target, &heatmap.filters, heatmap.as_of, budget)?;
        let mut sums = Sums::new(state.limits.page_items, budget);
        let some = match path.is_none() && question.conditions.of_properties.is_empty() {
            true => Some(question.by_envelopes(&grid, &mut sums)?),
            false => None,
        };
        question.each_candidate(
            some,
            |_| Ok(false),
            |Hit { seq, .. }, block| {
                let (_, body) = feature_block(state, seq, block)?;
                if !question.conditions.hold(state, seq, body)? {
                    return Ok(());
                }
                let counted = counted(&grid, path.as_deref(), body);
                if let Some((cell, value)) = counted.map_err(|e| damaged(state, seq, e))? {
                    sums.add(cell, 1, value)?;
                }
                Ok(())
            },
        )?;
        Ok(HeatmapPage {
            cells: sums.cells(&grid, path.is_some()),
            seq: question.at,
        })
    }
}

impl<'q> Question<'q> {
    /// Adds up how many features are in which cells, but for those whose bodies have to be read
    /// to tell: it returns them.
    ///
    /// # Errors
    /// [`Error::Closed`], those of the budget, and too many cells.
    fn by_envelopes(&self, grid: &Cells, sums: &mut Sums<'q>) -> Result<Vec<Hit>> {
        let mut wide = Vec::new();
        if self.mapped(grid, sums, &mut wide)? {
            return Ok(wide);
        }
        wide.clear();
        *sums = Sums::new(self.state.limits.page_items, self.budget);
        each_in_box(
            self.state,
            self.target.pieces(),
            self.at,
            self.budget,
            |placed| match self.conditions.spans(placed.seq) {
                true => self.place(placed, grid, sums, &mut wide),
                false => Ok(()),
            },
        )?;
        Ok(wide)
    }

    /// Counts a feature where its envelope says that it is, or puts it to those whose bodies have
    /// to be read.
    fn place(
        &self,
        Placed { seq, rect }: Placed,
        grid: &Cells,
        sums: &mut Sums<'_>,
        wide: &mut Vec<Hit>,
    ) -> Result<()> {
        if rect.is_wide() {
            if grid.may_count(&rect) {
                self.budget.make_room(wide, 1)?;
                let certain = false;
                wide.push(Hit { seq, certain });
            }
            return Ok(());
        }
        match grid.cell(rect.middle()) {
            Some(cell) => sums.add(cell, 1, None),
            None => Ok(()),
        }
    }

    /// The same by what the index has counted, if that is less work than going through them.
    /// O(sqrt n) for each line between cells, and less for those at whole degrees and at the edges
    /// of tiles, where the index divides itself. No file work.
    fn mapped(&self, grid: &Cells, sums: &mut Sums<'_>, wide: &mut Vec<Hit>) -> Result<bool> {
        if self.span() != (1, self.at) {
            return Ok(false);
        }
        let features = &self.state.indexes.features;
        let mut walk = CountWalk::of_middles(&grid.pieces, self.at);
        let (mut settled, mut found) = (Vec::new(), Vec::new());
        loop {
            self.budget.check()?;
            let settle = |middles: &Rect, count| {
                let cell = grid.only_cell(middles);
                settled.extend(cell.map(|cell| (cell, count)));
                cell.is_some()
            };
            let step = features.read().count_box(&mut walk, settle, &mut found);
            for (cell, count) in settled.drain(..) {
                sums.add(cell, count, None)?;
            }
            for placed in found.drain(..) {
                self.place(placed, grid, sums, wide)?;
            }
            match step {
                CountStep::More => {}
                CountStep::GivenUp => return Ok(false),
                CountStep::Done => break,
            }
        }
        // Closed on the way, the index was empty from there on.
        self.state.check_open()?;
        Ok(true)
    }
}

/// The path of what is added up. Empty text is more likely a parameter that was left
/// empty than the name of a property.
fn sum_path(text: &str) -> Result<Vec<String>> {
    let refusal = |detail: String| Error::invalid(InvalidCode::Parameter, "/sum", detail);
    if text.is_empty() {
        let detail =
            "found no name; expected a property, such as mag, or size.lon for a nested one";
        return Err(refusal(detail.to_owned()));
    }
    parse_path(text).map_err(refusal)
}

/// The cell of a stored feature and what it adds there, if it counts.
fn counted(
    grid: &Cells,
    path: Option<&[String]>,
    body: &[u8],
) -> Result<Option<(CellIndex, Option<Pair>)>, DecodeError> {
    let middle = match stored_feature(body)?.envelope {
        Some(rect) if rect.is_wide() => {
            let shape = Shape::of_feature(body)?;
            let parts = shape.map(|shape| shape.parts().collect());
            parts.and_then(BoundingBox::around).map(|b| b.middle())
        }
        envelope => envelope.map(|rect| rect.middle()),
    };
    let cell = middle.and_then(|middle| grid.cell(middle));
    let (Some(cell), Some(path)) = (cell, path) else {
        return Ok(cell.map(|cell| (cell, None)));
    };
    let names = ["properties"]
        .into_iter()
        .chain(path.iter().map(String::as_str));
    let value = match find(&mut Reader::new(body), names)? {
        Some(Scalar::Int(value)) => Some(Pair::of_integer(value)),
        Some(Scalar::Float(high)) => Some(Pair { high, low: 0.0 }),
        _ => None,
    };
    Ok(value.map(|value| (cell, Some(value))))
}

/// What was counted, of cells in which something was.
struct Sums<'q> {
    cells: HashMap<CellIndex, (u64, Sum)>,
    most: usize,
    budget: &'q Budget,
}

impl<'q> Sums<'q> {
    /// Of `most` cells.
    fn new(most: usize, budget: &'q Budget) -> Self {
        Self {
            cells: HashMap::new(),
            most,
            budget,
        }
    }

    fn add(&mut self, place: CellIndex, more: u64, value: Option<Pair>) -> Result<()> {
        /// Bytes of a cell in the table, which is at least seven sixteenths full, and in the
        /// answer.
        const BYTES: usize =
            size_of::<(CellIndex, (u64, Sum))>() * 16 / 7 + size_of::<Cell>() + 160;
        let cells = self.cells.len();
        let (count, sum) = match self.cells.entry(place) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(_) if cells == self.most => return Err(too_many(self.most)),
            Entry::Vacant(entry) => {
                self.budget.hold(BYTES)?;
                entry.insert(Default::default())
            }
        };
        *count += more;
        if let Some(value) = value {
            sum.add(value);
        }
        Ok(())
    }

    fn cells(self, grid: &Cells, summed: bool) -> Vec<Cell> {
        let mut places: Vec<_> = self.cells.into_iter().collect();
        places.sort_unstable_by_key(|(place, _)| *place);
        let cell = |((row, column), (count, sum)): (CellIndex, (u64, Sum))| {
            let bounds = grid.bounds((row, column));
            let sum = summed.then(|| sum.round());
            Cell { bounds, count, sum }
        };
        places.into_iter().map(cell).collect()
    }
}

/// There are more: how many is not known yet.
fn too_many(most: usize) -> Error {
    Error::TooLarge {
        what: "the number of cells with features in them",
        actual: most as u64 + 1,
        limit: most as u64,
        setting: "page_items",
    }
}
