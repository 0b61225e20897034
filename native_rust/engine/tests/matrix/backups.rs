//! Backups: whatever happens while one is taken or restored, the database it is of is not
//! harmed, and what is there is a whole backup, a whole database, or none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use formdb_engine::fs::FileSystem;
use formdb_engine::{
    BackupCheck, BackupOptions, BackupReport, Cancel, Catalog, Database, EntryQuery, Error, Limits,
    LoadReport, RestoreOptions, RestoreReport, back_up, dump, list_backups, load_dump, restore,
    verify, verify_backup,
};

use super::ask::text;
use super::disk::{EIO, ENOSPC, Fault, Image, Pages, SimFs};
use super::image::crash_points;
use super::workload::{DIR, Workload, limits, open, open_with};
use super::{in_parallel, random, report, seeds};

const BACKUPS: &str = "/data/backups";
const RESTORED: &str = "/data/restored";

fn backup(name: &str) -> PathBuf {
    Path::new(BACKUPS).join(name)
}

fn options() -> BackupOptions {
    BackupOptions {
        database: "db".into(),
        folders: vec!["webhooks".into()],
        ..BackupOptions::default()
    }
}

fn take(db: &Database, name: &str) -> Result<BackupReport, Error> {
    db.back_up(&backup(name), &options(), &mut |_| ())
}

fn check(fs: &SimFs, name: &str) -> Result<BackupCheck, Error> {
    verify_backup(fs, &backup(name), &Cancel::default(), &mut |_| ())
}

fn restore_to(
    fs: &SimFs,
    name: &str,
    to: &str,
    until: Option<u64>,
) -> Result<RestoreReport, Error> {
    let fs: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let options = RestoreOptions {
        until,
        ..RestoreOptions::default()
    };
    restore(&fs, &backup(name), Path::new(to), &options, &mut |_| ())
}

fn write(db: &Database, workload: &Workload, from: usize, to: usize) -> Result<(), Error> {
    for n in from..to {
        db.write_transaction(workload.prepare(db, n)?)?;
    }
    Ok(())
}

/// A side file, as the server that has the database open writes it.
fn side_file(fs: &SimFs, bytes: &[u8]) {
    let dir = Path::new(DIR).join("webhooks");
    let path = dir.join("hook.state");
    fs.create_dir(&dir).unwrap();
    let there = fs.kind(&path).is_ok();
    let file = fs.open(&path, !there).unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    fs.sync_dir(&dir).unwrap();
    fs.sync_dir(Path::new(DIR)).unwrap();
}

/// A disk with a database of `first` transactions, of which there is a backup `one`, and
/// then `second`.
fn filled(workload: &Workload, first: usize, second: usize) -> (SimFs, Database) {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    side_file(&fs, b"{\"dead_letters\":[]}");
    write(&db, workload, 0, first).unwrap();
    take(&db, "one").unwrap();
    write(&db, workload, first, second).unwrap();
    (fs, db)
}

/// That the backup holds what the database held after so many transactions.
fn holds(fs: &SimFs, name: &str, workload: &Workload, transactions: usize) -> Result<(), String> {
    let found = check(fs, name).map_err(text)?;
    let seq = workload.models[transactions].seq;
    if found.manifest.tree_size != seq {
        return Err(format!("{} blocks, not {seq}", found.manifest.tree_size));
    }
    let made = restore_to(fs, name, RESTORED, None).map_err(text)?;
    is_whole(fs, &made, workload, transactions)
}

fn open_at(fs: &SimFs, dir: &str) -> Result<Database, Error> {
    Database::open(Arc::new(fs.clone()), Path::new(dir), limits())
}

/// That what was restored is the database after so many transactions.
fn is_whole(
    fs: &SimFs,
    made: &RestoreReport,
    workload: &Workload,
    transactions: usize,
) -> Result<(), String> {
    let sound = verify(fs, Path::new(RESTORED), &mut |_| ()).map_err(text)?;
    if !sound.is_sound() || sound.root != made.root {
        return Err(format!("not sound: {sound:?}"));
    }
    let db = open_at(fs, RESTORED).map_err(text)?;
    let info = db.info().map_err(text)?;
    if info.root != made.root || info.log != made.log || info.log == made.manifest.log {
        return Err(format!("{info:?} of {made:?}"));
    }
    workload.compare(&db, transactions)?;
    // It goes on.
    write(&db, workload, transactions, transactions + 1).map_err(text)?;
    workload.compare(&db, transactions + 1)?;
    db.close();
    Ok(())
}

