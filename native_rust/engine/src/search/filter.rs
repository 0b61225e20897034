//! Filters: conditions on the properties, the time and the sequence of a feature's
//! version, given as text.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::error::{Error, InvalidCode, Result};
use crate::types::cbor::{DecodeError, Reader, Scalar};
use crate::types::{TimeReading, parse_timestamp, read_time_parameter};

/// Values in one list.
const MAX_LIST: usize = 1_000;

/// One condition. Several of them must all hold.
///
/// As text a filter is a key and an expression, `prop.mag` and `gte:5`:
///
/// | key | what it looks at |
/// |---|---|
/// | `prop.NAME`, `prop.NAME.NAME` | a member of `properties`, or one nested in it, which may have an empty name; in a name `.` is written `\.`, and `\`, `<`, `>`, and a `!` or `~` at its end alike |
/// | `time` | when the version was committed |
/// | `seq` | its sequence |
///
/// | expression | holds for |
/// |---|---|
/// | `VALUE`, `eq:VALUE` | what equals the value |
/// | `ne:VALUE` | all that `eq:VALUE` does not hold for, absent members among it |
/// | `gt:VALUE`, `gte:`, `lt:`, `lte:` | numbers if the value is one, else strings, in the order of their code points |
/// | `in:VALUE,VALUE` | what equals one of up to 1,000 values |
/// | `exists`, `exists:true`, `exists:false` | members that are there, be it as null, or are not |
/// | `since:TIME`, `until:TIME` | timestamps at or after, and before, an ISO 8601 time with offset |
///
/// A value without quotes equals a number, `true`, `false` or `null` written so, and
/// a string of just these characters; one in double quotes, a JSON string, equals
/// only that string. Quotes are needed where a text could be taken for something else:
/// for another expression, for a number that JSON would write differently, and after a
/// comparison for what begins as a number does and is no date. Arrays and objects equal nothing. A timestamp is a string in ISO
/// 8601 with offset, or an integer of microseconds since the epoch. `time` takes
/// `since` and `until`; `seq` takes `eq`, `gt`, `gte`, `lt` and `lte` of an integer.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    kind: Criterion,
    /// Key and expression.
    text: Box<(String, String)>,
}

/// As the text it was given as.
impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Criterion {
    Property {
        path: Vec<String>,
        test: Test,
    },
    Time(Since),
    /// First and last sequence.
    Sequence(u64, u64),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Equal to one of the values, or to none of them.
    Equal(Vec<Value>, bool),
    /// In the given order to the value.
    Order(&'static [Ordering], Value),
    Exists(bool),
    Time(Since),
}

/// One end of a half-open range of time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Since {
    Since(i64),
    Until(i64),
}

#[derive(Debug, Clone, PartialEq)]
struct Value {
    text: String,
    /// What the text stands for besides itself.
    literal: Option<Literal>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
}

/// The part of the journal that filters leave: sequences, and times still to be
/// turned into such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub first: u64,
    pub last: u64,
    pub since: Option<i64>,
    pub until: Option<i64>,
}

impl Filter {
    /// Reads a filter; the type describes the syntax.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] pointing at the key, for an unknown key or
    /// operation, or a value that it does not take.
    pub fn parse(key: &str, expression: &str) -> Result<Self> {
        let kind = match key {
            "time" => parse_time(expression).map(Criterion::Time),
            "seq" => parse_sequence(expression),
            _ => match key.strip_prefix("prop.") {
                Some(path) => property(path, expression),
                None => Err(format!(
                    "found the filter {key:?}; expected prop.NAME, time or seq"
                )),
            },
        };
        let text = Box::new((key.to_owned(), expression.to_owned()));
        kind.map(|kind| Self { kind, text }).map_err(|detail| {
            let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            Error::invalid(InvalidCode::Parameter, pointer, detail)
        })
    }

