//! Memory for the trees of a text: what its values take is counted as they are read.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::error::Error;
use crate::mem::{Pool, Reservation};

/// What a tree may take that is not counted: most texts are small, and many are read at once.
const FREE: usize = 64 << 10;
/// Beyond that it is counted in steps of this size.
const STEP: usize = 1 << 20;

/// Room for the values of one text, of which one after the other is in memory.
#[derive(Debug)]
pub struct Room {
    held: RefCell<Reservation>,
    /// Bytes of what stays until the end: the members of the text.
    kept: Cell<usize>,
    used: Cell<usize>,
    refusal: RefCell<Option<Error>>,
}

impl Room {
    /// Room out of a pool, given back with it.
    #[must_use]
    pub fn new(pool: &Arc<Pool>) -> Self {
        Self {
            held: RefCell::new(pool.nothing()),
            kept: Cell::new(0),
            used: Cell::new(0),
            refusal: RefCell::new(None),
        }
    }

    /// Whether there is room for `bytes` more; if not, [`Self::refusal`] says why.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let used = self.used.get().saturating_add(bytes);
        self.used.set(used);
        let mut held = self.held.borrow_mut();
        let missing = used.saturating_sub(FREE).saturating_sub(held.bytes());
        if missing == 0 {
            return true;
        }
        let grown = held.grow(missing.next_multiple_of(STEP));
        grown
            .map_err(|refusal| *self.refusal.borrow_mut() = Some(refusal))
            .is_ok()
    }

    /// What was read stays while values of it are read.
    pub(super) fn keep(&self) {
        self.kept.set(self.used.get());
    }

    /// The value before is gone.
    pub(super) fn next(&self) {
        self.used.set(self.kept.get());
    }

    /// Why something could not be read, if there was no room.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.refusal.borrow_mut().take()
    }
}
