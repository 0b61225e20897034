//! Distances on the WGS84 ellipsoid, in metres.

use geographiclib_rs::{Geodesic, InverseGeodesic};

use super::relation::Prepared;
use super::shape::{Position, Shape};
use crate::budget::Budget;
use crate::error::Result;
use crate::types::{BoundingBox, Rect};

/// The equatorial radius.
const WGS84_A: f64 = 6_378_137.0;
/// The flattening.
const WGS84_F: f64 = 1.0 / 298.257_223_563;
/// The polar radius.
const WGS84_B: f64 = WGS84_A * (1.0 - WGS84_F);
/// Square of the first eccentricity.
const E2: f64 = WGS84_F * (2.0 - WGS84_F);

/// The position that distances are measured from.
///
/// From position to position they are right to 15 nanometres (Karney, "Algorithms
/// for geodesics", 2013). To a line or ring they are the least of any position on
/// it, found to a hundredth of a millimetre along the line.
///
/// The bounds compare the ellipsoid with spheres by its line element in reduced
/// latitude b and longitude l, `(A^2 sin^2 b + B^2 cos^2 b) db^2 + A^2 cos^2 b dl^2`
/// for the radii A > B: no path is shorter than its image on the sphere of radius
/// B, nor longer than that on the one of radius A. They differ by 0.34 %.
#[derive(Debug)]
pub(crate) struct Center {
    position: Position,
    geodesic: Geodesic,
    /// Reduced latitude in radians.
    reduced: f64,
    sin: f64,
    cos: f64,
    /// The position with all its spellings.
    prepared: Prepared,
}

impl Center {
    pub(crate) fn new(position: Position) -> Self {
        let reduced = reduced(position[1]);
        Self {
            position,
            geodesic: Geodesic::wgs84(),
            reduced,
            sin: reduced.sin(),
            cos: reduced.cos(),
            prepared: Prepared::new(&Shape::point(position)),
        }
    }

    /// The geodesic distance to a position.
    pub(crate) fn distance(&self, [lon, lat]: Position) -> f64 {
        let [own_lon, own_lat] = self.position;
        self.geodesic.inverse(own_lat, own_lon, lat, lon)
    }

    /// No position in `rect` is nearer than this; 0 inside it.
    pub(crate) fn at_least(&self, rect: &Rect) -> f64 {
        let angle = least_angle(self.position[0], (self.reduced, self.sin, self.cos), rect);
        // Rounding; next to the antipode the sine tells little about the angle.
        let slack = if angle > 3.0 { 1.0 } else { 1e-6 };
        (WGS84_B * angle - slack).max(0.0)
    }

    /// The same for the price of a geodesic, where `known` is [`Center::at_least`]. The
    /// spheres leave a share of the distance open, in which a coast that is far away may have
    /// thousands of edges; small boxes are bounded by their middle more closely.
    pub(super) fn at_least_closely(&self, rect: &Rect, known: f64) -> f64 {
        let Rect { min, max } = *rect;
        let parallel = match min[1] <= 0.0 && 0.0 <= max[1] {
            true => 0.0,
            false => min[1].abs().min(max[1].abs()),
        };
        let east = (max[0] - min[0]) * parallel.to_radians().cos();
        // No radius of curvature is greater.
        let reach = (east.hypot(max[1] - min[1]) / 2.0).to_radians() * WGS84_A * WGS84_A / WGS84_B;
        if reach >= known * WGS84_F {
            return known;
        }
        let middle = [0, 1].map(|axis| f64::midpoint(min[axis], max[axis]));
        // A micrometre for rounding.
        known.max(self.distance(middle) - reach * (1.0 + 1e-9) - 1e-6)
    }

    /// No position in `rect` is farther than this.
    pub(crate) fn at_most(&self, rect: &Rect) -> f64 {
        let [lon, _] = self.position;
        let antipode = if lon > 0.0 { lon - 180.0 } else { lon + 180.0 };
        let angle = least_angle(antipode, (-self.reduced, -self.sin, self.cos), rect);
        WGS84_A * (std::f64::consts::PI - angle) + 1.0
    }

