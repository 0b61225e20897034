//! What goes wrong on the disk in memory, and when.

use std::io;

use super::{Op, Pages};

/// The operating system's numbers for what can go wrong.
pub const EIO: i32 = 5;
pub const EINTR: i32 = 4;
pub const ENOSPC: i32 = 28;
pub const EMFILE: i32 = 24;
pub const EROFS: i32 = 30;
pub const EBADF: i32 = 9;

/// What to do to which operation. Changes and reads are counted apart, from 0, as they
/// are tried.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Change `at` fails, and those after it if `for_ever`; part of a write's bytes
    /// arrives if `partial`.
    Change {
        at: usize,
        for_ever: bool,
        errno: i32,
        partial: bool,
    },
    /// As above for opening, listing, measuring and reading.
    Read {
        at: usize,
        for_ever: bool,
        errno: i32,
    },
    /// Sync `at` of a file's bytes, counted among such syncs alone, fails.
    Sync { at: usize, pages: Pages },
}

/// What a change that fails does nevertheless.
#[derive(Debug)]
pub enum Failure {
    Error {
        errno: i32,
        partial: bool,
    },
    /// A sync, after which the pages of the file are this.
    Sync(Pages),
}

/// Counts operations, and has the one fail that is to.
#[derive(Debug, Default)]
pub struct Faults {
    pub due: Option<Fault>,
    pub changes: usize,
    pub reads: usize,
    pub syncs: usize,
    /// Operations that the fault made fail.
    pub failed: usize,
}

impl Faults {
    /// Count a change; whether it fails.
    pub fn change(&mut self, op: &Op) -> Option<Failure> {
        let number = self.changes;
        self.changes += 1;
        let sync = matches!(op, Op::SyncData(_)).then_some(self.syncs);
        self.syncs += usize::from(sync.is_some());
        let failure = match self.due? {
            Fault::Change {
                at,
                for_ever,
                errno,
                partial,
            } if number == at || (for_ever && number > at) => Failure::Error { errno, partial },
            Fault::Sync { at, pages } if sync == Some(at) => Failure::Sync(pages),
            _ => return None,
        };
        self.failed += 1;
        Some(failure)
    }

    /// Count an operation that changes nothing, unless it fails.
    pub fn read(&mut self) -> io::Result<()> {
        let number = self.reads;
        self.reads += 1;
        match self.due {
            Some(Fault::Read {
                at,
                for_ever,
                errno,
            }) if number == at || (for_ever && number > at) => {
                self.failed += 1;
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }
}
