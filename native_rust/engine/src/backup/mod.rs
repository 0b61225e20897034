//! Backups of databases, open or not: taking, verifying, listing and restoring them; and dumps,
//! which are their blocks as lines of JSON.
//! docs/FORMAT.md has what a backup's folder holds.

mod copying;
mod dump;
mod list;
mod load;
mod manifest;
mod restore;
mod source;
mod take;
mod target;
mod verify;

pub use dump::{DumpHead, dump};
pub use list::{ListedBackup, list_backups};
pub use load::{LoadReport, load_dump};
pub use manifest::{BackupFile, BackupManifest, BackupSegment};
pub use restore::{RestoreOptions, RestoreReport, restore};
pub use take::{BackupOptions, BackupReport, back_up};
pub use verify::{BackupCheck, verify_backup};

/// Folder inside a backup that holds the files of the database.
const FILES: &str = "files";
