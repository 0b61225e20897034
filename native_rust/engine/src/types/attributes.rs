//! Attributes of a series: what clients give, the body for the journal, and back.

use super::cbor::{DecodeError, Reader, encode_json, write_json, write_map_header, write_text};
use super::document::encode_document;
use super::id::{check_feature_id, check_series_id};
use super::json::{Json, Source, at};
use super::provenance::encode_provenance;
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// Bytes that the attributes of a series may have, encoded.
pub const MAX_ATTRIBUTES_BYTES: usize = 64 << 10;

/// The attributes that a series is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAttributes {
    /// Series id.
    pub series: String,
    /// Whether it has any: without it they are deleted.
    pub present: bool,
    /// Both as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Where they come from, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

/// A stored [`SetAttributes`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredAttributes<'b> {
    /// Series id.
    pub series: &'b str,
    /// The attributes, a CBOR map; nothing where they were deleted.
    pub attributes: Option<&'b [u8]>,
}

impl SetAttributes {
    /// Reads a JSON object: its members are the attributes, but for `provenance`. The
    /// member `feature` is the id of the feature that the series belongs to.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer for a bad id, anything but an object, and a
    /// `feature` that is no id; [`Error::TooLarge`].
    pub fn parse(series: &str, text: &[u8], limits: &Limits) -> Result<Self> {
        let mut value = Source::new(text)?.value()?;
        let provenance = match &mut value {
            Json::Obj(members) => members.remove("provenance"),
            _ => None,
        };
        let provenance = provenance.filter(|value| *value != Json::Null);
        let provenance = provenance.as_ref().map(encode_provenance).transpose()?;
        Self::of(series, &value, provenance, limits)
    }

    /// The same of attributes and provenance that stand apart.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of(
        series: &str,
        attributes: &Json<'_>,
        provenance: Option<Vec<u8>>,
        limits: &Limits,
    ) -> Result<Self> {
        check_series_id(series, "/series_id", limits)?;
        if let Json::Obj(members) = attributes {
            match members.get("feature") {
                None => {}
                Some(Json::Str(id)) => check_feature_id(id, "/feature", limits)?,
                Some(other) => {
                    let detail = format!("found {}; expected the id of a feature", other.kind());
                    return Err(Error::invalid(InvalidCode::Document, "/feature", detail));
                }
            }
        }
        let attributes = encode_document(attributes, "")?;
        if attributes.len() > MAX_ATTRIBUTES_BYTES {
            let detail = format!(
                "the attributes have {} bytes, encoded; a series may have {MAX_ATTRIBUTES_BYTES}",
                attributes.len()
            );
            return Err(Error::invalid(InvalidCode::Document, "", detail));
        }
        Ok(Self::encoded(
            series.to_owned(),
            Some(&attributes),
            provenance,
        ))
    }

    /// That a series has these attributes, a CBOR map, or none.
    #[must_use]
    pub fn encoded(series: String, attributes: Option<&[u8]>, provenance: Option<Vec<u8>>) -> Self {
        let mut body = Vec::with_capacity(series.len() + attributes.map_or(1, <[u8]>::len) + 32);
        write_map_header(2, &mut body);
        write_text("series", &mut body);
        write_text(&series, &mut body);
        write_text("attributes", &mut body);
        match attributes {
            Some(attributes) => body.extend_from_slice(attributes),
            None => encode_json(&Json::Null, &mut body),
        }
        Self {
            series,
            present: attributes.is_some(),
            body,
            provenance,
        }
    }
}

/// The series and the attributes of a stored body.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn stored_attributes(body: &[u8]) -> Result<StoredAttributes<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    if reader.map()? != 2 || reader.text()? != "series" {
        return Err(reader.error("attributes without their series"));
    }
    let series = reader.text()?;
    if reader.text()? != "attributes" {
        return Err(reader.error("a series without its attributes"));
    }
    let attributes = match reader.take_null()? {
        true => None,
        false if reader.at_map()? => Some(reader.item()?),
        false => return Err(reader.error("attributes that are no map")),
    };
    reader.end()?;
    Ok(StoredAttributes { series, attributes })
}

/// Appends a stored body as JSON: `{"series_id", "attributes"}`, the attributes null where
/// they were deleted.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn attributes_to_json(body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let StoredAttributes { series, attributes } = stored_attributes(body)?;
    out.extend_from_slice(b"{\"series_id\":");
    // Writing text into memory has no way to fail.
    let _ = serde_json::to_writer(&mut *out, series);
    out.extend_from_slice(b",\"attributes\":");
    match attributes {
        Some(attributes) => {
            write_json(attributes, out)?;
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(())
}

/// Attributes of an operation of a transaction: `null` deletes them.
///
/// # Errors
/// As [`SetAttributes::of`].
pub(crate) fn attributes_operation(
    series: &str,
    attributes: &Json<'_>,
    provenance: Option<Vec<u8>>,
    limits: &Limits,
) -> Result<SetAttributes> {
    match attributes {
        Json::Null => {
            check_series_id(series, "/series_id", limits)?;
            Ok(SetAttributes::encoded(series.to_owned(), None, provenance))
        }
        given => {
            SetAttributes::of(series, given, provenance, limits).map_err(|e| match e.pointer() {
                Some("/series_id") => e,
                _ => at("/attributes", e),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SetAttributes> {
        SetAttributes::parse("s", text.as_bytes(), &Limits::default())
    }

    #[test]
    fn attributes_read_back() {
        let set =
            parse(r#"{"unit":"C","feature":"a","provenance":{"by":"x"},"n":[1,{}]}"#).unwrap();
        let stored = stored_attributes(&set.body).unwrap();
        assert_eq!((stored.series, set.present), ("s", true));
        let mut json = Vec::new();
        attributes_to_json(&set.body, &mut json).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"series_id":"s","attributes":{"n":[1,{}],"unit":"C","feature":"a"}}"#
        );
        let empty = parse("{}").unwrap();
        let attributes = stored_attributes(&empty.body).unwrap().attributes;
        assert_eq!(attributes, Some(&[0xa0][..]));
        let gone = SetAttributes::encoded("s".into(), None, None);
        assert_eq!(stored_attributes(&gone.body).unwrap().attributes, None);
        for end in 0..set.body.len() {
            assert!(stored_attributes(&set.body[..end]).is_err());
        }
        let value: ciborium::Value = ciborium::from_reader(set.body.as_slice()).unwrap();
        let mut again = Vec::new();
        ciborium::into_writer(&value, &mut again).unwrap();
        assert_eq!(again, set.body);
    }

    #[test]
    fn refusals_point_at_what_they_refuse() {
        for (text, pointer) in [
            ("[]", ""),
            ("null", ""),
            (r#"{"feature":5}"#, "/feature"),
            (r#"{"feature":""}"#, "/feature"),
            (r#"{"provenance":5}"#, "/provenance"),
            (
                &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ATTRIBUTES_BYTES)),
                "",
            ),
        ] {
            assert_eq!(
                parse(text).unwrap_err().pointer(),
                Some(pointer),
                "{text:.40}"
            );
        }
    }
}
