//! The life of folders: a database is made whole or not at all, what loses its journal
//! is not taken for a new one, and nobody writes where somebody else does.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use formdb_engine::fs::FileSystem;
use formdb_engine::{Catalog, Database, Error, Limits, RecoveryPolicy};

use super::ask::{prepare, text};
use super::disk::{EIO, ENOSPC, Fault, Image, Node, SimFs};
use super::generate::transaction;
use super::image::crash_points;
use super::model::Model;
use super::support::journal::is_segment;
use super::workload::{DIR, Run, Workload, limits, limits_with_snapshots, open, open_with};
use super::{in_parallel, report, seeds};

fn catalog(fs: &SimFs) -> Result<Catalog, Error> {
    Catalog::open(Arc::new(fs.clone()), Path::new("/data"), limits())
}

/// Write some transaction.
fn write(db: &Database) -> Result<(), Error> {
    let some = prepare(db, &transaction(1, 0, &Model::default()))?;
    db.write(some.operations).map(|_| ())
}

/// The image without what lies under a path.
fn without(image: &Image, path: &str) -> Image {
    let mut image = image.clone();
    image.nodes.retain(|node, _| !node.starts_with(path));
    image
}

/// What can be lost of the folder of a database, and what is left then. The journal has
/// one segment.
fn losses(image: &Image) -> Vec<(String, Image)> {
    let journal = format!("{DIR}/journal");
    let files = image.files();
    let (segment, bytes) = files.iter().find(|(path, _)| is_segment(path)).unwrap();
    let mut out = Vec::new();
    for len in [0, 1, 50, 127] {
        let cut = image.with_file(segment, bytes[..len].to_vec());
        out.push((format!("first segment cut to {len} bytes"), cut));
    }
    for at in [0, 9, 20, 127] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let damaged = image.with_file(segment, damaged);
        out.push((format!("byte {at} of the first header"), damaged));
    }
    out.push(("zeros".into(), image.with_file(segment, vec![0; 128])));
    out.push(("journal emptied".into(), image.without_file(segment)));
    let gone = without(image, &journal);
    let moved = SimFs::of(image.clone());
    let aside = format!("{DIR}/journal.old");
    moved
        .rename(Path::new(&journal), Path::new(&aside))
        .unwrap();
    out.push(("journal renamed".into(), moved.now()));
    let file = gone.with_file(Path::new(&journal), b"text".to_vec());
    out.push(("journal is a file".into(), file));
    let names: Vec<_> = gone.nodes.keys().cloned().collect();
    let parts = names
        .iter()
        .filter(|path| path.parent() == Some(Path::new(DIR)));
    for part in parts.clone() {
        let others = parts.clone().filter(|other| *other != part);
        let alone = others.fold(gone.clone(), |image, other| {
            without(&image, other.to_str().unwrap())
        });
        out.push((format!("only {} is left", part.display()), alone));
    }
    let mut nothing = without(&gone, DIR);
    nothing.nodes.insert(DIR.into(), Node::Dir(99_999));
    out.push(("nothing is left".into(), nothing));
    out.push(("journal removed".into(), gone));
    out
}

#[test]
fn a_folder_without_its_journal_is_refused_and_left_as_it_is() {
    let began = Instant::now();
    let mut tried = 0;
    for seed in seeds(2) {
        let workload = Workload::synced(seed, 3);
        for (limits, written) in [(limits(), 0), (limits(), 3), (limits_with_snapshots(), 3)] {
            let limits = Limits {
                segment_bytes: 1 << 20,
                snapshot_bytes: limits.snapshot_bytes.min(200),
                ..limits
            };
            let run = Run::with_limits(&workload, SimFs::new(), 0, written, limits.clone());
            let image = run.unwrap().fs.now();
            for (what, lost) in losses(&image) {
                for recovery in [RecoveryPolicy::CutTornTail, RecoveryPolicy::RefuseTornTail] {
                    let fs = SimFs::of(lost.clone());
                    let policy = Limits {
                        recovery,
                        ..limits.clone()
                    };
                    match open_with(&fs, policy) {
                        Err(Error::Lost { .. } | Error::Corrupt { .. }) => {}
                        other => panic!("seed {seed} (FORMDB_SEED), {what}: {other:?}"),
                    }
                    assert!(fs.now() == lost, "{what}: something was changed");
                    tried += 1;
                }
            }
        }
    }
    report("lost folders and files", began, &[("losses", tried)]);
}

