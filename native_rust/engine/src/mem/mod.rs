//! Memory as something that is counted and bounded.

pub(crate) mod chunked;
pub(crate) mod ids;
pub(crate) mod lru;
mod pool;

pub use pool::{Memory, Pool, Reservation};
