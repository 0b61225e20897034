//! JSON documents in their other form, CBOR (RFC 8949), as clients send and take them:
//! JSON's types only, so text as names of members, no byte strings, no `undefined`, no
//! numbers that are none, and no tag but the one that says that it is CBOR (55799).

use ciborium_ll::{Decoder, Header, simple};

use crate::error::{Error, InvalidCode, Result};

/// Arrays and objects within each other, as JSON may have them.
const DEPTH: usize = 128;
/// Says that what follows is CBOR (RFC 8949, section 3.4.6).
const SELF_DESCRIBED: u64 = 55_799;

/// The same document as CBOR. Arrays and objects have no length before them, since they are
/// written as they are read. Integers of 64 bits stay integers; all other numbers are
/// floats, in the shortest form that holds them. Linear.
///
/// # Errors
/// [`InvalidCode::Json`] for what is no JSON.
pub fn json_to_cbor(json: &[u8]) -> Result<Vec<u8>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    // What was accepted is nested no deeper than that; an answer adds a few levels.
    reader.disable_recursion_limit();
    let mut out = Vec::with_capacity(json.len());
    let document = serde_transcode::Transcoder::new(&mut reader);
    let written = ciborium::into_writer(&document, &mut out);
    written.map_err(|e| Error::invalid(InvalidCode::Json, "", e.to_string()))?;
    Ok(out)
}

/// The same document as JSON text of at most `limit` bytes. Linear; memory is taken for what
/// was read, never for what a length says.
///
/// # Errors
/// [`InvalidCode::Cbor`] with the offset of what is no CBOR, or none that is JSON too;
/// [`Error::TooLarge`].
pub fn cbor_to_json(cbor: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut writer = Writer {
        out: Vec::with_capacity(cbor.len()),
        open: Vec::new(),
    };
    let mut input = Input { bytes: cbor, at: 0 };
    loop {
        let at = input.at;
        match input.header()? {
            Header::Tag(SELF_DESCRIBED) if at == 0 => continue,
            Header::Positive(n) => writer.scalar(at, |out| write(out, &n))?,
            // All bits are inverted.
            Header::Negative(n) if i64::try_from(n).is_err() => {
                let n = -1 - i128::from(n);
                return Err(invalid(format!(
                    "found the integer {n} at byte {at}; expected one from -2^63 to 2^64 - 1, send \
                     others as text"
                )));
            }
            Header::Negative(n) => writer.scalar(at, |out| write(out, &(-1 - i128::from(n))))?,
            Header::Float(n) if n.is_finite() => writer.scalar(at, |out| write(out, &n))?,
            Header::Simple(simple::FALSE) => writer.scalar(at, |out| write(out, &false))?,
            Header::Simple(simple::TRUE) => writer.scalar(at, |out| write(out, &true))?,
            Header::Simple(simple::NULL) => writer.scalar(at, |out| write(out, &()))?,
            Header::Text(length) => {
                let text = input.text(length)?;
                writer.text(&text);
            }
            Header::Array(length) => writer.begin(at, length, false)?,
            Header::Map(length) => writer.begin(at, length, true)?,
            Header::Break => writer.end(at)?,
            Header::Float(n) => return Err(refusal(at, format!("the number {n}"))),
            Header::Tag(tag) => return Err(refusal(at, format!("the tag {tag}"))),
            Header::Bytes(_) => return Err(refusal(at, "a byte string")),
            Header::Simple(n) => return Err(refusal(at, format!("the simple value {n}"))),
        }
        writer.close_full()?;
        if writer.out.len() > limit {
            return Err(Error::TooLarge {
                what: "the body as JSON, in bytes,",
                actual: writer.out.len() as u64,
                limit: limit as u64,
                setting: "max_body_bytes",
            });
        }
        if writer.open.is_empty() {
            break;
        }
    }
    match cbor.len() - input.at {
        0 => Ok(writer.out),
        more => Err(invalid(format!(
            "{more} bytes follow the document; send one"
        ))),
    }
}

fn write(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing numbers and text into memory has no way to fail.
    let _ = serde_json::to_writer(out, value);
}

fn invalid(detail: String) -> Error {
    Error::invalid(InvalidCode::Cbor, "", detail)
}

fn refusal(at: usize, found: impl std::fmt::Display) -> Error {
    invalid(format!(
        "found {found} at byte {at}; expected what JSON has: objects whose names are text, arrays, \
         text, finite numbers, booleans, null"
    ))
}

struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Input<'_> {
    fn header(&mut self) -> Result<Header> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut decoder = Decoder::from(rest);
        let header = decoder.pull().map_err(|e| match e {
            ciborium_ll::Error::Io(_) => self.ends_early(),
            ciborium_ll::Error::Syntax(_) => {
                invalid(format!("what begins at byte {} is no CBOR", self.at))
            }
        })?;
        self.at += decoder.offset();
        Ok(header)
    }

    fn ends_early(&self) -> Error {
        invalid(format!(
            "the body ends after {} bytes, within the document",
            self.bytes.len()
        ))
    }

    /// Text of a length, or in pieces until a break.
    fn text(&mut self, length: Option<usize>) -> Result<String> {
        let mut text = String::new();
        match length {
            Some(length) => text.push_str(self.piece(length)?),
            None => loop {
                let at = self.at;
                match self.header()? {
                    Header::Text(Some(length)) => text.push_str(self.piece(length)?),
                    Header::Break => break,
                    _ => return Err(invalid(format!("a piece of text at byte {at} is no text"))),
                }
            },
        }
        Ok(text)
    }

    fn piece(&mut self, length: usize) -> Result<&str> {
        let at = self.at;
        let end = at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.ends_early());
        };
        self.at = end;
        let bytes = self.bytes.get(at..end).unwrap_or_default();
        std::str::from_utf8(bytes)
            .map_err(|_| invalid(format!("the text at byte {at} is not UTF-8")))
    }
}

/// An array or object that was begun.
struct Open {
    /// Items that are to come, names and values each; `None` until a break.
    left: Option<usize>,
    object: bool,
    /// Whether an item of an object is a name.
    name: bool,
    first: bool,
    /// Where the names of an object stand in what was written, quotes included.
    names: Vec<(usize, usize)>,
}

struct Writer {
    out: Vec<u8>,
    open: Vec<Open>,
}

impl Writer {
    /// What stands before an item. False where the item has to be the name of a member.
    fn item(&mut self, is_text: bool) -> bool {
        let Some(open) = self.open.last_mut() else {
            return true;
        };
        if open.object && open.name && !is_text {
            return false;
        }
        let value_of_member = open.object && !open.name;
        if value_of_member {
            self.out.push(b':');
        } else if !std::mem::take(&mut open.first) {
            self.out.push(b',');
        }
        open.name = open.object && !open.name;
        open.left = open.left.map(|left| left.saturating_sub(1));
        true
    }

