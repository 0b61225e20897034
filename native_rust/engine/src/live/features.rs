//! What a filter asks of features.

use std::collections::HashSet;
use std::sync::Arc;

use super::matched::Matched;
use super::subject::{FeatureChange, Version};
use super::words::LiveWords;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::Predicate;
use crate::index::Placed;
use crate::limits::Limits;
use crate::search::{Area, Filter, QueryGeometry, Target, check_filters};
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{BoundingBox, Rect};

/// What has to hold of a version.
#[derive(Debug)]
pub(super) struct Features {
    pub ids: HashSet<String>,
    pub places: Vec<Target>,
    properties: Vec<Filter>,
}

/// What the blocks about features that a filter takes can be found by.
pub(super) enum FeatureHandle<'f> {
    Ids(&'f HashSet<String>),
    /// Versions that touch one of these, or also the ways between them.
    Place {
        pieces: &'f [Rect],
        paths: bool,
    },
    /// The same of the geometry of a stored feature, and that feature.
    Stored {
        id: &'f str,
        paths: bool,
    },
    /// Any feature.
    Any,
}

impl Features {
    pub(super) fn new(words: &LiveWords<'_>, limits: &Limits) -> Result<Self> {
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
        Ok(Self {
            ids,
            places,
            properties,
        })
    }

    /// Whether anything is asked.
    pub(super) fn asks(&self) -> bool {
        !(self.ids.is_empty() && self.places.is_empty() && self.properties.is_empty())
    }

    /// Where features are named, blocks about the area of a fence are looked for, too.
    pub(super) fn look_for(&mut self, area: Option<&str>) {
        if let Some(area) = area.filter(|_| !self.ids.is_empty()) {
            self.ids.insert(area.to_owned());
        }
    }

    /// Whether it is one of those that are named, if any are.
    pub(super) fn takes(&self, id: &str) -> bool {
        self.ids.is_empty() || self.ids.contains(id)
    }

    /// Whether a version has the properties that are asked for.
    ///
    /// # Errors
    /// Those of reading blocks.
    pub(super) fn fits(&self, state: &State, version: &Version<'_>) -> Result<bool> {
        if self.properties.is_empty() {
            return Ok(true);
        }
        let body = version.body(state)?;
        for filter in &self.properties {
            let matches = filter.matches(body);
            if !matches.map_err(|e| damaged(state, version.seq, e))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn handle(&self) -> FeatureHandle<'_> {
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
        smallest.map_or(FeatureHandle::Any, |target| FeatureHandle::Place {
            pieces: target.pieces(),
            paths: false,
        })
    }

    pub(super) fn matched(
        &self,
        state: &State,
        change: &FeatureChange<'_>,
        budget: &Budget,
    ) -> Result<Option<Matched>> {
        if !self.takes(&change.id) {
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
        if !self.fits(state, version)? {
            return Ok(false);
        }
        for target in open {
            if !version.is_accepted(state, target, budget)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
