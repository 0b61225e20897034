//! Provenance: where a record comes from. A free map; of its well-known keys only
//! `derived_from` has a form that is held to, since it names other blocks.

use super::cbor::{DecodeError, Reader};
use super::document::encode_document;
use super::hash::Hash;
use super::hash::parse_hash;
use super::json::{Json, Source};
use crate::error::{Error, InvalidCode, Result};

/// What a record was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A block of the same database.
    Seq(u64),
    /// A block of this or another database, by its leaf hash.
    Hash(Hash),
}

/// A provenance as its own deterministic CBOR map. `derived_from`, where it is
/// given, is a list of sequences and of hashes of 64 hexadecimal digits.
///
/// # Errors
/// [`InvalidCode::Document`] with a pointer that begins with `/provenance`.
pub(crate) fn encode_provenance(value: &Json<'_>) -> Result<Vec<u8>> {
    if let Json::Obj(members) = value
        && let Some(list) = members.get("derived_from")
    {
        let refusal = |pointer: String, found: &Json<'_>| {
            let detail = format!(
                "found {}; expected the sequence of a block (1 and above) or its hash, 64 hexadecimal digits",
                found.kind()
            );
            Error::invalid(InvalidCode::Document, pointer, detail)
        };
        let Json::Arr(list) = list else {
            let detail = format!("found {}; expected a list", list.kind());
            let pointer = "/provenance/derived_from";
            return Err(Error::invalid(InvalidCode::Document, pointer, detail));
        };
        for (i, origin) in list.iter().enumerate() {
            let known = match origin {
                Json::U64(seq) => *seq > 0,
                Json::Str(hash) => parse_hash(hash).is_some(),
                _ => false,
            };
            if !known {
                return Err(refusal(format!("/provenance/derived_from/{i}"), origin));
            }
        }
    }
    encode_document(value, "/provenance")
}

/// As [`encode_provenance`], from the text of an object.
///
/// # Errors
/// As [`encode_provenance`], and [`InvalidCode::Json`] for a syntax error.
pub fn parse_provenance(text: &[u8]) -> Result<Vec<u8>> {
    encode_provenance(&Source::new(text)?.value()?)
}

/// What a stored provenance says its record was derived from. Nothing for other
/// maps; linear in the map.
///
/// # Errors
/// [`DecodeError`] for bytes that are no map.
pub fn derived_from(provenance: &[u8]) -> Result<Vec<Origin>, DecodeError> {
    let mut reader = Reader::new(provenance);
    for _ in 0..reader.map()? {
        if reader.text()? != "derived_from" {
            reader.item()?;
            continue;
        }
        let mut origins = Vec::new();
        for _ in 0..reader.array()? {
            origins.push(match reader.at_number()? {
                true => Origin::Seq(reader.uint()?),
                false => Origin::Hash(
                    parse_hash(reader.text()?)
                        .ok_or_else(|| reader.error("an origin that is no hash"))?,
                ),
            });
        }
        return Ok(origins);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::to_hex;

    #[test]
    fn origins_are_sequences_and_hashes_and_nothing_else() {
        let hash = "ab".repeat(32);
        let text = format!(
            r#"{{"source":"x","derived_from":[7,"{hash}","{}"]}}"#,
            hash.to_uppercase()
        );
        let stored = parse_provenance(text.as_bytes()).unwrap();
        let origins = derived_from(&stored).unwrap();
        assert_eq!(origins.len(), 3);
        assert_eq!(origins[0], Origin::Seq(7));
        assert_eq!(origins[1], origins[2]);
        assert!(matches!(origins[1], Origin::Hash(h) if to_hex(&h) == hash));
        assert_eq!(derived_from(&parse_provenance(b"{}").unwrap()).unwrap(), []);

        for (text, pointer) in [
            ("{\"derived_from\":7}", "/provenance/derived_from"),
            ("{\"derived_from\":[0]}", "/provenance/derived_from/0"),
            ("{\"derived_from\":[1,-1]}", "/provenance/derived_from/1"),
            ("{\"derived_from\":[1.5]}", "/provenance/derived_from/0"),
            ("{\"derived_from\":[\"ab\"]}", "/provenance/derived_from/0"),
            ("[]", "/provenance"),
        ] {
            let error = parse_provenance(text.as_bytes()).unwrap_err();
            assert_eq!(error.pointer(), Some(pointer), "{text}");
        }
    }
}
