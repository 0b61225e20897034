//! Conditions on one member of a stored map, such as the properties of a feature, given as
//! text.

mod value;

use std::cmp::Ordering;

use super::cbor::{DecodeError, Reader, Scalar};
use super::time::{TimeReading, parse_timestamp, read_time_parameter};
use value::{Value, list, part};

/// A path of names, and what must hold for the member at its end.
///
/// | expression | holds for |
/// |---|---|
/// | `VALUE`, `eq:VALUE` | what equals the value |
/// | `ne:VALUE` | all that `eq:VALUE` does not hold for, absent members among it |
/// | `gt:VALUE`, `gte:`, `lt:`, `lte:` | numbers if the value is one, else strings, in the order of their code points |
/// | `in:VALUE,VALUE` | what equals one of up to 1,000 values |
/// | `has:VALUE` | arrays of which an item equals the value |
/// | `contains:TEXT`, `starts:TEXT` | strings that hold the text, or begin with it |
/// | `exists`, `exists:true`, `exists:false` | members that are there, be it as null, or are not |
/// | `since:TIME`, `until:TIME` | timestamps at or after, and before, an ISO 8601 time with offset |
///
/// A value without quotes equals a number, `true`, `false` or `null` written so, and
/// a string of just these characters; one in double quotes, a JSON string, equals
/// only that string. A number that documents are refused for, since it would be rounded or
/// lost, is refused. Quotes are needed where a text could be taken for something else:
/// for another expression, for a number that JSON would write differently, after a
/// comparison for what begins as a number does and is no date, and in a list for a comma
/// or for spaces around a value. Arrays and objects equal nothing. Texts are compared by
/// their code points, as they are stored: case counts, and so does how an accent is
/// encoded. A timestamp is a string in ISO 8601 with offset, or an integer of microseconds
/// since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberFilter {
    path: Vec<String>,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Equal to one of the values, or to none of them.
    Equal(Vec<Value>, bool),
    /// In the given order to the value.
    Order(&'static [Ordering], Value),
    /// An array with an item that equals the value.
    Has(Value),
    Contains(String),
    Starts(String),
    Exists(bool),
    Time(Since),
}

/// One end of a half-open range of time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Since {
    Since(i64),
    Until(i64),
}

impl MemberFilter {
    /// Reads the path `NAME.NAME` and the expression of a parameter `prefix.NAME.NAME`.
    ///
    /// # Errors
    /// What was found and what was expected.
    pub(crate) fn parse(prefix: &str, path: &str, expression: &str) -> Result<Self, String> {
        check_name(prefix, path)?;
        let path = parse_path(path)?;
        let (op, text) = split(expression);
        if (op, text) == ("eq", expression) {
            check_plain(expression)?;
        }
        let test = match op {
            "eq" => Test::Equal(vec![Value::parse(text)?], true),
            "ne" => Test::Equal(vec![Value::parse(text)?], false),
            "in" => Test::Equal(list(text)?, true),
            "has" => Test::Has(Value::parse(text)?),
            "contains" => Test::Contains(part(op, text)?),
            "starts" => Test::Starts(part(op, text)?),
            "gt" => Test::Order(&[Ordering::Greater], Value::parse_bound(op, text)?),
            "gte" => {
                let orders = &[Ordering::Greater, Ordering::Equal];
                Test::Order(orders, Value::parse_bound(op, text)?)
            }
            "lt" => Test::Order(&[Ordering::Less], Value::parse_bound(op, text)?),
            "lte" => {
                let orders = &[Ordering::Less, Ordering::Equal];
                Test::Order(orders, Value::parse_bound(op, text)?)
            }
            "exists" => match text {
                "" | "true" => Test::Exists(true),
                "false" => Test::Exists(false),
                other => return Err(format!("found exists:{other}; expected true or false")),
            },
            _ => Test::Time(parse_time(expression)?),
        };
        Ok(Self { path, test })
    }

    /// Whether it holds for a stored document, or for the member of it of the name `within`.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no stored document.
    pub(crate) fn matches(&self, body: &[u8], within: Option<&str>) -> Result<bool, DecodeError> {
        let mut reader = Reader::new(body);
        let names = within.into_iter();
        let names = names.chain(self.path.iter().map(String::as_str));
        if !seek(&mut reader, names)? {
            return Ok(self.test.holds(None));
        }
        match &self.test {
            Test::Has(value) => has(&mut reader, value),
            test => Ok(test.holds(Some(reader.scalar()?))),
        }
    }
}

/// The scalar at the end of a path of names; `None` where there is no such member.
pub(crate) fn find<'b, 'n>(
    reader: &mut Reader<'b>,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Scalar<'b>>, DecodeError> {
    match seek(reader, names)? {
        true => reader.scalar().map(Some),
        false => Ok(None),
    }
}

/// Goes to the member at the end of a path of names, if there is one.
fn seek<'n>(
    reader: &mut Reader<'_>,
    names: impl Iterator<Item = &'n str>,
) -> Result<bool, DecodeError> {
    'names: for name in names {
        if !reader.at_map()? {
            return Ok(false);
        }
        for _ in 0..reader.map()? {
            if reader.text()? == name {
                continue 'names;
            }
            reader.item()?;
        }
        return Ok(false);
    }
    Ok(true)
}

