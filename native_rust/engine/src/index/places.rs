//! A spatial index on its own: places by id, in memory and without a past.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;

use hashbrown::HashTable;

use super::spatial::{ALIVE, SpatialEntry, SpatialIndex};
use crate::budget::Budget;
use crate::error::Result;
use crate::geo::{Center, Prepared, Shape};
use crate::types::Rect;

/// Ids and their envelopes, found by id, by box and by distance.
///
/// What [`crate::Database`] searches with, without its versions: what is replaced or
/// removed is gone. One caller writes or many read at a time; a lock is the caller's.
#[derive(Default)]
pub struct PlaceIndex {
    tree: SpatialIndex,
    /// Places by number; a removed one is `None` until its number is given again.
    places: Vec<Option<PlacedId>>,
    free: Vec<u32>,
    /// Numbers by id.
    numbers: HashTable<u32>,
    hasher: RandomState,
}

struct PlacedId {
    id: Box<str>,
    rect: Rect,
}

/// The tree's sequences are numbers here, counted from 1.
fn sequence(number: u32) -> u64 {
    u64::from(number) + 1
}

/// Nothing has ended here: so any sequence at which all have begun will do.
const NOW: u64 = ALIVE - 1;

impl PlaceIndex {
    /// An index of these places, of which the last of an id stays. O(n log n), a
    /// third of the time of inserting them one by one, and quicker to search.
    ///
    /// # Panics
    /// With 2^32 places.
    #[must_use]
    pub fn bulk_load<'i>(places: impl IntoIterator<Item = (&'i str, Rect)>) -> Self {
        let mut index = Self::default();
        for (id, rect) in places {
            match index.number(id) {
                Some(number) => {
                    if let Some(Some(place)) = index.places.get_mut(number as usize) {
                        place.rect = rect;
                    }
                }
                None => drop(index.add(id, rect)),
            }
        }
        let entries = index.places.iter().zip(0..).filter_map(|(place, number)| {
            let place = place.as_ref()?;
            Some(SpatialEntry::new(place.rect, sequence(number), ALIVE))
        });
        index.tree = SpatialIndex::bulk_load(entries.collect(), Vec::new());
        index
    }

    /// Enters a place, in place of the one of that id. Returns whether there was
    /// one. O(log n) (`benches/spatial`).
    ///
    /// # Panics
    /// With 2^32 places.
    pub fn insert(&mut self, id: &str, rect: Rect) -> bool {
        let replaced = self.remove(id);
        let number = self.add(id, rect);
        self.tree.insert(rect, sequence(number));
        replaced
    }

    /// Removes the place of an id. Returns whether there was one. Costs as much as
    /// [`PlaceIndex::insert`].
    pub fn remove(&mut self, id: &str) -> bool {
        let hash = self.hasher.hash_one(id);
        let places = &self.places;
        let named = |number: &u32| is_named(places, *number, id);
        let Ok(entry) = self.numbers.find_entry(hash, named) else {
            return false;
        };
        let (number, _) = entry.remove();
        if let Some(place) = self.places.get_mut(number as usize).and_then(Option::take) {
            self.tree.forget(place.rect, sequence(number));
            self.free.push(number);
        }
        true
    }

    fn number(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        let named = |number: &u32| is_named(&self.places, *number, id);
        self.numbers.find(hash, named).copied()
    }

    /// A number for an id that has none.
    fn add(&mut self, id: &str, rect: Rect) -> u32 {
        let place = Some(PlacedId {
            id: id.into(),
            rect,
        });
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(slot) = self.places.get_mut(number as usize) {
                    *slot = place;
                }
                number
            }
            None => {
                let number = crate::mem::ids::number_of(self.places.len());
                self.places.push(place);
                number
            }
        };
        let (places, hasher) = (&self.places, &self.hasher);
        let hash_of = |number: &u32| {
            let place = places.get(*number as usize).and_then(Option::as_ref);
            hasher.hash_one(place.map_or("", |place| &*place.id))
        };
        let hash = hasher.hash_one(id);
        self.numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// How many places the next insertion moves or hashes anew to make room: 0, but
    /// all of them whenever their number has doubled. For callers that must not be
    /// kept. O(1).
    #[must_use]
    pub fn insert_moves(&self) -> usize {
        let no_slot = self.free.is_empty() && self.places.len() == self.places.capacity();
        let no_number = self.numbers.len() == self.numbers.capacity();
        match no_slot || no_number {
            true => self.len(),
            false => 0,
        }
    }

    /// The envelope of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Rect> {
        let number = self.number(id)?;
        Some(self.places.get(number as usize)?.as_ref()?.rect)
    }

    /// Calls `found` with the id and envelope of each place that touches one of the
    /// rectangles, once each, in no order, until it breaks. O(log n + hits), some 50
    /// ns a hit.
    pub fn query_box(&self, pieces: &[Rect], mut found: impl FnMut(&str, Rect) -> ControlFlow<()>) {
        self.tree
            .query(pieces, NOW, |seq, rect| match self.id(seq) {
                Some(id) => found(id, rect),
                None => ControlFlow::Continue(()),
            });
    }

    /// The up to `k` places nearest to a position in degrees, nearest first, with
    /// their geodesic distances in metres, none beyond `radius`. O(log n) for
    /// each (`benches/spatial`).
    ///
    /// # Errors
    /// Those of the budget.
    pub fn nearby(
        &self,
        point: [f64; 2],
        k: usize,
        radius: f64,
        budget: &Budget,
    ) -> Result<Vec<(f64, &str)>> {
        let mut ended = Ok(());
        let center = Center::new(point);
        // The k nearest so far, farthest first to go.
        let mut nearest: Vec<(f64, u64)> = Vec::new();
        let bound = |rect: &Rect| Some(center.at_least(rect)).filter(|least| *least <= radius);
        self.tree
            .by_bound(NOW, usize::MAX, bound, |least, seq, rect| {
                if nearest.len() >= k && nearest.last().is_none_or(|last| last.0 < least) {
                    return ControlFlow::Break(());
                }
                let distance = budget.step().and_then(|()| match rect.min == rect.max {
                    true => Ok(Some(center.distance(rect.min))),
                    false => center.distance_to(&Prepared::new(&Shape::rects(&[rect])), budget),
                });
                let distance = match distance {
                    Ok(distance) => distance,
                    Err(error) => {
                        ended = Err(error);
                        return ControlFlow::Break(());
                    }
                };
                if let Some(distance) = distance.filter(|distance| *distance <= radius) {
                    let place = nearest.partition_point(|near| *near <= (distance, seq));
                    nearest.insert(place, (distance, seq));
                    nearest.truncate(k);
                }
                ControlFlow::Continue(())
            });
        let named = |(distance, seq)| Some((distance, self.id(seq)?));
        ended.map(|()| nearest.into_iter().filter_map(named).collect())
    }

    fn id(&self, sequence: u64) -> Option<&str> {
        let number = usize::try_from(sequence.checked_sub(1)?).ok()?;
        let place = self.places.get(number)?.as_ref()?;
        Some(&place.id)
    }

    /// Number of places.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

