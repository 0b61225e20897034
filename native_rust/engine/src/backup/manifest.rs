//! The manifest of a backup: what it is of, and every file in it with its digest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Entity, Error, Result};
use crate::fs::{FileSystem, replace};
use crate::types::{Hash, parse_hash, to_hex};

/// Name of the manifest in a backup's folder.
pub(super) const MANIFEST: &str = "MANIFEST.json";
/// Name of the file with its digest, in the form that `sha256sum` reads.
const DIGEST: &str = "MANIFEST.sha256";
const FORMAT: &str = "formdb-backup";
const VERSION: u16 = 1;
/// A manifest has some 300 bytes a segment.
const LARGEST: u64 = 1 << 30;

pub(super) const ADVICE: &str = "Nothing was changed. Use another backup (`mix formdb.verify_backup` finds those that are whole), or take a new one: it takes over no damaged file of those before it";

/// What a backup is of, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupManifest {
    format: String,
    version: u16,
    /// Name of the database.
    pub database: String,
    /// Public id of its log.
    pub log: String,
    /// Blocks in it: it ends with the block of this sequence.
    pub tree_size: u64,
    /// Merkle root over them, in hexadecimal.
    pub root: String,
    /// When it was begun, ISO 8601 in UTC.
    pub time: String,
    /// Its files.
    pub files: Vec<BackupFile>,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its path in the backup, with `/` between the names.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// What is in it, if it is a segment of the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<BackupSegment>,
}

/// What a segment of the journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSegment {
    /// Sequence of the first block that belongs there.
    pub first_seq: u64,
    /// Sequence of the last block in it; one less than `first_seq` where there is none.
    pub last_seq: u64,
    /// Merkle root over the blocks 1 to `last_seq`, in hexadecimal.
    pub root: String,
    /// Offset at which its groups end.
    pub groups_end: u64,
    /// Whether it has a footer, so that it is the same in every later backup.
    pub sealed: bool,
}

/// The beginning of every manifest, of whatever version.
#[derive(Deserialize)]
struct Beginning {
    format: String,
    version: u16,
}

impl BackupManifest {
    pub(super) fn new(
        database: &str,
        log: String,
        (tree_size, root): (u64, Hash),
        time: String,
        files: Vec<BackupFile>,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            database: database.into(),
            log,
            tree_size,
            root: to_hex(&root),
            time,
            files,
        }
    }

    /// The root as bytes.
    pub(super) fn root_hash(&self) -> Option<Hash> {
        parse_hash(&self.root)
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Write it into a backup's folder, durably, with its digest.
    pub(super) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        replace(fs, dir, MANIFEST, &text)?;
        replace(fs, dir, DIGEST, digest_line(&text).as_bytes())
    }

    /// The manifest of the backup in `dir`, held against its digest.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; [`Error::Corrupt`],
    /// [`Error::UnsupportedFormat`], [`Error::Io`].
    pub(super) fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Self> {
        let path = dir.join(MANIFEST);
        let Some(text) = read_file(fs, &path)? else {
            return Err(Error::NotFound {
                entity: Entity::Backup,
                id: dir.display().to_string(),
            });
        };
        let digest = read_file(fs, &dir.join(DIGEST))?;
        if digest.is_none_or(|digest| digest != digest_line(&text).into_bytes()) {
            let reason = format!("it does not match its digest in {DIGEST}");
            return Err(corrupt(&path, reason));
        }
        let read = |e: serde_json::Error| corrupt(&path, format!("it cannot be read: {e}"));
        let beginning: Beginning = serde_json::from_slice(&text).map_err(read)?;
        if beginning.format != FORMAT {
            return Err(corrupt(&path, format!("its format is not {FORMAT}")));
        }
        if beginning.version != VERSION {
            return Err(Error::UnsupportedFormat {
                path,
                found: beginning.version,
                supported: VERSION,
            });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(read)?;
        manifest.check().map_err(|reason| corrupt(&path, reason))?;
        Ok(manifest)
    }

    /// Check what restoring relies on: whoever wrote it may have been somebody else.
    fn check(&self) -> Result<(), String> {
        let mut names = std::collections::HashSet::new();
        let mut next = 1;
        for file in &self.files {
            if !is_inside(&file.path) || !names.insert(&*file.path) {
                return Err(format!(
                    "{:?} cannot be the path of a file in it",
                    file.path
                ));
            }
            let Some(segment) = &file.segment else {
                continue;
            };
            if segment.first_seq != next || segment.last_seq + 1 < next {
                return Err(format!("the segment before {} is missing", file.path));
            }
            next = segment.last_seq + 1;
        }
        let segments = self.files.iter().any(|file| file.segment.is_some());
        if !segments || next != self.tree_size + 1 || self.root_hash().is_none() {
            return Err("its segments do not end with its tree".into());
        }
        Ok(())
    }
}

/// Whether a path leads to a file inside of the folder of files, in a way that is the same
/// everywhere.
fn is_inside(path: &str) -> bool {
    let mut parts = path.split('/');
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    parts.next() == Some(super::FILES) && path.len() > super::FILES.len() && parts.all(plain)
}

/// Where a file of a backup lies.
pub(super) fn place(dir: &Path, path: &str) -> PathBuf {
    path.split('/')
        .fold(dir.to_owned(), |dir, name| dir.join(name))
}

/// An error that says what is wrong with a file of a backup.
pub(super) fn corrupt(path: &Path, reason: impl Into<String>) -> Error {
    Error::Corrupt {
        path: path.to_owned(),
        offset: 0,
        reason: reason.into(),
        advice: ADVICE,
    }
}

fn digest_line(text: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", hex(Sha256::digest(text).into()))
}

pub(super) fn hex(digest: [u8; 32]) -> String {
    to_hex(&digest)
}

/// All bytes of a small file, if it is there.
fn read_file(fs: &dyn FileSystem, path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match fs.open_to_read(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(Error::io("open", path, e)),
    };
    let len = file.len().map_err(|e| Error::io("measure", path, e))?;
    if len > LARGEST {
        return Err(corrupt(path, "it is too long for what it is"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file.read_exact_at(&mut bytes, 0);
    read.map_err(|e| Error::io("read", path, e))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for path in ["files/IDENTITY", "files/journal/1.journal"] {
            assert!(is_inside(path), "{path}");
        }
        for path in [
            "",
            "files",
            "files/",
            "/files/a",
            "files/../a",
            "files//a",
            "files/.",
            "a",
            "files/a\\b",
        ] {
            assert!(!is_inside(path), "{path}");
        }
    }
}
