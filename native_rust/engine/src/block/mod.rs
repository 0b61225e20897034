//! Blocks: what one operation is in the journal, and the values a transaction is made of.

pub(crate) mod operation;
pub(crate) mod readable;
pub(crate) mod record;

pub use record::Block;
pub(crate) use record::{Action, Effect, Stamp, encode_block};
