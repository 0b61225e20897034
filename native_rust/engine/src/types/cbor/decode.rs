//! Reading stored CBOR, with every refusal at a byte offset.

use std::fmt;

use minicbor::Decoder;
use minicbor::data::Type;

/// Stored bytes that are not what was written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// Byte offset in the bytes that were being decoded.
    pub offset: usize,
    /// What does not hold there.
    pub reason: &'static str,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the document", self.reason, self.offset)
    }
}

impl std::error::Error for DecodeError {}

/// An item that is looked at by its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'b> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A float of any width.
    Float(f64),
    /// A text string.
    Text(&'b str),
    /// Anything else.
    Other,
}

/// A position in CBOR bytes, moving forward item by item. Reads neither items of
/// indefinite length nor anything after the end, whatever the bytes.
#[derive(Debug, Clone)]
pub struct Reader<'b> {
    decoder: Decoder<'b>,
}

impl<'b> Reader<'b> {
    /// A reader at the first byte.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            decoder: Decoder::new(bytes),
        }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.decoder.position()
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'b [u8] {
        let bytes = self.decoder.input();
        bytes.get(self.position()..).unwrap_or_default()
    }

    /// An error at this position.
    #[must_use]
    pub fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError {
            offset: self.position(),
            reason,
        }
    }

    fn read<T>(
        &mut self,
        item: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
    ) -> Result<T, DecodeError> {
        let offset = self.position();
        item(&mut self.decoder).map_err(|e| DecodeError {
            offset: e.position().unwrap_or(offset),
            reason: if e.is_end_of_input() {
                "the bytes end inside an item"
            } else if e.is_type_mismatch() {
                "an item of another type was expected"
            } else {
                "the bytes are not CBOR"
            },
        })
    }

    /// The type of the next item.
    pub(super) fn peek(&mut self) -> Result<Type, DecodeError> {
        self.read(|decoder| decoder.datatype())
    }

    /// Enters an array: the number of items that follow.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn array(&mut self) -> Result<u64, DecodeError> {
        let len = self.read(Decoder::array)?;
        len.ok_or_else(|| self.error("an array of indefinite length"))
    }

    /// Enters a map: the number of pairs that follow.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn map(&mut self) -> Result<u64, DecodeError> {
        let len = self.read(Decoder::map)?;
        len.ok_or_else(|| self.error("a map of indefinite length"))
    }

    /// A text string.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else, or text that is not UTF-8.
    pub fn text(&mut self) -> Result<&'b str, DecodeError> {
        self.read(Decoder::str)
    }

    /// A byte string.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        self.read(Decoder::bytes)
    }

    /// A tag; its item follows.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn tag(&mut self) -> Result<u64, DecodeError> {
        self.read(Decoder::tag).map(|tag| tag.as_u64())
    }

    /// An integer of at least zero.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.read(Decoder::u64)
    }

    /// An integer of 64 bits, with sign.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        self.read(Decoder::i64)
    }

    /// Any integer CBOR can hold: -2^64 to 2^64 - 1.
    pub(super) fn int(&mut self) -> Result<i128, DecodeError> {
        self.read(Decoder::int).map(i128::from)
    }

    /// A float of any width.
    pub(super) fn float(&mut self) -> Result<f64, DecodeError> {
        // Minicbor's `f64` widens the narrower two.
        self.read(Decoder::f64)
    }

    /// `true` or `false`.
    pub(super) fn bool(&mut self) -> Result<bool, DecodeError> {
        self.read(Decoder::bool)
    }

    /// An integer or a float, as a double.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn number(&mut self) -> Result<f64, DecodeError> {
        match self.peek()? {
            Type::F16 | Type::F32 | Type::F64 => self.float(),
            _ => self.int().map(|n| n as f64),
        }
    }

    /// An integer or a float as decimal text with neither exponent nor a fraction
    /// of zero, so that equal numbers have equal text.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn number_text(&mut self) -> Result<String, DecodeError> {
        match self.peek()? {
            Type::F16 | Type::F32 | Type::F64 => self.float().map(|n| n.to_string()),
            _ => self.int().map(|n| n.to_string()),
        }
    }

    /// Whether the next item is a number.
    ///
    /// # Errors
    /// [`DecodeError`] at the end of the bytes.
    pub fn at_number(&mut self) -> Result<bool, DecodeError> {
        Ok(!matches!(
            self.peek()?,
            Type::Array
                | Type::Map
                | Type::String
                | Type::Bytes
                | Type::Tag
                | Type::Bool
                | Type::Null
        ))
    }

    /// The next item by its value; arrays, maps and the like are stepped over.
    ///
    /// # Errors
    /// [`DecodeError`] where the item breaks.
    pub fn scalar(&mut self) -> Result<Scalar<'b>, DecodeError> {
        Ok(match self.peek()? {
            Type::String => Scalar::Text(self.text()?),
            Type::F16 | Type::F32 | Type::F64 => Scalar::Float(self.float()?),
            Type::Bool => Scalar::Bool(self.bool()?),
            _ if self.at_number()? => Scalar::Int(self.int()?),
            _ if self.take_null()? => Scalar::Null,
            _ => {
                self.item()?;
                Scalar::Other
            }
        })
    }

    /// Whether a map comes next.
    ///
    /// # Errors
    /// [`DecodeError`] at the end of the bytes.
    pub fn at_map(&mut self) -> Result<bool, DecodeError> {
        Ok(self.peek()? == Type::Map)
    }

    /// Whether an array comes next.
    ///
    /// # Errors
    /// [`DecodeError`] at the end of the bytes.
    pub fn at_array(&mut self) -> Result<bool, DecodeError> {
        Ok(self.peek()? == Type::Array)
    }

    /// Whether a tag comes next.
    ///
    /// # Errors
    /// [`DecodeError`] at the end of the bytes.
    pub fn at_tag(&mut self) -> Result<bool, DecodeError> {
        Ok(self.peek()? == Type::Tag)
    }

    /// Whether the next item is `null`, which is then stepped over.
    ///
    /// # Errors
    /// [`DecodeError`] at the end of the bytes.
    pub fn take_null(&mut self) -> Result<bool, DecodeError> {
        let null = self.peek()? == Type::Null;
        if null {
            self.read(Decoder::null)?;
        }
        Ok(null)
    }

    /// Steps over one item, however nested, and returns its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] where its structure breaks.
    pub fn item(&mut self) -> Result<&'b [u8], DecodeError> {
        let bytes = self.rest();
        let start = self.position();
        self.read(skip)?;
        bytes
            .get(..self.position() - start)
            .ok_or_else(|| self.error("the bytes end inside an item"))
    }

    /// That nothing follows.
    ///
    /// # Errors
    /// [`DecodeError`] when something does.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("bytes after the end"))
        }
    }
}

