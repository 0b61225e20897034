//! A file system in memory that records every change, can fail any operation,
//! and remembers what was on the medium before the first change.
//!
//! What a crash may make of the changes is in `image.rs`.

mod faults;
mod files;
mod gate;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use formdb_engine::fs::Space;

pub use super::changes::{Image, Inode, Node, Op, Pages};
pub use faults::{EINTR, EIO, EMFILE, ENOSPC, EROFS, Fault};

use faults::{Failure, Faults};
use gate::Gate;

/// What is done by somebody else just before a change.
struct Meanwhile(usize, Box<dyn FnOnce(&SimFs) + Send>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Meanwhile({})", self.0)
    }
}

#[derive(Debug, Default)]
struct Disk {
    meanwhile: Option<Meanwhile>,
    now: Image,
    before: Image,
    log: Vec<Op>,
    /// When each of them was made.
    times: Vec<Instant>,
    /// How long each takes.
    each: Duration,
    /// Inodes given out, be they in use yet or not.
    inodes: usize,
    faults: Faults,
    locks: HashSet<Inode>,
    /// Files, folders and locks that may be open at once, and those that are.
    descriptors: Option<usize>,
    in_use: usize,
    lying: bool,
    /// The room that it says it has.
    space: Option<Space>,
    /// Where another disk is mounted, and the room on that.
    mounted: Option<(PathBuf, Space)>,
    /// What lies below it may only be read.
    read_only: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Shared {
    disk: Mutex<Disk>,
    gate: Gate,
}

/// The file system; clones share one disk.
#[derive(Debug, Clone, Default)]
pub struct SimFs(Arc<Shared>);

impl SimFs {
    /// A disk with nothing but a folder `/data`.
    pub fn new() -> Self {
        let mut image = Image::default();
        image.nodes.insert("/data".into(), Node::Dir(0));
        Self::of(image)
    }

    /// A disk that holds this, durably.
    pub fn of(image: Image) -> Self {
        let disk = Disk {
            now: image.clone(),
            before: image,
            ..Disk::default()
        };
        Self(Arc::new(Shared {
            disk: Mutex::new(disk),
            gate: Gate::default(),
        }))
    }

    /// Record a change that was made before, and apply it.
    pub fn record(&self, op: Op) {
        self.disk().record(op);
    }

    /// A disk whose syncs do nothing but claim success.
    pub fn lying() -> Self {
        let fs = Self::new();
        fs.disk().lying = true;
        fs
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.disk.lock().unwrap()
    }

    pub fn inject(&self, fault: Fault) {
        self.disk().faults.due = Some(fault);
    }

    /// Have somebody else do this just before a change of this number is made.
    pub fn meanwhile(&self, at: usize, work: impl FnOnce(&SimFs) + Send + 'static) {
        self.disk().meanwhile = Some(Meanwhile(at, Box::new(work)));
    }

    /// Let so many files be open at once.
    pub fn limit_descriptors(&self, most: Option<usize>) {
        self.disk().descriptors = most;
    }

    /// Say from now on that there is so much room.
    pub fn set_space(&self, space: Option<Space>) {
        self.disk().space = space;
    }

    /// From now on the folder `dir` lies on a disk of its own, with so much room.
    pub fn mount(&self, dir: &Path, space: Space) {
        self.disk().mounted = Some((dir.to_owned(), space));
    }

    /// The other disk, where a path lies on it.
    fn mounted(&self, path: &Path) -> Option<Space> {
        let disk = self.disk();
        let (dir, space) = disk.mounted.as_ref()?;
        path.starts_with(dir).then_some(*space)
    }

    /// From now on what lies below `dir` may only be read, as where a file system is
    /// mounted read-only.
    pub fn make_read_only(&self, dir: &Path) {
        self.disk().read_only = Some(dir.to_owned());
    }

    /// Files and locks that are open now.
    pub fn descriptors(&self) -> usize {
        self.disk().in_use
    }

    /// One descriptor more, unless there are as many as may be.
    fn descriptor(&self) -> io::Result<Descriptor> {
        let mut disk = self.disk();
        if disk.descriptors.is_some_and(|most| disk.in_use >= most) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        disk.in_use += 1;
        Ok(Descriptor(self.clone()))
    }

    /// Operations that the injected fault made fail so far.
    pub fn failed(&self) -> usize {
        self.disk().faults.failed
    }

    /// Changes recorded so far.
    pub fn changes(&self) -> usize {
        self.disk().log.len()
    }

