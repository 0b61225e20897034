//! Where things lie in the journal of a database, by docs/FORMAT.md.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::disk::SimFs;

pub fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "journal")
}

/// The segments of the database in a folder with their bytes, in order.
pub fn segments(fs: &SimFs, dir: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = fs.files();
    files.retain(|(path, _)| path.starts_with(dir) && is_segment(path));
    files
}

/// Where the groups of a segment lie; the last may go on past its end.
pub fn groups(segment: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut at = 128;
    while at + 96 <= segment.len() && segment[at..].starts_with(b"FDBG") {
        let len = u32::from_le_bytes(segment[at + 8..at + 12].try_into().unwrap());
        let end = at + 96 + len as usize;
        groups.push(at..end);
        at = end;
    }
    groups
}