#[test]
fn a_backup_has_what_was_durable_and_later_ones_copy_what_is_new() {
    let began = Instant::now();
    let mut links = 0;
    for seed in seeds(4) {
        let workload = Workload::synced(seed, 41);
        let (fs, db) = filled(&workload, 20, 24);
        let whole = check(&fs, "one").unwrap().manifest.bytes();
        let two = take(&db, "two").unwrap();
        assert_eq!(two.previous.as_deref(), Some("one"), "seed {seed}");
        assert_eq!(two.linked_bytes + two.copied_bytes, two.bytes);
        assert!(two.copied_bytes < whole, "seed {seed}: {two:?} of {whole}");
        write(&db, &workload, 24, 40).unwrap();
        let three = take(&db, "three").unwrap();
        assert!(three.linked_bytes > two.linked_bytes, "{three:?}");
        links += three.linked_bytes as usize;
        let listed = list_backups(&fs, Path::new(BACKUPS)).unwrap();
        let listed = listed.iter().map(|found| {
            let manifest = found.manifest.as_ref().unwrap();
            (&*found.name, manifest.tree_size)
        });
        let seq = |n: usize| workload.models[n].seq;
        let wanted = [("one", seq(20)), ("three", seq(40)), ("two", seq(24))];
        assert_eq!(listed.collect::<Vec<_>>(), wanted);
        assert!(matches!(take(&db, "two"), Err(Error::Invalid { .. })));
        db.close();
        // The same of one that is closed, into another folder: nothing is there to link to.
        let closed: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let apart = Path::new("/data/apart/closed");
        let made = back_up(&closed, Path::new(DIR), apart, &options(), &mut |_| ()).unwrap();
        assert_eq!((made.tree_size, made.root), (three.tree_size, three.root));
        let check = verify_backup(&fs, apart, &Cancel::default(), &mut |_| ());
        assert_eq!(
            check.unwrap().manifest.root,
            formdb_engine::to_hex(&three.root)
        );
        for (name, n) in [("one", 20), ("two", 24), ("three", 40)] {
            let copy = fs.copy();
            holds(&copy, name, &workload, n).unwrap_or_else(|e| panic!("seed {seed}, {name}: {e}"));
            let state = Path::new(RESTORED).join("webhooks/hook.state");
            assert!(copy.files().iter().any(|(path, _)| *path == state));
        }
    }
    report("backups", began, &[("bytes linked", links)]);
}

#[test]
fn a_restore_ends_with_the_last_whole_transaction_before_what_is_asked() {
    let began = Instant::now();
    let mut tried = 0;
    for seed in seeds(2) {
        let workload = Workload::synced(seed, 30);
        // Groups of several transactions, too: written at once.
        let fs = SimFs::new();
        let db = open(&fs).unwrap();
        write(&db, &workload, 0, 29).unwrap();
        let roots: Vec<_> = (0..29)
            .map(|n| {
                db.tree_head(Some(workload.models[n].seq))
                    .map(|head| head.root)
            })
            .collect();
        take(&db, "one").unwrap();
        db.close();
        let last = workload.models[29].seq;
        let asked: Vec<u64> = (0..=last).collect();
        tried += asked.len();
        in_parallel(&asked, |until| {
            let fs = fs.copy();
            let made = restore_to(&fs, "one", RESTORED, Some(*until)).unwrap();
            let n = workload.models.partition_point(|model| model.seq <= *until) - 1;
            assert_eq!(made.tree_size, workload.models[n].seq, "until {until}");
            if let Some(Ok(root)) = roots.get(n) {
                assert_eq!(made.root, *root, "until {until}");
            }
            is_whole(&fs, &made, &workload, n).unwrap_or_else(|e| panic!("until {until}: {e}"));
            0_usize
        });
        let beyond = restore_to(&fs, "one", RESTORED, Some(last + 1)).unwrap_err();
        assert_eq!(beyond.pointer(), Some("/until"), "{beyond}");
        let taken = restore_to(&fs, "one", DIR, None).unwrap_err();
        assert_eq!(taken.pointer(), Some("/to"), "{taken}");
        let none = restore_to(&fs, "none", RESTORED, None).unwrap_err();
        assert_eq!(none.code(), "backup_not_found");
        assert!(fs.kind(Path::new(RESTORED)).is_err());
    }
    report("restores to a sequence", began, &[("sequences", tried)]);
}