fn is_named(places: &[Option<PlacedId>], number: u32, id: &str) -> bool {
    let place = places.get(number as usize).and_then(Option::as_ref);
    place.is_some_and(|place| *place.id == *id)
}

/// The number alone: there may be millions.
impl fmt::Debug for PlaceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlaceIndex({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::oracles::{cases, compared};

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, Rect),
        Remove(u8),
        Query(Rect),
        Nearby([f64; 2], usize),
    }

    fn rect() -> impl Strategy<Value = Rect> {
        (-4..=4_i8, -4..=4_i8, 0..=2_i8, 0..=2_i8).prop_map(|(x, y, w, h)| Rect {
            min: [f64::from(x), f64::from(y)],
            max: [f64::from(x + w), f64::from(y + h)],
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            // Two thirds at a few places: many share one.
            4 => (any::<u8>(), rect()).prop_map(|(id, rect)| Step::Insert(id, rect)),
            8 => any::<u8>().prop_map(|id| Step::Insert(id, Rect::point([1.0, 1.0]))),
            3 => any::<u8>().prop_map(Step::Remove),
            2 => rect().prop_map(Step::Query),
            1 => (rect(), 1..20_usize).prop_map(|(rect, k)| Step::Nearby(rect.max, k)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(200)))]

        #[test]
        fn answers_are_those_of_a_map(steps in proptest::collection::vec(step(), 1..600), bulk in 0..200_usize) {
            let mut index = PlaceIndex::default();
            let mut model: HashMap<String, Rect> = HashMap::new();
            for (turn, step) in steps.iter().enumerate() {
                if turn == bulk {
                    index = PlaceIndex::bulk_load(model.iter().map(|(id, rect)| (id.as_str(), *rect)));
                }
                match step {
                    Step::Insert(id, rect) => {
                        let id = id.to_string();
                        let room = index.places.capacity();
                        let moves = index.insert_moves();
                        prop_assert_eq!(index.insert(&id, *rect), model.insert(id, *rect).is_some());
                        // What had no room at all had nothing to move.
                        if moves == 0 && room > 0 {
                            prop_assert_eq!(room, index.places.capacity());
                        }
                    }
                    Step::Remove(id) => {
                        let id = id.to_string();
                        prop_assert_eq!(index.remove(&id), model.remove(&id).is_some());
                        prop_assert_eq!(index.get(&id), None);
                    }
                    Step::Query(piece) => {
                        let mut found = Vec::new();
                        index.query_box(&[*piece], |id, rect| {
                            found.push((id.to_owned(), rect));
                            ControlFlow::Continue(())
                        });
                        found.sort_by(|a, b| a.0.cmp(&b.0));
                        let inside = model.iter().filter(|(_, rect)| piece.intersects(rect));
                        let mut expected: Vec<_> = inside.map(|(id, rect)| (id.clone(), *rect)).collect();
                        expected.sort_by(|a, b| a.0.cmp(&b.0));
                        prop_assert_eq!(found, expected);
                        compared("boxes in the index of places", 1);
                    }
                    Step::Nearby(point, k) => {
                        let center = Center::new(*point);
                        let budget = Budget::ample();
                        let distance = |rect: &Rect| center.distance_to(&Prepared::new(&Shape::rects(&[*rect])), &budget).unwrap().unwrap();
                        let mut all: Vec<f64> = model.values().map(distance).collect();
                        all.sort_by(f64::total_cmp);
                        all.truncate(*k);
                        let found = index.nearby(*point, *k, 2e5, &Budget::ample()).unwrap();
                        all.retain(|distance| *distance <= 2e5);
                        let distances: Vec<f64> = found.iter().map(|near| near.0).collect();
                        prop_assert_eq!(distances, all);
                        compared("nearest of the index of places", 1);
                        for (metres, id) in found {
                            prop_assert_eq!(metres, distance(&model[id]));
                        }
                    }
                }
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }
}
