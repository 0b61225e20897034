//! Bounding boxes: what a client asks for, and the planar rectangles that the
//! spatial index and the exact predicates work on.

use super::json::{NumberFault, number_fault};
use crate::error::{Error, InvalidCode, Result, Shown};

/// Degrees beyond 180 or 90 that are rounding, a tenth of a millimetre: what lies beyond
/// by no more is taken for 180 or 90.
pub(crate) const NOISE: f64 = 1e-9;

/// A number of degrees, set to its bound where it is beyond it by [`NOISE`].
pub(crate) fn without_noise(degrees: f64, bound: f64) -> f64 {
    match degrees.abs() <= bound + NOISE {
        true => degrees.clamp(-bound, bound),
        false => degrees,
    }
}

/// A closed rectangle in planar longitude and latitude, in degrees.
///
/// Never crosses the antimeridian: `min[0] <= max[0]` and `min[1] <= max[1]`.
/// A point is a rectangle whose corners are equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Smallest longitude and latitude.
    pub min: [f64; 2],
    /// Largest longitude and latitude.
    pub max: [f64; 2],
}

impl Rect {
    /// The rectangle that holds just this position.
    #[must_use]
    pub fn point(position: [f64; 2]) -> Self {
        Self {
            min: position,
            max: position,
        }
    }

    /// The position in its middle: of a point that position.
    #[must_use]
    pub fn middle(&self) -> [f64; 2] {
        [0, 1].map(|axis| self.min[axis] + (self.max[axis] - self.min[axis]) / 2.0)
    }

    /// Whether it is wider than half the earth: parts of what it is the envelope of may be
    /// nearer to each other across the antimeridian.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.max[0] - self.min[0] > 180.0
    }

    /// Whether the two share at least one position; touching counts.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.min[0] <= other.max[0]
            && other.min[0] <= self.max[0]
            && self.min[1] <= other.max[1]
            && other.min[1] <= self.max[1]
    }

    /// Whether every position of `other` lies in this rectangle; touching counts.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.min[0] <= other.min[0]
            && other.max[0] <= self.max[0]
            && self.min[1] <= other.min[1]
            && other.max[1] <= self.max[1]
    }

    /// Grows the rectangle so that it also holds `other`.
    pub fn extend(&mut self, other: &Self) {
        for axis in 0..2 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
    }
}

/// A box on the sphere in the order of RFC 7946, section 5. When `west` is
/// greater than `east` it crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Western edge, degrees of longitude in `[-180, 180]`.
    pub west: f64,
    /// Southern edge, degrees of latitude in `[-90, 90]`, at most `north`.
    pub south: f64,
    /// Eastern edge, degrees of longitude in `[-180, 180]`.
    pub east: f64,
    /// Northern edge, degrees of latitude in `[-90, 90]`.
    pub north: f64,
}

impl BoundingBox {
    /// West, south, east and north.
    pub(crate) fn edges(&self) -> [f64; 4] {
        [self.west, self.south, self.east, self.north]
    }

    /// A box from its edges in degrees. What is out of range by rounding, up to 10^-9
    /// degrees, is taken for its end.
    ///
    /// # Errors
    /// [`InvalidCode::BoundingBox`] for an edge that is not finite or out of
    /// range, or when `south` lies north of `north`.
    pub fn new(west: f64, south: f64, east: f64, north: f64) -> Result<Self> {
        let [west, east] = [west, east].map(|lon| without_noise(lon, 180.0));
        let [south, north] = [south, north].map(|lat| without_noise(lat, 90.0));
        for (name, value, bound) in [
            ("west", west, 180.0),
            ("south", south, 90.0),
            ("east", east, 180.0),
            ("north", north, 90.0),
        ] {
            // Written so that NaN is refused as well.
            if !(-bound..=bound).contains(&value) {
                return Err(refusal(format!(
                    "{name} of the bounding box is {value}; it must lie between -{bound} and {bound} degrees"
                )));
            }
        }
        if south > north {
            return Err(refusal(format!(
                "south of the bounding box is {south}, north of its north edge {north}; \
                 the order is west,south,east,north"
            )));
        }
        Ok(Self {
            west,
            south,
            east,
            north,
        })
    }

    /// The narrowest box around some parts: it crosses the antimeridian where it is narrower
    /// so, and leaves out the widest stretch of longitudes without a part.
    pub(crate) fn around(mut parts: Vec<Rect>) -> Option<Self> {
        let all = parts.iter().copied().reduce(|mut all, part| {
            all.extend(&part);
            all
        })?;
        parts.sort_unstable_by(|a, b| a.min[0].total_cmp(&b.min[0]));
        // Around the back, from the last part to the first.
        let mut widest = (all.min[0] + 360.0 - all.max[0], all.min[0], all.max[0]);
        let mut until = all.min[0];
        for Rect { min, max } in parts {
            if min[0] - until > widest.0 {
                widest = (min[0] - until, min[0], until);
            }
            until = until.max(max[0]);
        }
        let (_, west, east) = widest;
        let ([_, south], [_, north]) = (all.min, all.max);
        Some(Self {
            west,
            south,
            east,
            north,
        })
    }

