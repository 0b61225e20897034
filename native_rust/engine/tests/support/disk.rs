//! A file system in memory that records every change, can fail any operation,
//! and remembers what was on the medium before the first change.
//!
//! What a crash may make of the changes is in `image.rs`.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use formdb_engine::fs::{File, FileId, FileSystem, Kind, Lock, Stat};

pub use super::changes::{Image, Inode, Node, Op, Pages};

/// What to do to which operation. Changes and reads are counted apart, from 0.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Change `at` fails, and those after it if `for_ever`; a write leaves a part
    /// of its bytes behind if `partial`.
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

#[derive(Debug, Default)]
struct Disk {
    now: Image,
    before: Image,
    log: Vec<Op>,
    /// When each of them was made.
    times: Vec<Instant>,
    /// How long each takes.
    each: Duration,
    /// Inodes given out, be they in use yet or not.
    inodes: usize,
    changes: usize,
    reads: usize,
    syncs: usize,
    locks: HashSet<Inode>,
    fault: Option<Fault>,
    /// Files, folders and locks that may be open at once, and those that are.
    descriptors: Option<usize>,
    in_use: usize,
    /// Operations that a fault made fail.
    failed: usize,
    lying: bool,
    /// Changes of this kind wait.
    held: Option<fn(&Op) -> bool>,
    waiting: usize,
}

