//! Filters: conditions on the properties, the time and the sequence of a feature's
//! version, given as text.

use std::hash::{Hash, Hasher};

use crate::error::{Error, InvalidCode, Result};
use crate::types::cbor::DecodeError;
use crate::types::member_filter::{MemberFilter, Since, parse_time, split};

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
/// `prop` takes the expressions of docs/API.md, "Filters": `VALUE`, `eq:`, `ne:`, `gt:`,
/// `gte:`, `lt:`, `lte:`, `in:`, `has:`, `contains:`, `starts:`, `exists`, `since:` and
/// `until:`. `time` takes `since` and `until`; `seq` takes `eq`, `gt`, `gte`, `lt` and
/// `lte` of an integer.
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
    Property(MemberFilter),
    Time(Since),
    /// First and last sequence.
    Sequence(u64, u64),
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
                Some(path) => {
                    MemberFilter::parse("prop", path, expression).map(Criterion::Property)
                }
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
    pub(crate) fn matches(&self, body: &[u8]) -> Result<bool, DecodeError> {
        match &self.kind {
            Criterion::Property(filter) => filter.matches(body, Some("properties")),
            Criterion::Time(_) | Criterion::Sequence(..) => Ok(true),
        }
    }

    /// Whether bodies are needed to decide.
    pub(crate) fn is_of_properties(&self) -> bool {
        matches!(self.kind, Criterion::Property(_))
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
            match &filter.kind {
                Criterion::Property(_) => {}
                Criterion::Sequence(first, last) => {
                    span.first = span.first.max(*first);
                    span.last = span.last.min(*last);
                }
                Criterion::Time(Since::Since(time)) => {
                    span.since = Some(span.since.map_or(*time, |other| other.max(*time)));
                }
                Criterion::Time(Since::Until(time)) => {
                    span.until = Some(span.until.map_or(*time, |other| other.min(*time)));
                }
            }
        }
        span
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
