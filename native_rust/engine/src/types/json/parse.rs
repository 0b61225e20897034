//! Reading JSON text: `serde_json`'s parser, with refusals in the terms of this
//! crate.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::numbers::{self, Exempt};
use super::{Json, Members, Room, shown};
use crate::error::{Error, InvalidCode, Result};

/// A whole JSON text, checked to be UTF-8, from which values are read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    text: &'a str,
    exempt: Exempt,
    /// Whether refusals of a part point from its begin, and not from that of the text.
    from_part: bool,
    /// Where what is read is counted.
    room: Option<&'a Room>,
}

/// What is to be known of values as they are read: which numbers may not be what they were
/// written as, and how much memory they take.
#[derive(Debug, Default)]
struct Doubts<'r> {
    room: Option<&'r Room>,
    /// A double of 0.
    zero: Cell<bool>,
    /// A double beyond the integers of 64 bits.
    great: Cell<bool>,
}

impl<'r> Doubts<'r> {
    fn within(room: Option<&'r Room>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Looks for room for one item more.
    fn room_for<T, E: de::Error>(&self, items: &Vec<T>) -> Result<(), E> {
        let Some(room) = self.room.filter(|_| items.len() == items.capacity()) else {
            return Ok(());
        };
        match room.take(items.len().max(4) * size_of::<T>()) {
            true => Ok(()),
            false => Err(E::custom("there is no memory for it")),
        }
    }

    fn of(&self, value: f64) {
        const SURE: f64 = (1_u64 << 62) as f64;
        if value == 0.0 {
            self.zero.set(true);
        } else if value.abs() > SURE {
            self.great.set(true);
        }
    }
}

impl<'a> Source<'a> {
    /// Takes a text. A byte order mark before it is skipped.
    ///
    /// # Errors
    /// [`InvalidCode::Json`] when it is not UTF-8.
    pub fn new(text: &'a [u8]) -> Result<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Self {
                text,
                exempt: Exempt::Nothing,
                from_part: false,
                room: None,
            }),
            Err(e) => {
                let (line, column) = place(text, e.valid_up_to());
                Err(not_json(
                    &format!(
                        "a byte that is not UTF-8 was found after line {line} column {column}"
                    ),
                    "send the text as UTF-8",
                ))
            }
        }
    }

    /// As [`Source::new`], of a Feature or FeatureCollection: an `id` of one may be a number
    /// that no double holds; as it is written, [`Source::members`] has it.
    ///
    /// # Errors
    /// As [`Source::new`].
    pub fn of_features(text: &'a [u8]) -> Result<Self> {
        let exempt = Exempt::FeatureIds;
        Self::new(text).map(|source| Self { exempt, ..source })
    }

    /// The same text; the memory of what is read of it is counted. One value of it is in
    /// memory at a time.
    ///
    /// Readers refuse with [`Error::MemoryFull`] what there is no room for.
    #[must_use]
    pub fn within(self, room: &'a Room) -> Self {
        Self {
            room: Some(room),
            ..self
        }
    }

    /// The same text; refusals of its parts point from the begin of the part, for callers
    /// who put the pointer to the part before them.
    #[must_use]
    pub fn pointing_from_parts(self) -> Self {
        Self {
            from_part: true,
            ..self
        }
    }

    /// The whole text as one value.
    ///
    /// # Errors
    /// [`InvalidCode::Json`] for a syntax error, a repeated member name, an integer
    /// beyond 64 bits, a number that a double is too small or too great for, nesting deeper than 128, or anything but
    /// white space after the value.
    pub fn value(&self) -> Result<Json<'a>> {
        self.part(self.text)
    }

    /// The members of the object that the whole text is, each still text.
    /// The text is checked to be well formed, its parts are not decoded.
    ///
    /// # Errors
    /// [`InvalidCode::Json`] as [`Source::value`]; also for a text that is not an
    /// object, with `expected` naming what should have come.
    pub fn members(&self, expected: &str) -> Result<Members<'a, &'a RawValue>> {
        let mut reader = serde_json::Deserializer::from_str(self.text);
        let doubts = Doubts::within(self.room);
        let members = reader
            .deserialize_map(MembersVisitor(RawSeed, &doubts))
            .and_then(|members| reader.end().map(|()| members));
        if let Some(room) = self.room {
            room.keep();
        }
        members.map_err(|e| {
            if let Some(refusal) = self.room.and_then(Room::refusal) {
                return refusal;
            }
            let begins = self.text.trim_start_matches(JSON_SPACE);
            if begins.is_empty() {
                let detail = format!("nothing was sent; expected {expected}");
                return Error::invalid(InvalidCode::Json, "", detail);
            }
            if e.is_data() && !begins.starts_with('{') {
                let detail = format!("what was sent is not an object; expected {expected}");
                return Error::invalid(InvalidCode::Json, "", detail);
            }
            self.syntax(self.text, &e)
        })
    }

    /// One value from `part`, which must be a slice of this text.
    ///
    /// # Errors
    /// As [`Source::value`].
    pub fn part(&self, part: &'a str) -> Result<Json<'a>> {
        let mut reader = serde_json::Deserializer::from_str(part);
        if let Some(room) = self.room {
            room.next();
        }
        let doubts = Doubts::within(self.room);
        let value = ValueSeed(&doubts)
            .deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|e| self.syntax(part, &e))?;
        self.settle(part, &doubts)?;
        Ok(value)
    }

    /// Refuses the first number of a part that would not be kept as what it is, if there
    /// may be one.
    fn settle(&self, part: &str, doubts: &Doubts<'_>) -> Result<()> {
        let zero = || doubts.zero.get() && numbers::may_vanish(part);
        match doubts.great.get() || zero() {
            true => self.unkept(part).map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    fn unkept(&self, part: &str) -> Option<Error> {
        let from = self.offset(part);
        let unkept = numbers::first_unkept(self.text, (from, from + part.len()), self.exempt);
        unkept.map(|unkept| unkept.refusal(self.from_part))
    }

    /// Where a slice of the text begins in it.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// Hands the elements of the array `part`, a slice of this text, to `take`,
    /// with their index; only one of them is in memory at a time. Returns how
    /// many there were, or `None` when `part` is not an array.
    ///
    /// # Errors
    /// As [`Source::value`], and the first that `take` returns.
    pub fn elements(
        &self,
        part: &'a str,
        take: impl FnMut(usize, Json<'a>) -> Result<()>,
    ) -> Result<Option<usize>> {
        if !part.starts_with('[') {
            return Ok(None);
        }
        let mut refused = None;
        let doubts = Doubts::within(self.room);
        let mut reader = serde_json::Deserializer::from_str(part);
        let count = reader
            .deserialize_seq(ElementsVisitor {
                take,
                refused: &mut refused,
                doubts: &doubts,
            })
            .and_then(|count| reader.end().map(|()| count));
        match (refused, count) {
            (Some(error), _) => Err(error),
            (None, Ok(count)) => self.settle(part, &doubts).map(|()| Some(count)),
            (None, Err(e)) => Err(self.syntax(part, &e)),
        }
    }

    /// The elements of the array `part`, a slice of this text, each still text.
    ///
    /// # Errors
    /// As [`Source::value`]; [`InvalidCode::Parameter`] when `part` is no array.
    pub fn parts(&self, part: &'a str) -> Result<Vec<&'a str>> {
        if !part.starts_with('[') {
            let found = match part.as_bytes().first() {
                Some(b'{') => "an object",
                Some(b'"') => "a string",
                Some(b't' | b'f') => "a boolean",
                Some(b'n') => "null",
                _ => "a number",
            };
            let detail = format!("found {found}; expected an array");
            return Err(Error::invalid(InvalidCode::Parameter, "", detail));
        }
        let parts: Vec<&RawValue> =
            serde_json::from_str(part).map_err(|e| self.syntax(part, &e))?;
        Ok(parts.into_iter().map(RawValue::get).collect())
    }

    /// A refusal with the place of the error in the whole text.
    fn syntax(&self, part: &str, e: &serde_json::Error) -> Error {
        if let Some(refusal) = self.room.and_then(Room::refusal) {
            return refusal;
        }
        let shown = e.to_string();
        if shown.starts_with("number out of range")
            && let Some(refusal) = self.unkept(part)
        {
            return refusal;
        }
        let (first_line, first_column) = place(self.text.as_bytes(), self.offset(part));
        let line = first_line + e.line().saturating_sub(1);
        let column = match e.line() {
            0 | 1 => first_column + e.column(),
            _ => e.column(),
        };
        if shown.starts_with("number out of range") {
            let detail = format!(
                "found a number beyond the range of a double at line {line} column {column}; send a \
                 smaller number or, where text may stand, text in quotes"
            );
            return Error::invalid(InvalidCode::Json, "", detail);
        }
        let suffix = format!(" at line {} column {}", e.line(), e.column());
        let what = match shown.strip_suffix(&suffix).unwrap_or(&shown) {
            _ if part.trim_start_matches(JSON_SPACE).is_empty() => "nothing was sent",
            "recursion limit exceeded" => "nesting is deeper than 128 levels",
            "EOF while parsing a value" => "it ends where a value is expected",
            "EOF while parsing a list" => "it ends within an array",
            "EOF while parsing an object" => "it ends within an object",
            "EOF while parsing a string" => "it ends within a string",
            "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
                "an escape \\u is half of a surrogate pair, which no text in UTF-8 can hold,"
            }
            "trailing characters" => "more text follows the value",
            "key must be a string" => "a member's name without double quotes",
            "invalid escape" => "a backslash that begins no escape of JSON",
            other => other,
        };
        not_json(
            &format!("{what} at line {line} column {column}"),
            "send one JSON value (RFC 8259)",
        )
    }
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Line (from 1) of a byte offset, and bytes before it in that line.
fn place(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let column = before
        .iter()
        .rev()
        .take_while(|&&byte| byte != b'\n')
        .count();
    (line, column)
}

fn not_json(what: &str, advice: &str) -> Error {
    let detail = format!("the text is not JSON: {what}; {advice}");
    Error::invalid(InvalidCode::Json, "", detail)
}

/// Reads any value.
#[derive(Clone, Copy)]
struct ValueSeed<'d>(&'d Doubts<'d>);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::U64(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::I64(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        self.0.of(value);
        Ok(Json::F64(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(self)? {
            self.0.room_for(&elements)?;
            elements.push(element);
        }
        Ok(Json::Arr(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json<'de>, A::Error> {
        MembersVisitor(self, self.0).visit_map(map).map(Json::Obj)
    }
}

/// Leaves a value as the text it is.
#[derive(Clone, Copy)]
struct RawSeed;

impl<'de> DeserializeSeed<'de> for RawSeed {
    type Value = &'de RawValue;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<&'de RawValue, D::Error> {
        <&'de RawValue>::deserialize(reader)
    }
}

/// Reads an object whose values the seed reads.
struct MembersVisitor<'d, S>(S, &'d Doubts<'d>);

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for MembersVisitor<'_, S> {
    type Value = Members<'de, S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let value = map.next_value_seed(self.0)?;
            self.1.room_for(&members)?;
            members.push((name, value));
        }
        Members::new(members).map_err(|name| {
            let name = shown(&name);
            de::Error::custom(format_args!(
                "the member {name} occurs twice in the object that ends"
            ))
        })
    }
}

/// Reads a member name, borrowed where it has no escape.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }
}

/// Hands on the elements of an array. An error of `take` is kept in `refused`,
/// since serde's errors cannot carry it.
struct ElementsVisitor<'r, F> {
    take: F,
    refused: &'r mut Option<Error>,
    doubts: &'r Doubts<'r>,
}

impl<'de, F: FnMut(usize, Json<'de>) -> Result<()>> Visitor<'de> for ElementsVisitor<'_, F> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        let next = || {
            if let Some(room) = self.doubts.room {
                room.next();
            }
            ValueSeed(self.doubts)
        };
        while let Some(element) = seq.next_element_seed(next())? {
            if let Err(error) = (self.take)(count, element) {
                *self.refused = Some(error);
                return Err(de::Error::custom("an element was refused"));
            }
            count += 1;
        }
        Ok(count)
    }
}