    /// Whether the stored form of a feature fulfils what this says of properties.
    pub(super) fn matches(&self, body: &[u8]) -> Result<bool, DecodeError> {
        let Criterion::Property { path, test } = &self.kind else {
            return Ok(true);
        };
        let mut reader = Reader::new(body);
        let properties = ["properties"].into_iter();
        let names = properties.chain(path.iter().map(String::as_str));
        let found = find(&mut reader, names)?;
        Ok(test.holds(found))
    }

    /// Whether bodies are needed to decide.
    pub(super) fn is_of_properties(&self) -> bool {
        matches!(self.kind, Criterion::Property { .. })
    }
}

impl Span {
    /// What all filters together leave.
    pub(super) fn of(filters: &[Filter]) -> Self {
        let mut span = Self {
            first: 1,
            last: u64::MAX,
            since: None,
            until: None,
        };
        for filter in filters {
            match filter.kind {
                Criterion::Property { .. } => {}
                Criterion::Sequence(first, last) => {
                    span.first = span.first.max(first);
                    span.last = span.last.min(last);
                }
                Criterion::Time(Since::Since(time)) => {
                    span.since = Some(span.since.map_or(time, |other| other.max(time)));
                }
                Criterion::Time(Since::Until(time)) => {
                    span.until = Some(span.until.map_or(time, |other| other.min(time)));
                }
            }
        }
        span
    }
}

