//! What only reads works where nothing can be written: on a file system that is mounted
//! read-only, and on files of others that may only be read.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::{Descriptors, FileSystem, RealFileSystem};
use formdb_engine::{
    BackupOptions, Cancel, Database, Error, Limits, Reach, RestoreOptions, back_up, diagnose, dump,
    restore, salvage, verify, verify_backup,
};
use support::SimFs;

/// Small segments, so that there are sealed ones, with snapshots.
fn limits() -> Limits {
    Limits {
        segment_bytes: 4_096,
        snapshot_bytes: 2_500,
        ..Limits::default()
    }
}

/// A closed database `db` in `root` with several segments, and a backup `backup` of it.
fn fill(fs: &Arc<dyn FileSystem>, root: &Path) {
    let dir = root.join("db");
    let db = Database::open(Arc::clone(fs), &dir, limits()).unwrap();
    for n in 0..40 {
        let feature = format!(
            r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{n},1]}},"properties":{{"note":"{}"}}}}"#,
            "x".repeat(200)
        );
        let prepared = db.prepare_features(feature.as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    }
    db.close();
    let options = BackupOptions {
        database: "db".into(),
        ..BackupOptions::default()
    };
    back_up(fs, &dir, &root.join("backup"), &options, &mut |_| ()).unwrap();
}

/// Everything that only reads what lies in `root`; what it makes goes to `out`.
fn read_all(fs: &Arc<dyn FileSystem>, root: &Path, out: &Path) {
    let (db, backup) = (root.join("db"), root.join("backup"));
    let tell = &mut |_| ();
    let cancel = Cancel::default();
    let found = verify_backup(&**fs, &backup, &cancel, tell).unwrap();
    let seq = found.manifest.tree_size;
    assert!(verify(&**fs, &db, tell).unwrap().is_sound());
    assert!(diagnose(&**fs, &db).unwrap().opens);
    let options = RestoreOptions {
        until: Some(seq - 1),
        ..RestoreOptions::default()
    };
    let restored = restore(fs, &backup, &out.join("restored"), &options, tell).unwrap();
    assert_eq!(restored.tree_size, seq - 1);
    for (n, dir) in [db.clone(), backup.join("files")].iter().enumerate() {
        let mut lines = Vec::new();
        let head = dump(fs, dir, "db", &mut lines, &cancel, tell).unwrap();
        assert_eq!(head.tree_size, seq);
        let salvaged = out.join(format!("salvaged{n}"));
        let report = salvage(fs, dir, &salvaged, Reach::Beyond, tell).unwrap();
        assert_eq!(report.blocks, seq);
    }
    let again = out.join("again");
    back_up(fs, &db, &again, &BackupOptions::default(), tell).unwrap();
    verify_backup(&**fs, &again, &cancel, tell).unwrap();
    // What is copied can be written.
    for name in ["restored", "salvaged0", "salvaged1"] {
        let db = Database::open(Arc::clone(fs), &out.join(name), limits()).unwrap();
        db.close();
    }
    // A database that cannot be written is not opened.
    let refused = Database::open(Arc::clone(fs), &db, limits()).map(drop);
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
}

#[test]
fn a_read_only_mount_is_read() {
    for bounded in [false, true] {
        let disk = SimFs::new();
        let over = |disk: &SimFs| -> Arc<dyn FileSystem> {
            match bounded {
                true => Arc::new(Descriptors::new(Arc::new(disk.clone()), 2)),
                false => Arc::new(disk.clone()),
            }
        };
        let fs = over(&disk);
        let (root, out) = (Path::new("/data/ro"), Path::new("/data/out"));
        fs.create_dir(root).unwrap();
        fs.create_dir(out).unwrap();
        fill(&fs, root);
        disk.make_read_only(root);
        let below = |disk: &SimFs| {
            let mut files = disk.now().files();
            files.retain(|(path, _)| path.starts_with(root));
            files
        };
        let before = below(&disk);
        read_all(&fs, root, out);
        assert_eq!(below(&disk), before, "nothing of it was changed");
    }
}

/// Set the modes of a folder, of those below it, and of their files.
fn set_modes(dir: &Path, of_dirs: u32, of_files: u32) {
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(dir, 0o755);
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => set_modes(&path, of_dirs, of_files),
            false => mode(&path, of_files),
        }
    }
    mode(dir, of_dirs);
}

/// Somebody who owns nothing here.
const NOBODY: u32 = 65_534;

#[test]
fn files_that_may_only_be_read_are_read() {
    let tmp = tempfile::tempdir().unwrap();
    let (root, out) = (tmp.path().join("ro"), tmp.path().join("out"));
    for dir in [&root, &out] {
        std::fs::create_dir(dir).unwrap();
    }
    let fs: Arc<dyn FileSystem> = Arc::new(Descriptors::new(Arc::new(RealFileSystem), 0));
    fill(&fs, &root);
    set_modes(tmp.path(), 0o755, 0o644);
    set_modes(&root, 0o555, 0o444);
    let read = {
        let (root, out) = (root.clone(), out.clone());
        move || read_all(&fs, &root, &out)
    };
    // Root may write what nobody may: so a thread becomes somebody else, who owns none
    // of the files.
    let thread = match rustix::process::geteuid().is_root() {
        true => {
            std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
            std::thread::spawn(move || become_nobody().map(|()| read()))
        }
        false => std::thread::spawn(move || {
            read();
            Ok(())
        }),
    };
    let outcome = thread.join();
    set_modes(&root, 0o755, 0o644);
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(e)) => eprintln!("skipped: this process cannot act as another user: {e}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Act as a user without rights, in this thread and those that it starts.
fn become_nobody() -> std::io::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}
