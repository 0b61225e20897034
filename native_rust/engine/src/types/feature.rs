//! GeoJSON features (RFC 7946): from a client's text to bodies for the journal,
//! and back.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::answered::{Stored, take_off};
use super::antimeridian::Antimeridian;
use super::bbox::Rect;
use super::bbox_member::{box_of, check_bbox, set_bbox};
use super::cbor::{DecodeError, Reader, encode_json, write_json};
use super::crs::check_crs;
use super::faults::Faults;
use super::geometry::{Checked, read_geometry};
use super::id::{check_feature_id, decimal, generate_feature_id};
use super::json::{Json, Members, Room, Source, shown};
use super::misspelled::warn_of_names;
use super::provenance::encode_provenance;
use super::ring::Rings;
use super::signature::{FeatureSignature, GeometryType, ShapeBuilder};
use super::warnings::Warnings;
use crate::error::{Error, Fault, InvalidCode, Result};
use crate::limits::Limits;

/// A feature ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct PutFeature {
    /// Its id as text: the client's, or a generated one.
    pub id: String,
    /// Envelope of its geometry; `None` without one.
    pub envelope: Option<Rect>,
    /// What it is made of.
    pub signature: FeatureSignature,
    /// The whole feature but its provenance, as a deterministic CBOR map.
    pub body: Vec<u8>,
    /// Its provenance, as a deterministic CBOR map.
    pub provenance: Option<Vec<u8>>,
}

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// A Feature, or a geometry.
    One(PutFeature),
    /// The features of a FeatureCollection, in order; there may be none, and two
    /// may have the same id.
    Many(Vec<PutFeature>),
}

/// The features of a text.
#[derive(Debug, Default)]
pub struct ReadFeatures {
    /// Whether it was a FeatureCollection.
    pub collection: bool,
    /// Those that are good, with their places in the collection.
    pub features: Vec<(usize, PutFeature)>,
    /// Those that are not, by their places.
    pub rejected: Vec<Rejected>,
    /// What is to be told of a collection as a whole.
    pub of_whole: Warnings,
    /// What is to be told of those that are good, by their places; so much is kept of it as
    /// [`Limits::faults`] says.
    pub warnings: Vec<(usize, Warnings)>,
}

/// A feature of a FeatureCollection that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the collection.
    pub index: usize,
    /// What is wrong with it; not told of features beyond [`Limits::faults`].
    pub faults: Vec<Fault>,
    /// How many faults it has.
    pub total: u64,
}

impl ReadFeatures {
    /// All of them, or what is wrong.
    ///
    /// # Errors
    /// [`Error::Faults`] of those that are not good.
    pub(crate) fn all_good(self, limits: &Limits) -> Result<Self> {
        let mut faults = Faults::new(limits.faults);
        for rejected in &self.rejected {
            rejected.add_to(&mut faults);
        }
        faults.into_result().map(|()| self)
    }
}

impl Rejected {
    fn add_to(&self, faults: &mut Faults) {
        let all = Error::Faults {
            faults: self.faults.clone(),
            total: self.total,
            limit: self.total,
        };
        let _: Option<()> = faults.take(Err(all));
    }
}

/// Reads a Feature, a FeatureCollection or a geometry, as [`read_features`] by default.
///
/// # Errors
/// As [`read_features`].
pub fn parse_features(text: &[u8], limits: &Limits) -> Result<Features> {
    let read = read_features(text, Antimeridian::Refuse, limits, None)?.all_good(limits)?;
    let mut features = read.features.into_iter().map(|(_, feature)| feature);
    if read.collection {
        return Ok(Features::Many(features.collect()));
    }
    match features.next() {
        Some(feature) => Ok(Features::One(feature)),
        None => Err(refusal("", "there is no feature".to_owned())),
    }
}

