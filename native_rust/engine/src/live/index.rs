//! Which filters may take a block, without looking at all of them.
//!
//! Each is found by what is most telling in it: ids, else a place, else series; those that
//! say no such thing are looked at for every block. What is found is looked at exactly.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::features::FeatureHandle;
use super::fence::pieces_of;
use super::filter::{Handle, LiveFilter};
use super::passage::way;
use super::subject::{About, FeatureChange, Subject};
use crate::geo::Path;
use crate::planted::{Bug, planted};
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
    /// Those that also ask for the ways between positions.
    paths: RTree<Piece>,
    areas: StoredAreas,
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

/// What is entered in a tree at any of these places.
fn gather(tree: &RTree<Piece>, rects: impl IntoIterator<Item = Rect>, found: &mut Vec<Number>) {
    for Rect { min, max } in rects {
        let envelope = AABB::from_corners(min, max);
        let pieces = tree.locate_in_envelope_intersecting(envelope);
        found.extend(pieces.map(|piece| piece.data));
    }
}

fn piece(rect: &Rect, number: Number) -> Piece {
    Piece::new(Rectangle::from_corners(rect.min, rect.max), number)
}

impl<T: Default> FilterIndex<T> {
    /// The number of a filter, which is entered if there is none like it. `place` gives the
    /// envelope of a feature after the block that was looked at last. O(log n).
    pub(super) fn enter(
        &mut self,
        filter: &Arc<LiveFilter>,
        place: impl Fn(&str) -> Option<Rect>,
    ) -> Number {
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
        if let Handle::Parts {
            features: Some(FeatureHandle::Stored { id, .. }),
            ..
        } = filter.handle()
        {
            self.areas.know(id, || place(id));
        }
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
            Some(FeatureHandle::Place { pieces, paths }) => {
                let tree = match paths {
                    true => &mut self.paths,
                    false => &mut self.places,
                };
                for rect in pieces {
                    let piece = piece(rect, number);
                    if there {
                        tree.insert(piece);
                    } else {
                        tree.remove(&piece);
                    }
                }
            }
            Some(FeatureHandle::Stored { id, paths }) => {
                set(&mut self.ids, id, number, there);
                self.areas.set(id, number, paths, there);
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

    /// The filters that may take a block, each once: all that do are among them. It is the
    /// one after that which was looked at before. O(log n + those found).
    pub(super) fn candidates(&mut self, subject: &Subject<'_>, found: &mut Vec<Number>) {
        found.clear();
        found.extend_from_slice(&self.any.0);
        let mut list = |numbers: Option<&Numbers>| {
            found.extend_from_slice(numbers.map_or(&[], |numbers| &numbers.0));
        };
        match &subject.about {
            About::Feature(change) => {
                list(Some(&self.any_feature));
                list(self.ids.get(&change.id));
                self.areas.follow(change);
                let placed = [&change.before, &change.after].into_iter().flatten();
                let placed: Vec<Rect> = placed.filter_map(|version| version.rect).collect();
                gather(&self.places, placed.iter().copied(), found);
                self.areas.gather(&placed, found);
                if self.paths.size() > 0 || self.areas.paths > 0 {
                    let path = way(&change.before, &change.after);
                    let path: Vec<Rect> = path.iter().flat_map(Path::envelopes).collect();
                    gather(&self.paths, placed.into_iter().chain(path.clone()), found);
                    self.areas.gather_paths(&path, found);
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

/// The stored features that are areas of fences, where they are now.
#[derive(Default)]
struct StoredAreas {
    areas: Vec<StoredArea>,
    free: Vec<Number>,
    numbers: HashMap<String, Number>,
    tree: RTree<Piece>,
    /// Fences that ask for ways.
    paths: usize,
}

#[derive(Default)]
struct StoredArea {
    envelope: Option<Rect>,
    fences: Numbers,
    /// Those that ask for ways, too.
    paths: Numbers,
}

impl StoredAreas {
    fn know(&mut self, id: &str, envelope: impl FnOnce() -> Option<Rect>) {
        if self.numbers.contains_key(id) {
            return;
        }
        let number = self.free.pop().unwrap_or(self.areas.len() as Number);
        if number as usize == self.areas.len() {
            self.areas.push(StoredArea::default());
        }
        self.numbers.insert(id.to_owned(), number);
        self.move_to(number, envelope());
    }

    fn move_to(&mut self, number: Number, envelope: Option<Rect>) {
        let Some(area) = self.areas.get_mut(number as usize) else {
            return;
        };
        if area.envelope == envelope {
            return;
        }
        let before = std::mem::replace(&mut area.envelope, envelope);
        for rect in before.into_iter().flat_map(pieces_of) {
            self.tree.remove(&piece(&rect, number));
        }
        for rect in envelope.into_iter().flat_map(pieces_of) {
            self.tree.insert(piece(&rect, number));
        }
    }

    /// Of an area that is known.
    fn set(&mut self, id: &str, fence: Number, paths: bool, there: bool) {
        let Some(number) = self.numbers.get(id).copied() else {
            return;
        };
        let Some(area) = self.areas.get_mut(number as usize) else {
            return;
        };
        if paths {
            match there {
                true => self.paths += 1,
                false => self.paths -= 1,
            }
        }
        let numbers = match paths {
            true => &mut area.paths,
            false => &mut area.fences,
        };
        if there {
            return numbers.insert(fence);
        }
        numbers.remove(fence);
        if area.fences.0.is_empty() && area.paths.0.is_empty() {
            self.move_to(number, None);
            self.numbers.remove(id);
            self.free.push(number);
        }
    }

    /// Note where a feature is now, if it is an area.
    fn follow(&mut self, change: &FeatureChange<'_>) {
        if let Some(number) = self.numbers.get(&change.id)
            && !planted(Bug::AreaStays)
        {
            let after = change.after.as_ref();
            self.move_to(*number, after.and_then(|version| version.rect));
        }
    }

    fn at(&self, rects: &[Rect]) -> impl Iterator<Item = &StoredArea> {
        let mut numbers = Vec::new();
        gather(&self.tree, rects.iter().copied(), &mut numbers);
        numbers
            .into_iter()
            .filter_map(|number| self.areas.get(number as usize))
    }

    fn gather(&self, rects: &[Rect], found: &mut Vec<Number>) {
        for area in self.at(rects) {
            found.extend_from_slice(&area.fences.0);
            found.extend_from_slice(&area.paths.0);
        }
    }

    fn gather_paths(&self, rects: &[Rect], found: &mut Vec<Number>) {
        for area in self.at(rects) {
            found.extend_from_slice(&area.paths.0);
        }
    }
}
