//! A gate that operations of the disk in memory wait at, so that a test can do
//! something while they do.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::Op;

/// What waits.
#[derive(Debug, Clone, Copy)]
enum Hold {
    Changes(fn(&Op) -> bool),
    /// Reads of the bytes of files.
    Reads,
}

#[derive(Debug, Default)]
struct State {
    hold: Option<Hold>,
    waiting: usize,
    /// How often what waited was let go on alone.
    turn: usize,
}

#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

impl Gate {
    pub fn hold_changes(&self, which: fn(&Op) -> bool) {
        self.state.lock().unwrap().hold = Some(Hold::Changes(which));
    }

    pub fn hold_reads(&self) {
        self.state.lock().unwrap().hold = Some(Hold::Reads);
    }

    pub fn release(&self) {
        self.state.lock().unwrap().hold = None;
        self.moved.notify_all();
    }

    /// Let what waits go on, and go on holding what comes.
    pub fn let_on(&self) {
        let mut state = self.state.lock().unwrap();
        state.turn += 1;
        state.waiting = 0;
        self.moved.notify_all();
    }

    /// Wait until something waits; false if nothing comes.
    pub fn await_held(&self) -> bool {
        let patience = Duration::from_secs(5);
        let state = self.state.lock().unwrap();
        let waited = self
            .moved
            .wait_timeout_while(state, patience, |state| state.waiting == 0);
        !waited.unwrap().1.timed_out()
    }

    pub fn pass_change(&self, op: &Op) {
        self.pass(|hold| matches!(hold, Hold::Changes(which) if which(op)));
    }

    pub fn pass_read(&self) {
        self.pass(|hold| matches!(hold, Hold::Reads));
    }

    fn pass(&self, holds: impl Fn(Hold) -> bool) {
        let mut state = self.state.lock().unwrap();
        if !state.hold.is_some_and(&holds) {
            return;
        }
        state.waiting += 1;
        self.moved.notify_all();
        let turn = state.turn;
        let held = |state: &mut State| state.turn == turn && state.hold.is_some_and(&holds);
        state = self.moved.wait_while(state, held).unwrap();
        if state.turn == turn {
            state.waiting -= 1;
        }
    }
}