/// Reads a Feature, a FeatureCollection, or a geometry, which is a Feature without
/// properties. Linear in the text (`benches/codec`);
/// of a collection one feature is a tree at a time.
///
/// - The `id` is kept as it came, string or number. Its text identifies the
///   feature: of a number the decimal digits, so `7`, `7.0` and `"7"` are the same
///   one. A number that neither a 64-bit integer nor a double holds with all of its
///   digits is kept as their text. Without one an id is generated.
/// - `geometry` must be there, if only as null; missing `properties` are read and
///   stored as null. Other members that are null and would have a meaning otherwise
///   (`id`, `bbox`, `crs`, `provenance`) are absent.
/// - The member `provenance` of a feature, an object, goes beside the body; that of
///   a collection stands for every feature without one of its own. All other
///   members of a feature are stored, all others of a collection are not.
/// - The member `formdb` says that an answer had added to the feature, and which version of
///   what is `stored` it was: what was added is taken off, with a warning.
///
/// Rings that meet themselves, features that lie where nothing of what is `stored` does, and
/// members whose names look misspelled are taken as they are, with a warning.
///
/// What is wrong with a feature of a collection is no error here: the others are read on.
///
/// # Errors
/// [`Error::Faults`], all that is wrong with a Feature or a geometry, or with a collection
/// as a whole, with pointers from the top of the text to the offending parts;
/// [`InvalidCode::Json`] for a text that is no JSON.
pub fn read_features(
    text: &[u8],
    antimeridian: Antimeridian,
    limits: &Limits,
    stored: Option<&dyn Stored>,
) -> Result<ReadFeatures> {
    read_source(Source::of_features(text)?, antimeridian, limits, stored)
}

/// [`read_features`], in memory that is counted.
///
/// # Errors
/// As [`read_features`]; [`Error::MemoryFull`].
pub fn read_features_in(
    text: &[u8],
    antimeridian: Antimeridian,
    limits: &Limits,
    stored: Option<&dyn Stored>,
    room: &Room,
) -> Result<ReadFeatures> {
    let source = Source::of_features(text)?.within(room);
    read_source(source, antimeridian, limits, stored)
}

fn read_source(
    source: Source<'_>,
    antimeridian: Antimeridian,
    limits: &Limits,
    stored: Option<&dyn Stored>,
) -> Result<ReadFeatures> {
    let members = source.members("a GeoJSON Feature, FeatureCollection or geometry")?;
    let kind = match members.get("type") {
        Some(kind) => Some(source.part(kind.get())?),
        None => None,
    };
    let mut faults = Faults::new(limits.faults);
    let mut builder = Builder::new(limits, antimeridian);
    builder.beside = stored;
    match kind {
        Some(Json::Str(kind)) if kind == "FeatureCollection" => {
            let read = read_collection(&source, &members, &mut builder, &mut faults)?;
            faults.into_result()?;
            Ok(read)
        }
        _ => {
            let number = members.get("id").map(|raw| raw.get());
            let value = source.value()?;
            let feature = builder.feature_or_geometry(value, number, &mut faults);
            let warnings = std::mem::take(&mut faults.warnings);
            faults.into_result()?;
            Ok(ReadFeatures {
                collection: false,
                features: feature.into_iter().map(|feature| (0, feature)).collect(),
                rejected: Vec::new(),
                of_whole: Warnings::default(),
                warnings: some(0, warnings),
            })
        }
    }
}

