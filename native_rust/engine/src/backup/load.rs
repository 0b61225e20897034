//! Making a database of a dump.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::dump::{DUMP, DumpHead, VERSION};
use super::target::{name_it, refuse_target};
use crate::block::Block;
use crate::budget::Cancel;
use crate::clock::system_micros;
use crate::error::{Error, InvalidCode, Result};
use crate::fs::{FileSystem, make_dir, parent, sync_dir};
use crate::inspect::verify_held;
use crate::journal::{
    Identity, Journal, RecoverError, RecoverOptions, append_transactions, create, recover,
};
use crate::limits::{Limits, RecoveryPolicy};
use crate::merkle::leaf_hash;
use crate::open::home::JOURNAL;
use crate::open::making::Making;
use crate::types::{parse_hash, to_hex};

/// Bytes of blocks that become one commit group, unless a single transaction has more.
const GROUP: usize = 4 << 20;
/// The longest line: a block of 1 GiB, as JSON and as bytes.
const LINE: u64 = 8 << 30;

/// Bytes of a line that are looked at before more of it is read; the first line has some 300.
const BEGINNING: u64 = 64 << 10;

/// What of a line a block is made of. The rest is for people.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    hash: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    cbor: std::borrow::Cow<'a, str>,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// What the dump says of itself, all of which holds.
    pub head: DumpHead,
    /// Public id of the log that the database has now.
    pub log: String,
    /// Transactions in it.
    pub transactions: u64,
}