    /// A box that every rectangle touches whose [`Center::at_least`]
    /// is no more than `metres`; not much wider than need be.
    pub(crate) fn surroundings(&self, metres: f64) -> BoundingBox {
        // More than any rounding, here or in the bound.
        let angle = (metres + 1.0) / WGS84_B * (1.0 + 1e-9) + 1e-9;
        let to_edge = std::f64::consts::FRAC_PI_2 - angle;
        let latitude = |angle: f64| (angle.tan() / (1.0 - WGS84_F)).atan().to_degrees();
        // With a pole in it, or nearly so, it has all longitudes.
        if self.reduced.abs() >= to_edge - 1e-9 {
            let side = |reduced: f64| match reduced.abs() >= std::f64::consts::FRAC_PI_2 - 2e-9 {
                true => 90.0_f64.copysign(reduced),
                false => latitude(reduced),
            };
            let (south, north) = (side(self.reduced - angle), side(self.reduced + angle));
            return BoundingBox {
                west: -180.0,
                south,
                east: 180.0,
                north,
            };
        }
        let [lon, _] = self.position;
        // Where a meridian touches the circle.
        let half = (angle.sin() / self.cos).clamp(0.0, 1.0).asin().to_degrees() + 1e-9;
        let wrapped = |lon: f64| match lon {
            lon if lon < -180.0 => lon + 360.0,
            lon if lon > 180.0 => lon - 360.0,
            lon => lon,
        };
        BoundingBox {
            west: wrapped(lon - half),
            south: latitude(self.reduced - angle),
            east: wrapped(lon + half),
            north: latitude(self.reduced + angle),
        }
    }

    /// The distance to the nearest position of a shape, 0 on it and inside its
    /// areas; `None` if it has no position. Looks at the edges in the order of the bounds
    /// of their boxes, so at few of many; those that may be the nearest cost most.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn distance_to(&self, shape: &Prepared, budget: &Budget) -> Result<Option<f64>> {
        if self.prepared.intersects(shape, budget)? {
            return Ok(Some(0.0));
        }
        let bounds = (
            |rect: &Rect| self.at_least(rect),
            |rect: &Rect, known| self.at_least_closely(rect, known),
        );
        let least = shape
            .edges()
            .least(budget, bounds, |edge, known| match edge.a == edge.b {
                true => known.min(self.distance(edge.a)),
                false => self.nearer_on_edge(edge.a, edge.b, known),
            })?;
        Ok(least.is_finite().then_some(least))
    }

    /// The distance to an edge, straight in longitude and latitude, if it is less
    /// than `best`, or else `best`.
    fn nearer_on_edge(&self, from: Position, to: Position, mut best: f64) -> f64 {
        /// Degrees that an edge may span for its distance to have but one minimum
        /// that matters: longer ones are divided.
        const SPAN: f64 = 4.0;
        let delta = [to[0] - from[0], to[1] - from[1]];
        let count = (delta[0].abs().max(delta[1].abs()) / SPAN).ceil().max(1.0);
        let edge = EdgeFrom { from, delta };
        let mut piece = 0.0;
        while piece < count {
            let (first, last) = (piece / count, (piece + 1.0) / count);
            piece += 1.0;
            let mut rect = Rect::point(edge.at(first));
            rect.extend(&Rect::point(edge.at(last)));
            if self.at_least(&rect) < best {
                best = best.min(self.least_between(&edge, first, last));
            }
        }
        best
    }

    /// The least distance to a piece of an edge: at an end, or where the distance
    /// stops falling and begins to grow.
    fn least_between(&self, edge: &EdgeFrom, first: f64, last: f64) -> f64 {
        /// Metres to which the place is found; the distance is nearer still.
        const NEAR: f64 = 1e-5;
        const MAX_STEPS: usize = 100;
        let (mut low, mut high) = (first, last);
        let (at_low, mut slope_low) = self.distance_and_slope(edge, low);
        let (at_high, mut slope_high) = self.distance_and_slope(edge, high);
        let mut best = at_low.min(at_high);
        if slope_low >= 0.0 || slope_high <= 0.0 {
            return best;
        }
        let speed = edge.speed();
        for step in 0..MAX_STEPS {
            if (high - low) * speed <= NEAR {
                break;
            }
            // Regula falsi, and every third step a bisection for the cusp that the
            // distance has where the edge runs through the position itself.
            let middle = if step % 3 == 2 {
                low + (high - low) / 2.0
            } else {
                let share = slope_low / (slope_low - slope_high);
                low + (high - low) * share.clamp(0.01, 0.99)
            };
            let (here, slope) = self.distance_and_slope(edge, middle);
            best = best.min(here);
            if slope < 0.0 {
                (low, slope_low) = (middle, slope);
            } else {
                (high, slope_high) = (middle, slope);
            }
        }
        best
    }

    /// The distance to a place on an edge, and how it grows along the edge.
    fn distance_and_slope(&self, edge: &EdgeFrom, share: f64) -> (f64, f64) {
        let [own_lon, own_lat] = self.position;
        let [lon, lat] = edge.at(share);
        let (distance, _, azimuth, _): (f64, f64, f64, f64) =
            self.geodesic.inverse(own_lat, own_lon, lat, lon);
        // The azimuth there points on, away from the position.
        let (sin, cos) = lat.to_radians().sin_cos();
        let curvature = (1.0 - E2 * sin * sin).sqrt();
        let prime_vertical = WGS84_A / curvature;
        let meridian = prime_vertical * (1.0 - E2) / (curvature * curvature);
        let east = prime_vertical * cos * edge.delta[0];
        let north = meridian * edge.delta[1];
        let (ahead_east, ahead_north) = azimuth.to_radians().sin_cos();
        (distance, east * ahead_east + north * ahead_north)
    }
}

