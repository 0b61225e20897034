//! What the operating system says of this process, and of disks, as Linux has it.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use formdb_engine::fs::{FileSystem, RealFileSystem};

/// Files that are open, and how many may be; bytes of memory in use; seconds of CPU time, and
/// the start in seconds since the epoch. What the system does not say is nil.
type ProcessFigures = (
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<f64>,
    Option<f64>,
);

#[rustler::nif(schedule = "DirtyIo")]
fn process_figures() -> ProcessFigures {
    let (cpu, start) = times().unzip();
    (open_files(), max_files(), resident_bytes(), cpu, start)
}

/// Free and all bytes of the disk that `path` lies on, or nil.
#[rustler::nif(schedule = "DirtyIo")]
fn disk_space(path: &str) -> Option<(u64, u64)> {
    let space = RealFileSystem.space(Path::new(path)).ok()?;
    Some((space.free, space.total))
}

/// Whether standard output goes to a terminal.
#[rustler::nif]
fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Linux says it as the size of the folder since 6.2; before that they are counted.
fn open_files() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        // The folder that is read is among them.
        0 => Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1)),
        files => Some(files),
    }
}

fn max_files() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it writes to `limit` alone.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (done == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * system(libc::_SC_PAGESIZE)?)
}

/// Seconds of CPU time, and the start.
fn times() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything. Fields are numbered from 1
    // (proc(5)), and this is the third.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let tick = system(libc::_SC_CLK_TCK)? as f64;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let cpu = (field(14)? + field(15)?) / tick;
    Some((cpu, boot.trim().parse::<f64>().ok()? + field(22)? / tick))
}

fn system(name: libc::c_int) -> Option<u64> {
    // SAFETY: it only reads.
    u64::try_from(unsafe { libc::sysconf(name) }).ok()
}
