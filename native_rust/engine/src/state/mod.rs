//! What the committer and the readers of one database share.

pub(crate) mod blocks;
mod cursor_key;
mod proved;
mod proved_leaves;
mod scrub;
mod shared;
mod watch;

pub(crate) use cursor_key::CursorKey;
pub(crate) use scrub::Pass;
pub use scrub::ScrubStats;
pub(crate) use shared::{Head, State};
pub use watch::Ending;
pub(crate) use watch::Watcher;