    /// The position in its middle.
    pub(crate) fn middle(&self) -> [f64; 2] {
        let width = match self.west > self.east {
            true => self.east + 360.0 - self.west,
            false => self.east - self.west,
        };
        let lon = self.west + width / 2.0;
        let lat = self.south + (self.north - self.south) / 2.0;
        [if lon > 180.0 { lon - 360.0 } else { lon }, lat]
    }

    /// Reads `west,south,east,north` in degrees, or the six numbers of a box
    /// with altitudes (`west,south,low,east,north,high`), whose altitudes are
    /// checked and then ignored. Spaces around the numbers are allowed.
    ///
    /// # Errors
    /// [`InvalidCode::BoundingBox`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let mut numbers = [0.0_f64; 6];
        let mut count = 0;
        for part in text.split(',') {
            let part = part.trim();
            if number_fault(part) == Some(NumberFault::Zero) {
                return Err(refusal(format!(
                    "found {}, which is too small for a double and would be 0; send 0",
                    Shown(part)
                )));
            }
            let number = part.parse().ok().filter(|n: &f64| n.is_finite());
            let (Some(number), Some(slot)) = (number, numbers.get_mut(count)) else {
                return Err(wrong_shape());
            };
            *slot = number;
            count += 1;
        }
        match (count, numbers) {
            (4, [west, south, east, north, ..]) => Self::new(west, south, east, north),
            (6, [west, south, low, east, north, high]) => {
                if low > high {
                    return Err(refusal(format!(
                        "the lower altitude of the bounding box is {low}, above the upper one, {high}"
                    )));
                }
                Self::new(west, south, east, north)
            }
            _ => Err(wrong_shape()),
        }
    }

    /// The one or two planar rectangles that the box is, split at the antimeridian.
    #[must_use]
    pub fn parts(&self) -> Vec<Rect> {
        let strip = self.strip();
        if self.west > self.east {
            vec![strip(self.west, 180.0), strip(-180.0, self.east)]
        } else {
            vec![strip(self.west, self.east)]
        }
    }

    fn strip(&self) -> impl Fn(f64, f64) -> Rect {
        let Self { south, north, .. } = *self;
        move |from, to| Rect {
            min: [from, south],
            max: [to, north],
        }
    }

    /// The planar rectangles whose union is this box on the sphere.
    ///
    /// A box across the antimeridian is split there. The meridians 180 and -180
    /// are one line and a pole is one position at every longitude, so a box that
    /// touches one of them also gets the degenerate rectangle that covers its
    /// other spelling.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        let Self {
            west,
            south,
            east,
            north,
        } = *self;
        let strip = self.strip();
        let parallel = |latitude: f64| Rect {
            min: [-180.0, latitude],
            max: [180.0, latitude],
        };

        let mut pieces;
        if west > east {
            pieces = Pieces::of(strip(west, 180.0));
            pieces.push(strip(-180.0, east));
        } else {
            pieces = Pieces::of(strip(west, east));
            if west == -180.0 && east == 180.0 {
                return pieces;
            }
            if east == 180.0 {
                pieces.push(strip(-180.0, -180.0));
            }
            if west == -180.0 {
                pieces.push(strip(180.0, 180.0));
            }
        }
        if north == 90.0 {
            pieces.push(parallel(90.0));
        }
        if south == -90.0 {
            pieces.push(parallel(-90.0));
        }
        pieces
    }
}

/// One to four rectangles; they may touch or overlap. Reads as a slice.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    rects: [Rect; 4],
    len: usize,
}

impl Pieces {
    fn of(first: Rect) -> Self {
        Self {
            rects: [first; 4],
            len: 1,
        }
    }

    fn push(&mut self, rect: Rect) {
        if let Some(slot) = self.rects.get_mut(self.len) {
            *slot = rect;
            self.len += 1;
        }
    }
}

impl std::ops::Deref for Pieces {
    type Target = [Rect];

    fn deref(&self) -> &[Rect] {
        self.rects.get(..self.len).unwrap_or(&self.rects)
    }
}

fn refusal(detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::BoundingBox, "", detail)
}

