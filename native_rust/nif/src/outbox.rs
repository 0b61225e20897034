//! Answers to many writes at once, on their way to those who wait.
//!
//! A thread of ours can send a message itself. But what the VM allocates for that on a thread
//! that is no scheduler, schedulers free by way of a thread that is woken for it, and the other
//! way round: together a tenth of what a small write takes. So answers that are given one after
//! the other are left here, one message tells a process (FormdbHttp.Outbox), and that sends them,
//! on a scheduler. What that process has not sent when it ends, the next one does; where there is
//! none, they are sent from here.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use formdb_engine::{Ack, Reply};
use rustler::{Atom, Env, LocalPid, OwnedEnv};

use crate::answer::{AckTerm, Caller, Failure};
use crate::atoms;

/// Answers that are worth a message and the waking of one more process.
const WORTH: usize = 3;
/// Answers that are sent in one call: some 0.1 ms.
const SENT: usize = 128;

/// There is one, as there is one process.
static OUTBOX: Mutex<Outbox> = Mutex::new(Outbox {
    sender: None,
    told: false,
    letters: VecDeque::new(),
});

struct Outbox {
    sender: Option<LocalPid>,
    /// Whether it is on its way here.
    told: bool,
    letters: VecDeque<Letter>,
}

type Letter = (Caller, Result<Option<AckTerm>, Failure>);

impl Caller {
    /// Answers with what a commit ended with.
    pub(crate) fn reply(self) -> Reply {
        self.reply_with(|answer| answer.map(Some))
    }

    /// The same, after `make` has made of it what is told: `None` for nothing written.
    pub(crate) fn reply_with(
        self,
        make: impl FnOnce(formdb_engine::Result<Ack>) -> formdb_engine::Result<Option<Ack>>
        + Send
        + 'static,
    ) -> Reply {
        Reply::of_several(move |answer, together| {
            let answer = make(answer).map(|ack| ack.map(AckTerm)).map_err(Failure);
            match together < WORTH {
                true => self.answer(answer),
                false => post((self, answer)),
            }
        })
    }
}

/// Leave an answer to be sent, or send it where nobody else does.
fn post(letter: Letter) {
    let mut outbox = lock();
    let Some(sender) = outbox.sender else {
        drop(outbox);
        let (caller, answer) = letter;
        return caller.answer(answer);
    };
    outbox.letters.push_back(letter);
    if std::mem::replace(&mut outbox.told, true) {
        return;
    }
    drop(outbox);
    let sent = OwnedEnv::new().send_and_clear(&sender, |env| atoms::answers().to_term(env));
    if sent.is_err() {
        // It has ended. The next one says so.
        let left = {
            let mut outbox = lock();
            if outbox.sender == Some(sender) {
                (outbox.sender, outbox.told) = (None, false);
            }
            std::mem::take(&mut outbox.letters)
        };
        for (caller, answer) in left {
            caller.answer(answer);
        }
    }
}

fn lock() -> MutexGuard<'static, Outbox> {
    OUTBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `:ok`. From now on the calling process is told `:answers` when there are some, and calls
/// [`outbox_send`]; as it has to at once, for what an earlier one has left.
#[rustler::nif]
fn outbox_open(env: Env<'_>) -> Atom {
    let mut outbox = lock();
    outbox.sender = Some(env.pid());
    outbox.told = true;
    atoms::ok()
}

/// Sends answers. Whether there are more: then it is to be called again.
#[rustler::nif]
fn outbox_send(env: Env<'_>) -> bool {
    let letters: Vec<Letter> = {
        let mut outbox = lock();
        let count = outbox.letters.len().min(SENT);
        outbox.told = outbox.letters.len() > count;
        outbox.letters.drain(..count).collect()
    };
    let more = letters.len() == SENT;
    for (caller, answer) in letters {
        caller.answer_from(env, answer);
    }
    more
}
