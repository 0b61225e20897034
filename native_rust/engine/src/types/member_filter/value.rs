//! What members are compared with.

use std::cmp::Ordering;

use super::OPS;
use crate::types::Number;
use crate::types::cbor::Scalar;

/// Values in one list.
const MAX_LIST: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    text: String,
    /// What the text stands for besides itself.
    literal: Option<Literal>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Number),
}

impl Value {
    pub(super) fn equals(&self, found: &Scalar<'_>) -> bool {
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
    pub(super) fn order(&self, found: &Scalar<'_>) -> Option<Ordering> {
        match (found, self.literal) {
            (Scalar::Int(found), Some(Literal::Number(value))) => Number::Int(*found).order(value),
            (Scalar::Float(found), Some(Literal::Number(value))) => {
                Number::Float(*found).order(value)
            }
            (Scalar::Text(_), Some(Literal::Number(_))) => None,
            (Scalar::Text(found), _) => Some((*found).cmp(self.text.as_str())),
            _ => None,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
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
            _ => Number::read(text).transpose()?.map(Literal::Number),
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
    pub(super) fn parse_bound(op: &str, text: &str) -> Result<Self, String> {
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

/// Values between commas. Spaces around a value are not part of it; what is in double
/// quotes keeps its spaces and commas.
pub(super) fn list(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        if values.len() == MAX_LIST {
            return Err(format!(
                "found a list of more values; expected at most {MAX_LIST}"
            ));
        }
        let text = text.trim_ascii_start();
        let end = match quoted_len(text) {
            Some(len) => len,
            None => text.find(',').unwrap_or(text.len()),
        };
        let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
        let after = after.trim_ascii_start();
        rest = after.strip_prefix(',');
        if rest.is_none() && !after.is_empty() {
            return Err(format!("found {after:?} after {value}; expected a comma"));
        }
        values.push(Value::parse(value.trim_ascii_end())?);
    }
    Ok(values)
}

/// The length of the JSON string that a text begins with, if there is one that ends.
fn quoted_len(text: &str) -> Option<usize> {
    let mut escaped = false;
    let mut characters = text.strip_prefix('"')?.bytes();
    let end = characters.position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })?;
    Some(1 + end + 1)
}

/// A part of a text that is looked for: as written, or a JSON string in double quotes.
pub(super) fn part(op: &str, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!(
            "found nothing after {op}:; expected a text, or \"\" for any text"
        ));
    }
    match text.starts_with('"') {
        true => Value::parse(text).map(|value| value.text),
        false => Ok(text.to_owned()),
    }
}
