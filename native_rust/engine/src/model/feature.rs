//! GeoJSON features (RFC 7946): from a client's text to bodies for the journal,
//! and back.

use std::borrow::Cow;

use super::bbox::Rect;
use super::cbor::{DecodeError, Reader, encode_json, write_json};
use super::feature_shape::{FeatureShape, ShapeBuilder};
use super::geometry::{check_bbox, check_geometry};
use super::id::{check_feature_id, decimal, generate_feature_id};
use super::json::{Json, Source, at, shown};
use super::provenance::encode_provenance;
use crate::{Error, InvalidCode, Limits, Result};

/// A feature ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct PutFeature {
    /// Its id as text: the client's, or a generated one.
    pub id: String,
    /// Envelope of its geometry; `None` without one.
    pub envelope: Option<Rect>,
    /// What it is made of.
    pub shape: FeatureShape,
    /// The whole feature but its provenance, as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Its provenance, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// A Feature.
    One(PutFeature),
    /// The features of a FeatureCollection, in order; there may be none, and two
    /// may have the same id.
    Many(Vec<PutFeature>),
}

/// Reads a Feature or a FeatureCollection. Linear in the text, about 0.7 us for
/// a small point feature, 0.5 us more to generate its id; of a collection one feature is a tree at a time.
///
/// - The `id` is kept as it came, string or number. Its text identifies the
///   feature: of a number the decimal digits, so `7`, `7.0` and `"7"` are the same
///   one. A number that neither a 64-bit integer nor a double holds with all of its
///   digits is kept as their text. Without one an id is generated.
/// - `geometry` must be there, if only as null; missing `properties` are read and
///   stored as null.
/// - The member `provenance` of a feature, an object, goes beside the body; that of
///   a collection stands for every feature without one of its own. All other
///   members of a feature are stored, all others of a collection are not.
///
/// # Errors
/// [`Error::Invalid`] with a pointer from the top of the text to the offending
/// part; [`Error::TooLarge`] for a geometry above [`Limits::positions`].
pub fn parse_features(text: &[u8], limits: &Limits) -> Result<Features> {
    let source = Source::new(text)?;
    let members = source.members("a GeoJSON Feature or FeatureCollection")?;
    let mut builder = Builder {
        limits,
        expected: None,
        body: Vec::new(),
        shapes: ShapeBuilder::new(),
    };
    let kind = match members.get("type") {
        Some(kind) => source.part(kind.get())?,
        None => return Err(refusal("", missing("type"))),
    };
    match &kind {
        Json::Str(kind) if kind == "Feature" => {
            let number = members.get("id").map(|raw| raw.get());
            let feature = builder.feature(source.value()?, number, None);
            feature.map(Features::One)
        }
        Json::Str(kind) if kind == "FeatureCollection" => {
            let provenance = match members.get("provenance") {
                Some(raw) => Some(encode_provenance(&source.part(raw.get())?)?),
                None => None,
            };
            let raw = members
                .get("features")
                .ok_or_else(|| refusal("", missing("features")))?;
            let mut features = Vec::new();
            let mut texts = None;
            let count = source.elements(raw.get(), |i, value| {
                let number = match has_float_id(&value) {
                    true => id_as_written(&source, raw.get(), i, &mut texts)?,
                    false => None,
                };
                let feature = builder
                    .feature(value, number, provenance.as_deref())
                    .map_err(|e| at(format_args!("/features/{i}"), e))?;
                features.push(feature);
                Ok(())
            })?;
            match count {
                Some(_) => Ok(Features::Many(features)),
                None => Err(refusal("/features", "expected an array of features")),
            }
        }
        other => Err(wrong_type(other, "Feature or FeatureCollection")),
    }
}

/// Reads a Feature that is to have this id: it may leave the member `id` out, but
/// must not have another one. Otherwise as [`parse_features`].
///
/// # Errors
/// As [`parse_features`]; [`InvalidCode::Id`] for another id.
pub fn parse_feature_as(text: &[u8], id: &str, limits: &Limits) -> Result<PutFeature> {
    let source = Source::new(text)?;
    let value = source.value()?;
    let number = match has_float_id(&value) {
        true => written_id(text)?,
        false => None,
    };
    read_feature_as(value, number, id, limits)
}

/// The id of the feature that the text is, as it is written there.
///
/// # Errors
/// [`InvalidCode::Json`] for a text that is no object.
pub(crate) fn written_id(text: &[u8]) -> Result<Option<&str>> {
    let members = Source::new(text)?.members("a GeoJSON Feature")?;
    Ok(members.get("id").map(|raw| raw.get()))
}

/// As [`parse_feature_as`]; `number` is how a number that is the feature's id was
/// written, by default the shortest text that reads as its double.
///
/// # Errors
/// As [`parse_feature_as`].
pub(crate) fn read_feature_as(
    value: Json<'_>,
    number: Option<&str>,
    id: &str,
    limits: &Limits,
) -> Result<PutFeature> {
    check_feature_id(id, "/id", limits)?;
    let mut builder = Builder {
        limits,
        expected: Some(id),
        body: Vec::new(),
        shapes: ShapeBuilder::new(),
    };
    builder.feature(value, number, None)
}

/// Whether the id of a feature is a number that was read as a double, and so perhaps
/// rounded.
fn has_float_id(feature: &Json<'_>) -> bool {
    matches!(feature, Json::Obj(members) if matches!(members.get("id"), Some(Json::F64(_))))
}

