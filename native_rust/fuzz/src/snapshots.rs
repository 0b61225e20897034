//! Snapshots with foreign bytes in them.

use std::path::PathBuf;
use std::sync::OnceLock;

use formdb_engine::{Cancel, Error};

use crate::ask::world;
use crate::disk::{Image, SimFs};
use crate::workload::{Run, Workload, limits_with_snapshots, open};

/// A database that was closed, and its newest snapshot.
pub struct Snapshot {
    run: Run,
    image: Image,
    path: PathBuf,
    pub bytes: Vec<u8>,
}

const TRANSACTIONS: usize = 16;
const HEADER: usize = 256;
const PREFIX: usize = 16;

/// The snapshot that the target damages: always the same but for its times.
pub fn snapshot() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let workload = Workload::synced(3, TRANSACTIONS);
        // Closing gives up a snapshot that is being written.
        let made = (0..50).find_map(|_| {
            let limits = limits_with_snapshots();
            let run = Run::with_limits(&workload, SimFs::new(), 0, TRANSACTIONS, limits).ok()?;
            let mut image = run.fs.now();
            let files = image.files().into_iter();
            let mut snapshots: Vec<_> = files
                .filter(|(path, _)| path.extension().is_some_and(|e| e == "snapshot"))
                .collect();
            snapshots.sort();
            let (path, bytes) = snapshots.pop()?;
            // An older one would step in for it.
            for (older, _) in snapshots {
                image = image.without_file(&older);
            }
            Some(Snapshot {
                run,
                image,
                path,
                bytes,
            })
        });
        made.expect("a snapshot is taken on closing")
    })
}

/// A whole snapshot with foreign bytes in it: the first byte says how they come in, the
/// next two where, the others are they. Damaged it is ignored, and answers are as from
/// the journal. Half of the time all checksums are made to fit: then it may tell lies,
/// but nothing that it says makes the engine panic or hang, and a journal that is whole
/// opens.
pub fn snapshots(data: &[u8]) {
    let [how, at_low, at_high, foreign @ ..] = data else {
        return;
    };
    let Snapshot {
        run,
        image,
        path,
        bytes,
    } = snapshot();
    let at = usize::from(u16::from_le_bytes([*at_low, *at_high])) % (bytes.len() + 1);
    let mut damaged = match how % 3 {
        0 => [&bytes[..at], foreign, &bytes[at..]].concat(),
        1 => {
            let behind = (at + foreign.len()).min(bytes.len());
            [&bytes[..at], foreign, &bytes[behind..]].concat()
        }
        _ => [&bytes[..at], foreign].concat(),
    };
    let sealed = how & 4 != 0;
    if sealed {
        reseal(&mut damaged);
    }
    let same = damaged == *bytes;
    let fs = SimFs::of(image.with_file(path, damaged));
    let db = match open(&fs) {
        Ok(db) => db,
        // It claims more than the journal has: something may have been lost.
        Err(Error::Corrupt { .. }) if sealed => return,
        Err(other) => panic!("{other}"),
    };
    let used = db.recovered().snapshot.is_some();
    assert!(same || sealed || !used, "damage went unnoticed");
    if same || !used {
        run.workload
            .compare(&db, TRANSACTIONS)
            .expect("the answers of the journal");
    } else {
        // What it says is where blocks are that say something else.
        let _ = world(&db, None);
        let _ = db.schema(None, &db.budget(Cancel::default()));
    }
    db.close();
}

/// Give the header and all frames checksums that fit.
fn reseal(damaged: &mut [u8]) {
    let Some(id) = damaged.get(16..32).map(crc32c::crc32c) else {
        return;
    };
    if let Some(header) = damaged.get(..HEADER - 4) {
        let crc = crc32c::crc32c_append(id, header).to_le_bytes();
        if let Some(place) = damaged.get_mut(HEADER - 4..HEADER) {
            place.copy_from_slice(&crc);
        }
    }
    let mut start = HEADER;
    while let Some(prefix) = damaged.get(start..start + PREFIX) {
        let len = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
        let seed = crc32c::crc32c_append(id, &prefix[..12]);
        let behind = start + PREFIX;
        let Some(payload) = damaged.get(behind..behind.saturating_add(len)) else {
            return;
        };
        let crc = crc32c::crc32c_append(seed, payload).to_le_bytes();
        damaged[start + 12..behind].copy_from_slice(&crc);
        start = behind + len;
    }
}