#[test]
fn a_crash_while_a_backup_is_taken_leaves_all_of_it_or_nothing() {
    let began = Instant::now();
    let mut sums = (0, 0);
    for seed in seeds(2) {
        let workload = Workload::synced(seed, 33);
        let (fs, db) = filled(&workload, 20, 26);
        let from = fs.changes();
        let made = take(&db, "two").unwrap();
        assert!(made.linked_bytes > 0);
        let acked = fs.changes();
        write(&db, &workload, 26, 30).unwrap();
        db.close();
        let (before, log) = fs.history();
        let points = crash_points(before, &log);
        let points: Vec<_> = points.into_iter().filter(|p| p.number >= from).collect();
        sums.0 += points.len();
        sums.1 += in_parallel(&points, |point| {
            let crashed = point.images(8, seed).into_iter();
            let crashed = crashed.map(|(fates, image)| (SimFs::of(image), format!("{fates:?}")));
            let killed = std::iter::once((point.killed(), "killed".to_owned()));
            let mut images = 0;
            for (fs, fates) in crashed.chain(killed) {
                let check = || -> Result<(), String> {
                    let there = fs.kind(&backup("two")).is_ok();
                    if point.number >= acked && !there {
                        return Err("the backup is gone".into());
                    }
                    if there {
                        holds(&fs.copy(), "two", &workload, 26)?;
                    }
                    holds(&fs.copy(), "one", &workload, 20)?;
                    let db = open(&fs).map_err(text)?;
                    let n = workload.transactions_in(db.info().map_err(text)?.seq)?;
                    if n < 26 {
                        return Err(format!("{n} transactions are left of the database"));
                    }
                    workload.compare(&db, n)?;
                    // What was left of it is in nobody's way.
                    take(&db, "three").map_err(text)?;
                    db.close();
                    let names = fs.list(Path::new(BACKUPS)).map_err(|e| e.to_string())?;
                    match names.iter().find(|name| name.starts_with('.')) {
                        Some(left) => Err(format!("{left} is left")),
                        None => holds(&fs, "three", &workload, n),
                    }
                };
                check().unwrap_or_else(|e| panic!("seed {seed}, {} {fates}: {e}", point.number));
                images += 1;
            }
            images
        });
    }
    report(
        "crashes of backups",
        began,
        &[("points", sums.0), ("images", sums.1)],
    );
}

#[test]
fn a_crash_while_a_backup_is_restored_leaves_all_of_it_or_nothing() {
    let began = Instant::now();
    let mut sums = (0, 0);
    for (seed, until) in seeds(2).zip([None, Some(18)].into_iter().cycle()) {
        let workload = Workload::synced(seed, 33);
        let (fs, db) = filled(&workload, 20, 22);
        db.close();
        let from = fs.changes();
        let until = until.map(|n: usize| workload.models[n].seq);
        let made = restore_to(&fs, "one", RESTORED, until).unwrap();
        let transactions = workload.transactions_in(made.tree_size).unwrap();
        let (before, log) = fs.history();
        let acked = log.len();
        let points = crash_points(before, &log);
        let points: Vec<_> = points.into_iter().filter(|p| p.number >= from).collect();
        sums.0 += points.len();
        sums.1 += in_parallel(&points, |point| {
            let crashed = point.images(8, seed).into_iter();
            let crashed = crashed.map(|(fates, image)| (SimFs::of(image), format!("{fates:?}")));
            let killed = std::iter::once((point.killed(), "killed".to_owned()));
            let mut images = 0;
            for (fs, fates) in crashed.chain(killed) {
                let check = || -> Result<(), String> {
                    match fs.kind(Path::new(RESTORED)).is_ok() {
                        true => is_whole(&fs.copy(), &made, &workload, transactions)?,
                        false if point.number >= acked => return Err("it is gone".into()),
                        false => {
                            let made = restore_to(&fs, "one", RESTORED, until).map_err(text)?;
                            is_whole(&fs, &made, &workload, transactions)?;
                            if let Some(left) = hidden(&fs, "/data") {
                                return Err(format!("{left} is left"));
                            }
                        }
                    }
                    check(&fs, "one").map(drop).map_err(text)
                };
                check().unwrap_or_else(|e| panic!("seed {seed}, {} {fates}: {e}", point.number));
                images += 1;
            }
            images
        });
    }
    report(
        "crashes of restores",
        began,
        &[("points", sums.0), ("images", sums.1)],
    );
}

