//! A file system in memory that records every change, can fail any of them, and
//! builds the disk images a crash could leave behind.
//!
//! What it assumes of a disk: bytes are safe once their file is synced, names
//! once their folder is; everything since then may be there, be missing, be cut
//! at a sector, or be there in any subset; a file's length may arrive without
//! its bytes, which then read as zeros.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use formdb_engine::fs::{File, FileId, FileSystem, Kind, Lock, Stat};

pub const SECTOR: usize = 512;

type Inode = usize;

/// One change, as it reached the file system.
#[derive(Debug, Clone)]
enum Op {
    CreateDir(PathBuf),
    CreateFile(PathBuf, Inode),
    Write(Inode, usize, Vec<u8>),
    SetLen(Inode, usize),
    SyncData(Inode),
    SyncDir(PathBuf),
    Rename(PathBuf, PathBuf),
    RemoveFile(PathBuf),
    RemoveDir(PathBuf),
}

impl Op {
    /// The folder whose entries it changes.
    fn entry_of(&self) -> Option<&Path> {
        match self {
            Self::CreateDir(path)
            | Self::CreateFile(path, _)
            | Self::Rename(path, _)
            | Self::RemoveFile(path)
            | Self::RemoveDir(path) => path.parent(),
            _ => None,
        }
    }
}

/// What becomes of the changes that were not synced when the crash came.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// All of them arrived.
    Kept,
    /// None did.
    Dropped,
    /// The first `n` did.
    Prefix(usize),
    /// All did, but the last write is cut after `n` sectors.
    Torn(usize),
    /// The lengths did; the bytes read as zeros after what lay there before.
    Zeroed,
    /// A subset chosen by a seed; writes are cut or zeroed by it as well.
    Random(u64),
}

#[derive(Debug, Clone)]
enum Node {
    Dir,
    File(Inode),
}

#[derive(Debug, Default)]
struct Disk {
    nodes: BTreeMap<PathBuf, Node>,
    contents: Vec<Vec<u8>>,
    /// What was there, durably, before the first recorded change.
    base: (BTreeMap<PathBuf, Node>, Vec<Vec<u8>>),
    log: Vec<Op>,
    locks: HashSet<PathBuf>,
    /// Fail the change with this number, and those after it if `for_ever`.
    fault: Option<Fault>,
    /// Pretend to sync.
    lying: bool,
    /// How long a change takes.
    each: Duration,
}

/// A fault to inject.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Number of the change that fails.
    pub at: usize,
    pub for_ever: bool,
    pub kind: io::ErrorKind,
    /// A failed write leaves this part of its bytes behind.
    pub partial: bool,
}

/// The file system; clones share one disk.
#[derive(Debug, Clone, Default)]
pub struct SimFs(Arc<Mutex<Disk>>);

impl SimFs {
    /// An empty disk with a folder `/data`.
    pub fn new() -> Self {
        let fs = Self::default();
        let mut disk = fs.0.lock().unwrap();
        disk.nodes.insert("/data".into(), Node::Dir);
        disk.base = (disk.nodes.clone(), Vec::new());
        drop(disk);
        fs
    }