/// The scalar at the end of a path of names; `None` where there is no such member.
pub(super) fn find<'b, 'n>(
    reader: &mut Reader<'b>,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Scalar<'b>>, DecodeError> {
    'names: for name in names {
        if !reader.at_map()? {
            return Ok(None);
        }
        for _ in 0..reader.map()? {
            if reader.text()? == name {
                continue 'names;
            }
            reader.item()?;
        }
        return Ok(None);
    }
    reader.scalar().map(Some)
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

impl Value {
    fn equals(&self, found: &Scalar<'_>) -> bool {
        match (found, self.literal) {
            (Scalar::Text(text), _) => *text == self.text,
            (Scalar::Null, literal) => literal == Some(Literal::Null),
            (Scalar::Bool(found), literal) => literal == Some(Literal::Bool(*found)),
            (Scalar::Int(_) | Scalar::Float(_), _) => self.order(found) == Some(Ordering::Equal),
            (Scalar::Other, _) => false,
        }
    }

    /// How what was found compares with this value: numbers with numbers, strings
    /// with what is no number.
    fn order(&self, found: &Scalar<'_>) -> Option<Ordering> {
        match (found, self.literal) {
            (Scalar::Int(found), Some(Literal::Int(value))) => Some(found.cmp(&value)),
            (Scalar::Int(found), Some(Literal::Float(value))) => compare(*found, value),
            (Scalar::Float(found), Some(Literal::Int(value))) => {
                compare(value, *found).map(Ordering::reverse)
            }
            (Scalar::Float(found), Some(Literal::Float(value))) => found.partial_cmp(&value),
            (Scalar::Text(_), Some(Literal::Int(_) | Literal::Float(_))) => None,
            (Scalar::Text(found), _) => Some((*found).cmp(self.text.as_str())),
            _ => None,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('"') {
            let text = serde_json::from_str(text).map_err(|_| {
                format!("found {text}; expected the quotes to hold one JSON string")
            })?;
            return Ok(Self {
                text,
                literal: None,
            });
        }
        let literal = match text {
            "null" => Some(Literal::Null),
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            _ => number(text),
        };
        if literal.is_none() && is_number_written_otherwise(text) {
            return Err(format!(
                "found {text:?}; expected a number as JSON writes it, such as 5, 0.5 or 1e3, or \
                 the text in double quotes"
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            literal,
        })
    }

    /// A value to compare with. What is meant for a number, and is none, would be
    /// compared as text.
    fn parse_bound(op: &str, text: &str) -> Result<Self, String> {
        let value = Self::parse(text)?;
        let quoted = text.starts_with('"');
        let several = OPS.iter().any(|op| text.contains(&format!(",{op}:")));
        if !quoted && several {
            return Err(format!(
                "found {text:?} after {op}:; expected one value: for both ends of a range give \
                 the parameter twice"
            ));
        }
        if !quoted && value.literal.is_none() && !is_evidently_text(text) {
            return Err(format!(
                "found {text:?} after {op}:; expected a number as JSON writes it, such as 5, 0.5 \
                 or 1e3, a date such as 2024-05-01, or a text in double quotes"
            ));
        }
        Ok(value)
    }
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<Literal> {
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    match number.as_i128() {
        Some(int) => Some(Literal::Int(int)),
        None => number.as_f64().map(Literal::Float),
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

fn property(path: &str, expression: &str) -> Result<Criterion, String> {
    check_name(path)?;
    let path = parse_path(path)?;
    let (op, text) = split(expression);
    if (op, text) == ("eq", expression) {
        check_plain(expression)?;
    }
    let test = match op {
        "eq" => Test::Equal(vec![Value::parse(text)?], true),
        "ne" => Test::Equal(vec![Value::parse(text)?], false),
        "in" => Test::Equal(list(text)?, true),
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
    Ok(Criterion::Property { path, test })
}

const OPS: [&str; 10] = [
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "since", "until",
];

/// What stands for a number to most readers, but not to those of JSON. Digits alone,
/// with zeros or a plus in front, are codes and telephone numbers.
fn is_number_written_otherwise(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && !digits.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<f64>().is_ok()
}

/// Whether a text to compare with can be meant for nothing else: it does not begin as a
/// number does, or is a date.
fn is_evidently_text(text: &str) -> bool {
    let is_date = matches!(text.as_bytes(), [a, b, c, d, b'-', e, f, ..]
        if [a, b, c, d, e, f].iter().all(|byte| byte.is_ascii_digit()));
    let number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    is_date || text.starts_with(|c| !number(c))
}

/// Refuses the name of a property that holds a part of an expression: `prop.n>=5` is the
/// parameter `prop.n>` with the value 5.
fn check_name(path: &str) -> Result<(), String> {
    let refusal = |found: &str| {
        Err(format!(
            "found {found:?} in the name of a property; a comparison is written prop.NAME=gte:5, \
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
fn split(expression: &str) -> (&str, &str) {
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
pub(super) fn parse_path(text: &str) -> Result<Vec<String>, String> {
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

/// Values between commas that are not in quotes.
fn list(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    let mut start = 0;
    let (mut quoted, mut escaped) = (false, false);
    let mut ends = Vec::new();
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => ends.push(at),
            _ => {}
        }
    }
    ends.push(text.len());
    if ends.len() > MAX_LIST {
        return Err(format!(
            "found a list of {} values; expected at most {MAX_LIST}",
            ends.len()
        ));
    }
    for end in ends {
        values.push(Value::parse(text.get(start..end).unwrap_or_default())?);
        start = end + 1;
    }
    Ok(values)
}

fn parse_time(expression: &str) -> Result<Since, String> {
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

fn parse_sequence(expression: &str) -> Result<Criterion, String> {
    let (op, text) = split(expression);
    let range = text.parse::<u64>().ok().and_then(|seq| match op {
        "eq" => Some((seq, seq)),
        "gt" => Some((seq.saturating_add(1), u64::MAX)),
        "gte" => Some((seq, u64::MAX)),
        // No sequence is 0, so up to 0 is none.
        "lt" => Some((0, seq.saturating_sub(1))),
        "lte" => Some((0, seq)),
        _ => None,
    });
    range
        .map(|(first, last)| Criterion::Sequence(first, last))
        .ok_or_else(|| {
            format!("found {expression:?}; expected eq, gt, gte, lt or lte of an integer, such as gte:42")
        })
}

#[cfg(test)]
mod tests;