#[test]
fn a_crash_while_a_database_is_made_leaves_all_of_it_or_nothing() {
    let began = Instant::now();
    let fs = SimFs::new();
    let data = catalog(&fs).unwrap();
    write(&data.open_database("db", true).unwrap()).unwrap();
    let acked = fs.changes();
    data.close_database("db").unwrap();
    drop(data);
    let (before, log) = fs.history();
    let points = crash_points(before, &log);
    let images = in_parallel(&points, |point| {
        let crashed = point.images(60, 1).into_iter();
        let crashed = crashed.map(|(fates, image)| (SimFs::of(image), format!("{fates:?}")));
        let killed = std::iter::once((point.killed(), "killed".to_owned()));
        let mut images = 0;
        for (fs, fates) in crashed.chain(killed) {
            let check = || -> Result<(), String> {
                let data = catalog(&fs).map_err(text)?;
                let names = fs.list(Path::new("/data")).map_err(|e| e.to_string())?;
                if let Some(left) = names
                    .iter()
                    .find(|name| !["LOCK", "db"].contains(&&***name))
                {
                    return Err(format!("{left} is left"));
                }
                let there = data.list().map_err(text)? == ["db"];
                if point.number >= acked && !there {
                    return Err("it is gone".into());
                }
                let db = data.open_database("db", true).map_err(text)?;
                if point.number >= acked && db.info().map_err(text)?.seq == 0 {
                    return Err("what was acknowledged is gone".into());
                }
                write(&db).map_err(text)
            };
            check().unwrap_or_else(|e| panic!("after change {}, {fates}: {e}", point.number));
            images += 1;
        }
        images
    });
    let figures = [("crash points", points.len()), ("disk images", images)];
    report("crashes of making a database", began, &figures);
}

#[test]
fn what_was_written_after_a_kill_while_it_was_made_is_there_after_a_power_failure() {
    let began = Instant::now();
    let root = Path::new("/data/folder");
    let catalog = |fs: &SimFs| Catalog::open(Arc::new(fs.clone()), root, limits());
    let fs = SimFs::new();
    catalog(&fs).unwrap().open_database("db", true).unwrap();
    let (before, log) = fs.history();
    let points = crash_points(before, &log);
    let images = in_parallel(&points, |point| {
        // The next process finds what was made until then, on the medium or not.
        let fs = point.killed();
        let data = catalog(&fs).unwrap();
        write(&data.open_database("db", true).unwrap()).unwrap();
        let (before, log) = fs.history();
        let crashed = crash_points(before, &log).pop().unwrap();
        let mut images = 0;
        for (fates, image) in crashed.images(60, 1) {
            let what = format!("after change {}, {fates:?}", point.number);
            let data = catalog(&SimFs::of(image)).unwrap_or_else(|e| panic!("{what}: {e}"));
            let db = data.open_database("db", false);
            let db = db.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(db.info().unwrap().seq > 0, "{what}: it is gone");
            images += 1;
        }
        images
    });
    let figures = [("kills", points.len()), ("disk images", images)];
    report("kills while a database is made", began, &figures);
}

#[test]
fn a_database_that_cannot_be_made_is_undone_and_the_others_go_on() {
    let began = Instant::now();
    let calm = SimFs::new();
    let data = catalog(&calm).unwrap();
    let (first, first_read, _) = calm.tried();
    data.open_database("db", true).unwrap();
    let (end, end_read, _) = calm.tried();
    let changes = (first..end).flat_map(|at| {
        [EIO, ENOSPC].map(|errno| Fault::Change {
            at,
            for_ever: false,
            errno,
            partial: errno == ENOSPC,
        })
    });
    let reads = (first_read..end_read).map(|at| Fault::Read {
        at,
        for_ever: false,
        errno: EIO,
    });
    let mut faults = 0;
    for fault in changes.chain(reads) {
        let fs = SimFs::new();
        let data = catalog(&fs).unwrap();
        fs.inject(fault);
        match data.open_database("db", true) {
            // What failed was not needed.
            Ok(_) => assert_eq!(data.list().unwrap(), ["db"], "{fault:?}"),
            Err(error) => {
                assert_eq!(data.list().unwrap(), [""; 0], "{fault:?}: {error}");
                assert!(matches!(error, Error::Io { .. }), "{fault:?}: {error}");
            }
        }
        write(&data.open_database("db", true).unwrap()).unwrap();
        faults += 1;
    }
    report("creations that fail", began, &[("faults", faults)]);
}

