//! Changes of a disk, and what a disk holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub type Inode = usize;

/// One change, as it reached the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    CreateDir(PathBuf, Inode),
    CreateFile(PathBuf, Inode),
    Write(Inode, usize, Arc<Vec<u8>>),
    SetLen(Inode, usize),
    SyncData(Inode),
    SyncDir(PathBuf),
    Rename(PathBuf, PathBuf),
    /// A second name for a file.
    Link(PathBuf, PathBuf),
    RemoveFile(PathBuf),
    RemoveDir(PathBuf),
    /// A sync that failed, and what became of the pages it was to write.
    FailedSync(Inode, Pages),
}

impl Op {
    pub fn is_sync(&self) -> bool {
        matches!(self, Self::SyncData(_) | Self::SyncDir(_))
    }

    /// Whether it makes, moves or removes a name below a folder.
    pub fn renames_below(&self, dir: &Path) -> bool {
        match self {
            Self::CreateDir(path, _)
            | Self::CreateFile(path, _)
            | Self::RemoveFile(path)
            | Self::RemoveDir(path) => path.starts_with(dir),
            Self::Rename(from, to) | Self::Link(from, to) => {
                from.starts_with(dir) || to.starts_with(dir)
            }
            _ => false,
        }
    }
}

/// What a kernel may do with pages that it could not write out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// They stay, and the next sync writes them.
    Kept,
    /// They can be read, but count as clean: no later sync writes them.
    Lost,
    /// They are dropped: what was on the medium before is read again.
    Reverted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    Dir(Inode),
    File(Inode),
}

/// Names and bytes. Cheap to clone: bytes are shared until they are changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub nodes: BTreeMap<PathBuf, Node>,
    pub contents: Vec<Arc<Vec<u8>>>,
}

impl Image {
    pub fn content(&mut self, inode: Inode) -> &mut Vec<u8> {
        if self.contents.len() <= inode {
            self.contents.resize(inode + 1, Arc::default());
        }
        Arc::make_mut(&mut self.contents[inode])
    }

    pub fn write(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        let content = self.content(inode);
        let end = offset + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset..end].copy_from_slice(bytes);
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::CreateDir(path, inode) => {
                self.nodes.insert(path.clone(), Node::Dir(*inode));
            }
            Op::CreateFile(path, inode) => {
                self.content(*inode);
                self.nodes.insert(path.clone(), Node::File(*inode));
            }
            Op::Write(inode, offset, bytes) => self.write(*inode, *offset, bytes),
            Op::SetLen(inode, len) => self.content(*inode).resize(*len, 0),
            Op::Rename(from, to) => self.rename(from, to),
            Op::Link(from, to) => {
                if let Some(node) = self.nodes.get(from).copied() {
                    self.nodes.insert(to.clone(), node);
                }
            }
            Op::RemoveFile(path) | Op::RemoveDir(path) => {
                self.nodes.remove(path);
            }
            Op::SyncData(_) | Op::SyncDir(_) | Op::FailedSync(..) => {}
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let moved: Vec<PathBuf> = self
            .nodes
            .keys()
            .filter(|path| path.starts_with(from))
            .cloned()
            .collect();
        for old in moved {
            let rest = old.strip_prefix(from).unwrap();
            let new = if rest.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(rest)
            };
            if let Some(node) = self.nodes.remove(&old) {
                self.nodes.insert(new, node);
            }
        }
    }

    /// Every file with its bytes, by path.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.nodes
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(inode) => {
                    let bytes = self.contents.get(*inode);
                    Some((path.clone(), bytes.map_or(Vec::new(), |b| b.to_vec())))
                }
                Node::Dir(_) => None,
            })
            .collect()
    }

    /// The same with the bytes of one file put in place; the file is made where
    /// there is none.
    pub fn with_file(&self, path: &Path, bytes: Vec<u8>) -> Self {
        let mut image = self.clone();
        let inode = match image.nodes.get(path) {
            Some(Node::File(inode)) => *inode,
            _ => image.contents.len(),
        };
        image.nodes.insert(path.to_owned(), Node::File(inode));
        *image.content(inode) = bytes;
        image
    }

    pub fn without_file(&self, path: &Path) -> Self {
        let mut image = self.clone();
        image.nodes.remove(path);
        image
    }
}