/// The id of element `i` of the array `part`, as it is written there. `texts` are those
/// of all elements, once they have been asked for.
fn id_as_written<'a>(
    source: &Source<'a>,
    part: &'a str,
    i: usize,
    texts: &mut Option<Vec<&'a str>>,
) -> Result<Option<&'a str>> {
    let texts = match texts {
        Some(texts) => texts,
        None => texts.insert(source.parts(part)?),
    };
    match texts.get(i) {
        Some(text) => written_id(text.as_bytes()),
        None => Ok(None),
    }
}

/// Appends a stored feature to `out` as GeoJSON text, its provenance as the last
/// member. About 300 MB of JSON a second.
///
/// # Errors
/// [`DecodeError`] for bytes that are not a stored feature; `out` then ends in a
/// part of it.
pub fn feature_to_json(
    body: &[u8],
    provenance: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    write_whole(body, out)?;
    let Some(provenance) = provenance else {
        return Ok(());
    };
    if out.pop() != Some(b'}') {
        return Err(Reader::new(body).error("a feature that is not a map"));
    }
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(b"\"provenance\":");
    write_whole(provenance, out)?;
    out.push(b'}');
    Ok(())
}

fn write_whole(cbor: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let rest = write_json(cbor, out)?;
    Reader::new(rest).end().map_err(|e| DecodeError {
        offset: cbor.len() - rest.len(),
        ..e
    })
}

struct Builder<'l> {
    limits: &'l Limits,
    /// The id that the feature must have.
    expected: Option<&'l str>,
    /// Reused from feature to feature, so that each body is allocated once, at
    /// its size.
    body: Vec<u8>,
    shapes: ShapeBuilder,
}

impl Builder<'_> {
    /// `number` is how an id that is a number was written.
    fn feature(
        &mut self,
        value: Json<'_>,
        number: Option<&str>,
        inherited: Option<&[u8]>,
    ) -> Result<PutFeature> {
        let Json::Obj(mut members) = value else {
            let detail = format!("found {}; expected a Feature object", value.kind());
            return Err(refusal("", detail));
        };
        match members.get("type") {
            Some(Json::Str(kind)) if kind == "Feature" => {}
            Some(other) => return Err(wrong_type(other, "Feature")),
            None => return Err(refusal("", missing("type"))),
        }
        let id = match members.get("id") {
            Some(id) => Some(self.id_text(id, number)?),
            None => None,
        };
        // What the double does not hold is kept as text.
        if let (Some(Json::F64(rounded)), Some(id)) = (members.get("id"), &id)
            && rounded.to_string() != *id
        {
            members.insert("id", Json::Str(Cow::Owned(id.clone())));
        }
        if let (Some(id), Some(expected)) = (&id, self.expected)
            && id != expected
        {
            let detail = format!(
                "found {}; expected {}, the id it is written to, or none",
                shown(id),
                shown(expected)
            );
            return Err(Error::invalid(InvalidCode::Id, "/id", detail));
        }
        check_bbox(&members)?;
        let envelope = match members.get("geometry") {
            // A misspelled "geometry" must not be taken for a feature without one.
            None => return Err(refusal("", missing("geometry"))),
            Some(Json::Null) => None,
            Some(geometry) => {
                check_geometry(geometry, self.limits).map_err(|e| at("/geometry", e))?
            }
        };
        match members.get("properties") {
            None => members.insert("properties", Json::Null),
            Some(Json::Null | Json::Obj(_)) => {}
            Some(other) => {
                let detail = format!("found {}; expected an object or null", other.kind());
                return Err(refusal("/properties", detail));
            }
        }
        let provenance = match members.remove("provenance") {
            Some(own) => Some(encode_provenance(&own)?),
            None => inherited.map(<[u8]>::to_vec),
        };
        let id = id.unwrap_or_else(|| {
            let id = self
                .expected
                .map_or_else(generate_feature_id, str::to_owned);
            members.insert("id", Json::Str(Cow::Owned(id.clone())));
            id
        });
        let shape = self
            .shapes
            .of_json(members.get("geometry"), members.get("properties"));
        self.body.clear();
        encode_json(&Json::Obj(members), &mut self.body);
        Ok(PutFeature {
            id,
            envelope,
            shape,
            body: self.body.clone(),
            provenance,
        })
    }

    fn id_text(&self, id: &Json<'_>, number: Option<&str>) -> Result<String> {
        let text = id_text(id, number, self.limits)?;
        check_feature_id(&text, "/id", self.limits)?;
        Ok(text)
    }
}

/// The text of an id that JSON has as a string or a number; `number` is how it was
/// written, if it is one. It is not checked further.
///
/// # Errors
/// [`InvalidCode::Id`], pointing at `id`, for other values and endless numbers.
pub(crate) fn id_text(id: &Json<'_>, number: Option<&str>, limits: &Limits) -> Result<String> {
    Ok(match id {
        Json::Str(text) => text.to_string(),
        Json::U64(n) => n.to_string(),
        Json::I64(n) => n.to_string(),
        Json::F64(n) => match number {
            Some(number) => decimal(number, limits)?,
            // The same spelling as that of a stored id: `Reader::number_text`.
            None => n.to_string(),
        },
        other => {
            let detail = format!("the id is {}; expected a string or a number", other.kind());
            return Err(Error::invalid(InvalidCode::Id, "/id", detail));
        }
    })
}

fn wrong_type(found: &Json<'_>, expected: &str) -> Error {
    let found = match found {
        Json::Str(kind) => shown(kind),
        other => other.kind().to_owned(),
    };
    let advice = format!("found the type {found}; expected {expected}, around a bare geometry too");
    refusal("/type", advice)
}

fn missing(member: &str) -> String {
    format!("the member {member:?} is missing; add it")
}

fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Feature, pointer, detail)
}

#[cfg(test)]
mod tests;
