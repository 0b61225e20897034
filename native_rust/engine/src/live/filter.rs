//! What a subscriber wants to hear of.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::content::Matched;
use super::subject::{About, FeatureChange, Subject, Version};
use crate::block::OpKind;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::Predicate;
use crate::index::Placed;
use crate::limits::Limits;
use crate::mem::{Memory, Reservation};
use crate::read::selection::SeriesNames;
use crate::search::{Area, Filter, QueryGeometry, Target, check_filters};
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{Antimeridian, BoundingBox, Hash, Rect};

/// Ids of features, and of series, in one filter.
const MAX_IDS: usize = 1_000;

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
    /// Keys and expressions of [`Filter`], on properties alone.
    pub properties: Vec<(&'w str, &'w str)>,
}

/// What a subscriber wants to hear of: blocks about features, of which all that is said
/// of features has to hold before or after, and blocks about series. One that says
/// something of features alone leaves out those about series, and the other way round. One
/// that says nothing takes every block.
#[derive(Debug)]
pub struct LiveFilter {
    op: Option<OpKind>,
    series: Vec<SeriesNames>,
    features: Option<Features>,
    digest: Hash,
    _held: Reservation,
}

/// What has to hold of a version.
#[derive(Debug)]
struct Features {
    ids: HashSet<String>,
    places: Vec<Target>,
    properties: Vec<Filter>,
}

/// What the blocks that a filter takes can be found by.
pub(super) enum Handle<'f> {
    /// It may take any.
    Any,
    Parts {
        features: Option<FeatureHandle<'f>>,
        series: &'f [SeriesNames],
    },
}

pub(super) enum FeatureHandle<'f> {
    Ids(&'f HashSet<String>),
    /// Versions that touch one of these.
    Place(&'f [Rect]),
    /// Any feature.
    Any,
}

impl LiveFilter {
    /// What the words say. Linear in them, and O(n log n) in the positions of the geometry.
    /// Holds some times the memory that they have.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer to the word, [`Error::Faults`] of a geometry,
    /// [`Error::MemoryFull`].
    pub fn new(words: &LiveWords<'_>, limits: &Limits, memory: &Memory) -> Result<Self> {
        /// The parts of a geometry that are kept beside its text.
        const TIMES: usize = 8;
        let held = memory.work.reserve(words.bytes() * TIMES + 512)?;
        let op = words.op.map(str::parse).transpose()?;
        for (many, pointer) in [
            (words.series.len(), "/series_id"),
            (words.ids.len(), "/ids"),
        ] {
            if many > MAX_IDS {
                let detail = format!("found {many} ids; give up to {MAX_IDS}");
                return Err(Error::invalid(InvalidCode::Parameter, pointer, detail));
            }
        }
        let features = Features::new(words, limits)?;
        Ok(Self {
            op,
            series: words
                .series
                .iter()
                .map(|id| SeriesNames::parse(id))
                .collect(),
            features,
            digest: words.digest(),
            _held: held,
        })
    }

    /// The same for filters that say the same.
    pub(super) fn digest(&self) -> Hash {
        self.digest
    }

    pub(super) fn handle(&self) -> Handle<'_> {
        match &self.features {
            None if self.series.is_empty() => Handle::Any,
            features => Handle::Parts {
                features: features.as_ref().map(Features::handle),
                series: &self.series,
            },
        }
    }

    /// Whether it takes a block, and how. Reads the version before a block where its
    /// envelope leaves open whether it matches.
    ///
    /// # Errors
    /// Those of reading blocks, and of the budget.
    pub(super) fn matched(
        &self,
        state: &State,
        subject: &Subject<'_>,
        budget: &Budget,
    ) -> Result<Option<Matched>> {
        let does = |op| op == subject.block.op || op == subject.effect;
        if !self.op.is_none_or(does) {
            return Ok(None);
        }
        match (&self.features, &subject.about) {
            (None, _) if self.series.is_empty() => Ok(Some(Matched::of(subject))),
            (Some(features), About::Feature(change)) => features.matched(state, change, budget),
            (_, About::Series(id)) => {
                let taken = self.series.iter().any(|names| names.takes(id));
                Ok(taken.then(|| Matched::of(subject)))
            }
            _ => Ok(None),
        }
    }
}

