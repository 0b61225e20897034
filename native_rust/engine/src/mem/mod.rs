//! Memory as something that is counted and bounded.

mod pool;

pub use pool::{Memory, Pool, Reservation};