/// What lies under a hidden name.
fn hidden(fs: &SimFs, dir: &str) -> Option<String> {
    let names = fs.list(Path::new(dir)).unwrap();
    names.into_iter().find(|name| name.starts_with('.'))
}

/// What a server does that starts, and ends.
fn start(fs: &SimFs) -> Catalog {
    Catalog::open(Arc::new(fs.clone()), Path::new("/data"), limits()).unwrap()
}

/// Something that makes a folder on a disk, and looks whether that is whole.
type Maker<'m> = &'m (dyn Fn(&SimFs) + Sync);

#[test]
fn who_sweeps_while_something_is_made_takes_nothing_from_it() {
    let began = Instant::now();
    let workload = Workload::synced(2, 33);
    let (fs, db) = filled(&workload, 20, 22);
    let mut lines = Vec::new();
    db.dump("db", &mut lines, &Cancel::default(), &mut |_| ())
        .unwrap();
    db.close();
    let image = fs.now();
    let make: [(&str, Maker); 4] = [
        ("restore", &|fs| {
            let made = restore_to(fs, "one", RESTORED, None).unwrap();
            is_whole(fs, &made, &workload, 20).unwrap();
        }),
        ("load", &|fs| {
            let files: Arc<dyn FileSystem> = Arc::new(fs.clone());
            load(&files, &lines).unwrap();
            let db = open_at(fs, RESTORED).unwrap();
            workload.compare(&db, 22).unwrap();
            db.close();
        }),
        ("backup", &|fs| {
            let files: Arc<dyn FileSystem> = Arc::new(fs.clone());
            back_up(
                &files,
                Path::new(DIR),
                &backup("two"),
                &options(),
                &mut |_| (),
            )
            .unwrap();
            check(fs, "two").unwrap();
        }),
        ("create", &|fs| open_at(fs, "/data/fresh").unwrap().close()),
    ];
    let mut swept = 0;
    for (what, make) in make {
        let calm = SimFs::of(image.clone());
        make(&calm);
        let changes: Vec<_> = (0..calm.changes()).collect();
        swept += in_parallel(&changes, |at| {
            let fs = SimFs::of(image.clone());
            fs.meanwhile(*at, |fs| {
                drop(start(fs));
                // Another backup beside it.
                let files: Arc<dyn FileSystem> = Arc::new(fs.clone());
                let db = Path::new("/data/other");
                Database::open(Arc::clone(&files), db, limits())
                    .unwrap()
                    .close();
                back_up(&files, db, &backup("beside"), &options(), &mut |_| ()).unwrap();
            });
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&fs)));
            assert!(made.is_ok(), "{what}, swept before change {at}");
            check(&fs, "beside").unwrap();
            assert_eq!(hidden(&fs, "/data"), None, "{what}, {at}");
            assert_eq!(hidden(&fs, BACKUPS), None, "{what}, {at}");
            1_usize
        });
    }
    report("sweeps beside making", began, &[("sweeps", swept)]);
}

