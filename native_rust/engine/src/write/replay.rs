//! Answering a request again that cannot be prepared any more.
//!
//! A request that is sent again after its first answer was lost finds the database
//! as it left it: the feature is at another version, the block is undone, the points
//! are gone. So it is refused while it is prepared, before the committer has looked
//! for its idempotency key. Whoever prepares a request with a key hands the refusal
//! to [`Database::replay`], which looks.

use std::sync::Arc;

use crate::block::{Ack, Condition, Durability, Expected, IdempotencyKey, Transaction};
use crate::commit::queue::Reply;
use crate::db::database::Database;
use crate::error::{Error, Result};

impl Database {
    /// Answer the transaction of `actor` that had `key` again; `unknown` is the answer when the
    /// key is not known. Waits its turn in the queue, so a transaction with this key
    /// that was submitted earlier is known. Writes nothing. `reply` is called as in
    /// [`Database::submit`].
    ///
    /// # Errors
    /// Those of [`Database::submit`]; through `reply` [`Error::KeyReused`].
    pub fn replay(
        &self,
        key: IdempotencyKey,
        actor: Option<Arc<str>>,
        durability: Durability,
        unknown: Result<Option<Ack>>,
        reply: impl FnOnce(Result<Option<Ack>>) + Send + 'static,
    ) -> Result<()> {
        key.check()?;
        self.state.check_writable()?;
        let transaction = Transaction {
            // Known keys are answered before conditions are looked at, and this one
            // never holds: no feature has an empty id.
            conditions: vec![Condition::Feature {
                id: String::new(),
                expected: Expected::Exists,
            }],
            key: Some(key),
            actor,
            durability,
            ..Transaction::default()
        };
        let reply = Reply::new(move |answer| {
            reply(match answer {
                Err(Error::Precondition { .. }) => unknown,
                known => known.map(Some),
            });
        });
        self.queue.submit(transaction, reply)
    }
}
