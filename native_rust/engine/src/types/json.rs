//! JSON text (RFC 8259) to a tree that keeps integers, floats and strings apart
//! and borrows every string that has no escape.
//!
//! Parsing is `serde_json`'s, with its nesting limit of 128. On top of it,
//! repeated member names are refused (RFC 8259, section 4, leaves their meaning
//! open, and a database cannot), and so are numbers that would be rounded or lost;
//! errors carry the line and column in the
//! whole text even where only a part of it is being read.

mod cbor_form;
mod lines;
mod numbers;
mod parse;
mod room;
mod weight;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

pub use cbor_form::{cbor_to_json, json_to_cbor};
pub use lines::array_lines;
pub(crate) use numbers::Number;
pub use numbers::check_numbers;
pub(in crate::types) use numbers::{Fault as NumberFault, fault as number_fault};
pub use parse::Source;
pub use room::Room;
pub(crate) use weight::tree_bytes;

use crate::error::Shown;
use crate::error::{Error, InvalidCode, Result};

/// A JSON value. Strings borrow from the text where they can.
///
/// Integers are those of 64 bits, with sign or without. A number with a fraction or an
/// exponent is the nearest double (RFC 8259, section 6). What neither can hold, an
/// integer beyond that or a number that a double has no place for, is refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer of at least zero.
    U64(u64),
    /// A negative integer.
    I64(i64),
    /// A number with a fraction or an exponent; finite. Also the id of a feature that is
    /// an integer beyond 64 bits.
    F64(f64),
    /// A string.
    Str(Cow<'a, str>),
    /// An array.
    Arr(Vec<Json<'a>>),
    /// An object.
    Obj(Members<'a, Json<'a>>),
}

impl Json<'_> {
    /// The value as text, if it is a string. `pointer` is where an error points to.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for anything else.
    pub fn into_text(self, pointer: &str) -> Result<String> {
        match self {
            Self::Str(text) => Ok(text.into_owned()),
            other => {
                let detail = format!("found {}; expected a string", other.kind());
                Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
            }
        }
    }

    /// What kind of value it is, for messages: "a string", "an object".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::U64(_) | Self::I64(_) | Self::F64(_) => "a number",
            Self::Str(_) => "a string",
            Self::Arr(_) => "an array",
            Self::Obj(_) => "an object",
        }
    }

    /// The value as a double, if it is a number; integers beyond 2^53 are rounded.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::U64(n) => Some(*n as f64),
            Self::I64(n) => Some(*n as f64),
            Self::F64(n) => Some(*n),
            _ => None,
        }
    }
}

/// The members of an object, ordered as deterministic CBOR orders map keys
/// (RFC 8949, section 4.2.1): shorter names first, equal lengths bytewise.
///
/// Invariant: strictly ascending in that order, hence no name twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Members<'a, V>(Vec<(Cow<'a, str>, V)>);

fn order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl<'a, V> Members<'a, V> {
    /// Members in any order. O(n log n).
    ///
    /// # Errors
    /// A name that occurs twice.
    pub fn new(mut members: Vec<(Cow<'a, str>, V)>) -> Result<Self, Cow<'a, str>> {
        members.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        let repeated = members.windows(2).position(|pair| match pair {
            [(a, _), (b, _)] => a == b,
            _ => false,
        });
        match repeated {
            None => Ok(Self(members)),
            Some(at) => Err(members.swap_remove(at).0),
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| order(other, name))
    }

    /// The member called `name`. O(log n).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        let at = self.find(name).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Names and values, owned, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<(Cow<'a, str>, V)> {
        self.0
    }

    /// The member called `name`, to be changed. O(log n).
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let at = self.find(name).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Takes the member called `name` out. O(n).
    pub fn remove(&mut self, name: &str) -> Option<V> {
        let at = self.find(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Adds a member, or replaces the one of that name. O(n).
    pub fn insert(&mut self, name: &'static str, value: V) {
        match self.find(name) {
            Ok(at) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => self.0.insert(at, (Cow::Borrowed(name), value)),
        }
    }

    /// With the members of another object: `replace` makes a member's new value, or has it
    /// removed, of the one here, if there is one, and the other's. Linear in both.
    #[must_use]
    pub(crate) fn merge(
        self,
        other: Self,
        mut replace: impl FnMut(Option<V>, V) -> Option<V>,
    ) -> Self {
        let mut merged = Vec::with_capacity(self.0.len() + other.0.len());
        let mut here = self.0.into_iter().peekable();
        for (name, value) in other.0 {
            while let Some(before) = here.next_if(|(known, _)| order(known, &name).is_lt()) {
                merged.push(before);
            }
            let before = here.next_if(|(known, _)| *known == name);
            if let Some(value) = replace(before.map(|(_, value)| value), value) {
                merged.push((name, value));
            }
        }
        merged.extend(here);
        Self(merged)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for Members<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Members<'_, Json<'_>> {
    /// Takes the member called `name` out if it is null. O(log n), and O(n) if it is.
    pub(super) fn remove_null(&mut self, name: &str) {
        if self.get(name) == Some(&Json::Null) {
            self.remove(name);
        }
    }
}

/// `name` as one more step of a JSON pointer (RFC 6901, section 3).
pub(crate) fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A client's text in quotes for a message, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    Shown(text).to_string()
}

/// The error of a part, made the error of the whole: `pointer` leads to the part.
/// Callers build the pointer only once something was refused.
pub(crate) fn at(pointer: impl fmt::Display, error: Error) -> Error {
    error.within(pointer)
}

#[cfg(test)]
mod tests;
