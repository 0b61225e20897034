//! A cache of finished answers: bounded in entries and in bytes, least recently used
//! first to go, with an optional time to live.
//!
//! It knows nothing of what it holds, so it can never tell that an answer is stale.
//! Whoever uses it puts into the key what the answer depends on (here the generation
//! of the index it came from): an answer of an older generation is then never asked
//! for again, and goes when its turn comes.

use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::mem::lru::Lru;

/// Bounds of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Most entries; 0 keeps nothing.
    pub entries: usize,
    /// Most bytes: of keys, of values as [`QueryCache::put`] is told, and of
    /// [`ENTRY_OVERHEAD`] for each entry. 0 keeps nothing.
    pub bytes: usize,
    /// How long an entry is good for; `None` for ever.
    pub ttl: Option<Duration>,
}

/// What an entry costs beyond its key and value: slot of the map, links, sizes.
pub const ENTRY_OVERHEAD: usize = 160;

/// What a cache has seen and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Entries now.
    pub entries: usize,
    /// Bytes now, overhead included.
    pub bytes: usize,
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that did not, expired entries among them.
    pub misses: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Entries found over age.
    pub expirations: u64,
}

/// The cache. One lock, so the order of use is exact; a look-up holds it for
/// O(1), and values are shared, not copied.
pub struct QueryCache<V> {
    limits: CacheLimits,
    inner: Mutex<Inner<V>>,
}

struct Inner<V> {
    entries: Lru<Box<[u8]>, CachedResult<V>>,
    /// But for entries and bytes, which the map knows.
    stats: CacheStats,
}

struct CachedResult<V> {
    value: V,
    written: Instant,
}

/// What an entry counts as.
fn cost(key: &[u8], bytes: usize) -> usize {
    bytes
        .saturating_add(key.len())
        .saturating_add(ENTRY_OVERHEAD)
}

impl<V: Clone> QueryCache<V> {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            inner: Mutex::new(Inner {
                entries: Lru::new(limits.entries, limits.bytes),
                stats: CacheStats::default(),
            }),
        }
    }

    /// The value of `key`, which is now the most recently used. O(1).
    pub fn get(&self, key: &[u8]) -> Option<V> {
        self.get_at(key, Instant::now)
    }

    fn get_at(&self, key: &[u8], now: impl FnOnce() -> Instant) -> Option<V> {
        let mut inner = self.inner.lock();
        let Inner { entries, stats } = &mut *inner;
        let Some(entry) = entries.get(key) else {
            stats.misses += 1;
            return None;
        };
        // Only where there is a time to live is the clock worth reading.
        let over_age = |ttl| now().saturating_duration_since(entry.written) >= ttl;
        if !self.limits.ttl.is_some_and(over_age) {
            stats.hits += 1;
            return Some(entry.value.clone());
        }
        stats.misses += 1;
        stats.expirations += 1;
        let expired = entries.remove(key);
        drop(inner);
        // Freeing a large value is no work to do under the lock.
        drop(expired);
        None
    }

    /// Keep `value`, of `bytes` bytes, as the most recently used, in place of what
    /// `key` had; the least recently used go until both bounds hold. A value that is
    /// larger than the cache is not kept, and nothing goes for it. O(1), and O(1) for
    /// each that goes.
    pub fn put(&self, key: Box<[u8]>, value: V, bytes: usize) {
        self.put_at(key, value, bytes, Instant::now());
    }

    fn put_at(&self, key: Box<[u8]>, value: V, bytes: usize, now: Instant) {
        let bytes = cost(&key, bytes);
        let entry = CachedResult {
            value,
            written: now,
        };
        let mut inner = self.inner.lock();
        let gone = inner.entries.put(key, entry, bytes);
        inner.stats.evictions += gone.1.len() as u64;
        drop(inner);
        drop(gone);
    }

    /// Whether a new entry with such a key and value would make none go. O(1).
    #[must_use]
    pub fn has_room(&self, key: &[u8], bytes: usize) -> bool {
        self.inner.lock().entries.has_room(cost(key, bytes))
    }

    /// Forget the value of `key`. O(1).
    pub fn remove(&self, key: &[u8]) {
        let removed = self.inner.lock().entries.remove(key);
        // Outside of the lock.
        drop(removed);
    }

    /// Forget everything; the counters stay.
    pub fn clear(&self) {
        let all = self.inner.lock().entries.take();
        drop(all);
    }

    /// Counters and sizes of this moment.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let inner = self.inner.lock();
        CacheStats {
            entries: inner.entries.len(),
            bytes: inner.entries.bytes(),
            ..inner.stats
        }
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> CacheLimits {
        self.limits
    }
}

