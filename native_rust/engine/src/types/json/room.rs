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
        let missing = missing.next_multiple_of(STEP);
        // With more no other request would have any: there is no use in trying again.
        let most = held.limit() / 4 * 3;
        let grown = match held.bytes().saturating_add(missing) {
            all if all > most => Err(Error::TooLarge {
                what: "the memory for the values of the document, in bytes",
                actual: all as u64,
                limit: most as u64,
                setting: "work_bytes",
            }),
            _ => held.grow(missing),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::mem::Memory;

    #[test]
    fn what_can_never_have_room_is_too_large_and_what_others_keep_from_it_may_come_again() {
        let limits = Limits {
            work_bytes: 64 << 20,
            ..Limits::default()
        };
        let pool = Memory::new(&limits).work;
        let code = |room: &Room| room.refusal().map(|refusal| refusal.code());
        let room = Room::new(&pool);
        assert!(room.take(40 << 20));
        assert!(!room.take(10 << 20));
        assert_eq!(code(&room), Some("too_large"));
        let other = Room::new(&pool);
        assert!(!other.take(40 << 20));
        assert_eq!(code(&other), Some("memory_full"));
        drop(room);
        assert!(other.take(1));
    }
}