    /// Operations tried so far: changes, reads, syncs of files.
    pub fn tried(&self) -> (usize, usize, usize) {
        let faults = &self.disk().faults;
        (faults.changes, faults.reads, faults.syncs)
    }

    /// What is there now.
    pub fn now(&self) -> Image {
        self.disk().now.clone()
    }

    /// What was there durably before the first change, and the changes.
    pub fn history(&self) -> (Image, Vec<Op>) {
        let disk = self.disk();
        (disk.before.clone(), disk.log.clone())
    }

    /// When each change was made.
    pub fn times(&self) -> Vec<Instant> {
        self.disk().times.clone()
    }

    /// From now on each change takes so long.
    pub fn slow_down(&self, each: Duration) {
        self.disk().each = each;
    }

    /// From now on changes of this kind wait for [`SimFs::release`].
    pub fn hold(&self, which: fn(&Op) -> bool) {
        self.0.gate.hold_changes(which);
    }

    /// From now on reads of the bytes of files wait for [`SimFs::release`].
    pub fn hold_reads(&self) {
        self.0.gate.hold_reads();
    }

    /// Wait until something that is held waits; false if nothing comes.
    pub fn await_held(&self) -> bool {
        self.0.gate.await_held()
    }

    /// Let what waits go on, and go on holding what comes.
    pub fn let_on(&self) {
        self.0.gate.let_on();
    }

    pub fn release(&self) {
        self.0.gate.release();
    }

    /// Record a change and apply it, unless a fault is due.
    fn change(&self, op: Op) -> io::Result<()> {
        let each = self.disk().each;
        std::thread::sleep(each);
        self.0.gate.pass_change(&op);
        let due = |disk: &mut Disk| {
            let here = disk.log.len();
            disk.meanwhile.take_if(|meanwhile| meanwhile.0 <= here)
        };
        let meanwhile = due(&mut self.disk());
        if let Some(Meanwhile(_, work)) = meanwhile {
            work(self);
        }
        // Somebody may have removed the folder.
        if let Op::CreateFile(path, _) = &op
            && path.parent().is_none_or(|dir| self.node(dir).is_none())
        {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut disk = self.disk();
        let read_only = disk.read_only.as_ref();
        if read_only.is_some_and(|dir| op.renames_below(dir)) {
            return Err(io::Error::from_raw_os_error(EROFS));
        }
        match disk.faults.change(&op) {
            None if op.is_sync() && disk.lying => Ok(()),
            None => {
                disk.record(op);
                Ok(())
            }
            Some(Failure::Error { errno, partial }) => {
                if let Op::Write(inode, offset, bytes) = &op
                    && partial
                {
                    let half = Arc::new(bytes[..bytes.len() / 2].to_vec());
                    disk.record(Op::Write(*inode, *offset, half));
                }
                Err(io::Error::from_raw_os_error(errno))
            }
            Some(Failure::Sync(pages)) => {
                if let Op::SyncData(inode) = op {
                    disk.fail_sync(inode, pages);
                }
                Err(io::Error::from_raw_os_error(EIO))
            }
        }
    }

    /// Count an operation that changes nothing, unless a fault is due.
    fn read(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        disk.faults.read()?;
        Ok(disk)
    }

    fn create(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.next_inode();
        self.change(Op::CreateFile(path.to_owned(), inode))?;
        Ok(inode)
    }

    fn next_inode(&self) -> Inode {
        let mut disk = self.disk();
        let folders = disk.now.nodes.values().filter_map(|node| match node {
            Node::Dir(inode) => Some(inode + 1),
            Node::File(_) => None,
        });
        let used = folders.max().unwrap_or(0).max(disk.now.contents.len());
        disk.inodes = disk.inodes.max(used) + 1;
        disk.inodes - 1
    }

    fn node(&self, path: &Path) -> Option<Node> {
        self.disk().now.nodes.get(path).copied()
    }
}

#[derive(Debug)]
struct Descriptor(SimFs);

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.0.disk().in_use -= 1;
    }
}

impl Disk {
    fn record(&mut self, op: Op) {
        self.now.apply(&op);
        self.push(op);
    }

    fn push(&mut self, op: Op) {
        self.log.push(op);
        self.times.push(Instant::now());
    }

    fn fail_sync(&mut self, inode: Inode, pages: Pages) {
        self.push(Op::FailedSync(inode, pages));
        if pages == Pages::Reverted {
            // What the medium has: replay all but the bytes that no sync covered.
            let durable = super::image::durable_content(&self.before, &self.log, inode);
            *self.now.content(inode) = durable;
        }
    }
}
