//! Memory as something that is counted and bounded.

pub(crate) mod ascending;
pub(crate) mod chunked;
pub(crate) mod digits;
pub(crate) mod greatest;
pub(crate) mod ids;
pub(crate) mod lru;
mod memory;
mod pool;
mod share;

pub use memory::{Memory, UNKNOWN, available};
pub use pool::{Pool, Reservation};
pub(crate) use share::Held;
