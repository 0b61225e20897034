//! The square tiles of web maps: where their rows begin.

/// The latitude at which row `place` of so many begins, and the one before it ends, from the
/// south. The outermost rows reach to the poles.
pub(crate) fn tile_row_edge(place: u32, count: u32) -> f64 {
    if place == 0 {
        return -90.0;
    }
    if place >= count {
        return 90.0;
    }
    let share = f64::from(place) / f64::from(count);
    let y = (2.0 * share - 1.0) * std::f64::consts::PI;
    y.sinh().atan().to_degrees()
}

/// The row that a latitude is in, but for one that may be beside it by a rounding.
pub(crate) fn tile_row_near(latitude: f64, count: u32) -> f64 {
    let y = latitude.to_radians().tan().asinh() / std::f64::consts::PI;
    (y + 1.0) / 2.0 * f64::from(count)
}
