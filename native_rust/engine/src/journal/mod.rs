//! The append-only journal: segments of commit groups of transactions of blocks.
//!
//! [`Journal`] is the writing end and belongs to the committer thread alone;
//! [`Segments`] is the reading end and is shared by everybody. [`recover`]
//! makes both out of a folder.

mod layout;
mod reader;
mod recovery;
mod segments;
mod writer;

pub use recovery::Recovered;
pub(crate) use recovery::{Opened, recover};
pub(crate) use segments::Segments;
pub(crate) use writer::{Group, Journal, Written};