#[test]
fn there_are_no_more_databases_than_the_limits_allow() {
    let fs = SimFs::new();
    let limits = Limits {
        databases: 2,
        ..limits()
    };
    let data = Catalog::open(Arc::new(fs.clone()), Path::new("/data"), limits).unwrap();
    data.open_database("a", true).unwrap();
    data.open_database("b", true).unwrap();
    // Closed ones count, and are opened again.
    data.close_database("a").unwrap();
    let refused = data.open_database("c", true).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::TooLarge {
                setting: "databases",
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(data.list().unwrap(), ["a", "b"]);
    data.open_database("a", true).unwrap();
    assert!(data.purge_database("b").unwrap().is_none());
    data.open_database("c", true).unwrap();
}

#[test]
fn a_data_folder_belongs_to_one_server() {
    let fs = SimFs::new();
    let data = catalog(&fs).unwrap();
    let db = data.open_database("db", true).unwrap();
    let before = fs.now();
    let refused = catalog(&fs).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    let names = |image: &Image| image.nodes.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fs.now()), names(&before));
    write(&db).unwrap();
    data.close_database("db").unwrap();
    drop(data);
    let data = catalog(&fs).unwrap();
    let db = data.open_database("db", false).unwrap();
    assert!(db.info().unwrap().seq > 0);
}

