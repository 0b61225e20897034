//! Numbers of JSON text that would not be what they are once they are read.
//!
//! Integers are kept as integers of 64 bits, with sign or without, and all other numbers
//! as doubles. `serde_json` makes of an integer beyond that the nearest double, and 0 of
//! what is too small for one: both are refused, as what is too great for one is.

use std::borrow::Cow;

use memchr::{memchr_iter, memmem};

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

fn detail(written: &str, fault: Fault) -> String {
    const LONGEST: usize = 80;
    let found = match written.get(..LONGEST) {
        Some(begin) if written.len() > LONGEST => format!("{begin}..."),
        _ => written.to_owned(),
    };
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
