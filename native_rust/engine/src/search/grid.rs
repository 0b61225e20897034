//! The cells of a heatmap.

use crate::error::{Error, InvalidCode, Result};
use crate::geo::{tile_row_edge, tile_row_near};
use crate::types::{BoundingBox, Rect};

/// Greatest zoom level of a grid of tiles: cells of about 2 metres.
const MAX_ZOOM: u8 = 24;

/// The cells of a heatmap. They begin at the antimeridian and at the south pole.
///
/// What lies on a line between cells is in the one east or north of it, but in the one west or
/// south of it where the box ends at that line. So no cell lies outside of the box. That goes for
/// the antimeridian, too, which is one line. A pole, which is at all longitudes, is in the
/// westernmost cell of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grid {
    /// Cells of so many degrees of longitude and latitude, up to 360 and 180. The
    /// last of a row or column is narrower if they do not divide the earth.
    Degrees {
        /// Width.
        lon: f64,
        /// Height.
        lat: f64,
    },
    /// The square tiles of web maps at a zoom level up to 24: 2^zoom in a row and
    /// in a column of the Mercator projection. The outermost ones reach to the poles.
    Tiles {
        /// The zoom level.
        zoom: u8,
    },
}

/// Row and column of a cell.
pub(super) type CellIndex = (u32, u32);

/// The cells of a grid over a box.
pub(super) struct Cells {
    bbox: BoundingBox,
    pub pieces: Vec<Rect>,
    /// Where those count that lie on the antimeridian, and at the poles.
    antimeridian: f64,
    pole: f64,
    columns: Axis,
    rows: Axis,
}

impl Cells {
    pub(super) fn new(grid: Grid, bbox: BoundingBox) -> Result<Self> {
        let refusal = |pointer: &str, detail: String| {
            Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
        };
        let (columns, rows) = match grid {
            Grid::Degrees { lon, lat } => {
                for (name, value, most) in [("width", lon, 360.0), ("height", lat, 180.0)] {
                    // Finer cells than these have no room for their numbers.
                    if !(1e-6..=most).contains(&value) {
                        let detail = format!(
                            "the {name} of a cell is {value}; give degrees from 0.000001 to {most}"
                        );
                        return refusal("/cell", detail);
                    }
                }
                (Axis::degrees(180.0, lon), Axis::degrees(90.0, lat))
            }
            Grid::Tiles { zoom } if zoom <= MAX_ZOOM => {
                let count = 1_u32 << zoom;
                let columns = Axis::degrees(180.0, 360.0 / f64::from(count));
                (columns, Axis::Mercator { count })
            }
            Grid::Tiles { zoom } => {
                let detail = format!("the zoom level is {zoom}; give one from 0 to {MAX_ZOOM}");
                return refusal("/zoom", detail);
            }
        };
        let BoundingBox { west, east, .. } = bbox;
        let goes_on_east = match west > east {
            true => east > -180.0,
            false => west == -180.0,
        };
        let antimeridian = if goes_on_east { -180.0 } else { 180.0 };
        Ok(Self {
            bbox,
            pieces: bbox.pieces().to_vec(),
            antimeridian,
            pole: if west == 180.0 { antimeridian } else { west },
            columns,
            rows,
        })
    }

    /// The pieces of the box, and the meridian that all envelopes touch which are wider than half
    /// the earth: wherever they are, the middles of their boxes may be in this one.
    pub(super) fn with_wide(&self) -> Vec<Rect> {
        let mut pieces = self.pieces.clone();
        pieces.push(Rect {
            min: [0.0, self.bbox.south],
            max: [0.0, self.bbox.north],
        });
        pieces
    }

    /// Whether a feature may count that has an envelope of these latitudes.
    pub(super) fn may_count(&self, envelope: &Rect) -> bool {
        let [_, lat] = envelope.middle();
        self.bbox.south <= lat && lat <= self.bbox.north
    }

