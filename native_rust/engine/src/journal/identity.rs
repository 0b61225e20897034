//! The identity file of a database: which database it is, and a public name for its
//! log. docs/FORMAT.md is the prose of this module.
//!
//! It is durable before the first write is acknowledged, so a folder that has it
//! once had a journal.

use std::path::Path;

use super::header::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
use super::layout::FORMAT_VERSION;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, replace};

/// Name of the file in the database's folder.
pub(crate) const IDENTITY: &str = "IDENTITY";
const MAGIC: [u8; 8] = *b"FORMDBID";
const LEN: usize = 64;

/// What a database is told from others by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The id in all headers of its journal, which is told to nobody.
    pub database: DatabaseId,
    /// The public id of its log. A copy that may go on differently, such as one that
    /// was salvaged, has another.
    pub log: [u8; 16],
    /// When the database was made, microseconds since the epoch.
    pub created: i64,
}

impl Identity {
    /// Of a database that goes on from here, under a new log id.
    pub(crate) fn new(database: DatabaseId, created: i64) -> Self {
        Self {
            database,
            log: *uuid::Uuid::new_v4().as_bytes(),
            created,
        }
    }

    /// The log's id as people see it.
    pub(crate) fn log_hex(&self) -> String {
        uuid::Uuid::from_bytes(self.log).simple().to_string()
    }

    fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        let mut w = FieldWriter::new(&mut out);
        w.put(&MAGIC);
        w.put(&FORMAT_VERSION.to_le_bytes());
        w.put(&[0; 6]);
        w.put(&self.database);
        w.put(&self.log);
        w.put(&self.created.to_le_bytes());
        put_checksum(&mut out, &self.database);
        out
    }

    /// The identity in `bytes`; the version where it is of another one; nothing where
    /// they are damaged.
    fn decode(bytes: &[u8; LEN]) -> Option<Result<Self, u16>> {
        let mut r = FieldReader::new(bytes);
        let magic = r.take::<8>();
        let version = u16::from_le_bytes(r.take());
        r.take::<6>();
        let identity = Self {
            database: r.take(),
            log: r.take(),
            created: i64::from_le_bytes(r.take()),
        };
        if magic != MAGIC || !has_checksum(bytes, &identity.database) {
            return None;
        }
        Some(match version {
            FORMAT_VERSION => Ok(identity),
            other => Err(other),
        })
    }

    /// Write it into a database's folder, durably and in one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        replace(fs, dir, IDENTITY, &self.encode())
    }

    /// Write it again where it was removed while the database was open: without it the
    /// next opening would take the log for another one. What fails is tried again at the
    /// next look.
    pub(crate) fn restore(&self, fs: &dyn FileSystem, dir: &Path) {
        if let Err(e) = fs.stat(&dir.join(IDENTITY))
            && e.kind() == std::io::ErrorKind::NotFound
        {
            let _ = self.write(fs, dir);
        }
    }

    /// Read it from a database's folder. There is none in those that were made before
    /// there were identity files.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::UnsupportedFormat`], [`Error::Io`].
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(IDENTITY);
        let file = match fs.open_to_read(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", &path, e)),
        };
        let mut bytes = [0; LEN];
        let read = file.read_exact_at(&mut bytes, 0);
        let found = match read {
            Ok(()) => Self::decode(&bytes),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        match found {
            Some(Ok(identity)) => Ok(Some(identity)),
            Some(Err(found)) => Err(Error::UnsupportedFormat {
                path,
                found,
                supported: FORMAT_VERSION,
            }),
            None => Err(Error::Corrupt {
                path,
                offset: 0,
                reason: "the file does not match its checksum".into(),
                advice: "Put it back from a backup, or remove it: then opening gives the database a new log id, and its data is as it was",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    #[test]
    fn it_reads_back_and_no_flipped_bit_passes() {
        let identity = Identity::new(*b"0123456789abcdef", -7);
        let bytes = identity.encode();
        assert_eq!(Identity::decode(&bytes), Some(Ok(identity)));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Identity::decode(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn it_is_written_over_what_a_crash_left_and_one_that_is_cut_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::new([7; 16], 1);
        assert_eq!(Identity::read(&RealFileSystem, dir.path()).unwrap(), None);
        std::fs::write(dir.path().join("IDENTITY.tmp"), "left behind").unwrap();
        identity.write(&RealFileSystem, dir.path()).unwrap();
        let read = Identity::read(&RealFileSystem, dir.path()).unwrap();
        assert_eq!(read.as_ref(), Some(&identity));
        assert_ne!(Identity::new([7; 16], 1).log, identity.log);
        std::fs::write(dir.path().join(IDENTITY), &identity.encode()[..63]).unwrap();
        let error = Identity::read(&RealFileSystem, dir.path()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}
