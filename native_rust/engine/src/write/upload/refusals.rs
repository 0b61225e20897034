//! Why a record is not taken, whatever is in it.

use super::records::{Framing, RECORD_SEPARATOR, Record, Text};
use crate::error::{Error, InvalidCode, Result};

/// Why there is no record in its place. One may have `limit` bytes.
pub(super) fn no_record(record: Record<'_>, limit: usize, is_header: bool) -> Error {
    let line = record.line;
    let (code, detail) = match record.text {
        Text::Unclosed => (
            InvalidCode::Point,
            format!(
                "the quote opened in line {line} is not closed, so that nothing from that line on was read"
            ),
        ),
        Text::Unseparated => (
            InvalidCode::Json,
            "no record separator (0x1E) stands before the text; each text of a sequence begins with \
             one: lines without it are application/x-ndjson"
                .to_owned(),
        ),
        Text::TooLong | Text::Whole(_) => {
            return Error::TooLarge {
                what: match is_header {
                    true => "the header of the table in bytes",
                    false => "a record in bytes",
                },
                actual: limit as u64 + 1,
                limit: limit as u64,
                setting: "max_body_bytes",
            };
        }
    };
    Error::invalid(code, "", detail)
}

/// Refuses a line that is one text of a sequence.
pub(super) fn check_framing(text: &[u8], framing: Framing, sequence: &str) -> Result<()> {
    if framing != Framing::Lines || text.first() != Some(&RECORD_SEPARATOR) {
        return Ok(());
    }
    let detail = format!(
        "the line begins with a record separator (0x1E), as the texts of {sequence} do; send it as that, or \
         leave the separators out"
    );
    Err(Error::invalid(InvalidCode::Json, "", detail))
}

/// The refusal of a record that never has room.
pub(super) fn too_costly(needed: usize, limit: usize) -> Error {
    Error::TooLarge {
        what: "the memory in bytes that it takes to read the record",
        actual: needed as u64,
        limit: limit as u64,
        setting: "work_bytes",
    }
}