#[test]
fn what_killed_ones_left_goes_with_the_next_and_does_not_add_up() {
    let workload = Workload::synced(1, 30);
    let (fs, db) = filled(&workload, 20, 22);
    db.close();
    let from = fs.changes();
    restore_to(&fs, "one", RESTORED, None).unwrap();
    let (before, log) = fs.history();
    let points = crash_points(before, &log);
    let killed = points.iter().filter(|point| point.number > from + 8);
    let fs = killed.map(|point| point.killed()).next().unwrap();
    let left = hidden(&fs, "/data").unwrap();
    // Who makes something else leaves it to the server.
    restore_to(&fs, "one", "/data/elsewhere", None).unwrap();
    assert_eq!(hidden(&fs, "/data").as_ref(), Some(&left));
    let beside = fs.copy();
    drop(start(&beside));
    assert_eq!(hidden(&beside, "/data"), None);
    restore_to(&fs, "one", RESTORED, None).unwrap();
    assert_eq!(hidden(&fs, "/data"), None);
}

#[test]
fn what_is_not_ours_stays_whatever_it_is_called() {
    let workload = Workload::synced(1, 30);
    let (fs, db) = filled(&workload, 20, 22);
    db.close();
    let digits = "0123456789abcdef0123456789abcdef";
    let mut strangers = Vec::new();
    for dir in ["/data", BACKUPS, "/data/home"] {
        let dir = Path::new(dir);
        fs.create_dir(dir).unwrap();
        for prefix in [".new-", ".purged-"] {
            let file = dir.join(format!("{prefix}{digits}"));
            fs.open(&file, true).unwrap();
            strangers.push(file);
            let file = dir.join(format!("{prefix}notes.txt"));
            fs.open(&file, true).unwrap();
            strangers.push(file);
            for name in [format!("{}0", &digits[1..]), "photos".into()] {
                let folder = dir.join(format!("{prefix}{name}"));
                fs.create_dir(&folder).unwrap();
                strangers.push(folder.join("precious"));
                fs.open(&folder.join("precious"), true).unwrap();
            }
        }
    }
    let files: Arc<dyn FileSystem> = Arc::new(fs.clone());
    for to in ["/data/home/one", "/data/backups/two", "/data/three"] {
        back_up(
            &files,
            Path::new(DIR),
            Path::new(to),
            &options(),
            &mut |_| (),
        )
        .unwrap();
    }
    restore_to(&fs, "one", "/data/home/restored", None).unwrap();
    restore_to(&fs, "one", RESTORED, None).unwrap();
    for dir in [BACKUPS, "/data/home"] {
        assert!(fs.kind(&Path::new(dir).join("LOCK")).is_err(), "{dir}");
    }
    assert!(fs.kind(&backup("two").join("LOCK")).is_err());
    let data = start(&fs);
    assert_eq!(data.warnings().len(), 8, "{:?}", data.warnings());
    for path in strangers {
        assert!(fs.kind(&path).is_ok(), "{} is gone", path.display());
    }
}

#[test]
fn nothing_is_made_within_a_database_or_a_backup_or_without_a_name() {
    let workload = Workload::synced(1, 30);
    let (fs, db) = filled(&workload, 20, 22);
    db.close();
    let before = fs.now();
    let files: Arc<dyn FileSystem> = Arc::new(fs.clone());
    for (to, said) in [
        (
            "/data/backups/one/in",
            "within the backup /data/backups/one,",
        ),
        (
            "/data/backups/one/files/new/in",
            "within the backup /data/backups/one,",
        ),
        ("/data/db/in", "within the database /data/db,"),
        ("/data/db/journal/in", "within the database /data/db,"),
        ("", "is empty"),
    ] {
        let to = Path::new(to);
        let options = options();
        let refused = [
            restore(
                &files,
                &backup("one"),
                to,
                &RestoreOptions::default(),
                &mut |_| (),
            )
            .err(),
            back_up(&files, Path::new(DIR), to, &options, &mut |_| ()).err(),
            load_dump(
                &files,
                &mut &b""[..],
                to,
                &Cancel::default(),
                &mut |_, _| (),
            )
            .err(),
        ];
        for refused in refused {
            let refused = refused.unwrap();
            assert_eq!(refused.pointer(), Some("/to"));
            assert!(refused.to_string().contains(said), "{refused}");
        }
        assert!(fs.now() == before, "{}", to.display());
    }
}

