//! The fields of one record of a table (RFC 4180).

use csv_core::{ReadRecordResult, Reader};

use super::records::KEPT_BYTES;
use crate::error::{Error, InvalidCode, Result};

/// The fields of one record; its memory is used again.
#[derive(Debug)]
pub(super) struct Row {
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
    quoted: bool,
    /// Making one costs more than reading many rows with it. It stands where a record begins,
    /// and not the first one: there it would take a byte order mark away.
    reader: Reader,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
            fields: 0,
            quoted: false,
            reader: begun(Reader::new()),
        }
    }
}

/// A reader that has read an empty line.
fn begun(mut reader: Reader) -> Reader {
    reader.reset();
    let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
    reader
}

impl Row {
    /// Reads the fields of a record, unless it has more than `most`: then it has those, and
    /// the answer is no.
    pub(super) fn read(&mut self, record: &[u8], most: usize) -> Result<bool> {
        if self.text.capacity() > KEPT_BYTES.max(record.len()) {
            self.text = Vec::new();
        }
        // No field grows by being read, and the reader wants room even for what has none.
        self.text.resize(record.len() + 1, 0);
        let read = self.fields_of(record, most);
        if !matches!(read, Ok(true)) {
            self.reader = begun(std::mem::take(&mut self.reader));
        }
        self.quoted = memchr::memchr(b'"', record).is_some();
        read
    }

    fn fields_of(&mut self, record: &[u8], most: usize) -> Result<bool> {
        let (mut read, mut written) = (0, 0);
        self.fields = 0;
        let mut ended = false;
        loop {
            let input = match ended {
                true => b"\n",
                false => record.get(read..).unwrap_or_default(),
            };
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
            let (result, r, w, e) = self.reader.read_record(input, text, ends);
            (read, written, self.fields) = (read + r, written + w, self.fields + e);
            match result {
                ReadRecordResult::Record if ended => return Ok(true),
                ReadRecordResult::InputEmpty if ended => {
                    return Err(refusal(
                        "",
                        "a quote in the line is not closed, or stands within a field that has none \
                         around it; expected fields with quotes in them in quotes, and two for each",
                    ));
                }
                ReadRecordResult::InputEmpty => ended = true,
                // Readers of CSV take a carriage return for the end of a line, but lines were
                // told apart before.
                ReadRecordResult::Record | ReadRecordResult::End => {
                    return Err(refusal(
                        "",
                        "there is a carriage return within the line; expected lines that end in LF or \
                         CR LF",
                    ));
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() == most => return Ok(false),
                ReadRecordResult::OutputFull => {
                    return Err(refusal("", "the row cannot be read as CSV"));
                }
                ReadRecordResult::OutputEndsFull => {
                    let room = (2 * self.ends.len()).clamp(8, most.max(8)).min(most);
                    self.ends.resize(room, 0);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    pub(super) fn len(&self) -> usize {
        self.fields
    }

    /// A field without the blanks around it; an empty one where there is none.
    pub(super) fn field(&self, i: usize) -> Result<&str> {
        self.whole(i).map(str::trim)
    }

    /// A field that is a name: of a row that has quotes, with the blanks around it, which
    /// may be why there are quotes.
    pub(super) fn name(&self, i: usize) -> Result<&str> {
        let name = self.whole(i)?;
        Ok(if self.quoted { name } else { name.trim() })
    }

    fn whole(&self, i: usize) -> Result<&str> {
        let end = |i: usize| self.ends.get(i).copied().unwrap_or_default();
        let begin = i.checked_sub(1).map_or(0, end);
        let bytes = self.text.get(begin..end(i)).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| refusal("", format!("field {} is not UTF-8", i + 1)))
    }
}

pub(super) fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Point, pointer, detail)
}
