//! Dumps to files and databases made of them, on threads of their own, as backups are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use formdb_engine::{Cancel, DumpHead, Error, InvalidCode, Progress, Result, dump, load_dump};
use rustler::{Env, NifMap, Term};

use crate::CatalogRef;
use crate::backups::{files, in_background};
use crate::new_file::NewFile;

/// `DumpHead` as a map.
#[derive(NifMap)]
struct HeadMap {
    database: String,
    log: String,
    seq: u64,
    root: String,
}

impl From<DumpHead> for HeadMap {
    fn from(head: DumpHead) -> Self {
        Self {
            database: head.database,
            log: head.log,
            seq: head.tree_size,
            root: head.root,
        }
    }
}

/// `LoadReport` as a map; `log` is that of the database that was made.
#[derive(NifMap)]
struct LoadedMap {
    dump: HeadMap,
    log: String,
    seq: u64,
    root: String,
    transactions: u64,
}

/// Of a database that is open in the catalog.
#[rustler::nif]
fn dump_open<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: String,
    to: String,
    reference: Term<'a>,
) -> Term<'a> {
    let catalog = Arc::clone(&catalog.0);
    in_background(env, reference, move |cancel, progress| {
        let database = catalog.database(&name)?;
        written(Path::new(&to), |out| {
            database.dump(&name, out, &cancel, progress)
        })
    })
}

/// Of a folder that nobody has open.
#[rustler::nif]
fn dump_closed<'a>(
    env: Env<'a>,
    from: String,
    name: String,
    to: String,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, reference, move |cancel, progress| {
        let from = PathBuf::from(from);
        written(Path::new(&to), |out| {
            dump(&files(), &from, &name, out, &cancel, progress)
        })
    })
}

/// Progress is told in blocks.
#[rustler::nif]
fn dump_load<'a>(env: Env<'a>, from: String, to: String, reference: Term<'a>) -> Term<'a> {
    in_background(env, reference, move |cancel, progress| {
        load(Path::new(&from), Path::new(&to), &cancel, progress)
    })
}

fn load(
    from: &Path,
    to: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<LoadedMap> {
    let file = File::open(from).map_err(|e| Error::io("open", from, e))?;
    let mut lines = BufReader::with_capacity(1 << 20, file);
    let mut tell = |done, total| progress(Progress { done, total });
    let report = load_dump(&files(), &mut lines, to, cancel, &mut tell)?;
    Ok(LoadedMap {
        log: report.log,
        seq: report.head.tree_size,
        root: report.head.root.clone(),
        transactions: report.transactions,
        dump: report.head.into(),
    })
}

/// The standard output of this process. Its file is not opened by this name: who may write to
/// a pipe that was handed over may not open it.
const STDOUT: &str = "/dev/stdout";
/// How long to wait for room in a pipe.
const NAP: Duration = Duration::from_millis(1);

/// A file, or a pipe of which the VM has said that nobody waits for it.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(NAP),
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn standard_output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// What `work` writes to a new file, which is there only if all of it is; or to a pipe, to
/// standard output, or whatever else is no file with bytes of its own.
fn written(to: &Path, work: impl FnOnce(&mut dyn Write) -> Result<DumpHead>) -> Result<HeadMap> {
    let stdout = to == Path::new(STDOUT);
    let pipe = stdout || fs::metadata(to).is_ok_and(|found| !found.is_file() && !found.is_dir());
    let refused = |e: io::Error| match e.kind() {
        ErrorKind::AlreadyExists => {
            let detail = format!(
                "{} is there already, and nothing is written over: name a file that is not there",
                to.display()
            );
            Error::invalid(InvalidCode::Parameter, "/to", detail)
        }
        _ => Error::io("create", to, e),
    };
    let whole = match pipe {
        true => None,
        false => Some(NewFile::create(to).map_err(refused)?),
    };
    let file = match &whole {
        None if stdout => standard_output(),
        None => OpenOptions::new().write(true).open(to),
        Some(whole) => whole.file(),
    };
    let mut out = BufWriter::with_capacity(1 << 20, Patient(file.map_err(refused)?));
    let head = work(&mut out)?;
    if let Some(whole) = whole {
        whole.finish().map_err(refused)?;
    }
    Ok(head.into())
}