/// The operations from one count to another, each to fail once and for ever.
fn faults(from: (usize, usize, usize), to: (usize, usize, usize)) -> Vec<Fault> {
    let change = |at, for_ever, errno| Fault::Change {
        at,
        for_ever,
        errno,
        partial: true,
    };
    let read = |at, for_ever| Fault::Read {
        at,
        for_ever,
        errno: EIO,
    };
    let mut all = Vec::new();
    for at in from.0..to.0 {
        all.extend([change(at, false, EIO), change(at, true, ENOSPC)]);
    }
    for at in from.1..to.1 {
        all.extend([read(at, false), read(at, true)]);
    }
    // A disk that takes back what it had of a sealed segment harms that, whoever asked.
    let pages = Pages::Kept;
    all.extend((from.2..to.2).map(|at| Fault::Sync { at, pages }));
    all
}

#[test]
fn what_fails_while_a_backup_is_taken_or_restored_fails_that_alone() {
    let began = Instant::now();
    let mut sums = (0, 0);
    for seed in seeds(1) {
        let workload = Workload::synced(seed, 29);
        let run = |fault: Option<Fault>| {
            let (fs, db) = filled(&workload, 20, 26);
            let before = fs.tried();
            if let Some(fault) = fault {
                fs.inject(fault);
            }
            let taken = take(&db, "two");
            let restored = restore_to(&fs, "one", RESTORED, None);
            (fs, db, before, taken.err(), restored.err())
        };
        let (fs, _db, before, ..) = run(None);
        let all = faults(before, fs.tried());
        sums.0 += all.len();
        sums.1 += in_parallel(&all, |fault| {
            let (fs, db, _, taken, restored) = run(Some(*fault));
            let failed = fs.failed() > 0;
            fs.inject(Fault::Read {
                at: usize::MAX,
                for_ever: false,
                errno: EIO,
            });
            let check = || -> Result<(), String> {
                // The database takes writes as before.
                write(&db, &workload, 26, 27).map_err(text)?;
                workload.compare(&db, 27)?;
                // One whose name may not last failed, too, and is whole as long as it is there.
                let there = fs.kind(&backup("two")).is_ok();
                if !there && taken.is_none() {
                    return Err("there is no backup".into());
                }
                let name = match there {
                    true => "two",
                    false => "one",
                };
                check(&fs, name).map_err(text)?;
                take(&db, "three").map_err(text)?;
                check(&fs, "three").map_err(text)?;
                db.close();
                match fs.kind(Path::new(RESTORED)).is_ok() {
                    true => {}
                    false if restored.is_some() => {
                        restore_to(&fs, "one", RESTORED, None).map_err(text)?;
                    }
                    false => return Err("nothing is restored".into()),
                }
                let restored = open_at(&fs, RESTORED).map_err(text)?;
                workload.compare(&restored, 20)
            };
            check().unwrap_or_else(|e| panic!("seed {seed}, {fault:?}: {e}"));
            usize::from(failed && (taken.is_some() || restored.is_some()))
        });
    }
    assert!(sums.1 > sums.0 / 2, "{sums:?}");
    report(
        "failures of backups",
        began,
        &[("faults", sums.0), ("told", sums.1)],
    );
}

/// Images with one byte of one file below `dir` changed, and others with a file less or cut.
fn damages(image: &Image, dir: &Path) -> Vec<(String, Image)> {
    let mut out = Vec::new();
    for (path, bytes) in image.files() {
        if !path.starts_with(dir) {
            continue;
        }
        let name = path.display();
        let step = (bytes.len() / 60).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            out.push((
                format!("byte {at} of {name}"),
                image.with_file(&path, damaged),
            ));
        }
        let cut = bytes[..bytes.len() / 2].to_vec();
        out.push((format!("half of {name}"), image.with_file(&path, cut)));
        out.push((format!("without {name}"), image.without_file(&path)));
        let longer = [&bytes[..], b"x"].concat();
        out.push((format!("{name} and more"), image.with_file(&path, longer)));
    }
    out
}

