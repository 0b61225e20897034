//! What a filter says, in words.

use sha2::{Digest, Sha256};

use crate::geo::Predicate;
use crate::types::{Antimeridian, Hash};

/// What a filter says, in the words of queries.
#[derive(Debug, Clone, Default)]
pub struct LiveWords<'w> {
    /// What blocks do, as in the journal; a revert is one, and is what it does.
    pub op: Option<&'w str>,
    /// Series, of which an id that ends in a star means all that begin alike; up to 1,000.
    pub series: Vec<&'w str>,
    /// Features; up to 1,000.
    pub ids: Vec<&'w str>,
    /// `west,south,east,north`
    pub bbox: Option<&'w str>,
    /// GeoJSON.
    pub geometry: Option<&'w [u8]>,
    /// What becomes of edges of that which are wider than 180 degrees.
    pub antimeridian: Antimeridian,
    /// How features lie to the box and the geometry.
    pub predicate: Option<Predicate>,
    /// What a fence tells of features and its area, which is that box, that geometry or that
    /// of a stored feature: `enter`, `exit`, `inside`, `outside`, `cross`.
    pub fence: Vec<&'w str>,
    /// The id of the feature whose geometry, as of each moment, is the area of the fence.
    pub feature: Option<&'w str>,
    /// How many seconds what enters the fence has to stay to be told of.
    pub dwell: Option<&'w str>,
    /// The level of series that their values pass: a number, or `low,high`; one of them.
    pub above: Option<&'w str>,
    /// See `above`.
    pub below: Option<&'w str>,
    /// See `above`.
    pub outside: Option<&'w str>,
    /// How far from the level a value has to come back, 0 without it.
    pub hysteresis: Option<&'w str>,
    /// For how many seconds a series has to be beyond the level, by the times of its points.
    pub least: Option<&'w str>,
    /// Keys and expressions of [`Filter`], on properties alone.
    pub properties: Vec<(&'w str, &'w str)>,
}

impl LiveWords<'_> {
    pub(super) fn bytes(&self) -> usize {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.len() + 64).sum::<usize>();
        let properties = self.properties.iter();
        let properties: usize = properties
            .map(|(key, text)| key.len() + text.len() + 64)
            .sum();
        let geometry = self.geometry.map_or(0, <[u8]>::len);
        texts(&self.series) + texts(&self.ids) + texts(&self.fence) + properties + geometry
    }

    /// A digest of what they say, whatever the order.
    pub(super) fn digest(&self) -> Hash {
        let mut sha = Sha256::new();
        let mut part = |text: &[u8]| {
            sha.update((text.len() as u64).to_le_bytes());
            sha.update(text);
        };
        let optional =
            |text: Option<&str>| text.map_or_else(String::new, |text| format!("={text}"));
        part(optional(self.op).as_bytes());
        part(optional(self.bbox).as_bytes());
        part(self.geometry.unwrap_or_default());
        part(format!("{:?}{:?}", self.predicate, self.antimeridian).as_bytes());
        part(optional(self.feature).as_bytes());
        let optionals = [
            self.dwell,
            self.above,
            self.below,
            self.outside,
            self.hysteresis,
            self.least,
        ];
        for text in optionals {
            part(optional(text).as_bytes());
        }
        for list in [&self.series, &self.ids, &self.fence] {
            let mut list = list.clone();
            list.sort_unstable();
            part(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|id| part(id.as_bytes()));
        }
        let mut properties = self.properties.clone();
        properties.sort_unstable();
        for (key, text) in properties {
            part(key.as_bytes());
            part(text.as_bytes());
        }
        sha.finalize().into()
    }
}
