//! A few threads for work of many that is done a turn at a time. The groups take turns, and
//! within a group its jobs do; so neither one that has much to do nor a group of many keeps
//! the others waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Result};

/// What becomes of a job after its turn.
pub(super) enum Next<J> {
    /// It has more to do.
    Again(J),
    /// It cannot go on now: it is to be tried after so long.
    Later(J, Duration),
    Done,
}

pub(super) struct Pool<J> {
    waiting: Mutex<Waiting<J>>,
    wake: Condvar,
    work: fn(J) -> Next<J>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Waiting<J> {
    /// The jobs of each group that has some.
    groups: HashMap<usize, VecDeque<J>>,
    /// Those groups, in the order of their turns.
    turns: VecDeque<usize>,
    later: Vec<(Instant, usize, J)>,
    closed: bool,
}

impl<J> Waiting<J> {
    fn push(&mut self, group: usize, job: J) {
        let jobs = self.groups.entry(group).or_default();
        jobs.push_back(job);
        if jobs.len() == 1 {
            self.turns.push_back(group);
        }
    }

    fn next(&mut self) -> Option<(usize, J)> {
        let group = self.turns.pop_front()?;
        let jobs = self.groups.get_mut(&group)?;
        let job = jobs.pop_front()?;
        if jobs.is_empty() {
            self.groups.remove(&group);
        } else {
            self.turns.push_back(group);
        }
        Some((group, job))
    }

    /// Whose time has come joins the others. Returns when that of the next comes.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(place) = self.later.iter().position(|(at, ..)| *at <= now) {
            let (_, group, job) = self.later.swap_remove(place);
            self.push(group, job);
        }
        self.later.iter().map(|(at, ..)| *at).min()
    }
}

impl<J: Send + 'static> Pool<J> {
    /// No thread yet. `work` is a turn of a job.
    pub(super) fn new(work: fn(J) -> Next<J>) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::new(Waiting {
                groups: HashMap::new(),
                turns: VecDeque::new(),
                later: Vec::new(),
                closed: false,
            }),
            wake: Condvar::new(),
            work,
            threads: Mutex::default(),
        })
    }

    /// Have that many threads from now on; later calls do nothing.
    ///
    /// # Errors
    /// [`Error::Io`] where there is not even one to be had; [`Error::Closed`].
    pub(super) fn start(self: &Arc<Self>, count: usize) -> Result<()> {
        let mut threads = self.threads.lock();
        if self.waiting.lock().closed {
            return Err(Error::Closed);
        }
        while threads.len() < count {
            let pool = Arc::clone(self);
            let builder = std::thread::Builder::new().name("formdb-catchup".into());
            match builder.spawn(move || pool.run()) {
                Ok(thread) => threads.push(thread),
                Err(_) if !threads.is_empty() => break,
                Err(error) => {
                    let what = std::path::Path::new("subscriptions");
                    return Err(Error::io("start a thread for", what, error));
                }
            }
        }
        Ok(())
    }

    /// Have a job done, beside others of its group. O(1).
    pub(super) fn push(&self, group: usize, job: J) {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            drop(waiting);
            return drop(job);
        }
        waiting.push(group, job);
        drop(waiting);
        self.wake.notify_one();
    }

    fn run(&self) {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.closed {
                return;
            }
            let next_due = waiting.due(Instant::now());
            let Some((group, job)) = waiting.next() else {
                match next_due {
                    Some(at) => drop(self.wake.wait_until(&mut waiting, at)),
                    None => self.wake.wait(&mut waiting),
                }
                continue;
            };
            drop(waiting);
            let next = (self.work)(job);
            waiting = self.waiting.lock();
            match next {
                _ if waiting.closed => {
                    drop(waiting);
                    return drop(next);
                }
                Next::Again(job) => waiting.push(group, job),
                Next::Later(job, wait) => waiting.later.push((Instant::now() + wait, group, job)),
                Next::Done => {}
            }
        }
    }

    /// End the threads after the turns that they are in, and forget all jobs.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        let groups = std::mem::take(&mut waiting.groups);
        let later = std::mem::take(&mut waiting.later);
        drop(waiting);
        drop((groups, later));
        self.wake.notify_all();
    }

    /// Wait for the threads to end, which have been told to.
    pub(super) fn join(&self, until: Instant) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // A panic in a turn was told where it happened.
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Job = (u32, u32, crossbeam_channel::Sender<u32>);

    fn turn((name, turns, done): Job) -> Next<Job> {
        done.send(name).unwrap();
        match turns {
            0 => Next::Done,
            1 => Next::Later((name, 0, done), Duration::from_millis(5)),
            _ => Next::Again((name, turns - 1, done)),
        }
    }

    #[test]
    fn groups_take_turns_and_so_do_their_jobs() {
        let pool = Pool::new(turn);
        let (sender, receiver) = crossbeam_channel::unbounded();
        // A group of three jobs, and one of a single one.
        for name in [1, 2, 3] {
            pool.push(1, (name, 4, sender.clone()));
        }
        pool.push(2, (9, 4, sender.clone()));
        drop(sender);
        pool.start(1).unwrap();
        let order: Vec<u32> = receiver.iter().collect();
        assert_eq!(order.len(), 4 * 5);
        assert_eq!(order[..8], [1, 9, 2, 9, 3, 9, 1, 9]);
        pool.close();
        pool.join(Instant::now() + Duration::from_secs(5));
        assert!(pool.threads.lock().is_empty());
        assert!(pool.start(1).is_err());
    }

    #[test]
    fn jobs_are_dropped_when_it_closes() {
        let pool = Pool::new(turn);
        let (sender, receiver) = crossbeam_channel::unbounded();
        pool.push(1, (1, 4, sender.clone()));
        pool.close();
        pool.push(1, (2, 4, sender));
        assert!(receiver.recv().is_err());
    }
}