#[test]
fn damage_anywhere_in_a_backup_is_found_by_who_verifies_and_who_restores() {
    let began = Instant::now();
    let workload = Workload::synced(3, 21);
    let (fs, db) = filled(&workload, 20, 20);
    db.close();
    let all = damages(&fs.now(), &backup("one"));
    let found = in_parallel(&all, |(what, image)| {
        let fs = SimFs::of(image.clone());
        for error in [
            check(&fs, "one").map(drop).unwrap_err(),
            restore_to(&fs, "one", RESTORED, None)
                .map(drop)
                .unwrap_err(),
        ] {
            let codes = ["journal_corrupt", "backup_not_found"];
            assert!(codes.contains(&error.code()), "{what}: {error}");
        }
        assert!(fs.kind(Path::new(RESTORED)).is_err(), "{what}");
        1_usize
    });
    // What nobody wrote down is no part of it.
    let stray = backup("one").join("files/journal/00000000000000009999.journal");
    let stray = fs.with_file(&stray, b"stray".to_vec());
    assert_eq!(check(&stray, "one").unwrap_err().code(), "journal_corrupt");
    report("damaged backups", began, &[("damages found", found)]);
}

#[test]
fn a_backup_that_has_lost_its_manifest_is_listed_as_damaged() {
    let (fs, db) = filled(&Workload::synced(3, 21), 20, 20);
    db.close();
    let lost = fs.now().without_file(&backup("one").join("MANIFEST.json"));
    let fs = SimFs::of(lost);
    // A folder is no backup of ours while its name is hidden; a file is none at all.
    fs.create_dir(&backup(".new-1")).unwrap();
    let fs = fs.with_file(&backup("note.txt"), b"mine".to_vec());
    let listed = list_backups(&fs, Path::new(BACKUPS)).unwrap();
    let [found] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!(found.name, "one");
    let error = found.manifest.as_ref().unwrap_err();
    assert_eq!(error.code(), "journal_corrupt");
    assert!(error.to_string().contains("MANIFEST.json"), "{error}");
}

