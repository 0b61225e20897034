//! What several test programs share: a file system in memory that records every change, can
//! fail any operation, and builds the disk images that a crash could leave behind.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses a part of it"
)]

pub mod calls;
pub mod changes;
pub mod crash;
pub mod disk;
pub mod image;
pub mod journal;
pub mod rng;

pub use crash::Crash;
pub use disk::{EIO, ENOSPC, Fault, SimFs};
pub use rng::random;