fn read_collection<'a>(
    source: &Source<'a>,
    members: &Members<'a, &'a RawValue>,
    builder: &mut Builder<'_>,
    faults: &mut Faults,
) -> Result<ReadFeatures> {
    let mut provenance = None;
    for name in ["crs", "provenance"] {
        let Some(raw) = members.get(name) else {
            continue;
        };
        match source.part(raw.get())? {
            Json::Null => {}
            value if name == "provenance" => {
                provenance = faults.take(encode_provenance(&value));
            }
            value => {
                // Features inherit it, so it is checked where it stands.
                let whole = Members::new(vec![("crs".into(), value)]);
                whole.iter().for_each(|whole| check_crs(whole, faults));
            }
        }
    }
    warn_of_names(members, "is not stored", &mut faults.warnings);
    let Some(list) = members.get("features").map(|raw| raw.get()) else {
        faults.add(InvalidCode::Feature, "", || missing("features"));
        return Ok(ReadFeatures::default());
    };
    if !list.starts_with('[') {
        faults.add(InvalidCode::Feature, "/features", || {
            "expected an array of features".to_owned()
        });
        return Ok(ReadFeatures::default());
    }
    let limit = builder.limits.faults;
    let mut all = Sorted::default();
    let mut texts = None;
    let streamed = source.elements(list, |i, value| {
        let number = match has_float_id(&value) {
            true => id_as_written(source, list, i, &mut texts)?,
            false => None,
        };
        all.read(i, limit, |faults| {
            builder.feature(value, number, provenance.as_deref(), faults)
        });
        Ok(())
    });
    // Read alone it would take no less.
    let no_room = |error: &Error| match error {
        Error::MemoryFull { .. } => true,
        Error::TooLarge { setting, .. } => *setting == "work_bytes",
        _ => false,
    };
    if let Err(error) = streamed.as_ref()
        && no_room(error)
    {
        return streamed.map(|_| ReadFeatures::default());
    }
    if let Err(error) = streamed {
        // It is JSON, or its members could not have been told apart. So one of the
        // features has what no feature may have: each is read alone, to tell which.
        all = Sorted::default();
        let parts = source.parts(list).map_err(|_| error)?;
        let source = source.pointing_from_parts();
        for (i, part) in parts.into_iter().enumerate() {
            all.read(i, limit, |faults| {
                let value = faults.take(source.part(part))?;
                let number = match has_float_id(&value) {
                    true => faults.take(written_id(part.as_bytes()))?,
                    false => None,
                };
                builder.feature(value, number, provenance.as_deref(), faults)
            });
        }
    }
    if faults.total() > 0 {
        all.rejected
            .iter()
            .for_each(|rejected| rejected.add_to(faults));
    }
    Ok(ReadFeatures {
        collection: true,
        features: all.features,
        rejected: all.rejected,
        of_whole: std::mem::take(&mut faults.warnings),
        warnings: all.warnings,
    })
}

/// The warnings of a feature, if there are any.
fn some(place: usize, warnings: Warnings) -> Vec<(usize, Warnings)> {
    match warnings.is_empty() {
        true => Vec::new(),
        false => vec![(place, warnings)],
    }
}

/// The features of a collection, good and not.
#[derive(Default)]
struct Sorted {
    features: Vec<(usize, PutFeature)>,
    rejected: Vec<Rejected>,
    /// Faults that are told.
    told: usize,
    warnings: Vec<(usize, Warnings)>,
    /// Warnings that are told.
    warned: usize,
}

impl Sorted {
    fn read(
        &mut self,
        index: usize,
        limit: usize,
        read: impl FnOnce(&mut Faults) -> Option<PutFeature>,
    ) {
        let mut faults = Faults::new(limit.saturating_sub(self.told));
        faults.warnings = Warnings::new(limit.saturating_sub(self.warned));
        let feature = faults.within(|| format!("/features/{index}"), read);
        match feature {
            Some(feature) if faults.total() == 0 => {
                self.features.push((index, feature));
                let warnings = std::mem::take(&mut faults.warnings);
                self.warned += warnings.kept().len();
                self.warnings.extend(some(index, warnings));
            }
            _ => {
                let total = faults.total();
                let faults = faults.into_kept();
                self.told += faults.len();
                self.rejected.push(Rejected {
                    index,
                    faults,
                    total,
                });
            }
        }
    }
}

/// Reads a Feature, or a geometry, that is to have this id: it may leave the member `id`
/// out, but must not have another one. Otherwise as [`read_features`], also for what is told
/// beside the feature.
///
/// # Errors
/// As [`read_features`]; [`InvalidCode::Id`] for another id.
pub fn parse_feature_as(
    text: &[u8],
    id: &str,
    antimeridian: Antimeridian,
    limits: &Limits,
    stored: Option<&dyn Stored>,
    room: &Room,
) -> Result<(PutFeature, Warnings)> {
    check_feature_id(id, "/id", limits)?;
    let source = Source::of_features(text)?.within(room);
    let value = source.value()?;
    let number = match has_float_id(&value) {
        true => written_id(text)?,
        false => None,
    };
    let mut builder = Builder::new(limits, antimeridian);
    builder.expected = Some(id);
    builder.beside = stored;
    one(limits, |faults| {
        builder.feature_or_geometry(value, number, faults)
    })
}

/// The id of the feature that the text is, as it is written there.
///
/// # Errors
/// [`InvalidCode::Json`] for a text that is no object.
pub(crate) fn written_id(text: &[u8]) -> Result<Option<&str>> {
    let members = Source::new(text)?.members("a GeoJSON Feature")?;
    Ok(members.get("id").map(|raw| raw.get()))
}

