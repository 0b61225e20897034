//! A group whose sync is under way while the next one is decided on and encoded.
//!
//! Syncing takes no processor. So where more waits than a group takes it has a thread of its
//! own. Meanwhile the committer enters the group in the indexes, where readers do not see it
//! yet, and makes the next group of what waits: that is decided on as if the one under way had
//! happened. Before a byte of it is written, the one under way has landed: it is on the disk,
//! seen and answered. If it fails, both fail: what was decided by it is never written.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::guard::guarded;
use super::plan::Outcome;
use super::queue::Pending;
use crate::error::{Error, Result};
use crate::journal::Unsynced;

/// A group that is written and in the indexes, and not known to be on the disk yet.
#[derive(Debug)]
pub(crate) struct Flight {
    pub pending: Vec<Pending>,
    pub outcomes: Vec<Outcome>,
}

impl Flight {
    /// When the first of it was handed in.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.pending.iter().map(|(_, reply)| reply.since()).min()
    }
}

/// A thread that syncs, made for the first group that needs one.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    jobs: Sender<Unsynced>,
    done: Receiver<(Unsynced, Result<Duration>)>,
    handle: JoinHandle<()>,
}

impl Syncer {
    /// Begin to sync. What is to be synced is given back where there can be no thread.
    pub(super) fn begin(&mut self, job: Unsynced) -> std::result::Result<(), Unsynced> {
        if self.thread.is_none() {
            self.thread = Thread::start();
        }
        match &self.thread {
            Some(thread) => thread.jobs.send(job).map_err(|refused| refused.0),
            None => Err(job),
        }
    }

    /// Wait for what was begun: what was synced, and how long that took.
    pub(super) fn end(&self) -> Result<(Unsynced, Duration)> {
        let done = self.thread.as_ref().map(|thread| thread.done.recv());
        match done {
            Some(Ok((job, took))) => took.map(|took| (job, took)),
            _ => Err(Error::Poisoned {
                cause: "the thread that syncs has ended".into(),
            }),
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        if let Some(Thread { jobs, handle, .. }) = self.thread.take() {
            drop(jobs);
            // Its panics have been caught.
            let _ = handle.join();
        }
    }
}

impl Thread {
    fn start() -> Option<Self> {
        let (jobs, todo) = unbounded::<Unsynced>();
        let (tell, done) = unbounded();
        let work = move || {
            for job in todo {
                let begun = Instant::now();
                let synced = guarded(|| job.sync()).map(|()| begun.elapsed());
                if tell.send((job, synced)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("formdb-sync".into());
        let handle = thread.spawn(work).ok()?;
        Some(Self { jobs, done, handle })
    }
}

/// Answer all of these with an error.
pub(super) fn refuse(pending: impl Iterator<Item = Pending>, error: &Error) {
    let pending: Vec<_> = pending.collect();
    let together = pending.len();
    for (_, reply) in pending {
        reply.send(Err(error.clone()), together);
    }
}