/// Figures, not contents.
impl<V: Clone> fmt::Debug for QueryCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryCache")
            .field("limits", &self.limits)
            .field("stats", &self.stats())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const FREE: CacheLimits = CacheLimits {
        entries: 1 << 20,
        bytes: 1 << 30,
        ttl: None,
    };

    fn key(n: u32) -> Box<[u8]> {
        n.to_le_bytes().into()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Get(u32),
        Put(u32, usize),
        Remove(u32),
        Wait(u64),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..12u32).prop_map(Step::Get),
            8 => (0..12u32, 0..900usize).prop_map(|(key, bytes)| Step::Put(key, bytes)),
            1 => (0..12u32).prop_map(Step::Remove),
            2 => (1..8u64).prop_map(Step::Wait),
            1 => Just(Step::Clear),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// Key, value, bytes, time; most recently used last.
    type Model = VecDeque<(u32, u64, usize, u64)>;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::testing::oracles::cases(2_000)))]

        #[test]
        fn behaves_like_a_list_in_order_of_use(
            steps in steps(),
            entries in 0..7usize,
            ttl in prop::option::of(1..12u64),
        ) {
            let limits = CacheLimits { entries, bytes: 2_000, ttl: ttl.map(Duration::from_secs) };
            let cache = QueryCache::new(limits);
            let begin = Instant::now();
            let mut now = 0;
            let mut model = Model::new();
            let mut expected = CacheStats::default();
            let cost = |bytes: usize| bytes + 4 + ENTRY_OVERHEAD;
            for (n, step) in (0_u64..).zip(steps) {
                match step {
                    Step::Get(k) => {
                        let found = cache.get_at(&key(k), || begin + Duration::from_secs(now));
                        let place = model.iter().position(|entry| entry.0 == k);
                        let entry = place.and_then(|place| model.remove(place));
                        let old = entry.filter(|entry| ttl.is_some_and(|ttl| now - entry.3 >= ttl));
                        match entry.filter(|_| old.is_none()) {
                            Some(entry) => {
                                expected.hits += 1;
                                prop_assert_eq!(found, Some(entry.1));
                                model.push_back(entry);
                            }
                            None => {
                                expected.misses += 1;
                                expected.expirations += u64::from(old.is_some());
                                prop_assert_eq!(found, None);
                            }
                        }
                    }
                    Step::Put(k, bytes) => {
                        let held: usize = model.iter().map(|e| cost(e.2)).sum();
                        let room = model.len() < entries && held + cost(bytes) <= limits.bytes;
                        prop_assert_eq!(cache.has_room(&key(k), bytes), room);
                        cache.put_at(key(k), n, bytes, begin + Duration::from_secs(now));
                        model.retain(|entry| entry.0 != k);
                        if entries > 0 && cost(bytes) <= limits.bytes {
                            model.push_back((k, n, bytes, now));
                        }
                        let held = |model: &Model| model.iter().map(|e| cost(e.2)).sum::<usize>();
                        while model.len() > entries || held(&model) > limits.bytes {
                            model.pop_front();
                            expected.evictions += 1;
                        }
                    }
                    Step::Remove(k) => {
                        cache.remove(&key(k));
                        model.retain(|entry| entry.0 != k);
                    }
                    Step::Wait(seconds) => now += seconds,
                    Step::Clear => {
                        cache.clear();
                        model.clear();
                    }
                }
                expected.entries = model.len();
                expected.bytes = model.iter().map(|entry| cost(entry.2)).sum();
                prop_assert_eq!(cache.stats(), expected);
            }
        }
    }

    #[test]
    fn both_bounds_hold_at_every_moment_under_many_threads() {
        let limits = CacheLimits {
            entries: 50,
            bytes: 40_000,
            ttl: None,
        };
        let cache = QueryCache::new(limits);
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                let cache = &cache;
                scope.spawn(move || {
                    for n in 0..20_000_u32 {
                        let k = n.wrapping_mul(2_654_435_761).wrapping_add(thread) % 200;
                        match cache.get(&key(k)) {
                            // A value is always the one that was put under its key.
                            Some(value) => assert_eq!(value, k),
                            None => cache.put(key(k), k, (k as usize * 37) % 3_000),
                        }
                        let stats = cache.stats();
                        assert!(stats.entries <= limits.entries && stats.bytes <= limits.bytes);
                    }
                });
            }
        });
        let stats = cache.stats();
        assert_eq!(stats.hits + stats.misses, 80_000);
        assert!(stats.evictions > 0 && stats.entries > 10);
    }

    #[test]
    fn a_value_larger_than_the_cache_evicts_nothing() {
        let cache = QueryCache::new(CacheLimits {
            bytes: 1_000,
            ..FREE
        });
        cache.put(key(1), 'a', 100);
        cache.put(key(2), 'b', 1_000);
        assert_eq!((cache.get(&key(1)), cache.get(&key(2))), (Some('a'), None));
        cache.put(key(1), 'c', usize::MAX);
        assert_eq!(
            cache.get(&key(1)),
            None,
            "and replaces what it was to replace"
        );
    }
}
