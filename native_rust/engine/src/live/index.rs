//! Which filters may take a block, without looking at all of them.
//!
//! Each is found by what is most telling in it: ids, else a place, else series; those that
//! say no such thing are looked at for every block. What is found is looked at exactly.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::filter::{FeatureHandle, Handle, LiveFilter};
use super::subject::{About, Subject};
use crate::read::selection::SeriesNames;
use crate::types::{Hash, Rect};

/// A distinct filter.
pub(super) type Number = u32;

type Piece = GeomWithData<Rectangle<[f64; 2]>, Number>;

/// The distinct filters of a database's subscriptions, each with what is kept for it.
#[derive(Default)]
pub(super) struct FilterIndex<T> {
    filters: Vec<Option<(Arc<LiveFilter>, T)>>,
    free: Vec<Number>,
    numbers: HashMap<Hash, Number>,
    /// Those that may take any block.
    any: Numbers,
    /// Those that may take any block about a feature.
    any_feature: Numbers,
    ids: HashMap<String, Numbers>,
    places: RTree<Piece>,
    series: HashMap<String, Numbers>,
    /// Beginnings of ids of series, by how long they are.
    prefixes: BTreeMap<usize, HashMap<String, Numbers>>,
}

/// Ascending.
#[derive(Default)]
struct Numbers(Vec<Number>);

impl Numbers {
    fn insert(&mut self, number: Number) {
        if let Err(place) = self.0.binary_search(&number) {
            self.0.insert(place, number);
        }
    }

    fn remove(&mut self, number: Number) {
        if let Ok(place) = self.0.binary_search(&number) {
            self.0.remove(place);
        }
    }
}

/// Puts a number into the list of a key, or takes it out.
fn set(map: &mut HashMap<String, Numbers>, key: &str, number: Number, there: bool) {
    if there {
        return map.entry(key.to_owned()).or_default().insert(number);
    }
    if let Some(numbers) = map.get_mut(key) {
        numbers.remove(number);
        if numbers.0.is_empty() {
            map.remove(key);
        }
    }
}

fn piece(rect: &Rect, number: Number) -> Piece {
    Piece::new(Rectangle::from_corners(rect.min, rect.max), number)
}

impl<T: Default> FilterIndex<T> {
    /// The number of a filter, which is entered if there is none like it. O(log n).
    pub(super) fn enter(&mut self, filter: &Arc<LiveFilter>) -> Number {
        if let Some(number) = self.numbers.get(&filter.digest()) {
            return *number;
        }
        let number = self.free.pop().unwrap_or(self.filters.len() as Number);
        if number as usize == self.filters.len() {
            self.filters.push(None);
        }
        if let Some(slot) = self.filters.get_mut(number as usize) {
            *slot = Some((Arc::clone(filter), T::default()));
        }
        self.numbers.insert(filter.digest(), number);
        self.set(filter, number, true);
        number
    }

    /// Forget a filter. O(log n).
    pub(super) fn remove(&mut self, number: Number) {
        let slot = self.filters.get_mut(number as usize);
        if let Some((filter, _)) = slot.and_then(Option::take) {
            self.numbers.remove(&filter.digest());
            self.set(&filter, number, false);
            self.free.push(number);
        }
    }

    fn set(&mut self, filter: &LiveFilter, number: Number, there: bool) {
        let list = |numbers: &mut Numbers| match there {
            true => numbers.insert(number),
            false => numbers.remove(number),
        };
        let (features, series) = match filter.handle() {
            Handle::Any => return list(&mut self.any),
            Handle::Parts { features, series } => (features, series),
        };
        match features {
            None => {}
            Some(FeatureHandle::Any) => list(&mut self.any_feature),
            Some(FeatureHandle::Ids(ids)) => {
                for id in ids {
                    set(&mut self.ids, id, number, there);
                }
            }
            Some(FeatureHandle::Place(pieces)) => {
                for rect in pieces {
                    let piece = piece(rect, number);
                    if there {
                        self.places.insert(piece);
                    } else {
                        self.places.remove(&piece);
                    }
                }
            }
        }
        for names in series {
            match names {
                SeriesNames::One(id) => set(&mut self.series, id, number, there),
                SeriesNames::Prefix(prefix) => {
                    let alike = self.prefixes.entry(prefix.len()).or_default();
                    set(alike, prefix, number, there);
                    if alike.is_empty() {
                        self.prefixes.remove(&prefix.len());
                    }
                }
            }
        }
    }

    pub(super) fn get(&self, number: Number) -> Option<&(Arc<LiveFilter>, T)> {
        self.filters.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut (Arc<LiveFilter>, T)> {
        self.filters.get_mut(number as usize)?.as_mut()
    }

    /// The filters that may take a block, each once: all that do are among them. O(log n +
    /// those found).
    pub(super) fn candidates(&self, subject: &Subject<'_>, found: &mut Vec<Number>) {
        found.clear();
        found.extend_from_slice(&self.any.0);
        let mut list = |numbers: Option<&Numbers>| {
            found.extend_from_slice(numbers.map_or(&[], |numbers| &numbers.0));
        };
        match &subject.about {
            About::Feature(change) => {
                list(Some(&self.any_feature));
                list(self.ids.get(&change.id));
                for version in [&change.before, &change.after].into_iter().flatten() {
                    if let Some(Rect { min, max }) = version.rect {
                        let envelope = AABB::from_corners(min, max);
                        let pieces = self.places.locate_in_envelope_intersecting(envelope);
                        found.extend(pieces.map(|piece| piece.data));
                    }
                }
            }
            About::Series(id) => {
                list(self.series.get(id));
                for (length, alike) in &self.prefixes {
                    match id.get(..*length) {
                        Some(prefix) => list(alike.get(prefix)),
                        None if *length > id.len() => break,
                        // Not where a character begins.
                        None => {}
                    }
                }
            }
            About::Database => {}
        }
        found.sort_unstable();
        found.dedup();
    }
}