/// The file system; clones share one disk.
#[derive(Debug, Clone, Default)]
pub struct SimFs(Arc<(Mutex<Disk>, Condvar)>);

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
        Self(Arc::new((Mutex::new(disk), Condvar::new())))
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
        self.0.0.lock().unwrap()
    }

    pub fn inject(&self, fault: Fault) {
        self.disk().fault = Some(fault);
    }

    /// Let so many files be open at once.
    pub fn limit_descriptors(&self, most: Option<usize>) {
        self.disk().descriptors = most;
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
        self.disk().failed
    }

    /// Changes recorded so far.
    pub fn changes(&self) -> usize {
        self.disk().log.len()
    }

    /// Operations tried so far: changes, reads, syncs of files.
    pub fn tried(&self) -> (usize, usize, usize) {
        let disk = self.disk();
        (disk.changes, disk.reads, disk.syncs)
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
        self.disk().held = Some(which);
    }

    /// Wait until such a change waits; false if none comes.
    pub fn await_held(&self) -> bool {
        let patience = Duration::from_secs(5);
        let disk = self.disk();
        let waited = self
            .0
            .1
            .wait_timeout_while(disk, patience, |d| d.waiting == 0);
        !waited.unwrap().1.timed_out()
    }

    pub fn release(&self) {
        self.disk().held = None;
        self.0.1.notify_all();
    }

    /// Record a change and apply it, unless a fault is due.
    fn change(&self, op: Op) -> io::Result<()> {
        let each = self.disk().each;
        std::thread::sleep(each);
        let mut disk = self.disk();
        while disk.held.is_some_and(|which| which(&op)) {
            disk.waiting += 1;
            self.0.1.notify_all();
            disk = self.0.1.wait(disk).unwrap();
            disk.waiting -= 1;
        }
        let number = disk.changes;
        disk.changes += 1;
        let sync = matches!(op, Op::SyncData(_)).then_some(disk.syncs);
        disk.syncs += usize::from(sync.is_some());
        match disk.fault {
            Some(Fault::Change {
                at,
                for_ever,
                errno,
                partial,
            }) if number == at || (for_ever && number > at) => {
                disk.failed += 1;
                if let Op::Write(inode, offset, bytes) = &op
                    && partial
                {
                    let half = Arc::new(bytes[..bytes.len() / 2].to_vec());
                    disk.record(Op::Write(*inode, *offset, half));
                }
                return Err(io::Error::from_raw_os_error(errno));
            }
            Some(Fault::Sync { at, pages }) if sync == Some(at) => {
                disk.failed += 1;
                if let Op::SyncData(inode) = op {
                    disk.fail_sync(inode, pages);
                }
                return Err(io::Error::from_raw_os_error(EIO));
            }
            _ => {}
        }
        if !(op.is_sync() && disk.lying) {
            disk.record(op);
        }
        Ok(())
    }

    /// Count an operation that changes nothing, unless a fault is due.
    fn read(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        let number = disk.reads;
        disk.reads += 1;
        match disk.fault {
            Some(Fault::Read {
                at,
                for_ever,
                errno,
            }) if number == at || (for_ever && number > at) => {
                disk.failed += 1;
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(disk),
        }
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

/// The operating system's numbers for what can go wrong.
pub const EIO: i32 = 5;
pub const EINTR: i32 = 4;
pub const ENOSPC: i32 = 28;
pub const EMFILE: i32 = 24;

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

impl FileSystem for SimFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match self.node(path) {
            Some(Node::Dir(_)) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => {
                let inode = self.next_inode();
                self.change(Op::CreateDir(path.to_owned(), inode))
            }
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let _descriptor = self.descriptor()?;
        let disk = self.read()?;
        match disk.now.nodes.get(path) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            Some(Node::Dir(_)) => {
                let children = disk.now.nodes.keys().filter(|n| n.parent() == Some(path));
                Ok(children
                    .filter_map(|child| Some(child.file_name()?.to_str()?.to_owned()))
                    .collect())
            }
        }
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        let descriptor = self.descriptor()?;
        let inode = match (self.node(path), create) {
            (Some(Node::File(inode)), false) => {
                drop(self.read()?);
                inode
            }
            (Some(Node::Dir(_)), _) => return Err(io::ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), true) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, false) => return Err(io::ErrorKind::NotFound.into()),
            (None, true) => self.create(path)?,
        };
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            inode,
            _descriptor: descriptor,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.node(from).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        match self.node(path) {
            Some(Node::File(_)) => self.change(Op::RemoveFile(path.to_owned())),
            Some(Node::Dir(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Op::RemoveDir(path.to_owned()))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let _descriptor = self.descriptor()?;
        self.change(Op::SyncDir(path.to_owned()))
    }

    fn lock(&self, dir: &Path, note: &Path) -> io::Result<Box<dyn Lock>> {
        let descriptor = self.descriptor()?;
        let inode = match self.node(dir) {
            Some(Node::Dir(inode)) => inode,
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        if !self.disk().locks.insert(inode) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.node(note).is_none() {
            // A courtesy.
            let _ = self.create(note);
        }
        Ok(Box::new(SimLock {
            fs: self.clone(),
            inode,
            _descriptor: descriptor,
        }))
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        match self.node(path) {
            Some(Node::Dir(_)) => Ok(Kind::Dir),
            Some(Node::File(_)) => Ok(Kind::File),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let disk = self.disk();
        match disk.now.nodes.get(path) {
            Some(Node::File(inode)) => Ok(Stat {
                id: FileId(0, *inode as u64),
                len: disk.now.contents[*inode].len() as u64,
            }),
            Some(Node::Dir(inode)) => Ok(Stat {
                id: FileId(1, *inode as u64),
                len: 0,
            }),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    inode: Inode,
    _descriptor: Descriptor,
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        let disk = self.fs.read()?;
        Ok(disk.now.contents[self.inode].len() as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let disk = self.fs.read()?;
        let from = offset as usize;
        let bytes = disk.now.contents[self.inode]
            .get(from..from + buf.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let bytes = Arc::new(buf.to_vec());
        self.fs
            .change(Op::Write(self.inode, offset as usize, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fs.change(Op::SetLen(self.inode, len as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fs.change(Op::SyncData(self.inode))
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(FileId(0, self.inode as u64))
    }
}

#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    inode: Inode,
    _descriptor: Descriptor,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.disk().locks.remove(&self.inode);
    }
}

impl Lock for SimLock {
    fn id(&self) -> io::Result<FileId> {
        Ok(FileId(1, self.inode as u64))
    }
}
