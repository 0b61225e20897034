//! What features are made of: the type of the geometry, the names of the
//! properties and their JSON types. Few features differ in it, so a description of
//! all of them counts these signatures instead of reading the features.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use super::cbor::{DecodeError, Reader, write_text};
use super::json::Json;

/// Properties of one feature that are kept; of one with more none is.
pub const MAX_SIGNATURE_PROPERTIES: usize = 256;
/// Bytes of a signature; of a feature with longer names no property is kept.
pub const MAX_SIGNATURE_BYTES: usize = 8 << 10;

/// Set in the first byte when the properties are not known.
const UNKNOWN: u8 = 0x80;

/// What a feature has for a geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GeometryType {
    /// None: `"geometry": null`.
    Null,
    /// A position.
    Point,
    /// Positions.
    MultiPoint,
    /// A line.
    LineString,
    /// Lines.
    MultiLineString,
    /// A polygon.
    Polygon,
    /// Polygons.
    MultiPolygon,
    /// Geometries of any type.
    GeometryCollection,
}

impl GeometryType {
    /// All of them; the place is the code in a signature.
    pub const ALL: [Self; 8] = [
        Self::Null,
        Self::Point,
        Self::MultiPoint,
        Self::LineString,
        Self::MultiLineString,
        Self::Polygon,
        Self::MultiPolygon,
        Self::GeometryCollection,
    ];

    /// Its name in GeoJSON; `"null"` without a geometry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Point => "Point",
            Self::MultiPoint => "MultiPoint",
            Self::LineString => "LineString",
            Self::MultiLineString => "MultiLineString",
            Self::Polygon => "Polygon",
            Self::MultiPolygon => "MultiPolygon",
            Self::GeometryCollection => "GeometryCollection",
        }
    }

    /// The member that says where a geometry of this type is.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::GeometryCollection => "geometries",
            _ => "coordinates",
        }
    }

    /// Arrays around the positions in its coordinates; `None` for a type that has no
    /// coordinates.
    pub(super) fn arrays(self) -> Option<usize> {
        match self {
            Self::Point => Some(0),
            Self::MultiPoint | Self::LineString => Some(1),
            Self::MultiLineString | Self::Polygon => Some(2),
            Self::MultiPolygon => Some(3),
            Self::Null | Self::GeometryCollection => None,
        }
    }

    /// The type of a geometry that is there, by its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let there = Self::ALL.into_iter().skip(1);
        there.into_iter().find(|kind| kind.as_str() == name)
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// The JSON type of a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertyType {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// Any number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl PropertyType {
    /// All of them; the place is the code in a signature.
    pub const ALL: [Self; 6] = [
        Self::Null,
        Self::Boolean,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// Its name in JSON Schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    fn of_json(value: &Json<'_>) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(_) => Self::Boolean,
            Json::U64(_) | Json::I64(_) | Json::F64(_) => Self::Number,
            Json::Str(_) => Self::String,
            Json::Arr(_) => Self::Array,
            Json::Obj(_) => Self::Object,
        }
    }

    /// By the first byte of a stored item (RFC 8949, section 3): what
    /// [`super::write_json`] makes of it.
    fn of_item(first: u8) -> Option<Self> {
        match first {
            0x00..=0x3f | 0xf9..=0xfb => Some(Self::Number),
            0x40..=0x7f => Some(Self::String),
            // Tags are those of typed arrays.
            0x80..=0x9f | 0xc0..=0xdf => Some(Self::Array),
            0xa0..=0xbf => Some(Self::Object),
            0xf4 | 0xf5 => Some(Self::Boolean),
            0xf6 => Some(Self::Null),
            _ => None,
        }
    }
}

/// The signature of a feature. Cheap to clone.
///
/// Its bytes are the code of the geometry's type and, for each property in the
/// order of the stored form, the code of its type and its name as CBOR text; or
/// the code of the geometry's type with the highest bit set, when the properties
/// are more than [`MAX_SIGNATURE_PROPERTIES`] or would take more than
/// [`MAX_SIGNATURE_BYTES`]. Equal features have equal signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct FeatureSignature {
    hash: u64,
    bytes: Arc<[u8]>,
}

