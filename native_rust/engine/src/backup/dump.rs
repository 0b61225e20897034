//! A database as lines of JSON, and a database made of them.
//!
//! The first line says what it is; each of the others is a block, as an entry of the journal
//! for people, and as the bytes that it is stored as, from which it is made again.
//! docs/FORMAT.md is the prose of this module.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::source::Source;
use crate::budget::Cancel;
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::journal::{Progress, TreeHead, extent_blocks};
use crate::merkle::{Tree, leaf_hash};
use crate::read::journal::{Parts, write_entry};
use crate::types::to_hex;

/// What the first member of the first line says.
pub(super) const DUMP: &str = "formdb-dump";
pub(super) const VERSION: u16 = 1;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 << 10;

/// The first line of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpHead {
    pub(super) format: String,
    pub(super) version: u16,
    /// Name of the database.
    pub database: String,
    /// Public id of its log.
    pub log: String,
    /// Blocks in it.
    pub tree_size: u64,
    /// Merkle root over them, in hexadecimal.
    pub root: String,
}

impl Database {
    /// Write all durable blocks as lines to `out`, in order, as of one sequence. Reads every
    /// block once; writers are not waited for. `progress` is called now and then, in bytes of
    /// the journal. `name` is that of the database.
    ///
    /// # Errors
    /// [`Error::Io`] where `out` fails; [`Error::Corrupt`] where a block is damaged, or all of
    /// them do not make up the Merkle root: then what was written has no end;
    /// [`Error::Cancelled`], [`Error::Closed`].
    pub fn dump(
        &self,
        name: &str,
        out: &mut dyn Write,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<DumpHead> {
        write(&Source::open(self)?, name, out, cancel, progress)
    }
}

/// The same of the database in `dir` that nobody has open, all of which is checked before.
///
/// # Errors
/// As [`Database::dump`]; [`Error::Locked`], [`Error::NotFound`], [`Error::Lost`].
pub fn dump(
    fs: &Arc<dyn FileSystem>,
    dir: &Path,
    name: &str,
    out: &mut dyn Write,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<DumpHead> {
    let source = Source::closed(fs, dir, progress)?;
    write(&source, name, out, cancel, progress)
}

fn write(
    source: &Source,
    name: &str,
    out: &mut dyn Write,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<DumpHead> {
    let head = DumpHead {
        format: DUMP.into(),
        version: VERSION,
        database: name.into(),
        log: source.identity.log_hex(),
        tree_size: source.head.0,
        root: to_hex(&source.head.1),
    };
    let told = |e: std::io::Error| Error::io("write", Path::new("the dump"), e);
    let total = source.extents.iter().map(|extent| extent.end).sum();
    let mut lines = serde_json::to_vec(&head).unwrap_or_default();
    lines.push(b'\n');
    let (mut tree, mut before) = (Tree::default(), 0);
    for extent in &source.extents {
        extent_blocks(extent, &mut |block, bytes, offset| {
            if lines.len() >= BUFFER {
                out.write_all(&lines).map_err(told)?;
                lines.clear();
                let done = before + offset;
                progress(Progress { done, total });
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
            }
            tree.push(leaf_hash(bytes));
            write_entry(block, bytes, Parts::All, &mut lines)
                .map_err(|reason| damaged(source, format!("block {}: {reason}", block.seq)))?;
            // Into the object, as its last member.
            lines.pop();
            lines.extend_from_slice(b",\"cbor\":\"");
            lines.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            lines.extend_from_slice(b"\"}\n");
            Ok(())
        })?;
        before += extent.end;
    }
    let found: TreeHead = (tree.size(), tree.root());
    if found != source.head {
        let reason = format!(
            "its blocks are {} with the Merkle root {}, expected {} with {}",
            found.0,
            to_hex(&found.1),
            head.tree_size,
            head.root
        );
        return Err(damaged(source, reason));
    }
    out.write_all(&lines).map_err(told)?;
    out.flush().map_err(told)?;
    progress(Progress { done: total, total });
    Ok(head)
}

fn damaged(source: &Source, reason: String) -> Error {
    Error::Corrupt {
        path: source.dir.clone(),
        offset: 0,
        reason,
        advice: "Run `mix formdb.doctor` on the database's folder: it says what is damaged, and can copy what is whole into a new folder",
    }
}
