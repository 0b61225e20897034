//! Blocks: what one operation is in the journal, and the values a transaction is made of.

mod condition;
mod key;
mod operation;
mod readable;
mod record;
mod transaction;

pub use condition::{Condition, Expected};
pub use key::IdempotencyKey;
pub(crate) use key::RequestDigest;
pub(crate) use operation::revert_body;
pub use operation::{OpKind, Operation, Revert};
pub(crate) use readable::{all_readable, readable};
pub use record::Block;
pub(crate) use record::{Action, Effect, Stamp, encode_block};
pub use transaction::{Ack, Durability, MAX_ACTOR, Transaction};
pub(crate) use transaction::{check_actor, check_size, encoded_len};