/// An edge from an end, in degrees.
struct EdgeFrom {
    from: Position,
    delta: [f64; 2],
}

impl EdgeFrom {
    fn at(&self, share: f64) -> Position {
        if share >= 1.0 {
            // The sum may miss the end by a rounding, and leave the plane.
            return [0, 1].map(|axis| {
                let to = self.from[axis] + self.delta[axis];
                to.clamp(-BOUNDS[axis], BOUNDS[axis])
            });
        }
        [0, 1].map(|axis| self.from[axis] + share * self.delta[axis])
    }

    /// No less than its length in metres.
    fn speed(&self) -> f64 {
        let degrees = self.delta[0].hypot(self.delta[1]);
        degrees.to_radians() * WGS84_A * WGS84_A / WGS84_B
    }
}

/// Bounds of longitude and latitude.
const BOUNDS: Position = [180.0, 90.0];

fn reduced(latitude: f64) -> f64 {
    if latitude.abs() == 90.0 {
        return latitude.to_radians();
    }
    ((1.0 - WGS84_F) * latitude.to_radians().tan()).atan()
}

/// The least angle on a sphere from a position, given as its longitude in degrees
/// and its latitude with sine and cosine, to the positions of a rectangle.
fn least_angle(longitude: f64, (latitude, sin, cos): (f64, f64, f64), rect: &Rect) -> f64 {
    let Rect { min, max } = *rect;
    let low = reduced(min[1]);
    let high = if max[1] == min[1] {
        low
    } else {
        reduced(max[1])
    };
    if min[0] <= longitude && longitude <= max[0] {
        return (low - latitude).max(latitude - high).max(0.0);
    }
    // Of each parallel its nearer end is nearest: so the nearer side is.
    let gap = (min[0] - longitude)
        .rem_euclid(360.0)
        .min((longitude - max[0]).rem_euclid(360.0))
        .to_radians();
    let angle_at = |other: f64| {
        let half = ((other - latitude) / 2.0).sin();
        let across = (gap / 2.0).sin();
        let haversine = half * half + cos * other.cos() * across * across;
        2.0 * haversine.clamp(0.0, 1.0).sqrt().asin()
    };
    if low == high {
        return angle_at(low);
    }
    let toward = gap.cos();
    if toward >= 0.0 {
        // Where the great circle through the side has its nearest position.
        angle_at(sin.atan2(cos * toward).clamp(low, high))
    } else {
        angle_at(low).min(angle_at(high))
    }
}