    fn scalar(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        match self.item(false) {
            true => write(&mut self.out),
            false => return Err(refusal(at, "a name of a member that is no text")),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let open = self.open.last();
        let is_name = open.is_some_and(|open| open.object && open.name);
        self.item(true);
        let start = self.out.len();
        write(&mut self.out, &text);
        let end = self.out.len();
        if let Some(open) = self.open.last_mut().filter(|_| is_name) {
            open.names.push((start, end));
        }
    }

    fn begin(&mut self, at: usize, length: Option<usize>, object: bool) -> Result<()> {
        if !self.item(false) {
            return Err(refusal(at, "a name of a member that is no text"));
        }
        if self.open.len() == DEPTH {
            let detail = format!("arrays and objects lie more than {DEPTH} deep at byte {at}");
            return Err(invalid(detail));
        }
        self.out.push(if object { b'{' } else { b'[' });
        self.open.push(Open {
            left: length.map(|n| if object { n.saturating_mul(2) } else { n }),
            object,
            name: object,
            first: true,
            names: Vec::new(),
        });
        Ok(())
    }

    /// At a break.
    fn end(&mut self, at: usize) -> Result<()> {
        let open = self.open.last();
        if !open.is_some_and(|open| open.left.is_none() && (open.name || !open.object)) {
            return Err(invalid(format!("a break at byte {at} ends nothing")));
        }
        self.close()
    }

    /// Ends what has all of its items.
    fn close_full(&mut self) -> Result<()> {
        while self.open.last().is_some_and(|open| open.left == Some(0)) {
            self.close()?;
        }
        Ok(())
    }

    /// A name that stands twice is refused here: where the JSON is read nobody knows any more
    /// that it was CBOR.
    fn close(&mut self) -> Result<()> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        let name = |&(start, end): &(usize, usize)| self.out.get(start..end).unwrap_or_default();
        open.names
            .sort_unstable_by(|one, other| name(one).cmp(name(other)));
        let mut pairs = open.names.windows(2);
        let twice = pairs.find_map(|pair| match pair {
            [one, other] => (name(one) == name(other)).then(|| name(one)),
            _ => None,
        });
        if let Some(twice) = twice {
            return Err(invalid(format!(
                "an object has the member {} twice; give each name once",
                String::from_utf8_lossy(twice)
            )));
        }
        self.out.push(if open.object { b'}' } else { b']' });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn back(json: &str) -> String {
        let cbor = json_to_cbor(json.as_bytes()).unwrap();
        String::from_utf8(cbor_to_json(&cbor, 1 << 20).unwrap()).unwrap()
    }

    #[test]
    fn what_survives() {
        for text in [
            "{}",
            "[]",
            "null",
            "[[],{}]",
            r#"{"a":[1,-1,0,1.0,-0.0,1e300,0.1,18446744073709551615,-9223372036854775808]}"#,
            r#"["","\u0000\u001f\"\\é😀",true,false,null]"#,
        ] {
            let (one, other): (Value, Value) = (
                serde_json::from_str(text).unwrap(),
                serde_json::from_str(&back(text)).unwrap(),
            );
            assert_eq!(one, other, "{text}");
        }
        assert_eq!(back("[1,1.0]"), "[1,1.0]");
        // The same name in another object, and as a value, is another thing.
        let nested = r#"{"a":"a","b":{"a":[{"a":1},{"a":2}]}}"#;
        assert_eq!(back(nested), nested);
    }

    #[test]
    fn what_is_refused() {
        for (bytes, part) in [
            (&b""[..], "ends after 0 bytes"),
            (b"\xff", "ends nothing"),
            (b"\x00\x00", "1 bytes follow"),
            (b"\x41a", "a byte string"),
            (b"\xf9\x7e\x00", "NaN"),
            (b"\xf9\x7c\x00", "inf"),
            (b"\xf7", "simple value 23"),
            (b"\xc0\x60", "the tag 0"),
            (b"\x81\xd9\xd9\xf7\x00", "the tag 55799"),
            (b"\xa1\x01\x02", "no text"),
            (b"\xa1\x60", "within the document"),
            (b"\xbf\x60\xff", "ends nothing"),
            (
                b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "within the document",
            ),
            (
                b"\x7b\x00\x00\x00\xff\xff\xff\xff\xff",
                "within the document",
            ),
            (b"\x62\xff\xff", "not UTF-8"),
            (b"\x7f\x41a\xff", "is no text"),
            (b"\x1c", "is no CBOR"),
            (
                b"\x3b\x80\x00\x00\x00\x00\x00\x00\x00",
                "-9223372036854775809 at byte 0",
            ),
            (
                b"\x81\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
                "-18446744073709551616 at byte 1",
            ),
            (b"\xa2\x61a\x00\x61a\x00", "the member \"a\" twice"),
            (
                b"\x81\xbf\x61a\x00\x61b\xa0\x7f\x61a\xff\x00\xff",
                "\"a\" twice",
            ),
        ] {
            let error = cbor_to_json(bytes, 1 << 20).unwrap_err();
            assert_eq!(error.code(), "invalid_cbor");
            assert!(error.to_string().contains(part), "{bytes:x?}: {error}");
        }
        let deep = [[0x81].repeat(DEPTH + 1), vec![0]].concat();
        assert!(cbor_to_json(&deep, 1 << 20).is_err());
        assert!(cbor_to_json(&deep[1..], 1 << 20).is_ok());
        let long = cbor_to_json(b"\x65hello", 6).unwrap_err();
        assert!(long.to_string().contains("FORMDB_MAX_BODY_BYTES"), "{long}");
        assert_eq!(
            cbor_to_json(b"\xd9\xd9\xf7\x9f\x7f\x61a\x61b\xff\xff", 9).unwrap(),
            b"[\"ab\"]"
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((".{0,3}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn documents_survive(value in any_value()) {
            let text = value.to_string();
            let read: Value = serde_json::from_str(&back(&text)).unwrap();
            prop_assert_eq!(&read, &value);
            // Also what another program wrote, with lengths.
            let mut cbor = Vec::new();
            ciborium::into_writer(&value, &mut cbor).unwrap();
            let json = cbor_to_json(&cbor, 1 << 20).unwrap();
            let read: Value = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(read, json!(value));
        }

        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(json) = cbor_to_json(&bytes, 1 << 20) {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok());
            }
        }
    }
}
