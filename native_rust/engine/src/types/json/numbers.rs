//! Numbers of JSON text that would not be what they are once they are read.
//!
//! Integers are kept as integers of 64 bits, with sign or without, and all other numbers
//! as doubles. `serde_json` makes of an integer beyond that the nearest double, and 0 of
//! what is too small for one: both are refused, as what is too great for one is.

use std::borrow::Cow;
use std::cmp::Ordering;

use memchr::{memchr_iter, memmem};
use serde_json::value::RawValue;

use super::step;
use crate::error::{Error, InvalidCode};

/// More zeros in a row than any number has that is written by a program.
const MANY_ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a number would become.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::types) enum Fault {
    /// An integer beyond 64 bits.
    Rounded,
    Zero,
    Infinite,
}

/// A number as it is kept: an integer of 64 bits, with sign or without, or a double.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// The number that a text in a question stands for; `None` for what is no number as JSON
    /// writes it.
    ///
    /// # Errors
    /// Why it is not kept as it is written, and what to write, as where documents are read.
    pub(crate) fn read(text: &str) -> Option<Result<Self, String>> {
        // Spaces around it do not count, as in documents.
        let written: &RawValue = serde_json::from_str(text).ok()?;
        let written = written.get();
        if !written.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        if let Some(fault) = fault(written) {
            return Some(Err(question_detail(written, fault)));
        }
        serde_json::from_str(written)
            .ok()
            .and_then(|number| Self::of(&number))
            .map(Ok)
    }

    /// A number that was read from JSON.
    pub(crate) fn of(number: &serde_json::Number) -> Option<Self> {
        match number.as_i128() {
            Some(int) => Some(Self::Int(int)),
            None => number.as_f64().map(Self::Float),
        }
    }

    /// How it compares with another, without rounding either.
    pub(crate) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(&other)),
            (Self::Int(one), Self::Float(other)) => compare(one, other),
            (Self::Float(one), Self::Int(other)) => compare(other, one).map(Ordering::reverse),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(&other),
        }
    }
}

/// An integer with a double, without rounding either.
fn compare(int: i128, float: f64) -> Option<Ordering> {
    // Doubles from here on are integers, and beyond any that is stored.
    const BEYOND: f64 = 1e30;
    if float.abs() >= BEYOND {
        return 0.0_f64.partial_cmp(&float);
    }
    let whole = float.trunc();
    let order = int.cmp(&(whole as i128));
    Some(order.then_with(|| whole.total_cmp(&float)))
}

/// Where a text may have numbers of any kind: a feature's own id is kept with all of its
/// digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exempt {
    Nothing,
    FeatureIds,
}

/// A number that would not be kept.
pub(super) struct Unkept {
    detail: String,
    pointer: String,
    /// The pointer to the part that was looked through.
    part: String,
}

impl Unkept {
    /// With a pointer from the top of the text, or of the part.
    pub(super) fn refusal(self, from_part: bool) -> Error {
        let pointer = match from_part {
            true => self.pointer.strip_prefix(&self.part),
            false => None,
        };
        let pointer = pointer.unwrap_or(&self.pointer).to_owned();
        Error::invalid(InvalidCode::Json, pointer, self.detail)
    }
}

/// Whether a number other than 0 in this text could be read as 0: either it has an
/// exponent below 0, or zeros without end.
pub(super) fn may_vanish(text: &str) -> bool {
    let text = text.as_bytes();
    let exponent = |at: usize| at.checked_sub(1).and_then(|at| text.get(at));
    memchr_iter(b'-', text).any(|at| matches!(exponent(at), Some(b'e' | b'E')))
        || memmem::find(text, MANY_ZEROS.as_bytes()).is_some()
}

/// Refuses the first number of a well-formed JSON text that would not be kept as what it is,
/// as documents are refused, for readers that make other values of the text than
/// [`super::Json`]. Linear.
///
/// # Errors
/// [`InvalidCode::Json`] pointing at the number.
pub fn check_numbers(text: &str) -> Result<(), Error> {
    let unkept = first_unkept(text, (0, text.len()), Exempt::Nothing);
    unkept.map_or(Ok(()), |unkept| Err(unkept.refusal(false)))
}

