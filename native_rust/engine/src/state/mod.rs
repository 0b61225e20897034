//! What the committer and the readers of one database share.

pub(crate) mod blocks;
mod cursor_key;
pub(crate) mod proved;
mod scrub;
mod shared;

pub(crate) use cursor_key::CursorKey;
pub(crate) use scrub::Pass;
pub use scrub::ScrubStats;
pub(crate) use shared::{Head, State};
