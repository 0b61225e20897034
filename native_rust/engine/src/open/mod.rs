//! Opening a database: from its snapshot and its journal to state in memory.

pub(crate) mod growth;
pub(crate) mod home;
pub(crate) mod locking;
pub(crate) mod making;
pub(crate) mod opening;
mod reading;
mod rebuild;
mod report;

pub use report::Recovered;
