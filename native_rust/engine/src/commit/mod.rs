//! From queued transactions to durable, visible blocks.

mod apply;
pub(crate) mod committer;
pub(crate) mod conditions;
mod duplicates;
pub(crate) mod flight;
mod guard;
mod landing;
pub(crate) mod origins;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod snapshotter;
mod syncing;
pub(crate) mod turns;
mod writing;
