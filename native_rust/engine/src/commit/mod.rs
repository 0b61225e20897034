//! From queued transactions to durable, visible blocks.

pub(crate) mod committer;
pub(crate) mod conditions;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod snapshotter;
pub(crate) mod turns;
