//! Geometry on the earth: which shapes meet, hold or lie in which, and how far a
//! position is from a shape. Pure, and knows nothing of storage.
//!
//! Shapes are what RFC 7946 says they are: their edges are straight lines in the
//! plane of longitude and latitude (section 3.1.1), and one that crosses the
//! antimeridian is written in two parts (section 3.1.9). The plane has seams: the
//! meridians 180 and -180 are one line, and a pole is one position at every
//! longitude. [`Prepared`] knows them. Distances are geodesics on the WGS84
//! ellipsoid.

mod beside;
mod edges;
mod geodesy;
mod mercator;
mod packed;
mod path;
mod relation;
mod seam;
mod shape;
mod side;

pub(crate) use geodesy::Center;
pub(crate) use mercator::{tile_row_edge, tile_row_near};
pub(crate) use path::Path;
pub use relation::Predicate;
pub(crate) use relation::Prepared;
pub(crate) use shape::Shape;

#[cfg(test)]
mod tests;