impl LiveWords<'_> {
    fn bytes(&self) -> usize {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.len() + 64).sum::<usize>();
        let properties = self.properties.iter();
        let properties: usize = properties
            .map(|(key, text)| key.len() + text.len() + 64)
            .sum();
        let geometry = self.geometry.map_or(0, <[u8]>::len);
        texts(&self.series) + texts(&self.ids) + properties + geometry
    }

    /// A digest of what they say, whatever the order.
    fn digest(&self) -> Hash {
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
        for list in [&self.series, &self.ids] {
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

impl Features {
    /// None where nothing is said of features.
    fn new(words: &LiveWords<'_>, limits: &Limits) -> Result<Option<Self>> {
        let mut places = Vec::new();
        let predicate = words.predicate.unwrap_or(Predicate::Intersects);
        if let Some(text) = words.bbox {
            let bbox = BoundingBox::parse(text).map_err(|e| e.within("/bbox"))?;
            places.push(Target::new(&Area::Box(bbox), predicate));
        }
        if let Some(text) = words.geometry {
            let geometry = QueryGeometry::parse(text, words.antimeridian, limits);
            let geometry = Arc::new(geometry.map_err(|e| e.within("/geometry"))?);
            places.push(Target::new(&Area::Geometry(geometry), predicate));
        }
        if places.is_empty() && words.predicate.is_some() {
            let detail = "predicate says how features lie to an area, and there is none; give bbox or geometry";
            return Err(Error::invalid(InvalidCode::Parameter, "/predicate", detail));
        }
        let properties = words.properties.iter().map(|(key, text)| {
            let filter = Filter::parse(key, text)?;
            if filter.is_of_properties() {
                return Ok(filter);
            }
            let detail = format!(
                "a subscription takes no filter {key:?}; say with since where it is to begin"
            );
            Err(Error::invalid(
                InvalidCode::Parameter,
                format!("/{key}"),
                detail,
            ))
        });
        let properties: Vec<Filter> = properties.collect::<Result<_>>()?;
        check_filters(&properties)?;
        let ids: HashSet<String> = words.ids.iter().map(|id| (*id).to_owned()).collect();
        let none = ids.is_empty() && places.is_empty() && properties.is_empty();
        Ok((!none).then_some(Self {
            ids,
            places,
            properties,
        }))
    }

    fn handle(&self) -> FeatureHandle<'_> {
        if !self.ids.is_empty() {
            return FeatureHandle::Ids(&self.ids);
        }
        let area = |target: &&Target| {
            let pieces = target.pieces().iter();
            pieces
                .map(|r| (r.max[0] - r.min[0]) * (r.max[1] - r.min[1]))
                .sum::<f64>()
        };
        let smallest = self
            .places
            .iter()
            .min_by(|a, b| area(a).total_cmp(&area(b)));
        smallest.map_or(FeatureHandle::Any, |target| {
            FeatureHandle::Place(target.pieces())
        })
    }

    fn matched(
        &self,
        state: &State,
        change: &FeatureChange<'_>,
        budget: &Budget,
    ) -> Result<Option<Matched>> {
        if !self.ids.is_empty() && !self.ids.contains(&change.id) {
            return Ok(None);
        }
        let holds = |version: &Option<Version<'_>>| match version {
            Some(version) => self.holds(state, version, budget),
            None => Ok(false),
        };
        Ok(Matched::new(holds(&change.before)?, holds(&change.after)?))
    }

    fn holds(&self, state: &State, version: &Version<'_>, budget: &Budget) -> Result<bool> {
        let mut open = Vec::new();
        for target in &self.places {
            let Some(rect) = version.rect else {
                return Ok(false);
            };
            let seq = version.seq;
            match target.look(Placed { seq, rect }, budget)? {
                None => return Ok(false),
                Some(hit) if hit.certain => {}
                Some(_) => open.push(target),
            }
        }
        if open.is_empty() && self.properties.is_empty() {
            return Ok(true);
        }
        let body = version.body(state)?;
        let broken = |e| damaged(state, version.seq, e);
        for filter in &self.properties {
            if !filter.matches(body).map_err(broken)? {
                return Ok(false);
            }
        }
        for target in open {
            if !target.accepts(body, budget).map_err(broken)?? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