/// Keyed, since clients choose the names.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl FeatureSignature {
    fn new(bytes: &[u8]) -> Self {
        Self {
            hash: HASHER.hash_one(bytes),
            bytes: bytes.into(),
        }
    }

    /// A signature from the bytes of one. Linear in their number.
    ///
    /// # Errors
    /// [`DecodeError`] for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wrong = |reason| DecodeError { offset: 0, reason };
        let Some((&first, properties)) = bytes.split_first() else {
            return Err(wrong("a signature of no bytes"));
        };
        if GeometryType::of_code(first & !UNKNOWN).is_none() {
            return Err(wrong("a signature with an unknown geometry type"));
        }
        if first & UNKNOWN != 0 && !properties.is_empty() {
            return Err(wrong("a signature with properties that are not known"));
        }
        let mut rest = Properties { rest: properties };
        let known = rest.by_ref().count();
        if !rest.rest.is_empty() {
            return Err(DecodeError {
                offset: bytes.len() - rest.rest.len(),
                reason: "a property that is no type and name",
            });
        }
        if known > MAX_SIGNATURE_PROPERTIES || bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(wrong("a signature with too many properties"));
        }
        Ok(Self::new(bytes))
    }

    /// The signature of features of this geometry type with properties that are not
    /// known.
    #[must_use]
    pub fn unknown(geometry: GeometryType) -> Self {
        Self::new(&[geometry as u8 | UNKNOWN])
    }

    /// Its bytes, which [`FeatureSignature::from_bytes`] takes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A keyed hash of its bytes, another one in every process.
    pub(crate) fn keyed_hash(&self) -> u64 {
        self.hash
    }

    /// The type of the geometry.
    #[must_use]
    pub fn geometry(&self) -> GeometryType {
        let code = self.bytes.first().map(|first| first & !UNKNOWN);
        code.and_then(GeometryType::of_code)
            .unwrap_or(GeometryType::Null)
    }

    /// Names and types of the properties, in the order of their stored form, no
    /// name twice; `None` when they are not known.
    #[must_use]
    pub fn properties(&self) -> Option<impl Iterator<Item = (&str, PropertyType)>> {
        let (first, rest) = self.bytes.split_first()?;
        (first & UNKNOWN == 0).then_some(Properties { rest })
    }
}

impl fmt::Debug for FeatureSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.properties().map(Iterator::collect::<Vec<_>>);
        f.debug_struct("FeatureSignature")
            .field("geometry", &self.geometry())
            .field("properties", &properties)
            .finish()
    }
}

/// Ends at the first property that is none.
struct Properties<'s> {
    rest: &'s [u8],
}

impl<'s> Iterator for Properties<'s> {
    type Item = (&'s str, PropertyType);

    fn next(&mut self) -> Option<Self::Item> {
        let (&code, name) = self.rest.split_first()?;
        let kind = PropertyType::of_code(code)?;
        let mut reader = Reader::new(name);
        let name = reader.text().ok()?;
        self.rest = reader.rest();
        Some((name, kind))
    }
}

/// Puts signatures together, one after the other. Whoever reads features from a
/// client's text and whoever reads stored ones goes through here, so that both come
/// to the same signatures.
#[derive(Debug)]
pub(super) struct ShapeBuilder {
    /// The signature so far; the first byte is that of a feature of nothing until the
    /// geometry is known.
    bytes: Vec<u8>,
    properties: usize,
    /// Whether there are more properties than a signature has room for.
    full: bool,
    last: Option<FeatureSignature>,
}

/// A signature of nothing.
const NOTHING: &[u8] = &[GeometryType::Null as u8];

impl ShapeBuilder {
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(NOTHING);
        Self {
            bytes,
            properties: 0,
            full: false,
            last: None,
        }
    }

    /// Takes the type of the geometry.
    pub(super) fn geometry(&mut self, kind: GeometryType) {
        if let Some(first) = self.bytes.first_mut() {
            *first = kind as u8;
        }
    }

    fn property(&mut self, name: &str, kind: PropertyType) {
        /// Of a text that fits: one byte and a length of two.
        const HEAD: usize = 3;
        let bytes = self.bytes.len() + 1 + HEAD + name.len();
        self.full |= self.properties == MAX_SIGNATURE_PROPERTIES || bytes > MAX_SIGNATURE_BYTES;
        if !self.full {
            self.properties += 1;
            self.bytes.push(kind as u8);
            write_text(name, &mut self.bytes);
        }
    }

    /// The signature of the feature; the next one begins.
    pub(super) fn finish(&mut self) -> FeatureSignature {
        if self.full {
            self.bytes.truncate(1);
            self.bytes.iter_mut().for_each(|first| *first |= UNKNOWN);
        }
        // Neighbours in a collection mostly share theirs.
        let signature = match self.last.take() {
            Some(last) if last.as_bytes() == self.bytes => last,
            _ => FeatureSignature::new(&self.bytes),
        };
        self.clear();
        self.last.insert(signature).clone()
    }

    /// Begins anew, whatever became of the one before.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(NOTHING);
        (self.properties, self.full) = (0, false);
    }

    /// The signature of a feature from a client, whose geometry was checked.
    pub(super) fn of_json(
        &mut self,
        geometry: Option<&Json<'_>>,
        properties: Option<&Json<'_>>,
    ) -> FeatureSignature {
        if let Some(Json::Obj(members)) = geometry
            && let Some(Json::Str(name)) = members.get("type")
            && let Some(kind) = GeometryType::named(name)
        {
            self.geometry(kind);
        }
        if let Some(Json::Obj(members)) = properties {
            for (name, value) in members.iter() {
                self.property(name, PropertyType::of_json(value));
            }
        }
        self.finish()
    }

    /// Steps over stored properties, an object or null, and takes their names and
    /// types.
    pub(super) fn stored_properties(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        if reader.take_null()? {
            return Ok(());
        }
        for _ in 0..reader.map()? {
            let name = reader.text()?;
            let kind = reader.rest().first().copied();
            let kind = kind.and_then(PropertyType::of_item);
            let kind = kind.ok_or_else(|| reader.error("a property with no form in JSON"))?;
            self.property(name, kind);
            reader.item()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
