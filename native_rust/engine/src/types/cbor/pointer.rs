//! Places in a document for people who know it as JSON.

use std::fmt::Write;

use super::decode::{DecodeError, Reader};
use crate::types::json::step;

/// The JSON pointer (RFC 6901) to the innermost value that a byte of a document lies in,
/// as far as the document can be read. Linear in the bytes before it for each level.
pub(crate) fn pointer_to(cbor: &[u8], offset: usize) -> String {
    let mut pointer = String::new();
    let mut reader = Reader::new(cbor);
    while let Ok(Some(inner)) = enter(&mut reader, offset, &mut pointer) {
        reader = inner;
    }
    pointer
}

/// A reader at the member or element that the byte lies in, with its step added.
fn enter<'b>(
    reader: &mut Reader<'b>,
    offset: usize,
    pointer: &mut String,
) -> Result<Option<Reader<'b>>, DecodeError> {
    let map = reader.at_map()?;
    let len = if map { reader.map()? } else { reader.array()? };
    for i in 0..len {
        let name = if map { Some(reader.text()?) } else { None };
        let inner = reader.clone();
        if offset < inner.position() {
            // In a name, or in the head of the whole.
            return Ok(None);
        }
        // What breaks inside of it lies inside of it.
        if reader.item().is_err() || offset < reader.position() {
            match name {
                Some(name) => pointer.push_str(&step(name)),
                // Writing text into memory has no way to fail.
                None => drop(write!(pointer, "/{i}")),
            }
            return Ok(Some(inner));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::cbor::encode_json;
    use crate::types::json::Source;

    #[test]
    fn each_byte_has_a_place() {
        let text = br#"{"a/b":[1,{"c":"text"}],"d":null}"#;
        let mut cbor = Vec::new();
        encode_json(&Source::new(text).unwrap().value().unwrap(), &mut cbor);
        let at = |byte: u8| cbor.iter().position(|b| *b == byte).unwrap();
        assert_eq!(pointer_to(&cbor, at(1)), "/a~1b/0");
        assert_eq!(pointer_to(&cbor, at(b'x')), "/a~1b/1/c");
        assert_eq!(pointer_to(&cbor, at(0xf6)), "/d");
        assert_eq!(pointer_to(&cbor, 0), "");
        assert_eq!(pointer_to(&cbor, at(b'd')), "");
        assert_eq!(pointer_to(&cbor, cbor.len()), "");
        for end in 0..cbor.len() {
            for offset in 0..=end {
                pointer_to(&cbor[..end], offset);
            }
        }
    }
}