/// A Feature that is to have this id, which was put together from one that is stored.
/// `number` is how a number that is the feature's id was written, by default the shortest
/// text that reads as its double. Without `antimeridian` the geometry, its box and its
/// reference system are those that are stored, and not looked at again: what was once
/// accepted stays.
///
/// # Errors
/// As [`parse_feature_as`].
pub(crate) fn read_feature_as(
    value: Json<'_>,
    number: Option<&str>,
    id: &str,
    antimeridian: Option<Antimeridian>,
    limits: &Limits,
    stored: Option<&dyn Stored>,
) -> Result<(PutFeature, Warnings)> {
    check_feature_id(id, "/id", limits)?;
    let mut builder = Builder::new(limits, antimeridian.unwrap_or(Antimeridian::AsIs));
    builder.expected = Some(id);
    builder.stored = antimeridian.is_none();
    builder.written = false;
    builder.beside = stored;
    one(limits, |faults| {
        builder.feature(value, number, None, faults)
    })
}

/// What one feature came to, and what is to be told of it.
fn one(
    limits: &Limits,
    read: impl FnOnce(&mut Faults) -> Option<PutFeature>,
) -> Result<(PutFeature, Warnings)> {
    let mut faults = Faults::new(limits.faults);
    let feature = read(&mut faults);
    let warnings = std::mem::take(&mut faults.warnings);
    faults.into_result()?;
    let feature = feature.ok_or_else(|| refusal("", "there is no feature".to_owned()))?;
    Ok((feature, warnings))
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
    antimeridian: Antimeridian,
    /// The id that the feature must have.
    expected: Option<&'l str>,
    /// Whether the geometry is one that is stored.
    stored: bool,
    /// Whether a client wrote the whole of it.
    written: bool,
    /// What it is read beside.
    beside: Option<&'l dyn Stored>,
    rings: Rings,
    /// Reused from feature to feature, so that each body is allocated once, at
    /// its size.
    body: Vec<u8>,
    signatures: ShapeBuilder,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits, antimeridian: Antimeridian) -> Self {
        Self {
            limits,
            antimeridian,
            expected: None,
            stored: false,
            written: true,
            beside: None,
            rings: Rings::default(),
            body: Vec::new(),
            signatures: ShapeBuilder::new(),
        }
    }

    /// As [`Builder::feature`], or a geometry: that of a feature without properties.
    fn feature_or_geometry(
        &mut self,
        value: Json<'_>,
        number: Option<&str>,
        faults: &mut Faults,
    ) -> Option<PutFeature> {
        let is_geometry = match &value {
            Json::Obj(members) => match members.get("type") {
                Some(Json::Str(kind)) => GeometryType::named(kind).is_some(),
                _ => false,
            },
            _ => false,
        };
        if !is_geometry {
            return self.feature(value, number, None, faults);
        }
        let members = vec![
            ("type".into(), Json::Str("Feature".into())),
            ("geometry".into(), value),
        ];
        let feature = Json::Obj(Members::new(members).ok()?);
        let mut inner = Faults::new(self.limits.faults);
        let feature = self.feature(feature, None, None, &mut inner);
        inner.lift("/geometry");
        let warnings = std::mem::take(&mut inner.warnings);
        faults.warnings.append(warnings, "");
        faults.take(inner.into_result());
        feature
    }

    /// The feature, unless it has faults. `number` is how an id that is a number was
    /// written.
    fn feature(
        &mut self,
        value: Json<'_>,
        number: Option<&str>,
        inherited: Option<&[u8]>,
        faults: &mut Faults,
    ) -> Option<PutFeature> {
        let Json::Obj(mut members) = value else {
            faults.add(InvalidCode::Feature, "", || {
                format!("found {}; expected a Feature object", value.kind())
            });
            return None;
        };
        let before = faults.total();
        match members.get("type") {
            Some(Json::Str(kind)) if kind == "Feature" => {}
            // What has another type has other members.
            Some(other) => {
                faults.add(InvalidCode::Feature, "/type", || wrong_type(other));
                return None;
            }
            None => faults.add(InvalidCode::Feature, "", || missing("type")),
        }
        for name in ["id", "bbox", "crs", "provenance"] {
            members.remove_null(name);
        }
        let id = self.id(&mut members, number, faults);
        let named = id.as_deref().or(self.expected);
        let taken = take_off(&mut members, named, self.beside, faults);
        faults.take(taken);
        let envelope = self.geometry(&mut members, faults);
        match members.get("properties") {
            None => members.insert("properties", Json::Null),
            Some(Json::Null | Json::Obj(_)) => {}
            Some(other) => faults.add(InvalidCode::Feature, "/properties", || {
                format!("found {}; expected an object or null", other.kind())
            }),
        }
        let provenance = match members.remove("provenance") {
            Some(own) => faults.take(encode_provenance(&own)),
            None => inherited.map(<[u8]>::to_vec),
        };
        if faults.total() > before {
            return None;
        }
        if self.written {
            warn_of_names(&members, "is stored as one", &mut faults.warnings);
        }
        if let (Some(beside), Some(envelope)) = (self.beside, &envelope)
            && beside.looks_swapped(envelope)
        {
            let pointer = || "/geometry".to_owned();
            faults
                .warnings
                .add("swapped_coordinates", pointer, || swapped(envelope));
        }
        let id = id.unwrap_or_else(|| {
            let id = self
                .expected
                .map_or_else(generate_feature_id, str::to_owned);
            members.insert("id", Json::Str(Cow::Owned(id.clone())));
            id
        });
        let signature = self
            .signatures
            .of_json(members.get("geometry"), members.get("properties"));
        self.body.clear();
        encode_json(&Json::Obj(members), &mut self.body);
        Some(PutFeature {
            id,
            envelope,
            signature,
            body: self.body.clone(),
            provenance,
        })
    }

    /// The feature's own id, if it has one.
    fn id(
        &self,
        members: &mut Members<'_, Json<'_>>,
        number: Option<&str>,
        faults: &mut Faults,
    ) -> Option<String> {
        let id = faults.take(self.id_text(members.get("id")?, number))?;
        if let Some(Json::F64(rounded)) = members.get("id")
            && rounded.to_string() != id
        {
            let kept = match id.as_str() {
                // -0 and -0.0, which are no other numbers.
                "0" => Json::U64(0),
                // What the double does not hold is kept as text.
                _ => Json::Str(Cow::Owned(id.clone())),
            };
            members.insert("id", kept);
        }
        if let Some(expected) = self.expected
            && id != expected
        {
            faults.add(InvalidCode::Id, "/id", || {
                format!(
                    "found {}; expected {}, the id it is written to, or none",
                    shown(&id),
                    shown(expected)
                )
            });
        }
        Some(id)
    }

    /// The envelope of the geometry.
    fn geometry(
        &mut self,
        members: &mut Members<'_, Json<'_>>,
        faults: &mut Faults,
    ) -> Option<Rect> {
        let mut checked = Checked::default();
        match members.get_mut("geometry") {
            // A misspelled "geometry" must not be taken for a feature without one.
            None => faults.add(InvalidCode::Feature, "", || missing("geometry")),
            Some(Json::Null) => {}
            Some(geometry) => {
                let reading = match self.stored {
                    true => None,
                    false => Some((self.antimeridian, Some(&mut self.rings))),
                };
                let limits = self.limits;
                checked = faults.within(
                    || "/geometry".to_owned(),
                    |faults| read_geometry(geometry, reading, limits, faults),
                );
            }
        }
        if self.stored {
            return checked.envelope;
        }
        check_crs(members, faults);
        if checked.cut
            && let Some(Json::Obj(geometry)) = members.get("geometry")
            && let Some(edges) = box_of(geometry)
        {
            set_bbox(members, edges);
        }
        check_bbox(members, checked.envelope, faults);
        checked.envelope
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

fn swapped(envelope: &Rect) -> String {
    let [longitude, latitude] = envelope.min;
    format!(
        "at longitude {longitude} and latitude {latitude} it lies far from all other features, and \
         among them if the two are exchanged; a position is [longitude, latitude]"
    )
}

fn wrong_type(found: &Json<'_>) -> String {
    let found = match found {
        Json::Str(kind) => shown(kind),
        other => other.kind().to_owned(),
    };
    format!(
        "found the type {found}; expected Feature or, where several may stand, FeatureCollection or a geometry; names are written with these capitals"
    )
}

fn missing(member: &str) -> String {
    format!("the member {member:?} is missing; add it")
}

fn refusal(pointer: &str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Feature, pointer, detail)
}

#[cfg(test)]
mod tests;
