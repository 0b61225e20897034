//! Whole databases: journals with foreign bytes in them, and operations against a
//! model.

use std::path::PathBuf;
use std::sync::OnceLock;

use formdb_engine::{Error, Order};

use crate::disk::{Image, SimFs};
use crate::generate::transaction;
use crate::model::{Change, Model};
use crate::steps::{Range, Step, run};
use crate::support::journal::segments;
use crate::workload::{DIR, Run, Workload, open};

/// A journal of a few segments.
pub struct Journal {
    run: Run,
    image: Image,
    /// Its segments with their bytes, in order.
    pub segments: Vec<(PathBuf, Vec<u8>)>,
}

/// The journal that the recovery target damages: always the same but for its times,
/// so sequences and lengths hold from run to run.
pub fn journal() -> &'static Journal {
    static JOURNAL: OnceLock<Journal> = OnceLock::new();
    JOURNAL.get_or_init(|| {
        let workload = Workload::synced(5, 12);
        let run = Run::new(&workload, SimFs::new(), 0, 12).expect("a workload runs");
        let image = run.fs.now();
        let segments = segments(&run.fs, DIR);
        Journal {
            run,
            image,
            segments,
        }
    })
}

/// A valid journal with foreign bytes in it. The first byte says how they come in,
/// the next three where, the others are they. Half of the time the checksums of the
/// group they are in are made to fit, so that what is checked after them is reached.
/// It opens as a prefix of what was written or says that it is damaged; bytes after
/// the end lose nothing.
pub fn recovery(data: &[u8]) {
    let [how, which, at_low, at_high, foreign @ ..] = data else {
        return;
    };
    let Journal {
        run,
        image,
        segments,
    } = journal();
    let appends = how % 4 == 0;
    let which = if appends {
        segments.len() - 1
    } else {
        usize::from(*which) % segments.len()
    };
    let (path, bytes) = &segments[which];
    let at = usize::from(u16::from_le_bytes([*at_low, *at_high])) % (bytes.len() + 1);
    let mut damaged = match how % 4 {
        0 => [bytes, foreign].concat(),
        // Put in between, put in the place of as many, put in the place of all after.
        1 => [&bytes[..at], foreign, &bytes[at..]].concat(),
        2 => {
            let behind = (at + foreign.len()).min(bytes.len());
            [&bytes[..at], foreign, &bytes[behind..]].concat()
        }
        _ => [&bytes[..at], foreign].concat(),
    };
    if how & 4 != 0 && !appends {
        reseal(&mut damaged, bytes, at);
    }
    let changed = image.with_file(path, damaged);
    let fs = SimFs::of(changed.clone());
    match open(&fs) {
        Ok(db) => {
            let found = run.identify(&db).expect("a prefix of what was written");
            run.workload
                .compare(&db, found)
                .expect("the answers of that prefix");
            assert!(
                !appends || found == run.workload.transactions.len(),
                "{found}"
            );
            db.close();
        }
        Err(Error::Corrupt { .. }) => {
            assert!(!appends, "bytes behind the end are no damage");
            assert!(fs.now() == changed, "what is refused is left as it is");
        }
        Err(Error::UnsupportedFormat { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

/// Give the group of `original` that holds byte `at`, and its blocks, checksums that
/// fit what `damaged` has at their places.
fn reseal(damaged: &mut [u8], original: &[u8], at: usize) {
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_le_bytes(word) as usize)
    };
    let mut start = 128;
    while let Some(len) = word(original, start + 8) {
        if at < start + 96 + len {
            break;
        }
        start += 96 + len;
    }
    let mut record = start + 96;
    for _ in 0..word(damaged, start + 12).unwrap_or(0) {
        let count = word(damaged, record).unwrap_or(0);
        record = record.saturating_add(4);
        for _ in 0..count {
            let Some(len) = word(damaged, record) else {
                break;
            };
            let Some(block) = damaged.get(record + 8..(record + 8).saturating_add(len)) else {
                break;
            };
            let crc = crc32c::crc32c(block).to_le_bytes();
            damaged[record + 4..record + 8].copy_from_slice(&crc);
            record += 8 + len;
        }
        if word(damaged, record).is_none() {
            break;
        }
    }
    let body = word(damaged, start + 8)
        .and_then(|len| damaged.get(start + 96..(start + 96).saturating_add(len)));
    let (Some(id), Some(body)) = (original.get(16..32), body) else {
        return;
    };
    let crc = crc32c::crc32c(body).to_le_bytes();
    damaged[start + 20..start + 24].copy_from_slice(&crc);
    let header = &damaged[start..start + 92];
    let crc = crc32c::crc32c_append(crc32c::crc32c(id), header).to_le_bytes();
    damaged[start + 92..start + 96].copy_from_slice(&crc);
}

/// Takes bytes as numbers, zeros after the last.
struct Numbers<'a>(std::slice::Iter<'a, u8>);

impl Numbers<'_> {
    fn next(&mut self, below: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % below)
    }
}

/// Each few bytes are an operation on a database and on plain maps; every answer is
/// compared.
pub fn operations(data: &[u8]) {
    let mut numbers = Numbers(data.iter());
    let mut steps = Vec::new();
    while !numbers.0.as_slice().is_empty() && steps.len() < 24 {
        let n = steps.len();
        let some = |numbers: &mut Numbers<'_>| -> Vec<Change> {
            transaction(u64::from(numbers.next(255)), n, &Model::default())
        };
        let degrees = |numbers: &mut Numbers<'_>, most: i16| {
            f64::from((i16::from(numbers.next(181)) - 90) * most / 90)
        };
        steps.push(match numbers.next(10) {
            0..=2 => Step::Write(some(&mut numbers)),
            3 => {
                let (w, e) = (degrees(&mut numbers, 180), degrees(&mut numbers, 180));
                let (a, b) = (degrees(&mut numbers, 90), degrees(&mut numbers, 90));
                let limit = 1 + usize::from(numbers.next(8));
                let edges = [w, a.min(b), e, a.max(b)];
                Step::Box(edges, limit, some(&mut numbers))
            }
            4 => {
                let start = i64::from(numbers.next(60)) * 1_000_000;
                let range = Range {
                    series: format!("s{}", numbers.next(3)),
                    start,
                    end: start + i64::from(numbers.next(60)) * 1_000_000,
                    order: [Order::Ascending, Order::Descending][usize::from(numbers.next(2))],
                };
                let limit = 1 + usize::from(numbers.next(30));
                Step::Range(range, limit, some(&mut numbers))
            }
            5 => Step::Compare,
            6 => Step::Close,
            7 => Step::Kill,
            8 => Step::Undo(usize::from(numbers.next(255))),
            _ => Step::Past(usize::from(numbers.next(255))),
        });
    }
    run(&steps).unwrap_or_else(|e| panic!("{e}\n{steps:?}"));
}