#[test]
fn a_database_that_somebody_has_open_is_not_purged() {
    let fs = SimFs::new();
    // As an embedding application, or `verify`, may have it: without the data folder.
    let db = open(&fs).unwrap();
    let data = catalog(&fs).unwrap();
    let refused = data.purge_database("db").unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    write(&db).unwrap();
    db.close();
    let again = data.open_database("db", false).unwrap();
    assert!(again.info().unwrap().seq > 0);
    assert!(data.purge_database("db").unwrap().is_none());
    assert_eq!(data.list().unwrap(), [""; 0]);
    assert!(matches!(
        data.purge_database("db"),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn what_is_moved_or_replaced_while_it_is_open_takes_no_more_writes() {
    let dir = Path::new(DIR);
    let aside = Path::new("/data/aside");
    let segment = dir.join("journal/00000000000000000001.journal");
    let remove_segment = |fs: &SimFs| fs.remove_file(&segment).unwrap();
    let move_journal = |fs: &SimFs| fs.rename(&dir.join("journal"), aside).unwrap();
    let move_folder = |fs: &SimFs| fs.rename(dir, aside).unwrap();
    let replace_folder = |fs: &SimFs| {
        fs.rename(dir, aside).unwrap();
        open(fs).unwrap().close();
    };
    // One that is cut, and one that is cut and filled up again.
    let cut_segment = |fs: &SimFs| {
        let file = fs.open(&segment, false).unwrap();
        file.set_len(file.len().unwrap() - 1).unwrap();
    };
    let empty_segment = |fs: &SimFs| fs.open(&segment, false).unwrap().set_len(0).unwrap();
    let replace_segment = |fs: &SimFs| {
        let image = fs.now();
        fs.rename(&segment, &dir.join("journal/old")).unwrap();
        let same = fs.open(&segment, true).unwrap();
        let files = image.files();
        let bytes = &files.iter().find(|(path, _)| *path == segment).unwrap().1;
        same.write_all_at(bytes, 0).unwrap();
    };
    let ways: [&dyn Fn(&SimFs); 7] = [
        &remove_segment,
        &move_journal,
        &move_folder,
        &replace_folder,
        &cut_segment,
        &empty_segment,
        &replace_segment,
    ];
    for (n, vanish) in ways.iter().enumerate() {
        for idle in [false, true] {
            let fs = SimFs::new();
            let data = catalog(&fs).unwrap();
            let db = data.open_database("db", true).unwrap();
            write(&db).unwrap();
            let seen = db.info().unwrap();
            assert_eq!(seen.poisoned, None);
            data.check().unwrap();
            vanish(&fs);
            if idle {
                data.check().unwrap();
            } else {
                let lost = write(&db).unwrap_err();
                assert_eq!(lost.code(), "journal_lost", "{n}: {lost}");
                // Its outcome is open, and the answer says so and what to do.
                let said = lost.to_string();
                assert!(
                    said.contains("may be there") && said.contains("idempotency key"),
                    "{said}"
                );
            }
            let poisoned = db.info().unwrap().poisoned.unwrap();
            assert!(poisoned.contains(DIR), "{n}: {poisoned}");
            let refused = write(&db).unwrap_err();
            assert!(matches!(refused, Error::Poisoned { .. }), "{n}: {refused}");
            assert_eq!(db.info().unwrap().seq, seen.seq);
        }
    }
    // The data folder itself: nothing more is made in it.
    let fs = SimFs::new();
    let data = catalog(&fs).unwrap();
    fs.rename(Path::new("/data"), Path::new("/moved")).unwrap();
    fs.create_dir(Path::new("/data")).unwrap();
    assert!(matches!(data.check(), Err(Error::Lost { .. })));
    let refused = data.open_database("db", true).unwrap_err();
    assert!(matches!(refused, Error::Lost { .. }), "{refused}");
    assert_eq!(data.list().unwrap(), [""; 0]);
}

/// Something done to a file behind the database's back.
type Change<'a> = &'a dyn Fn(&SimFs, &Path);

#[test]
fn a_sealed_segment_that_is_not_what_it_was_ends_the_writes() {
    let began = Instant::now();
    let segment = |fs: &SimFs, number: usize| {
        let names = fs.list(&Path::new(DIR).join("journal")).unwrap();
        let mut names: Vec<_> = names.iter().filter(|n| n.ends_with(".journal")).collect();
        names.sort();
        Path::new(DIR).join("journal").join(names[number])
    };
    let remove = |fs: &SimFs, path: &Path| fs.remove_file(path).unwrap();
    let cut = |fs: &SimFs, path: &Path| {
        let file = fs.open(path, false).unwrap();
        file.set_len(file.len().unwrap() - 1).unwrap();
    };
    let lengthen = |fs: &SimFs, path: &Path| {
        let file = fs.open(path, false).unwrap();
        file.write_all_at(&[0], file.len().unwrap()).unwrap();
    };
    let replace = |fs: &SimFs, path: &Path| {
        let files = fs.now().files();
        let bytes = &files.iter().find(|(name, _)| name == path).unwrap().1;
        fs.remove_file(path).unwrap();
        let copy = fs.open(path, true).unwrap();
        copy.write_all_at(bytes, 0).unwrap();
    };
    let ways: [Change<'_>; 4] = [&remove, &cut, &lengthen, &replace];
    let mut tried = 0;
    for (way, change) in ways.iter().enumerate() {
        for number in [0, 2] {
            // Sealed just now, and found sealed by opening.
            for reopened in [false, true] {
                let fs = SimFs::new();
                let data = catalog(&fs).unwrap();
                let mut db = data.open_database("db", true).unwrap();
                while db.info().unwrap().segments < 5 {
                    write(&db).unwrap();
                }
                if reopened {
                    data.close_database("db").unwrap();
                    db = data.open_database("db", false).unwrap();
                }
                data.check().unwrap();
                assert_eq!(db.info().unwrap().poisoned, None);
                let path = segment(&fs, number);
                change(&fs, &path);
                data.check().unwrap();
                let poisoned = db.info().unwrap().poisoned;
                let poisoned = poisoned.unwrap_or_else(|| panic!("way {way}, segment {number}"));
                assert!(poisoned.contains(path.to_str().unwrap()), "{poisoned}");
                assert!(matches!(write(&db), Err(Error::Poisoned { .. })));
                tried += 1;
            }
        }
    }
    report("sealed segments that changed", began, &[("changes", tried)]);
}

/// What was acknowledged before the end of the journal was cut is missed by the next
/// opening, too: it is not taken for the tail of a crash.
#[test]
fn what_was_cut_while_it_was_open_is_missed_when_it_is_opened_again() {
    for idle in [false, true] {
        let fs = SimFs::new();
        let data = catalog(&fs).unwrap();
        let db = data.open_database("db", true).unwrap();
        (0..3).for_each(|_| write(&db).unwrap());
        let segment = Path::new(DIR).join("journal/00000000000000000001.journal");
        let file = fs.open(&segment, false).unwrap();
        let len = file.len().unwrap();
        file.set_len(len - 1).unwrap();
        match idle {
            true => data.check().unwrap(),
            false => assert_eq!(write(&db).unwrap_err().code(), "journal_lost"),
        }
        data.close_database("db").unwrap();
        let refused = data.open_database("db", false).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
        assert_eq!(file.len().unwrap(), len - 1, "nothing was changed");
    }
}

#[test]
fn the_files_that_name_a_process_and_a_log_can_be_removed_while_it_is_open() {
    let fs = SimFs::new();
    let data = catalog(&fs).unwrap();
    let db = data.open_database("db", true).unwrap();
    write(&db).unwrap();
    let log = db.info().unwrap().log;
    for name in ["LOCK", "db/LOCK", "db/IDENTITY"] {
        fs.remove_file(&Path::new("/data").join(name)).unwrap();
    }
    // The locks are on the folders: nobody gets in.
    assert!(matches!(catalog(&fs), Err(Error::Locked { .. })));
    assert!(matches!(open(&fs), Err(Error::Locked { .. })));
    data.check().unwrap();
    write(&db).unwrap();
    data.close_database("db").unwrap();
    let db = data.open_database("db", false).unwrap();
    assert_eq!(db.info().unwrap().log, log, "the log is the same one");
}

#[test]
fn a_purge_frees_the_name_whatever_lies_in_the_folder() {
    let fs = SimFs::new();
    let data = catalog(&fs).unwrap();
    data.open_database("db", true).unwrap();
    let mut deep = format!("{DIR}/notes");
    for _ in 0..40 {
        fs.create_dir(Path::new(&deep)).unwrap();
        fs.open(&Path::new(&deep).join("note"), true).unwrap();
        deep.push_str("/deeper");
    }
    assert!(data.purge_database("db").unwrap().is_none());
    assert_eq!(fs.list(Path::new("/data")).unwrap(), ["LOCK"]);

    // What cannot be removed waits for the next start, and harms nobody.
    data.open_database("db", true).unwrap();
    data.close_database("db").unwrap();
    let (tried, ..) = fs.tried();
    fs.inject(Fault::Change {
        at: tried + 2,
        for_ever: false,
        errno: EIO,
        partial: false,
    });
    let left = data.purge_database("db").unwrap();
    assert!(left.is_some_and(|error| error.to_string().contains(".purged-")));
    assert_eq!(data.list().unwrap(), [""; 0]);
    data.open_database("db", true).unwrap();
    drop(data);
    let (tried, ..) = fs.tried();
    // After the sync of its name and the look whether the folder can be written, nothing
    // can be removed.
    fs.inject(Fault::Change {
        at: tried + 3,
        for_ever: true,
        errno: EIO,
        partial: false,
    });
    let data = catalog(&fs).unwrap();
    assert_eq!(data.warnings().len(), 1, "{:?}", data.warnings());
    drop(data);
    let data = catalog(&SimFs::of(fs.now())).unwrap();
    assert_eq!(data.warnings(), [""; 0]);
    assert_eq!(data.list().unwrap(), ["db"]);
}

#[test]
fn a_stray_file_with_the_name_of_a_database_is_ignored() {
    let fs = SimFs::new();
    fs.open(Path::new("/data/stray"), true).unwrap();
    let data = catalog(&fs).unwrap();
    assert_eq!(data.list().unwrap(), [""; 0]);
    assert!(data.warnings()[0].contains("/data/stray"));
    assert!(matches!(
        data.open_database("stray", false),
        Err(Error::NotFound { .. })
    ));
    assert!(data.open_database("stray", true).is_err());
}

#[test]
fn a_database_keeps_its_log_id_and_older_ones_are_given_one() {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let log = db.info().unwrap().log;
    assert_eq!(log.len(), 32);
    write(&db).unwrap();
    db.close();
    let log_of = |fs: &SimFs| {
        let db = open(fs)?;
        let log = db.info()?.log;
        db.close();
        Ok::<_, Error>(log)
    };
    assert_eq!(log_of(&fs).unwrap(), log);

    let path = Path::new(DIR).join("IDENTITY");
    let image = fs.now();
    let older = SimFs::of(image.without_file(&path));
    let given = log_of(&older).unwrap();
    assert_ne!(given, log);
    assert_eq!(log_of(&older).unwrap(), given);

    let other = SimFs::new();
    open(&other).unwrap().close();
    assert_ne!(log_of(&other).unwrap(), log);
    let identity = |image: &Image| {
        let files = image.files();
        files.into_iter().find(|(name, _)| *name == path).unwrap().1
    };
    let foreign = image.with_file(&path, identity(&other.now()));
    let cut = image.with_file(&path, identity(&image)[..40].to_vec());
    for wrong in [foreign, cut] {
        let refused = log_of(&SimFs::of(wrong)).unwrap_err();
        let named = matches!(&refused, Error::Corrupt { path: named, .. } if *named == path);
        assert!(named, "{refused}");
    }
}
