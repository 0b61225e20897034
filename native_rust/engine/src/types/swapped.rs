//! Whether longitude and latitude of a feature were exchanged, by where others lie.

use super::bbox::Rect;

/// Features that there must be, for their box to say anything.
const FEATURES: u64 = 10;

/// Where the other features lie.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings {
    area: Option<Rect>,
    features: u64,
}

impl Surroundings {
    /// The box of so many features.
    pub(crate) fn new(area: Option<Rect>, features: u64) -> Self {
        Self { area, features }
    }

    /// Takes a feature in.
    pub(crate) fn add(&mut self, envelope: &Rect) {
        self.features += 1;
        match &mut self.area {
            Some(area) => area.extend(envelope),
            None => self.area = Some(*envelope),
        }
    }

    /// Whether a feature lies further from the box of the others than the longer side of that,
    /// in degrees of longitude or of latitude, and within it if the two are exchanged. Never of
    /// less than ten others.
    pub(crate) fn show_as_swapped(&self, envelope: &Rect) -> bool {
        let Some(area) = self.area.filter(|_| self.features >= FEATURES) else {
            return false;
        };
        let swapped = Rect {
            min: swap(envelope.min),
            max: swap(envelope.max),
        };
        area.contains(&swapped) && distance(&area, envelope) > longer_side(&area)
    }
}

fn swap([x, y]: [f64; 2]) -> [f64; 2] {
    [y, x]
}

fn longer_side(area: &Rect) -> f64 {
    let ([west, south], [east, north]) = (area.min, area.max);
    (east - west).max(north - south)
}

/// How far two boxes are apart along the axis where they are further apart, in degrees.
fn distance(a: &Rect, b: &Rect) -> f64 {
    let gap =
        |a_low: f64, a_high: f64, b_low: f64, b_high: f64| (b_low - a_high).max(a_low - b_high);
    let across = gap(a.min[0], a.max[0], b.min[0], b.max[0]);
    let along = gap(a.min[1], a.max[1], b.min[1], b.max[1]);
    across.max(along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_far_out_and_among_the_others_if_exchanged() {
        let mut berlin = Surroundings::default();
        for i in 0..9 {
            berlin.add(&Rect::point([13.3 + f64::from(i) / 100.0, 52.5]));
        }
        let swapped = Rect::point([52.5, 13.35]);
        assert!(!berlin.show_as_swapped(&swapped), "nine say nothing");
        berlin.add(&Rect::point([13.4, 52.6]));
        assert!(berlin.show_as_swapped(&swapped));
        // Far out, but elsewhere either way; near; and right.
        for other in [[52.5, 14.0], [-0.1, 51.5], [13.5, 52.5], [13.35, 52.55]] {
            assert!(!berlin.show_as_swapped(&Rect::point(other)), "{other:?}");
        }
        // Where the others are all over the earth nothing is far.
        let mut earth = berlin;
        earth.add(&Rect::point([-120.0, -40.0]));
        assert!(!earth.show_as_swapped(&Rect::point([52.5, 13.35])));
    }
}
