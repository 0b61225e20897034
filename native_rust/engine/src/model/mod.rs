//! What is stored.

mod bbox;

pub use bbox::{BoundingBox, Pieces, Rect};