    /// A disk that holds this, durably.
    fn of(base: (BTreeMap<PathBuf, Node>, Vec<Vec<u8>>)) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            nodes: base.0.clone(),
            contents: base.1.clone(),
            base,
            ..Disk::default()
        })))
    }

    /// A disk whose syncs do nothing but claim success.
    pub fn lying() -> Self {
        let fs = Self::new();
        fs.0.lock().unwrap().lying = true;
        fs
    }

    pub fn inject(&self, fault: Fault) {
        self.0.lock().unwrap().fault = Some(fault);
    }

    /// Let each change take a while.
    pub fn slow_down(&self, each: Duration) {
        self.0.lock().unwrap().each = each;
    }

    /// Changes so far.
    pub fn changes(&self) -> usize {
        self.0.lock().unwrap().log.len()
    }

    /// Changes among the first `point` that no sync had made safe by then.
    pub fn unsynced(&self, point: usize) -> usize {
        pending(&self.0.lock().unwrap().log[..point])
            .iter()
            .filter(|p| **p)
            .count()
    }

    /// The disk after a crash after the first `point` changes.
    pub fn crash(&self, point: usize, fate: Fate) -> SimFs {
        let disk = self.0.lock().unwrap();
        let log = &disk.log[..point];
        let pending = pending(log);
        let last_write = log
            .iter()
            .zip(&pending)
            .rposition(|(op, pending)| *pending && matches!(op, Op::Write(..)));
        let mut seed = match fate {
            Fate::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            _ => 1,
        };
        let mut image = SimFs::of(disk.base.clone());
        let mut seen = 0;
        for (number, (op, pending)) in log.iter().zip(pending).enumerate() {
            if !pending {
                image.replay(op);
                continue;
            }
            seen += 1;
            match fate {
                Fate::Kept => image.replay(op),
                Fate::Dropped => {}
                Fate::Prefix(n) if seen <= n => image.replay(op),
                Fate::Prefix(_) => {}
                Fate::Torn(sectors) if Some(number) == last_write => {
                    image.replay(&cut(op, sectors * SECTOR));
                }
                Fate::Torn(_) => image.replay(op),
                Fate::Zeroed => image.replay_length(op),
                Fate::Random(_) => match random(&mut seed) % 5 {
                    0 => {}
                    1 => image.replay_length(op),
                    2 => image.replay(&cut(op, random(&mut seed) as usize % 8 * SECTOR)),
                    _ => image.replay(op),
                },
            }
        }
        image.settle();
        image
    }

    /// Apply a recorded change, as far as the disk lets it: an entry whose
    /// folder did not survive is gone with it.
    fn replay(&mut self, op: &Op) {
        let mut disk = self.0.lock().unwrap();
        match op {
            Op::CreateDir(path) => {
                disk.nodes.insert(path.clone(), Node::Dir);
            }
            Op::CreateFile(path, inode) => {
                disk.grow(*inode);
                disk.nodes.insert(path.clone(), Node::File(*inode));
            }
            Op::Write(inode, offset, bytes) => disk.write(*inode, *offset, bytes),
            Op::SetLen(inode, len) => {
                disk.grow(*inode);
                disk.contents[*inode].resize(*len, 0);
            }
            Op::Rename(from, to) => disk.rename(from, to),
            Op::RemoveFile(path) | Op::RemoveDir(path) => {
                disk.nodes.remove(path);
            }
            Op::SyncData(_) | Op::SyncDir(_) => {}
        }
    }

    /// Apply a recorded change as if of a write the length had arrived and no byte: what
    /// lay there before still does.
    fn replay_length(&mut self, op: &Op) {
        let Op::Write(inode, offset, bytes) = op else {
            return self.replay(op);
        };
        let mut disk = self.0.lock().unwrap();
        disk.grow(*inode);
        let content = &mut disk.contents[*inode];
        let end = offset + bytes.len();
        content.resize(content.len().max(end), 0);
    }

    /// Drop what no longer has a parent.
    fn settle(&self) {
        let mut disk = self.0.lock().unwrap();
        let root = PathBuf::from("/data");
        loop {
            let orphans: Vec<PathBuf> = disk
                .nodes
                .keys()
                .filter(|path| **path != root)
                .filter(|path| !disk.nodes.contains_key(path.parent().unwrap()))
                .cloned()
                .collect();
            if orphans.is_empty() {
                disk.base = (disk.nodes.clone(), disk.contents.clone());
                return;
            }
            for orphan in orphans {
                disk.nodes.remove(&orphan);
            }
        }
    }

    /// Every file with its bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let disk = self.0.lock().unwrap();
        disk.nodes
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(inode) => Some((path.clone(), disk.contents[*inode].clone())),
                Node::Dir => None,
            })
            .collect()
    }

    /// A copy of the disk with one file's bytes replaced.
    pub fn with_file(&self, path: &Path, bytes: Vec<u8>) -> SimFs {
        let disk = self.0.lock().unwrap();
        let mut contents = disk.contents.clone();
        if let Some(Node::File(inode)) = disk.nodes.get(path) {
            contents[*inode] = bytes;
        }
        SimFs::of((disk.nodes.clone(), contents))
    }

    /// A copy of the disk without one file.
    pub fn without_file(&self, path: &Path) -> SimFs {
        let copy = self.with_file(path, Vec::new());
        copy.0.lock().unwrap().nodes.remove(path);
        copy
    }

    /// Record a change and apply it, unless a fault is due.
    fn change(&self, op: Op) -> io::Result<()> {
        let each = self.0.lock().unwrap().each;
        std::thread::sleep(each);
        let mut disk = self.0.lock().unwrap();
        let number = disk.log.len();
        if let Some(fault) = disk.fault
            && (number == fault.at || (fault.for_ever && number >= fault.at))
        {
            if !fault.for_ever {
                disk.fault = None;
            }
            if fault.partial && matches!(op, Op::Write(..)) {
                let Op::Write(_, _, bytes) = &op else {
                    unreachable!()
                };
                let half = cut(&op, bytes.len() / 2);
                drop(disk);
                self.clone().replay(&half);
                self.0.lock().unwrap().log.push(half);
            }
            return Err(fault.kind.into());
        }
        let sync = matches!(op, Op::SyncData(_) | Op::SyncDir(_));
        if !(sync && disk.lying) {
            disk.log.push(op.clone());
        }
        drop(disk);
        self.clone().replay(&op);
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.0.lock().unwrap().contents.len();
        self.change(Op::CreateFile(path.to_owned(), inode))?;
        Ok(inode)
    }

    fn node(&self, path: &Path) -> Option<Node> {
        self.0.lock().unwrap().nodes.get(path).cloned()
    }
}

