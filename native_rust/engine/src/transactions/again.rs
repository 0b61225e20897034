//! A commit that is sent again, while the first is under way and after it.

use std::sync::Arc;

use super::Commit;
use crate::block::{Ack, Durability, Transaction};
use crate::commit::queue::Reply;
use crate::db::database::Database;
use crate::error::{Error, Result};

impl Database {
    /// Answer as a commit was that is done. If this one is to promise more than that did, the
    /// disk is waited for.
    pub(super) fn commit_again(
        self: &Arc<Self>,
        id: &str,
        ack: Option<Ack>,
        options: &Transaction,
        reply: &mut Option<Reply>,
    ) -> Result<Commit> {
        match ack {
            None => Ok(Commit::Nothing { replayed: true }),
            Some(ack) if self.keeps(&ack, options.durability) => Ok(Commit::Again(Ack {
                replayed: true,
                ..ack
            })),
            Some(_) => self.commit_after(id, options, reply),
        }
    }

    /// Answer as the commit is that is in the queue: once the committer has decided on what
    /// was queued before this question.
    pub(super) fn commit_after(
        self: &Arc<Self>,
        id: &str,
        options: &Transaction,
        reply: &mut Option<Reply>,
    ) -> Result<Commit> {
        let Some(reply) = reply.take() else {
            unreachable!("it is taken once");
        };
        let durability = options.durability;
        let question = Transaction {
            durability,
            caller: options.caller,
            ..Transaction::default()
        };
        let database = Arc::clone(self);
        let own = id.to_owned();
        let reply = reply.through(move |decided| database.committed(&own, decided, durability));
        self.queue.submit(question, reply)?;
        Ok(Commit::Queued)
    }

    fn committed(&self, id: &str, decided: Result<Ack>, durability: Durability) -> Result<Ack> {
        match (self.sessions.table.answer(id), decided) {
            (Ok(Some(ack)), Ok(_)) => Ok(Ack {
                replayed: true,
                ..ack
            }),
            (Ok(Some(ack)), Err(_)) if self.keeps(&ack, durability) => Ok(Ack {
                replayed: true,
                ..ack
            }),
            (Ok(None), _) => Ok(Ack::NOTHING),
            // The committer has ended without a word about either.
            (Ok(_) | Err(Error::Committing { .. }), Err(refusal)) => Err(refusal),
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// Whether what this commit wrote is kept as safely as is asked for.
    fn keeps(&self, ack: &Ack, durability: Durability) -> bool {
        durability == Durability::None || ack.last_seq <= self.state.durable()
    }
}
