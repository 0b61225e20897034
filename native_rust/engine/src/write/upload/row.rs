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
    /// What quotes each field has; empty for a row without quotes.
    quotes: Vec<Quotes>,
    /// Making one costs more than reading many rows with it. It stands where a record begins,
    /// and not the first one: there it would take a byte order mark away.
    reader: Reader,
}

/// The quotes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// It does not begin with one: those that it has are a part of it.
    None,
    /// Around all of it.
    Whole,
    /// Around a part of it. Readers of CSV differ in what that is.
    Inside,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
            fields: 0,
            quotes: Vec::new(),
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
        self.quotes.clear();
        if matches!(read, Ok(true)) && memchr::memchr(b'"', record).is_some() {
            find_quotes(record, &mut self.quotes);
        }
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
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.quotes.capacity()
    }

    pub(super) fn len(&self) -> usize {
        self.fields
    }

    /// A field without the blanks around it; an empty one where there is none.
    pub(super) fn field(&self, i: usize) -> Result<&str> {
        self.whole(i).map(str::trim)
    }

    /// A field that is a name: one in quotes with the blanks in them, which may be why there
    /// are quotes.
    pub(super) fn name(&self, i: usize) -> Result<&str> {
        let name = self.whole(i)?;
        match self.quotes.get(i) {
            None | Some(Quotes::None) => Ok(name.trim()),
            Some(Quotes::Whole) => Ok(name),
            Some(Quotes::Inside) => {
                let detail = format!(
                    "there are blanks or text around the quotes of field {}, a name; expected the quotes at \
                     the ends of the field, next to the commas",
                    i + 1
                );
                Err(refusal("", detail))
            }
        }
    }

    fn whole(&self, i: usize) -> Result<&str> {
        let end = |i: usize| self.ends.get(i).copied().unwrap_or_default();
        let begin = i.checked_sub(1).map_or(0, end);
        let bytes = self.text.get(begin..end(i)).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| refusal("", format!("field {} is not UTF-8", i + 1)))
    }
}

/// What quotes each field of a record has. Linear.
fn find_quotes(record: &[u8], fields: &mut Vec<Quotes>) {
    let mut rest = record;
    loop {
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        let blanks = blanks.count();
        let mut quotes = Quotes::None;
        if rest.get(blanks) == Some(&b'"') {
            let mut at = blanks + 1;
            // Two quotes are one within the field.
            while let Some(next) = memchr::memchr(b'"', rest.get(at..).unwrap_or_default()) {
                at += next + 1;
                if rest.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
            rest = rest.get(at..).unwrap_or_default();
            let around = blanks > 0 || !matches!(rest.first(), None | Some(b','));
            quotes = if around {
                Quotes::Inside
            } else {
                Quotes::Whole
            };
        }
        fields.push(quotes);
        match memchr::memchr(b',', rest) {
            Some(comma) => rest = rest.get(comma + 1..).unwrap_or_default(),
            None => return,
        }
    }
}

pub(super) fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Point, pointer, detail)
}
