//! Blocks: what one operation is in the journal, and the values a transaction is made of.

mod condition;
mod key;
mod operation;
mod readable;
mod record;
mod spans;
mod transaction;

pub use condition::{Condition, Expected};
pub use key::IdempotencyKey;
pub(crate) use key::RequestDigest;
pub use operation::{OpKind, Operation, PointDuplicates, Revert, SetDefaults};
pub(crate) use operation::{Versioned, put_points, revert_body};
pub(crate) use readable::{all_readable, readable};
pub use record::Block;
pub(crate) use record::{Action, Effect, Stamp, encode_block};
pub(crate) use spans::Spans;
pub use transaction::{Ack, Durability, MAX_ACTOR, Transaction};
pub(crate) use transaction::{check_actor, check_size, encoded_len};