/// The refusal of the first number in `text[from..to]`, a part of well-formed JSON up to
/// there, that would not be kept as what it is; and the pointer to that part. Linear in
/// `to`.
pub(super) fn first_unkept(
    text: &str,
    (from, to): (usize, usize),
    exempt: Exempt,
) -> Option<Unkept> {
    let bytes = text.as_bytes();
    let mut path = Path::default();
    let mut part = None;
    let mut at = 0;
    while at < to {
        if at >= from && part.is_none() {
            part = Some(path.pointer());
        }
        let Some(&byte) = bytes.get(at) else { break };
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at);
                path.string(text.get(at..end).unwrap_or_default());
                at = end;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let number =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let rest = bytes.get(at..).unwrap_or_default();
                let end = at + rest.iter().take_while(number).count();
                let written = text.get(at..end).unwrap_or_default();
                if at >= from
                    && let Some(fault) = fault(written)
                    && !path.is_exempt(exempt)
                {
                    return Some(Unkept {
                        detail: detail(written, fault),
                        pointer: path.pointer(),
                        part: part.unwrap_or_default(),
                    });
                }
                at = end;
                continue;
            }
            b'{' | b'[' => path.enter(byte == b'{'),
            b'}' | b']' => path.leave(),
            b',' => path.next(),
            b':' => path.value(),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The offset after a string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            b'"' => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

/// What a number in decimal digits would become that is not kept as it is written.
pub(in crate::types) fn fault(written: &str) -> Option<Fault> {
    if !written.contains(['.', 'e', 'E']) {
        let kept = written.parse::<u64>().is_ok() || written.parse::<i64>().is_ok();
        // One of three hundred digits and more has no double either.
        let finite = written.parse::<f64>().is_ok_and(f64::is_finite);
        return match (kept, finite) {
            (true, _) => None,
            (false, true) => Some(Fault::Rounded),
            (false, false) => Some(Fault::Infinite),
        };
    }
    let value: f64 = written.parse().ok()?;
    let mantissa = written.split(['e', 'E']).next().unwrap_or_default();
    match value {
        _ if value.is_infinite() => Some(Fault::Infinite),
        0.0 if mantissa.contains(|digit: char| matches!(digit, '1'..='9')) => Some(Fault::Zero),
        _ => None,
    }
}

/// A number as it was found, or the begin of a long one.
fn found(written: &str) -> String {
    const LONGEST: usize = 80;
    match written.get(..LONGEST) {
        Some(begin) if written.len() > LONGEST => format!("{begin}..."),
        _ => written.to_owned(),
    }
}

/// Why a number of a question is refused.
fn question_detail(written: &str, fault: Fault) -> String {
    let found = found(written);
    match fault {
        Fault::Rounded => format!(
            "found {found}, an integer beyond 64 bits, which would be rounded; write it with a \
             fraction or an exponent to ask for the nearest double, or in double quotes to ask \
             for the text"
        ),
        Fault::Zero => format!(
            "found {found}, which is too small for a double and would be 0; write 0, or in double \
             quotes to ask for the text"
        ),
        Fault::Infinite => format!(
            "found {found}, which is beyond the range of a double; write a smaller number, or in \
             double quotes to ask for the text"
        ),
    }
}

fn detail(written: &str, fault: Fault) -> String {
    let found = found(written);
    match fault {
        Fault::Rounded => format!(
            "found {found}, an integer beyond 64 bits, which would be rounded; send it with a \
             fraction or an exponent to have the nearest double, or, in properties, as text in quotes"
        ),
        Fault::Zero => format!(
            "found {found}, which is too small for a double and would be 0; send 0, or, in \
             properties, text in quotes"
        ),
        Fault::Infinite => format!(
            "found {found}, which is beyond the range of a double; send a smaller number, or, \
             in properties, text in quotes"
        ),
    }
}

/// The way from the top of the text to where the reader is.
#[derive(Default)]
struct Path<'t>(Vec<Step<'t>>);

enum Step<'t> {
    Element(usize),
    /// The last string in an object, and whether it is the name of what comes.
    Member(&'t str, bool),
}

impl<'t> Path<'t> {
    fn enter(&mut self, object: bool) {
        self.0.push(match object {
            true => Step::Member("", false),
            false => Step::Element(0),
        });
    }

    fn leave(&mut self) {
        self.0.pop();
    }

    fn next(&mut self) {
        match self.0.last_mut() {
            Some(Step::Element(index)) => *index += 1,
            Some(Step::Member(_, named)) => *named = false,
            None => {}
        }
    }