impl Disk {
    fn grow(&mut self, inode: Inode) {
        if self.contents.len() <= inode {
            self.contents.resize(inode + 1, Vec::new());
        }
    }

    fn write(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        self.grow(inode);
        let content = &mut self.contents[inode];
        let end = offset + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset..end].copy_from_slice(bytes);
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let moved: Vec<PathBuf> = self
            .nodes
            .keys()
            .filter(|path| path.starts_with(from))
            .cloned()
            .collect();
        for old in moved {
            let node = self.nodes.remove(&old).unwrap();
            let rest = old.strip_prefix(from).unwrap();
            let new = if rest.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(rest)
            };
            self.nodes.insert(new, node);
        }
    }
}

/// Which changes no later sync covers.
fn pending(log: &[Op]) -> Vec<bool> {
    let mut pending = vec![false; log.len()];
    let mut safe_files = HashSet::new();
    let mut safe_dirs: HashSet<&Path> = HashSet::new();
    for (number, op) in log.iter().enumerate().rev() {
        match op {
            Op::SyncData(inode) => {
                safe_files.insert(*inode);
            }
            Op::SyncDir(path) => {
                safe_dirs.insert(path);
            }
            Op::Write(inode, ..) | Op::SetLen(inode, _) => {
                pending[number] = !safe_files.contains(inode);
            }
            entry => {
                pending[number] = !entry.entry_of().is_some_and(|dir| safe_dirs.contains(dir));
            }
        }
    }
    pending
}

fn cut(op: &Op, len: usize) -> Op {
    match op {
        Op::Write(inode, offset, bytes) => {
            Op::Write(*inode, *offset, bytes[..len.min(bytes.len())].to_vec())
        }
        other => other.clone(),
    }
}

/// xorshift64.
pub fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

impl FileSystem for SimFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match self.node(path) {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => self.change(Op::CreateDir(path.to_owned())),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        match self.node(path) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            Some(Node::Dir) => {
                let disk = self.0.lock().unwrap();
                let children = disk.nodes.keys().filter(|node| node.parent() == Some(path));
                Ok(children
                    .map(|child| child.file_name().unwrap().to_string_lossy().into_owned())
                    .collect())
            }
        }
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        let inode = match (self.node(path), create) {
            (Some(Node::File(inode)), false) => inode,
            (Some(_), _) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, false) => return Err(io::ErrorKind::NotFound.into()),
            (None, true) => self.create(path)?,
        };
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            inode,
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
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
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
        self.change(Op::SyncDir(path.to_owned()))
    }

    fn lock(&self, dir: &Path, note: &Path) -> io::Result<Box<dyn Lock>> {
        if !matches!(self.node(dir), Some(Node::Dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !self.0.lock().unwrap().locks.insert(dir.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.node(note).is_none() {
            // A courtesy.
            let _ = self.create(note);
        }
        Ok(Box::new(SimLock {
            fs: self.clone(),
            dir: dir.to_owned(),
        }))
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        match self.node(path) {
            Some(Node::Dir) => Ok(Kind::Dir),
            Some(Node::File(_)) => Ok(Kind::File),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        match self.node(path) {
            Some(Node::File(inode)) => Ok(Stat {
                id: FileId(0, inode as u64),
                len: self.0.lock().unwrap().contents[inode].len() as u64,
            }),
            Some(Node::Dir) => Ok(Stat {
                id: FileId(1, 0),
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
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.fs.0.lock().unwrap().contents[self.inode].len() as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let disk = self.fs.0.lock().unwrap();
        let from = offset as usize;
        let bytes = disk.contents[self.inode]
            .get(from..from + buf.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.fs
            .change(Op::Write(self.inode, offset as usize, buf.to_vec()))
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
    dir: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.0.lock().unwrap().locks.remove(&self.dir);
    }
}

impl Lock for SimLock {
    fn id(&self) -> io::Result<FileId> {
        Ok(FileId(1, 0))
    }
}
