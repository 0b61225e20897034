//! Locks, counters and channels of the modules whose interleavings are tried.
//!
//! Such a module takes them from `super::sync`. Its parent says which those are: the ones
//! here, or those of [`model`] where a test includes the same file a second time to run it
//! under `shuttle`, which decides whose turn it is.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
pub(crate) use parking_lot::Mutex;

#[cfg(test)]
pub(crate) mod model;
