//! A file that gets its name once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, linkat};

/// Files of this process that are open, by which one without a name is given one.
const OPEN: &str = "/proc/self/fd";

/// A new file. It has no name yet, so nothing is left of it where this process is killed;
/// where the file system has no such files it has a name that begins with its later one.
pub(crate) struct NewFile {
    file: File,
    to: PathBuf,
    part: Option<PathBuf>,
}

impl NewFile {
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where `to` is there.
    pub(crate) fn create(to: &Path) -> io::Result<Self> {
        refuse_taken(to)?;
        let made = |file, part| Self {
            file,
            to: to.to_owned(),
            part,
        };
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_TMPFILE);
        if Path::new(OPEN).is_dir()
            && let Ok(file) = options.open(around(to))
        {
            return Ok(made(file, None));
        }
        let mut part = to.as_os_str().to_owned();
        part.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&part)?;
        Ok(made(file, Some(part)))
    }

    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Give it its name, with all that was written to it, durably.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where something has that name by now.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        match &self.part {
            None => {
                let open = format!("{OPEN}/{}", self.file.as_raw_fd());
                linkat(CWD, open, CWD, &self.to, AtFlags::SYMLINK_FOLLOW)?;
            }
            Some(part) => {
                refuse_taken(&self.to)?;
                fs::rename(part, &self.to)?;
            }
        }
        self.part = None;
        File::open(around(&self.to))?.sync_all()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part);
        }
    }
}

fn refuse_taken(to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => Ok(()),
    }
}

fn around(to: &Path) -> &Path {
    match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