/// Whether an array comes next and an item of it equals the value.
fn has(reader: &mut Reader<'_>, value: &Value) -> Result<bool, DecodeError> {
    if !reader.at_array()? {
        return Ok(false);
    }
    for _ in 0..reader.array()? {
        if value.equals(&reader.scalar()?) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Test {
    fn holds(&self, found: Option<Scalar<'_>>) -> bool {
        match self {
            Self::Exists(wanted) => found.is_some() == *wanted,
            Self::Equal(values, wanted) => {
                let equal = found.is_some_and(|found| values.iter().any(|v| v.equals(&found)));
                equal == *wanted
            }
            Self::Order(orders, value) => found
                .and_then(|found| value.order(&found))
                .is_some_and(|order| orders.contains(&order)),
            // No scalar is an array.
            Self::Has(_) => false,
            Self::Contains(part) => {
                matches!(found, Some(Scalar::Text(text)) if text.contains(part))
            }
            Self::Starts(part) => {
                matches!(found, Some(Scalar::Text(text)) if text.starts_with(part))
            }
            Self::Time(since) => {
                let time = match found {
                    Some(Scalar::Text(text)) => parse_timestamp(text),
                    Some(Scalar::Int(micros)) => i64::try_from(micros).ok(),
                    _ => None,
                };
                time.is_some_and(|time| match since {
                    Since::Since(start) => *start <= time,
                    Since::Until(end) => time < *end,
                })
            }
        }
    }
}

const OPS: [&str; 13] = [
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "has", "contains", "starts", "exists", "since",
    "until",
];

/// Refuses a name that holds a part of an expression: `prop.n>=5` is the parameter `prop.n>`
/// with the value 5.
fn check_name(prefix: &str, path: &str) -> Result<(), String> {
    let refusal = |found: &str| {
        Err(format!(
            "found {found:?} in the name of a member; a comparison is written {prefix}.NAME=gte:5, \
             with one of {}; in a name that has the character a backslash goes before it",
            OPS.join(", ")
        ))
    };
    let mut escaped = false;
    let mut last = None;
    for character in path.chars() {
        last = (!escaped).then_some(character);
        if !escaped && matches!(character, '<' | '>') {
            return refusal(&character.to_string());
        }
        escaped = !escaped && character == '\\';
    }
    let bracketed = path
        .strip_suffix(']')
        .and_then(|path| path.rsplit_once('['));
    match (last, bracketed) {
        (Some(last @ ('!' | '~')), _) => refusal(&last.to_string()),
        (Some(']'), Some((_, op))) if OPS.contains(&op) => refusal(&format!("[{op}]")),
        _ => Ok(()),
    }
}

/// Refuses a value without an operation that looks as if it had one.
fn check_plain(expression: &str) -> Result<(), String> {
    if expression.starts_with(['<', '>', '=', '!', '~']) {
        return Err(format!(
            "found {expression:?}; expected one of {} and a colon before the value, such as gte:5, \
             or a text in double quotes",
            OPS.join(", ")
        ));
    }
    let word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    match expression.split_once(':') {
        // An address begins with a word and a colon as well.
        Some((op, rest)) if word(op) && !rest.starts_with("//") => Err(format!(
            "found the operation {op:?}; expected one of {}; for a text that begins so write \
             eq:{expression}",
            OPS.join(", ")
        )),
        _ => Ok(()),
    }
}

/// The operation of an expression and what is after it.
pub(crate) fn split(expression: &str) -> (&str, &str) {
    if expression == "exists" {
        return (expression, "");
    }
    match expression.split_once(':') {
        Some((op, text)) if OPS.contains(&op) => (op, text),
        _ => ("eq", expression),
    }
}

/// Names between dots, which may be empty; a backslash takes the character after it as
/// it is.
pub(crate) fn parse_path(text: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '.' => {
                names.push(String::new());
                continue;
            }
            '\\' => characters.next().ok_or_else(|| {
                format!("found the path {text:?}; expected a character after the backslash")
            })?,
            other => other,
        };
        if let Some(name) = names.last_mut() {
            name.push(literal);
        }
    }
    Ok(names)
}

/// `since:TIME` or `until:TIME`.
pub(crate) fn parse_time(expression: &str) -> Result<Since, String> {
    let (end, text): (fn(i64) -> Since, _) = match split(expression) {
        ("since", text) => (Since::Since, text),
        ("until", text) => (Since::Until, text),
        _ => {
            let expected = "expected since:TIME or until:TIME, with an ISO 8601 time with offset \
                            such as 2024-05-01T00:00:00Z";
            return Err(format!("found {expression:?}; {expected}"));
        }
    };
    match read_time_parameter(text, &TimeReading::default()) {
        Ok(time) => Ok(end(time)),
        Err(refusal) => Err(refusal.to_string()),
    }
}

#[cfg(test)]
mod tests;
