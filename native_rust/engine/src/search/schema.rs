//! What is in a database: how many features of which geometry types with which
//! properties, how many points in how many series.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::geo::Predicate;
use crate::index::{Extent, SignatureTable};
use crate::read::features::feature_block;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{FeatureSignature, GeometryType, PropertyType, stored_feature, write_timestamp};

use super::area::Target;
use super::{Area, Question};

impl Database {
    /// What the database holds now, or held as of a sequence, as JSON text:
    ///
    /// ```json
    /// {"seq": 7,
    ///  "features": {"count": 3,
    ///               "geometry_types": {"null": 1, "Point": 2},
    ///               "properties": {"mag": {"count": 2, "types": {"number": 2}}},
    ///               "properties_truncated": true},
    ///  "series": {"count": 1, "points": 9, "first": "...", "last": "..."}}
    /// ```
    ///
    /// - `properties` has the names at the top level of the features' properties, in
    ///   byte order, and how many features have each, with a value of which JSON
    ///   type. Types of which there is nothing are not listed.
    /// - `properties_truncated` is there when the properties of some features are
    ///   not known, so that there may be more: of those with more than 256
    ///   properties or 8 KiB of names, and of those that were written when the others
    ///   had 4,096 different sets of them, or sets of 4 MiB. Their geometry types are
    ///   counted all the same.
    /// - `series` counts those that have points or attributes; `first` and `last` are the earliest
    ///   and the latest timestamp, absent without points.
    ///
    /// All is as of block `seq`. Linear
    /// in the properties of each distinct set, whatever there is of features, series and
    /// points: not for a thread that must not wait. As of a sequence that others came after,
    /// all series are gone through, and the blocks of all features that there were are read.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a sequence the journal has not reached, those of the
    /// [`Budget`], [`crate::Error::Closed`], [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn schema(&self, as_of: Option<u64>, budget: &Budget) -> Result<Vec<u8>> {
        let state = &self.state;
        state.check_open()?;
        budget.check()?;
        let (head, signatures) = {
            let features = state.indexes.features.read();
            let head = state.head();
            (head, features.signatures(head.tree_size))
        };
        let at = super::at(state, as_of)?;
        let at = as_of.map_or(head.tree_size, |_| at);
        let (count, signatures) = match as_of {
            Some(_) if at < head.tree_size => signatures_as_of(state, at, budget)?,
            _ => (head.features, signatures),
        };
        let extent = match head.tree_size == at {
            true => Extent {
                series: head.series,
                points: head.points,
                ends: head.times,
            },
            false => {
                let attributes = &state.indexes.attributes;
                let has_attributes = |id: &str| attributes.read().current(id, at).is_some();
                state.indexes.series.extent(at, budget, has_attributes)?
            }
        };
        let schema = Schema {
            seq: at,
            features: Features::of(count, &signatures),
            series: Series {
                count: extent.series,
                points: extent.points,
                first: extent.ends.map(|(first, _)| timestamp(first)),
                last: extent.ends.map(|(_, last)| timestamp(last)),
            },
        };
        let mut json = Vec::with_capacity(512);
        // Writing numbers and text into memory has no way to fail.
        let _ = serde_json::to_writer(&mut json, &schema);
        Ok(json)
    }
}

/// How many features there were, and how many with each signature, told apart as far as
/// those are that there are now.
fn signatures_as_of(
    state: &State,
    at: u64,
    budget: &Budget,
) -> Result<(u64, Vec<(FeatureSignature, u64)>)> {
    let target = Target::new(&Area::Everything, Predicate::Intersects);
    let question = Question::new(state, &target, &[], Some(at), budget)?;
    let mut table = SignatureTable::default();
    let mut count = 0;
    question.each_candidate(
        None,
        |_| Ok(false),
        |hit, block| {
            let (_, body) = feature_block(state, hit.seq, block)?;
            let feature = stored_feature(body).map_err(|e| damaged(state, hit.seq, e))?;
            table.set(count, Some(&feature.signature));
            count += 1;
            Ok(())
        },
    )?;
    Ok((u64::from(count), table.counts(at)))
}

#[derive(Serialize)]
struct Schema<'s> {
    seq: u64,
    features: Features<'s>,
    series: Series,
}

/// Numbers of features, by what they have.
#[derive(Serialize)]
struct Features<'s> {
    count: u64,
    geometry_types: Counts<{ GeometryType::ALL.len() }>,
    properties: BTreeMap<&'s str, Property>,
    #[serde(rename = "properties_truncated", skip_serializing_if = "is_false")]
    truncated: bool,
}

/// Features with a property, by the type of its value.
#[derive(Serialize)]
struct Property {
    count: u64,
    types: Counts<{ PropertyType::ALL.len() }>,
}

#[derive(Serialize)]
struct Series {
    count: u64,
    points: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

/// Numbers by name; those that are not zero are written.
struct Counts<const N: usize> {
    names: [&'static str; N],
    counts: [u64; N],
}

impl<const N: usize> Counts<N> {
    fn new(names: [&'static str; N]) -> Self {
        let counts = [0; N];
        Self { names, counts }
    }

    fn add(&mut self, place: usize, count: u64) {
        if let Some(sum) = self.counts.get_mut(place) {
            *sum += count;
        }
    }
}

impl<const N: usize> Serialize for Counts<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let all = self.names.iter().zip(self.counts);
        serializer.collect_map(all.filter(|(_, count)| *count > 0))
    }
}

impl<'s> Features<'s> {
    fn of(count: u64, signatures: &'s [(FeatureSignature, u64)]) -> Self {
        let mut all = Self {
            count,
            geometry_types: Counts::new(GeometryType::ALL.map(GeometryType::as_str)),
            properties: BTreeMap::new(),
            truncated: false,
        };
        for (signature, count) in signatures {
            all.geometry_types
                .add(signature.geometry() as usize, *count);
            let Some(properties) = signature.properties() else {
                all.truncated = true;
                continue;
            };
            for (name, kind) in properties {
                let property = all.properties.entry(name).or_insert_with(|| Property {
                    count: 0,
                    types: Counts::new(PropertyType::ALL.map(PropertyType::as_str)),
                });
                property.count += count;
                property.types.add(kind as usize, *count);
            }
        }
        all
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn timestamp(micros: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(micros, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
