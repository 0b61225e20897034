//! # formdb-engine
//!
//! The whole database as plain Rust: an append-only, hash-chained journal of
//! CBOR blocks, a spatial index over GeoJSON features and a temporal index over
//! time series. It knows nothing of HTTP and nothing of the BEAM.

#![deny(unsafe_code)]

mod error;
pub mod fs;
pub mod index;
mod limits;
pub mod model;

pub use error::{Entity, Error, InvalidCode, Result};
pub use limits::Limits;
