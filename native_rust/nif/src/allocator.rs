//! The allocator, and giving back to the system what was freed.
//!
//! By itself the allocator gives back what was freed a second ago on whatever thread uses it next,
//! up to a gigabyte in one go. Should that be a scheduler of the VM, whatever runs there waits
//! meanwhile; and where nobody uses it, nothing is given back. So it is told not to, and a thread
//! of our own does it.

use std::ffi::c_long;
use std::thread;
use std::time::Duration;

/// It can give back to the system what any thread has freed; the C library's allocator
/// keeps most of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which has no name in the bindings: milliseconds until what was freed
/// may be given back.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Weeks: long before that it was given back by us. With a negative one nothing ever is.
const LONG: c_long = i32::MAX as c_long;

/// How often what was freed is given back. It takes microseconds where there is nothing.
const EVERY: Duration = Duration::from_secs(1);

/// Give back what was freed by any thread. A piece is four megabytes at most, and no lock is held
/// from one to the next.
pub(crate) fn give_back() {
    // SAFETY: it may be called on any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Have a thread give back what was freed, and no other. Called once, when the library is loaded.
/// Where there can be no thread, the allocator goes on by itself.
pub(crate) fn start() {
    // SAFETY: nobody else uses the library yet.
    let before = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
    // SAFETY: as before.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, LONG) };
    let keeper = thread::Builder::new().name("formdb-memory".into());
    let started = keeper.spawn(|| {
        loop {
            thread::sleep(EVERY);
            give_back();
        }
    });
    if started.is_err() {
        // SAFETY: as before.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, before) };
    }
}