    /// The cell in which a feature counts that has its middle there, if that is in the box.
    pub(super) fn cell(&self, middle: [f64; 2]) -> Option<CellIndex> {
        let middle_is = |piece: &Rect| piece.contains(&Rect::point(middle));
        if !self.pieces.iter().any(middle_is) {
            return None;
        }
        let BoundingBox {
            west,
            south,
            east,
            north,
        } = self.bbox;
        let [lon, lat] = middle;
        let lon = match (lat.abs() == 90.0, lon.abs() == 180.0) {
            (true, _) => self.pole,
            (_, true) => self.antimeridian,
            _ => lon,
        };
        let column = self.columns.place_before(lon, east, west != east);
        let row = self.rows.place_before(lat, north, south < north);
        Some((row, column))
    }

    /// The cell in which all features count whose middles are within bounds that lie in a piece
    /// of the box, if there is only one for certain.
    pub(super) fn only_cell(&self, middles: &Rect) -> Option<CellIndex> {
        let Rect { min, max } = *middles;
        if min == max {
            return self.cell(min);
        }
        let BoundingBox { east, north, .. } = self.bbox;
        // Those on the antimeridian, at the poles and at the ends of the box may count in another.
        if min[0] <= -180.0
            || max[0] >= 180.0
            || (min[0] <= east && east <= max[0])
            || min[1] <= -90.0
            || max[1] >= north
        {
            return None;
        }
        let column = self.columns.only_place(min[0], max[0])?;
        Some((self.rows.only_place(min[1], max[1])?, column))
    }

    /// From where to where a cell is.
    pub(super) fn bounds(&self, (row, column): CellIndex) -> Rect {
        Rect {
            min: [self.columns.edge(column), self.rows.edge(row)],
            max: [self.columns.edge(column + 1), self.rows.edge(row + 1)],
        }
    }
}

/// The edges of cells along one axis, from the west or the south.
enum Axis {
    Degrees { bound: f64, step: f64, count: u32 },
    Mercator { count: u32 },
}

impl Axis {
    /// Steps from `-bound` to `bound`.
    fn degrees(bound: f64, step: f64) -> Self {
        let count = (2.0 * bound / step).ceil() as u32;
        Self::Degrees { bound, step, count }
    }

    fn count(&self) -> u32 {
        match self {
            Self::Degrees { count, .. } | Self::Mercator { count } => *count,
        }
    }

    /// Where cell `place` begins, and the one before it ends.
    fn edge(&self, place: u32) -> f64 {
        match *self {
            Self::Degrees { bound, step, count } => match place >= count {
                true => bound,
                false => -bound + f64::from(place) * step,
            },
            Self::Mercator { count } => tile_row_edge(place, count),
        }
    }

    /// The cell that a coordinate is in: of those that begin at or below it the last.
    fn place(&self, value: f64) -> u32 {
        let last = self.count().saturating_sub(1);
        let guess = match *self {
            Self::Degrees { bound, step, .. } => (value + bound) / step,
            Self::Mercator { count } => tile_row_near(value, count),
        };
        // The edges decide; the guess may be beside by a rounding.
        let mut place = (guess as u32).min(last);
        while place > 0 && self.edge(place) > value {
            place -= 1;
        }
        while place < last && self.edge(place + 1) <= value {
            place += 1;
        }
        place
    }

    /// The same, but the cell before it where it begins at the end of a box that has an inside.
    fn place_before(&self, value: f64, end: f64, inside: bool) -> u32 {
        let place = self.place(value);
        let ends = inside && value == end && self.edge(place) == value;
        place.saturating_sub(u32::from(ends))
    }

    /// The cell that both are in, if that is one.
    fn only_place(&self, low: f64, high: f64) -> Option<u32> {
        let place = self.place(low);
        let last = place + 1 == self.count();
        (last || high < self.edge(place + 1)).then_some(place)
    }
}