/// Make a database in the folder `to`, which is not there yet, of the lines of a dump: with
/// the same blocks, times, actors and transactions, and so the same Merkle root, or nothing.
/// It has a log id of its own. Holds some megabytes, and one transaction. `progress` is called
/// now and then with the blocks so far and in all.
///
/// # Errors
/// [`Error::Invalid`] where `to` is there, or for the first line that does not hold, with its
/// number; [`Error::UnsupportedFormat`], [`Error::Cancelled`], [`Error::Io`].
pub fn load_dump(
    fs: &Arc<dyn FileSystem>,
    lines: &mut dyn BufRead,
    to: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<LoadReport> {
    refuse_target(&**fs, to)?;
    let mut lines = Lines {
        lines,
        number: 0,
        text: Vec::new(),
    };
    let head = read_head(&mut lines)?;
    let around = parent(to);
    if fs.kind(&around).is_err() {
        make_dir(&**fs, &around)?;
    }
    let making = Making::begin(&**fs, to)?;
    let (log, transactions) = load(fs, &mut lines, making.dir(), &head, cancel, progress)?;
    name_it(&**fs, making, to)?;
    Ok(LoadReport {
        head,
        log,
        transactions,
    })
}

fn read_head(lines: &mut Lines<'_>) -> Result<DumpHead> {
    if !lines.next()? {
        return Err(lines.refuse("there is nothing in it"));
    }
    let read: serde_json::Result<DumpHead> = serde_json::from_slice(&lines.text);
    let head = match read {
        Ok(head) if head.format == DUMP => head,
        _ => return Err(lines.refuse("it is not the first line of a dump of a database")),
    };
    match head.version {
        VERSION => Ok(head),
        found => Err(Error::UnsupportedFormat {
            path: "the dump".into(),
            found,
            supported: VERSION,
        }),
    }
}

fn load(
    fs: &Arc<dyn FileSystem>,
    lines: &mut Lines<'_>,
    dir: &Path,
    head: &DumpHead,
    cancel: &Cancel,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(String, u64)> {
    let journal_dir = dir.join(JOURNAL);
    fs.create_dir(&journal_dir)
        .map_err(|e| Error::io("create", &journal_dir, e))?;
    let now = system_micros();
    let database = create(&**fs, &journal_dir, now)?;
    let identity = Identity::new(database, now);
    identity.write(&**fs, dir)?;
    let mut journal = open(fs, &journal_dir)?;
    let mut transactions: Vec<Vec<Vec<u8>>> = Vec::new();
    let (mut seq, mut time, mut bytes) = (0, i64::MIN, 0);
    while lines.next()? {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        seq += 1;
        let block = lines.block()?;
        let decoded = Block::decode(&block).map_err(|reason| lines.refuse(reason))?;
        if decoded.seq != seq || decoded.time < time {
            return Err(lines.refuse(format!("it is not the block {seq} that comes next")));
        }
        time = decoded.time;
        let begins = decoded.txn == seq;
        let last = transactions.last().map_or(0, |blocks| blocks.len() as u64);
        if !begins && (last == 0 || decoded.txn != seq - last) {
            return Err(lines.refuse("it is of a transaction that did not begin before it"));
        }
        if begins && bytes >= GROUP {
            append_transactions(&mut journal, &transactions, now)?;
            transactions.clear();
            bytes = 0;
            progress(seq, head.tree_size);
        }
        bytes += block.len();
        match transactions.last_mut() {
            Some(blocks) if !begins => blocks.push(block),
            _ => transactions.push(vec![block]),
        }
    }
    append_transactions(&mut journal, &transactions, now)?;
    let (size, root) = (journal.tree().size(), to_hex(&journal.tree().root()));
    if (size, &root) != (head.tree_size, &head.root) {
        let detail = format!(
            "its lines have {size} blocks with the Merkle root {root}, the first line says {} with {}: it was cut off or changed",
            head.tree_size, head.root
        );
        return Err(Error::invalid(InvalidCode::Document, "", detail));
    }
    journal.mark_durable()?;
    drop(journal);
    sync_dir(&**fs, &journal_dir)?;
    // That it opens: what the blocks say to each other.
    let report = verify_held(&**fs, dir, &mut |_| ())?;
    if let Some(damage) = report.damage.or(report.torn) {
        let detail = format!("its blocks are none of a database: {}", damage.reason);
        return Err(Error::invalid(InvalidCode::Document, "", detail));
    }
    sync_dir(&**fs, dir)?;
    progress(size, head.tree_size);
    Ok((identity.log_hex(), report.transactions))
}

fn open(fs: &Arc<dyn FileSystem>, dir: &Path) -> Result<Journal> {
    let options = RecoverOptions {
        segment_bytes: Limits::default().segment_bytes,
        policy: RecoveryPolicy::RefuseTornTail,
        durable: None,
        marked: 0,
        start: None,
    };
    match recover(Arc::clone(fs), dir, options, |_, _| Ok(())) {
        Ok(opened) => Ok(opened.journal),
        Err(RecoverError::Failed(error)) => Err(error),
        Err(RecoverError::StartRefused(cause)) => Err(Error::Poisoned {
            cause: cause.into(),
        }),
    }
}

/// The lines of a dump, one at a time.
struct Lines<'a> {
    lines: &'a mut dyn BufRead,
    number: u64,
    text: Vec<u8>,
}

impl Lines<'_> {
    /// Read the next line; false at the end. What goes on for longer than a block can is not
    /// gathered, nor what does not begin as a line of a dump does.
    fn next(&mut self) -> Result<bool> {
        self.text.clear();
        self.number += 1;
        if !self.read(BEGINNING)? && self.text.len() as u64 == BEGINNING {
            // The first line is 1, and that of block 1 is 2.
            let begins = format!("{{\"seq\":{},", self.number - 1);
            if self.number == 1 || !self.text.starts_with(begins.as_bytes()) {
                let reason = "it does not begin as a line of a dump does, and has no end after 64 KiB: is the file a dump?";
                return Err(self.refuse(reason));
            }
            if !self.read(LINE - BEGINNING)? && self.text.len() as u64 == LINE {
                return Err(self.refuse("it is longer than a block can be, 8 GiB"));
            }
        }
        match self.text.pop() {
            Some(b'\n') => Ok(true),
            Some(_) => Err(self.refuse("it has no end: the dump was cut off")),
            None => Ok(false),
        }
    }

    /// Read up to so many bytes more of the line; whether it ends with them.
    fn read(&mut self, most: u64) -> Result<bool> {
        let mut part = (&mut *self.lines).take(most);
        let read = part.read_until(b'\n', &mut self.text);
        read.map_err(|e| Error::io("read", Path::new("the dump"), e))?;
        Ok(self.text.last() == Some(&b'\n'))
    }

    /// The bytes of the block that the line is of.
    fn block(&self) -> Result<Vec<u8>> {
        let line: Line<'_> = serde_json::from_slice(&self.text)
            .map_err(|e| self.refuse(format!("it is not a block: {e}")))?;
        let bytes = STANDARD
            .decode(&*line.cbor)
            .map_err(|e| self.refuse(format!("cbor is not base64: {e}")))?;
        match parse_hash(&line.hash) == Some(leaf_hash(&bytes)) {
            true => Ok(bytes),
            false => Err(self.refuse("its hash is not that of its cbor")),
        }
    }

    fn refuse(&self, reason: impl std::fmt::Display) -> Error {
        let detail = format!(
            "line {} of the dump: {reason}; nothing was loaded",
            self.number
        );
        Error::invalid(InvalidCode::Document, "", detail)
    }
}
