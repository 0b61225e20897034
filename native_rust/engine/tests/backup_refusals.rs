//! What a backup or a load that cannot be made says, and what it asks for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::{FileSystem, Space};
use formdb_engine::{BackupOptions, BackupReport, Cancel, Database, Error, Limits, load_dump};
use support::SimFs;

const BACKUPS: &str = "/data/backups";
const MIB: u64 = 1 << 20;

fn filled(fs: &SimFs) -> Database {
    fs.create_dir(Path::new(BACKUPS)).unwrap();
    let db = Database::open(
        Arc::new(fs.clone()),
        Path::new("/data/db"),
        Limits::default(),
    )
    .unwrap();
    let feature = br#"{"type":"Feature","id":"a","geometry":null,"properties":null}"#;
    let prepared = db.prepare_features(feature).unwrap();
    db.write(prepared.operations).unwrap();
    db
}

fn take(db: &Database, name: &str) -> Result<BackupReport, Error> {
    let to = Path::new(BACKUPS).join(name);
    db.back_up(&to, &BackupOptions::default(), &mut |_| ())
}

fn free(free: u64) -> Space {
    Space {
        free,
        total: 1 << 40,
    }
}

#[test]
fn a_backup_to_another_disk_needs_room_for_itself_alone() {
    let fs = SimFs::new();
    let db = filled(&fs);
    // What the database's own disk has to keep free is 256 MiB.
    fs.set_space(Some(free(64 * MIB)));
    fs.mount(Path::new(BACKUPS), free(8 * MIB));
    take(&db, "fits").unwrap();

    fs.mount(Path::new(BACKUPS), free(1_000));
    let refused = take(&db, "too-large").unwrap_err();
    assert_eq!(refused.code(), "disk_full");
    let text = refused.to_string();
    for part in [BACKUPS, "1000 bytes free", "needed"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("FORMDB_MIN_FREE_BYTES"), "{text}");
    let left = fs.list(Path::new(BACKUPS)).unwrap();
    assert!(!left.iter().any(|name| name.contains("large")), "{left:?}");
    db.close();
}

#[test]
fn a_backup_on_the_disk_of_the_database_leaves_it_room() {
    let fs = SimFs::new();
    let db = filled(&fs);
    fs.set_space(Some(free(64 * MIB)));
    let refused = take(&db, "one").unwrap_err();
    assert_eq!(refused.code(), "disk_full");
    let text = refused.to_string();
    assert!(text.contains("FORMDB_MIN_FREE_BYTES"), "{text}");
    fs.set_space(Some(free(257 * MIB)));
    take(&db, "two").unwrap();
    db.close();
}

#[test]
fn a_line_that_is_none_of_a_dump_is_not_gathered() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimFs::new());
    let mut dump = Vec::new();
    let db = filled(&SimFs::new());
    db.dump("db", &mut dump, &Cancel::default(), &mut |_| ())
        .unwrap();
    db.close();
    let first = dump.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let refusal = |before: &[u8], number: u64| {
        let source = Endless {
            before: before.to_vec(),
            read: 0,
        };
        let mut lines = BufReader::new(source);
        let to = Path::new("/data/loaded");
        let refused = load_dump(&fs, &mut lines, to, &Cancel::default(), &mut |_, _| ());
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(&format!("line {number} ")), "{text}");
        let read = lines.get_ref().read;
        assert!(read < 2 << 20, "{read} bytes were read");
    };
    refusal(b"", 1);
    refusal(first, 2);
    refusal(&[first, br#"{"seq":2,"#].concat(), 2);
    refusal(&dump, 3);
}

/// A file that goes on for ever with no end of a line.
struct Endless {
    before: Vec<u8>,
    read: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        assert!(self.read < 64 << 20, "it is read without end");
        let n = match self.before.is_empty() {
            true => {
                buf.fill(b'a');
                buf.len()
            }
            false => {
                let n = self.before.len().min(buf.len());
                buf[..n].copy_from_slice(&self.before[..n]);
                self.before.drain(..n);
                n
            }
        };
        self.read += n;
        Ok(n)
    }
}
