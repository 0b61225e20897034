//! Records of a body that comes in parts.

use memchr::{memchr, memchr2};

use crate::budget::Budget;
use crate::error::{Error, Result};

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
pub(super) const RECORD_SEPARATOR: u8 = 0x1E;
/// Room for a record that is kept for the next ones: for small ones, as most are.
pub(super) const KEPT_BYTES: usize = 16 << 10;

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
    /// Ends of lines in it, within quotes.
    line_ends: u64,
    /// Whether a separator stands before it, where there have to be some.
    separated: bool,
    /// The line at which it begins, from 1; of a text sequence the number of the record.
    line: u64,
    /// Whether it is the first of the body.
    first: bool,
}

/// A record, or what there is in place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'r> {
    /// The line at which it begins, from 1; of a text sequence its number.
    pub(super) line: u64,
    /// How many lines it has: more than one where an end of a line is within quotes.
    pub(super) lines: u64,
    pub(super) text: Text<'r>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text<'r> {
    Whole(&'r [u8]),
    /// It has more bytes than it may have.
    TooLong,
    /// A quote in its first line is not closed before the end of the body.
    Unclosed,
    /// It comes before the first separator.
    Unseparated,
}

impl Records {
    pub(super) fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            begun: Vec::new(),
            too_long: false,
            quoted: false,
            line_ends: 0,
            separated: framing != Framing::Sequence,
            line: 1,
            first: true,
        }
    }

    /// Gives `each` the records that end in `bytes`, in order, until it fails. Linear.
    /// `bytes` is then what was not taken. A record that there was no room for is of it, at
    /// least its end, and comes again when that is fed again.
    ///
    /// # Errors
    /// Those of `each` and of the [`Budget`].
    pub(super) fn feed(
        &mut self,
        bytes: &mut &[u8],
        budget: &Budget,
        mut each: impl FnMut(Record<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let quotes = (self.quoted, self.line_ends);
            let Some(end) = self.find_end(bytes, budget)? else {
                break;
            };
            budget.step()?;
            let (text, after) = bytes.split_at(end);
            let given = self.record(text, &mut each);
            if matches!(given, Err(Error::MemoryFull { .. })) {
                (self.quoted, self.line_ends) = quotes;
                return given;
            }
            *bytes = after.get(1..).unwrap_or_default();
            given?;
            self.separated = true;
        }
        self.keep(std::mem::take(bytes));
        Ok(())
    }

    /// The record that ends with the body, if there is one. One that there is no room for
    /// comes again.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub(super) fn end(&mut self, mut each: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        self.record(b"", &mut each)
    }

    /// Bytes that it will hold at most once it was fed `more`.
    pub(super) fn bytes_with(&self, more: usize) -> usize {
        // Room doubles as it grows.
        let grown = (2 * (self.begun.len() + more)).min(self.limit.saturating_mul(2));
        self.begun.capacity().max(grown)
    }

    /// Bytes of the record whose end has not come.
    pub(super) fn begun(&self) -> usize {
        self.begun.len()
    }

    fn find_end(&mut self, bytes: &[u8], budget: &Budget) -> Result<Option<usize>> {
        match self.framing {
            Framing::Lines => Ok(memchr(b'\n', bytes)),
            Framing::Sequence => Ok(memchr(RECORD_SEPARATOR, bytes)),
            Framing::Csv => {
                let mut from = 0;
                loop {
                    budget.step()?;
                    let rest = bytes.get(from..).unwrap_or_default();
                    let Some(next) = memchr2(b'\n', b'"', rest) else {
                        return Ok(None);
                    };
                    let at = from + next;
                    match bytes.get(at) {
                        Some(b'"') => self.quoted = !self.quoted,
                        _ if !self.quoted => return Ok(Some(at)),
                        _ => self.line_ends += 1,
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

    /// The record that `end` is the end of. Only at the end of the body it may be within
    /// quotes.
    fn record(
        &mut self,
        end: &[u8],
        each: &mut impl FnMut(Record<'_>) -> Result<()>,
    ) -> Result<()> {
        let begun = self.begun.len();
        let too_long = self.too_long || begun + end.len() > self.limit;
        let text = match begun {
            0 => end,
            _ => {
                if !too_long {
                    self.begun.extend_from_slice(end);
                }
                &self.begun
            }
        };
        let text = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(after) if self.first => after,
            _ => text,
        };
        let text = text.trim_ascii();
        let text = match (too_long, text.is_empty()) {
            (false, true) => None,
            _ if !self.separated => Some(Text::Unseparated),
            _ if self.quoted => Some(Text::Unclosed),
            (true, _) => Some(Text::TooLong),
            (false, false) => Some(Text::Whole(text)),
        };
        let (line, lines) = (self.line, 1 + self.line_ends);
        let given = text.map_or(Ok(()), |text| each(Record { line, lines, text }));
        if matches!(given, Err(Error::MemoryFull { .. })) {
            self.begun.truncate(begun);
            return given;
        }
        // Separators that follow each other have no record between them; empty lines count.
        if text.is_some() || self.framing != Framing::Sequence {
            self.line += lines;
        }
        (self.first, self.quoted, self.too_long) = (false, false, false);
        self.line_ends = 0;
        // What was needed for one long record is not kept for all others.
        match self.begun.capacity() > KEPT_BYTES {
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
        let budget = Budget::ample();
        let mut found = Vec::new();
        let mut each = |record: Record<'_>| {
            let text = match record.text {
                Text::Whole(text) => Some(String::from_utf8_lossy(text).into_owned()),
                Text::TooLong => None,
                other => Some(format!("{other:?} {}", record.lines)),
            };
            found.push((record.line, text));
            Ok(())
        };
        for part in parts {
            records.feed(&mut &**part, &budget, &mut each).unwrap();
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
        assert_eq!(
            texts(Framing::Sequence, "\u{feff}\u{1e}a"),
            [(1, "a".into())]
        );
    }

    #[test]
    fn what_comes_before_the_first_separator_is_told() {
        assert_eq!(
            texts(Framing::Sequence, "x\n\u{1e}a"),
            [(1, "Unseparated 1".into()), (2, "a".into())]
        );
        let none = cut(Framing::Sequence, 4, &[b"a long text"]);
        assert_eq!(none, [(1, Some("Unseparated 1".into()))]);
    }

    #[test]
    fn a_line_of_csv_ends_outside_of_quotes() {
        let found = texts(Framing::Csv, "a,\"b\nc\"\"\n\",d\ne,f\n");
        assert_eq!(found, [(1, "a,\"b\nc\"\"\n\",d".into()), (4, "e,f".into())]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_with_its_line() {
        let body = "a,b\n\n1,\"2\n3,4\n\n5,6\n";
        let found = [(1, "a,b".into()), (3, "Unclosed 5".into())];
        assert_eq!(texts(Framing::Csv, body), found);
        let short = cut(Framing::Csv, 4, &[body.as_bytes()]);
        assert_eq!(short.last(), Some(&(3, Some("Unclosed 5".into()))));
    }

    #[test]
    fn only_the_mark_at_the_very_start_is_no_part_of_a_record() {
        for framing in [Framing::Lines, Framing::Csv] {
            let found = texts(framing, "\u{feff}a\n\u{feff}b\n");
            assert_eq!(found, [(1, "a".into()), (2, "\u{feff}b".into())]);
        }
    }

    #[test]
    fn empty_lines_and_quotes_are_given_up_when_nobody_waits() {
        use crate::budget::Cancel;
        let memory = crate::mem::Memory::new(&crate::limits::Limits::default());
        for body in ["\n", "\"", "\u{1e}"] {
            for framing in [Framing::Lines, Framing::Csv, Framing::Sequence] {
                let cancel = Cancel::default();
                cancel.cancel();
                let budget = Budget::without_end(&memory, cancel);
                let body = body.repeat(1_000);
                if !body.contains(match framing {
                    Framing::Lines => '\n',
                    Framing::Csv => '"',
                    Framing::Sequence => '\u{1e}',
                }) {
                    continue;
                }
                let mut rest = body.as_bytes();
                let fed = Records::new(framing, 100).feed(&mut rest, &budget, |_| Ok(()));
                assert!(matches!(fed, Err(Error::Cancelled)), "{framing:?}");
            }
        }
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
        fn what_there_was_no_room_for_comes_again(
            body in "[a\"\n\r\u{1e} ]{0,60}",
            size in 1..20_usize,
            limit in 1..30_usize,
            refused in 1..5_usize,
        ) {
            for framing in [Framing::Lines, Framing::Sequence, Framing::Csv] {
                let whole = cut(framing, limit, &[body.as_bytes()]);
                let mut records = Records::new(framing, limit);
                let budget = Budget::ample();
                let (mut found, mut asked) = (Vec::new(), 0);
                let mut each = |record: Record<'_>| {
                    asked += 1;
                    if asked % (refused + 1) != 0 {
                        return Err(Error::MemoryFull {
                            used: 1,
                            asked: 1,
                            limit: 1,
                            setting: "work_bytes",
                        });
                    }
                    let text = match record.text {
                        Text::Whole(text) => Some(String::from_utf8_lossy(text).into_owned()),
                        Text::TooLong => None,
                        other => Some(format!("{other:?} {}", record.lines)),
                    };
                    found.push((record.line, text));
                    Ok(())
                };
                for mut part in body.as_bytes().chunks(size) {
                    while records.feed(&mut part, &budget, &mut each).is_err() {}
                    prop_assert!(part.is_empty());
                }
                while records.end(&mut each).is_err() {}
                prop_assert_eq!(found, whole);
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