    fn string(&mut self, text: &'t str) {
        if let Some(Step::Member(name, false)) = self.0.last_mut() {
            *name = text;
        }
    }

    fn value(&mut self) {
        if let Some(Step::Member(_, named)) = self.0.last_mut() {
            *named = true;
        }
    }

    fn is_exempt(&self, exempt: Exempt) -> bool {
        let id = |step: &Step<'_>| matches!(step, Step::Member("\"id\"", _));
        let features = |step: &Step<'_>| matches!(step, Step::Member("\"features\"", _));
        exempt == Exempt::FeatureIds
            && match &*self.0 {
                [own] => id(own),
                [list, Step::Element(_), own] => features(list) && id(own),
                _ => false,
            }
    }

    /// As RFC 6901 has it.
    fn pointer(&self) -> String {
        let steps = self.0.iter().map(|part| match part {
            Step::Element(index) => format!("/{index}"),
            Step::Member(name, _) => {
                let name: Cow<'_, str> = serde_json::from_str(name).unwrap_or_default();
                step(&name)
            }
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Json, Source};
    use super::*;

    proptest! {
        #[test]
        fn integers_compare_with_doubles_exactly(
            int in prop_oneof![any::<i64>(), -5..5_i64], float in prop_oneof![any::<f64>(), (-50..50_i32).prop_map(|n| f64::from(n) / 10.0)],
            near in any::<bool>(),
        ) {
            let float = if near { int as f64 } else { float };
            if float.is_finite() {
                // The digits of both, all of them, decide; 1e20 is beyond every i64, and its nano-digits fit.
                let expected = if float.abs() >= 1e20 {
                    0.0_f64.partial_cmp(&float).unwrap()
                } else {
                    let tenths = (float.fract() * 1e9) as i128;
                    (i128::from(int) * 1_000_000_000).cmp(&(float.trunc() as i128 * 1_000_000_000 + tenths))
                };
                if float.fract() == 0.0 || (float.fract() * 1e9).abs() >= 1.0 {
                    prop_assert_eq!(compare(i128::from(int), float), Some(expected));
                }
            }
        }

        /// What a question reads is what a document would have: the same values, and the same
        /// refusals.
        #[test]
        fn questions_read_what_documents_do(
            text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        ) {
            let document = Source::new(text.as_bytes()).unwrap().value();
            let question = Number::read(&text).unwrap();
            match (document, question) {
                (Ok(Json::U64(n)), Ok(Number::Int(m))) => prop_assert_eq!(i128::from(n), m),
                (Ok(Json::I64(n)), Ok(Number::Int(m))) => prop_assert_eq!(i128::from(n), m),
                (Ok(Json::F64(n)), Ok(Number::Float(m))) => prop_assert_eq!(n.to_bits(), m.to_bits()),
                (Err(_), Err(_)) => {}
                (document, question) => prop_assert!(false, "{} {:?} {:?}", text, document, question),
            }
        }
    }

    #[test]
    fn what_no_question_may_ask_says_what_to_write() {
        let detail = |text: &str| Number::read(text).unwrap().unwrap_err();
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "99999999999999999999999",
        ] {
            assert!(detail(text).starts_with(&format!("found {text}, an integer beyond 64 bits")));
            assert!(detail(text).contains("a fraction or an exponent"), "{text}");
        }
        assert!(detail("-1e-400").ends_with("write 0, or in double quotes to ask for the text"));
        assert!(detail("1e400").contains("beyond the range of a double; write a smaller number"));
        let many = detail(&"9".repeat(400));
        assert!(
            many.contains("beyond the range") && many.len() < 250,
            "{many}"
        );
        for (text, number) in [
            ("18446744073709551615", Number::Int(u64::MAX.into())),
            ("-9223372036854775808", Number::Int(i64::MIN.into())),
            (" 7 ", Number::Int(7)),
            ("1e23", Number::Float(1e23)),
            ("99999999999999999999999.0", Number::Float(1e23)),
            ("0e-400", Number::Float(0.0)),
            ("5e-324", Number::Float(5e-324)),
        ] {
            assert_eq!(Number::read(text), Some(Ok(number)), "{text}");
        }
        for text in [
            "", "007", "+5", ".5", "5.", "0x1f", "1_0", "nan", "true", "\"5\"", "[1]", "5 5",
        ] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }
}