/// Steps over one item, however nested.
///
/// # Errors
/// As [`Decoder::skip`], which it is for all but what is stored: for that it is quicker
/// by half, since it does not look whether text is UTF-8. Whoever reads the text does.
pub(crate) fn skip(decoder: &mut Decoder<'_>) -> Result<(), minicbor::decode::Error> {
    let start = decoder.position();
    match decoder.input().get(start..).and_then(item_len) {
        Some(len) => decoder.set_position(start + len),
        None => decoder.skip()?,
    }
    Ok(())
}

/// The length of the item that bytes begin with, if it is whole, well-formed, and of
/// definite length in all its parts. By the heads alone: O(items in it).
fn item_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    let mut items = 1_u64;
    while items > 0 {
        items -= 1;
        let head = bytes.get(at)?;
        let (major, info) = (head >> 5, head & 31);
        at += 1;
        let value = match info {
            0..=23 => u64::from(info),
            24..=27 => {
                let end = at + (1 << (info - 24));
                let value = bytes.get(at..end)?.iter();
                at = end;
                value.fold(0, |value, byte| value << 8 | u64::from(*byte))
            }
            _ => return None,
        };
        match major {
            0..=1 => {}
            2..=3 => at = at.checked_add(usize::try_from(value).ok()?)?,
            4 => items = items.checked_add(value)?,
            5 => items = items.checked_add(value.checked_mul(2)?)?,
            6 => items = items.checked_add(1)?,
            // The simple values that have a meaning, and floats.
            _ if matches!(info, 20..=23 | 25..=27) => {}
            _ => return None,
        }
    }
    (at <= bytes.len()).then_some(at)
}
