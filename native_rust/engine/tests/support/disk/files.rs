//! The disk in memory as the engine sees it: files, folders and locks.

use std::io;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::{File, FileId, FileSystem, Kind, Lock, Space, Stat};

use super::faults::{EBADF, EROFS};
use super::{Descriptor, Inode, Node, Op, SimFs};

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
                let disk = self.read()?;
                let read_only = disk.read_only.as_ref();
                if read_only.is_some_and(|dir| path.starts_with(dir)) {
                    return Err(io::Error::from_raw_os_error(EROFS));
                }
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
            writes: true,
            _descriptor: descriptor,
        }))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let descriptor = self.descriptor()?;
        let inode = match self.node(path) {
            Some(Node::File(inode)) => inode,
            Some(Node::Dir(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        drop(self.read()?);
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            inode,
            writes: false,
            _descriptor: descriptor,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.node(from).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.mounted(from) != self.mounted(to) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        match (self.node(from), self.node(to)) {
            (Some(Node::File(_)), None) => self.change(Op::Link(from.to_owned(), to.to_owned())),
            (Some(Node::File(_)), Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
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
        let mounted = u64::from(self.mounted(path).is_some());
        let disk = self.disk();
        match disk.now.nodes.get(path) {
            Some(Node::File(inode)) => Ok(Stat {
                id: FileId(2 * mounted, *inode as u64),
                len: disk.now.contents[*inode].len() as u64,
            }),
            Some(Node::Dir(inode)) => Ok(Stat {
                id: FileId(1 + 2 * mounted, *inode as u64),
                len: 0,
            }),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let space = self.mounted(path).or(self.disk().space);
        space.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    inode: Inode,
    /// Opened for writing, too.
    writes: bool,
    _descriptor: Descriptor,
}

impl SimFile {
    fn check_writes(&self) -> io::Result<()> {
        match self.writes {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(EBADF)),
        }
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        let disk = self.fs.read()?;
        Ok(disk.now.contents[self.inode].len() as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.fs.0.gate.pass_read();
        let disk = self.fs.read()?;
        let from = offset as usize;
        let bytes = disk.now.contents[self.inode]
            .get(from..from + buf.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.check_writes()?;
        let bytes = Arc::new(buf.to_vec());
        self.fs
            .change(Op::Write(self.inode, offset as usize, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writes()?;
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
