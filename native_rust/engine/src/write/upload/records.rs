//! Records of a body that comes in parts.

use memchr::{memchr, memchr2};

/// How records are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line each, as NDJSON has them. An empty line is none.
    Lines,
    /// What follows each record separator, 0x1E: text sequences (RFC 7464, RFC 8142).
    Sequence,
    /// A line each, unless its end is within double quotes: CSV (RFC 4180).
    Csv,
}

/// The mark that UTF-8 texts of some programs begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const RECORD_SEPARATOR: u8 = 0x1E;

/// Cuts a body into records, whichever parts it comes in. It holds one record at most,
/// and no more of that than it may have.
#[derive(Debug)]
pub(super) struct Records {
    framing: Framing,
    /// Bytes that a record may have.
    limit: usize,
    /// The beginning of a record whose end has not come.
    begun: Vec<u8>,
    /// Whether that has more bytes than it may have: the rest of it is passed over.
    too_long: bool,
    /// Whether its end is within quotes.
    quoted: bool,
    /// The line at which it begins, from 1; of a text sequence the number of the record.
    line: u64,
}

/// A record with its line, or only that, of one that is too long.
pub(super) type Record<'r> = (u64, Option<&'r [u8]>);

impl Records {
    pub(super) fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            begun: Vec::new(),
            too_long: false,
            quoted: false,
            // What stands before the first separator is no record.
            line: u64::from(framing != Framing::Sequence),
        }
    }

    /// Gives `each` the records that end in `bytes`, in order, until it fails. Linear.
    pub(super) fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while let Some(end) = self.find_end(rest) {
            let (text, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.record(text, &mut each)?;
        }
        self.keep(rest);
        Ok(())
    }

    /// The record that ends with the body, if there is one.
    pub(super) fn end<E>(
        &mut self,
        mut each: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.record(b"", &mut each)
    }

    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.framing {
            Framing::Lines => memchr(b'\n', bytes),
            Framing::Sequence => memchr(RECORD_SEPARATOR, bytes),
            Framing::Csv => {
                let mut from = 0;
                loop {
                    let at = from + memchr2(b'\n', b'"', bytes.get(from..)?)?;
                    match bytes.get(at) {
                        Some(b'"') => self.quoted = !self.quoted,
                        _ if !self.quoted => return Some(at),
                        _ => {}
                    }
                    from = at + 1;
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > self.limit {
            self.too_long = true;
            self.begun = Vec::new();
        }
        if !self.too_long {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn record<E>(
        &mut self,
        end: &[u8],
        each: &mut impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = self.line;
        self.line += 1;
        let begun = std::mem::take(&mut self.begun);
        let too_long = std::mem::take(&mut self.too_long) || begun.len() + end.len() > self.limit;
        let text = match begun.is_empty() {
            true => end,
            false => {
                self.begun = begun;
                if !too_long {
                    self.begun.extend_from_slice(end);
                }
                &self.begun
            }
        };
        let first = line == u64::from(self.framing != Framing::Sequence);
        let text = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(after) if first => after,
            _ => text,
        };
        let text = text.trim_ascii();
        let given = match (too_long, text.is_empty()) {
            (true, _) => each((line, None)),
            (false, false) => each((line, Some(text))),
            (false, true) => {
                // Separators that follow each other have no record between them.
                self.line -= u64::from(self.framing == Framing::Sequence && line > 0);
                Ok(())
            }
        };
        // What was needed for one long record is not kept for all others.
        match self.begun.capacity() > 2 * 1_048_576 {
            true => self.begun = Vec::new(),
            false => self.begun.clear(),
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(framing: Framing, limit: usize, parts: &[&[u8]]) -> Vec<(u64, Option<String>)> {
        let mut records = Records::new(framing, limit);
        let mut found = Vec::new();
        let mut each = |(line, text): Record<'_>| {
            found.push((line, text.map(|t| String::from_utf8_lossy(t).into_owned())));
            Ok::<(), ()>(())
        };
        for part in parts {
            records.feed(part, &mut each).unwrap();
        }
        records.end(&mut each).unwrap();
        found
    }

    fn texts(framing: Framing, body: &str) -> Vec<(u64, String)> {
        let found = cut(framing, 100, &[body.as_bytes()]);
        found.into_iter().map(|(l, t)| (l, t.unwrap())).collect()
    }

    #[test]
    fn lines_are_numbered_with_the_empty_ones() {
        let found = texts(Framing::Lines, "\u{feff}a\r\n\n  \n b\nc");
        assert_eq!(found, [(1, "a".into()), (4, "b".into()), (5, "c".into())]);
        assert_eq!(texts(Framing::Lines, ""), []);
        assert_eq!(texts(Framing::Lines, "\n\n"), []);
    }

    #[test]
    fn a_sequence_numbers_its_records() {
        let found = texts(Framing::Sequence, "\u{1e}a\n\u{1e}\u{1e} b\n\u{1e}c");
        assert_eq!(found, [(1, "a".into()), (2, "b".into()), (3, "c".into())]);
        // What comes before the first separator has none: it is told as number 0.
        assert_eq!(
            texts(Framing::Sequence, "x\n\u{1e}a"),
            [(0, "x".into()), (1, "a".into())]
        );
    }

    #[test]
    fn a_line_of_csv_ends_outside_of_quotes() {
        let found = texts(Framing::Csv, "a,\"b\nc\"\"\n\",d\ne,f\n");
        assert_eq!(found, [(1, "a,\"b\nc\"\"\n\",d".into()), (2, "e,f".into())]);
    }

    #[test]
    fn what_is_too_long_is_told_and_passed_over() {
        let body = b"1234\n12345\n1\n123456789";
        let expected = [
            (1, Some("1234".to_owned())),
            (2, None),
            (3, Some("1".to_owned())),
            (4, None),
        ];
        assert_eq!(cut(Framing::Lines, 4, &[body]), expected);
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(cut(Framing::Lines, 4, &bytes), expected);
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(
            body in "[a\"\n\r\u{1e} ]{0,60}",
            size in 1..20_usize,
            limit in 1..30_usize,
        ) {
            for framing in [Framing::Lines, Framing::Sequence, Framing::Csv] {
                let parts: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
                let whole = cut(framing, limit, &[body.as_bytes()]);
                prop_assert_eq!(cut(framing, limit, &parts), whole);
            }
        }

        #[test]
        fn lines_are_those_of_the_standard_library(body in "[ab\n ]{0,60}") {
            let expected: Vec<(u64, String)> = body
                .split('\n')
                .zip(1..)
                .map(|(line, number)| (number, line.trim().to_owned()))
                .filter(|(_, line)| !line.is_empty())
                .collect();
            prop_assert_eq!(texts(Framing::Lines, &body), expected);
        }
    }
}