#[test]
fn what_is_damaged_in_a_backup_is_not_in_the_next_one() {
    let workload = Workload::synced(3, 31);
    let (fs, db) = filled(&workload, 20, 29);
    db.close();
    let journal = backup("one").join("files/journal");
    let mut mended = 0;
    for (path, bytes) in fs.files() {
        if !path.starts_with(&journal) || bytes.len() < 400 {
            continue;
        }
        for damaged in [
            [&bytes[..300], &[bytes[300] ^ 4], &bytes[301..]].concat(),
            bytes[..300].to_vec(),
        ] {
            // By another file than the database's own, which may be the same by a second name.
            let image = fs.now().without_file(&path);
            let fs = SimFs::of(image.with_file(&path, damaged));
            let db = open(&fs).unwrap();
            let made = take(&db, "two").unwrap();
            db.close();
            let damaged = &made.previous_damaged;
            assert!(damaged.iter().all(|file| path.ends_with(file)), "{made:?}");
            mended += damaged.len();
            assert!(check(&fs, "one").is_err());
            holds(&fs, "two", &workload, 29).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
    assert!(mended > 0);
}

#[test]
fn a_damaged_database_has_no_backup_and_one_that_is_stopped_leaves_nothing() {
    let workload = Workload::synced(1, 30);
    let (fs, db) = filled(&workload, 20, 29);
    let stopped = Cancel::default();
    stopped.cancel();
    let options = BackupOptions {
        cancel: stopped,
        ..options()
    };
    let error = db
        .back_up(&backup("two"), &options, &mut |_| ())
        .unwrap_err();
    assert_eq!(error.code(), "cancelled");
    assert_eq!(names(&fs), ["one"]);
    db.close();
    let segments = fs.files().into_iter().filter(|(path, _)| {
        path.starts_with(Path::new(DIR).join("journal")) && path.extension().is_some()
    });
    for (path, bytes) in segments {
        let mut damaged = bytes.clone();
        // Within its first group.
        damaged[300] ^= 4;
        let fs = fs.with_file(&path, damaged);
        let closed: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let error = back_up(
            &closed,
            Path::new(DIR),
            &backup("two"),
            &self::options(),
            &mut |_| (),
        );
        assert_eq!(error.unwrap_err().code(), "journal_corrupt");
        assert_eq!(names(&fs), ["one"]);
    }
}

#[test]
fn a_dump_makes_the_same_blocks_again_and_nothing_of_one_that_was_changed() {
    let began = Instant::now();
    let mut refused = 0;
    for seed in seeds(4) {
        let workload = Workload::synced(seed, 41);
        let (fs, db) = filled(&workload, 20, 40);
        let mut text = Vec::new();
        let head = db
            .dump("db", &mut text, &Cancel::default(), &mut |_| ())
            .unwrap();
        let info = db.info().unwrap();
        assert_eq!((head.tree_size, &head.log), (info.seq, &info.log));
        let mut blocks = db.entries(&all(), &db.budget(Cancel::default())).unwrap();
        db.close();
        let to_fs: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let mut closed = Vec::new();
        dump(
            &to_fs,
            Path::new(DIR),
            "db",
            &mut closed,
            &Cancel::default(),
            &mut |_| (),
        )
        .unwrap();
        assert!(text == closed, "seed {seed}: a closed one has another dump");
        let made = load(&to_fs, &text).unwrap();
        let sound = verify(&fs, Path::new(RESTORED), &mut |_| ()).unwrap();
        assert!(sound.is_sound() && sound.root == info.root, "{sound:?}");
        let db = open_at(&fs, RESTORED).unwrap();
        assert_eq!(db.log(), made.log);
        assert_ne!(made.log, info.log);
        workload.compare(&db, 40).unwrap();
        let again = db.entries(&all(), &db.budget(Cancel::default())).unwrap();
        assert!(
            again.json == std::mem::take(&mut blocks.json),
            "seed {seed}: other entries"
        );
        write(&db, &workload, 40, 41).unwrap();
        db.close();
        refused += damaged_dumps(&text, seed);
    }
    report("dumps", began, &[("changed ones refused", refused)]);
}

fn all() -> EntryQuery {
    EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    }
}

fn load(fs: &Arc<dyn FileSystem>, mut text: &[u8]) -> Result<LoadReport, Error> {
    load_dump(
        fs,
        &mut text,
        Path::new(RESTORED),
        &Cancel::default(),
        &mut |_, _| (),
    )
}

/// Lines left out, exchanged, repeated and cut, and characters changed.
fn damaged_dumps(text: &[u8], seed: u64) -> usize {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut all: Vec<Vec<u8>> = vec![Vec::new(), text[..text.len() - 1].to_vec()];
    for n in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(n);
        let mut twice = lines.clone();
        twice.insert(n, lines[n]);
        all.extend([without.concat(), twice.concat(), lines[..n].concat()]);
        if n > 0 {
            let mut exchanged = lines.clone();
            exchanged.swap(n - 1, n);
            all.push(exchanged.concat());
        }
    }
    let mut state = seed;
    for _ in 0..200 {
        let mut changed = text.to_vec();
        let at = random(&mut state) as usize % text.len();
        changed[at] ^= 1 << (random(&mut state) % 7);
        // Of a line the bytes and their hash are read, and of the first one all but names.
        let before = &text[..at];
        let line = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |n| n + 1);
        let start = text[line..].windows(8).position(|w| w == b"\"cbor\":\"");
        if start.is_some_and(|start| at >= line + start + 8) {
            all.push(changed);
        }
    }
    for text in &all {
        let fs: Arc<dyn FileSystem> = Arc::new(SimFs::new());
        let error = load(&fs, text).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(fs.list(Path::new("/data")).unwrap().is_empty(), "{error}");
    }
    all.len()
}

fn names(fs: &SimFs) -> Vec<String> {
    let mut names = fs.list(Path::new(BACKUPS)).unwrap();
    names.sort();
    names
}

#[test]
fn an_empty_database_has_a_backup() {
    let fs = SimFs::new();
    let db = open_with(&fs, Limits::default()).unwrap();
    let made = take(&db, "one").unwrap();
    assert_eq!(made.tree_size, 0);
    let workload = Workload::synced(1, 1);
    holds(&fs, "one", &workload, 0).unwrap();
}
