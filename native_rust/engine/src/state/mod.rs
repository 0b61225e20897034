//! What the committer and the readers of one database share.

pub(crate) mod proved;
mod shared;

pub(crate) use shared::{Head, Indexes, State};