fn wrong_shape() -> Error {
    refusal(
        "the bounding box must be four numbers west,south,east,north in degrees \
         (or six, with altitudes), separated by commas",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Membership of a position in a box on the sphere, from the definition:
    /// normalise what is one place under two names, then compare.
    fn covers(b: &BoundingBox, lon: f64, lat: f64) -> bool {
        if lat < b.south || lat > b.north {
            return false;
        }
        if lat.abs() == 90.0 {
            return true;
        }
        let spellings: &[f64] = if lon.abs() == 180.0 {
            &[-180.0, 180.0]
        } else {
            &[lon]
        };
        spellings.iter().any(|&lon| {
            if b.west <= b.east {
                b.west <= lon && lon <= b.east
            } else {
                lon >= b.west || lon <= b.east
            }
        })
    }

    /// Longitudes and latitudes on a coarse grid, so that edges often coincide.
    fn longitude() -> impl Strategy<Value = f64> {
        (-6_i32..=6).prop_map(|n| f64::from(n) * 30.0)
    }

    fn latitude() -> impl Strategy<Value = f64> {
        (-6_i32..=6).prop_map(|n| f64::from(n) * 15.0)
    }

    proptest! {
        #[test]
        fn pieces_cover_the_box_on_the_sphere(
            west in longitude(), east in longitude(),
            a in latitude(), b in latitude(),
            lon in longitude(), lat in latitude(),
        ) {
            let bbox = BoundingBox::new(west, a.min(b), east, a.max(b)).unwrap();
            let at = Rect::point([lon, lat]);
            let hit = bbox.pieces().iter().any(|piece| piece.intersects(&at));
            prop_assert_eq!(hit, covers(&bbox, lon, lat));
            for piece in bbox.pieces().iter() {
                prop_assert!(piece.min[0] <= piece.max[0] && piece.min[1] <= piece.max[1]);
            }
        }

        #[test]
        fn rect_relations_match_their_definition(
            a in proptest::array::uniform4(-3_i32..=3),
            b in proptest::array::uniform4(-3_i32..=3),
        ) {
            let rect = |[x0, y0, x1, y1]: [i32; 4]| Rect {
                min: [x0.min(x1), y0.min(y1)].map(f64::from),
                max: [x0.max(x1), y0.max(y1)].map(f64::from),
            };
            let (a, b) = (rect(a), rect(b));
            // On an integer grid a shared or missing position is always a grid position.
            let cells = || (-3..=3).flat_map(|x| (-3..=3).map(move |y| [f64::from(x), f64::from(y)]));
            let has = |r: &Rect, p: [f64; 2]| {
                r.min[0] <= p[0] && p[0] <= r.max[0] && r.min[1] <= p[1] && p[1] <= r.max[1]
            };
            prop_assert_eq!(a.intersects(&b), cells().any(|p| has(&a, p) && has(&b, p)));
            prop_assert_eq!(a.contains(&b), cells().all(|p| !has(&b, p) || has(&a, p)));
            let mut both = a;
            both.extend(&b);
            prop_assert!(both.contains(&a) && both.contains(&b));
            prop_assert_eq!(both.min[0], a.min[0].min(b.min[0]));
            prop_assert_eq!(both.max[1], a.max[1].max(b.max[1]));
        }

        #[test]
        fn parsing_never_panics(text in ".{0,60}") {
            let _ = BoundingBox::parse(&text);
        }

        #[test]
        fn what_is_printed_is_parsed(
            west in longitude(), south in -90.0..0.0_f64, east in longitude(), north in 0.0..90.0_f64,
        ) {
            let text = format!("{west},{south},{east},{north}");
            prop_assert_eq!(
                BoundingBox::parse(&text).unwrap(),
                BoundingBox { west, south, east, north }
            );
        }
    }

    #[test]
    fn six_numbers_ignore_the_altitudes() {
        assert_eq!(
            BoundingBox::parse("10, 20,-100, 30 ,40,9000").unwrap(),
            BoundingBox::new(10.0, 20.0, 30.0, 40.0).unwrap()
        );
    }

    #[test]
    fn refusals_name_the_edge_and_the_expectation() {
        let detail = |text: &str| {
            let error = BoundingBox::parse(text).unwrap_err();
            assert_eq!(error.code(), "invalid_bbox", "{text}");
            error.to_string()
        };
        assert!(detail("0,0,181,1").contains("east of the bounding box is 181"));
        assert!(detail("0,-90.5,1,1").contains("between -90 and 90"));
        assert!(detail("0,5,1,4").contains("west,south,east,north"));
        assert!(detail("0,0,9,1,1,2").contains("altitude"));
        assert!(detail("0,1e-400,9,1").contains("too small for a double and would be 0; send 0"));
        for text in [
            "",
            "1",
            "1,2,3",
            "1,2,3,4,5",
            "1,2,3,4,5,6,7",
            "a,b,c,d",
            "1,,2,3",
            "0,0,nan,1",
            "0,0,inf,1",
            "0;0;1;1",
        ] {
            assert!(detail(text).contains("four numbers"), "{text}");
        }
    }

    #[test]
    fn the_whole_sphere_is_one_piece() {
        let all = BoundingBox::parse("-180,-90,180,90").unwrap();
        assert_eq!(all.pieces().len(), 1);
    }
}
