//! The result cache: finished results of a database, until a write touches what they came
//! from.
//!
//! A result is cached with the generation of its source: the last sequence that
//! touched it. It is given again as long as the source has that generation at the
//! published sequence, and removed when it is found to have a later one. So a write
//! to one series leaves the results about others, and those about features, alone.
//! Results about the past hold for ever.
//!
//! While there is room, every result is cached. Once there is none, a result evicts
//! others only if its question has been asked before: questions that nobody repeats
//! would empty the cache, and caching their results costs a third of computing them from
//! warm memory (`cargo bench --bench spatial`). This is the doorkeeper of
//! G. Einziger, R. Friedman and B. Manes, "TinyLFU", 2017.

use std::any::Any;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::cache::query_cache::{CacheLimits, CacheStats, QueryCache};
use crate::error::Result;
use crate::index::{Indexes, SharedSeries};
use crate::limits::Limits;

/// Longest question that is kept, in bytes as [`KeyBytes`] writes it.
const MAX_KEY: usize = 4 << 10;

/// An answer may take this part of the cache, so that one does not empty it.
const LARGEST_PART: usize = 8;

/// What can be kept.
pub(crate) trait Cacheable: Any + Clone + Send + Sync {
    /// The sequence it is as of.
    fn seq(&self) -> u64;

    /// The same answer as of another sequence, at which it holds, too. Copies no more
    /// than a few words.
    fn as_of(&self, seq: u64) -> Self;

    /// Bytes it takes.
    fn bytes(&self) -> usize;
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonAnswer {
    /// JSON text.
    pub json: Arc<Vec<u8>>,
    /// The sequence it is as of.
    pub seq: u64,
}

impl Cacheable for JsonAnswer {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn as_of(&self, seq: u64) -> Self {
        let json = Arc::clone(&self.json);
        Self { json, seq }
    }

    fn bytes(&self) -> usize {
        self.json.capacity()
    }
}

/// Which call a question is for, so that their keys differ.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Call {
    Search,
    Count,
    Heatmap,
    Aggregate,
    AggregateJson,
    Latest,
}

/// A question as bytes: what is hashed, one after the other. Different questions
/// differ, since whatever implements [`Hash`] tells its parts apart.
#[derive(Debug, Default)]
struct KeyBytes(Vec<u8>);

impl Hasher for KeyBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Of no use: the bytes themselves are the key.
    fn finish(&self) -> u64 {
        0
    }
}

/// What an answer comes from.
#[derive(Debug)]
pub(crate) enum Dependency {
    /// The state at a sequence that was named.
    Past,
    /// All features.
    Features,
    /// One series; `None`: one that there is not.
    Series(Option<Arc<SharedSeries>>),
    /// All series.
    AllSeries,
}

impl Dependency {
    /// The last sequence that touched it, of those applied so far. A series that there
    /// was not when the question came up has none that could be relied on.
    fn touched(&self, indexes: &Indexes) -> Option<u64> {
        match self {
            Self::Past => Some(0),
            Self::Features => Some(indexes.generations.of_features()),
            Self::Series(series) => series.as_ref().map(|series| series.read().touched()),
            Self::AllSeries => Some(indexes.generations.of_series()),
        }
    }

    /// The generation at a sequence that was published before this call. None while a
    /// later block that touches it is being applied: which one touched it last before
    /// that is not known.
    ///
    /// A block is published after it was applied. So whatever touched it up to `at`
    /// is in `touched`; and if that is no later than `at`, nothing in between did.
    fn generation(&self, indexes: &Indexes, at: u64) -> Option<u64> {
        self.touched(indexes).filter(|&touched| touched <= at)
    }
}

/// The key of a question that may have been answered before.
#[derive(Debug)]
pub(crate) struct CacheKey {
    bytes: Box<[u8]>,
    source: Dependency,
}

/// Which questions were asked lately, by their hashes: a table in which a question
/// takes the place of another that falls to the same slot.
struct Doorkeeper {
    hash: RandomState,
    slots: Box<[AtomicU32]>,
}

impl Doorkeeper {
    /// 64 KiB; a power of two.
    const SLOTS: usize = 1 << 14;

    fn new() -> Self {
        Self {
            hash: RandomState::new(),
            slots: (0..Self::SLOTS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Whether a question was asked before, which from now on it was. Wrong about one
    /// in four billion that were not.
    fn knows(&self, key: &[u8]) -> bool {
        let hash = self.hash.hash_one(key);
        let mark = (hash >> 32) as u32;
        let slot = self.slots.get(hash as usize % Self::SLOTS);
        slot.is_some_and(|slot| slot.swap(mark, Ordering::Relaxed) == mark)
    }
}

/// The answers.
pub(crate) struct ResultCache {
    cache: QueryCache<Cached>,
    door: Doorkeeper,
    largest: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    invalidations: AtomicU64,
}

#[derive(Clone)]
struct Cached {
    generation: u64,
    result: Arc<dyn Any + Send + Sync>,
}

/// What the cache of answers has seen and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResultCacheStats {
    /// Answers now.
    pub entries: u64,
    /// Bytes now, with what keeping an answer costs.
    pub bytes: u64,
    /// Questions answered from the cache.
    pub hits: u64,
    /// Questions whose answer was worked out.
    pub misses: u64,
    /// Answers that made room for others.
    pub evictions: u64,
    /// Answers found over age.
    pub expirations: u64,
    /// Answers found out of date, since a write had touched what they came from.
    pub invalidations: u64,
}

impl ResultCache {
    pub(crate) fn new(limits: &Limits) -> Self {
        let ttl = limits.query_cache_ttl_ms;
        Self {
            cache: QueryCache::new(CacheLimits {
                entries: limits.query_cache_entries,
                bytes: limits.query_cache_bytes,
                ttl: (ttl > 0).then(|| Duration::from_millis(ttl)),
            }),
            door: Doorkeeper::new(),
            largest: limits.query_cache_bytes / LARGEST_PART,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
        }
    }

    pub(crate) fn stats(&self) -> ResultCacheStats {
        let CacheStats {
            entries,
            bytes,
            evictions,
            expirations,
            // Of look-ups; here counts what came of them.
            hits: _,
            misses: _,
        } = self.cache.stats();
        ResultCacheStats {
            entries: entries as u64,
            bytes: bytes as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions,
            expirations,
            invalidations: self.invalidations.load(Ordering::Relaxed),
        }
    }

    /// Forget everything.
    pub(crate) fn clear(&self) {
        self.cache.clear();
    }
}

impl ResultCache {
    /// The key of a question: the call, and `what` it asks. `None` if its result is not to
    /// be cached: the cache is off, or the key too long.
    pub(crate) fn key(&self, call: Call, source: Dependency, what: &impl Hash) -> Option<CacheKey> {
        let CacheLimits { entries, bytes, .. } = self.cache.limits();
        if entries == 0 || bytes == 0 {
            return None;
        }
        let mut key = KeyBytes(Vec::with_capacity(128));
        call.hash(&mut key);
        what.hash(&mut key);
        (key.0.len() <= MAX_KEY).then(|| CacheKey {
            bytes: key.0.into(),
            source,
        })
    }

    /// The cached result, if there is one that still holds.
    pub(crate) fn get<R: Cacheable>(&self, key: Option<&CacheKey>, indexes: &Indexes) -> Option<R> {
        let CacheKey { bytes, source } = key?;
        let at = indexes.published();
        let generation = source.generation(indexes, at)?;
        let cached = self.cache.get(bytes)?;
        if cached.generation != generation {
            self.cache.remove(bytes);
            self.invalidations.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let result = cached.result.downcast_ref::<R>()?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(match source {
            Dependency::Past => result.clone(),
            _ => result.as_of(at),
        })
    }

    /// The cached result, or the one that `compute` gives, which is cached then.
    pub(crate) fn get_or<R: Cacheable>(
        &self,
        key: Option<CacheKey>,
        indexes: &Indexes,
        compute: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        if let Some(result) = self.get(key.as_ref(), indexes) {
            return Ok(result);
        }
        let result = compute()?;
        self.put(key, &result, indexes);
        Ok(result)
    }

    /// As [`ResultCache::get_or`], where `compute` may have none.
    pub(crate) fn get_or_maybe<R: Cacheable>(
        &self,
        key: Option<CacheKey>,
        indexes: &Indexes,
        compute: impl FnOnce() -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        if let Some(result) = self.get(key.as_ref(), indexes) {
            return Ok(Some(result));
        }
        let result = compute()?;
        if let Some(result) = &result {
            self.put(key, result, indexes);
        }
        Ok(result)
    }

    fn put<R: Cacheable>(&self, key: Option<CacheKey>, result: &R, indexes: &Indexes) {
        let Some(CacheKey { bytes: key, source }) = key else {
            return;
        };
        self.misses.fetch_add(1, Ordering::Relaxed);
        let bytes = result.bytes() + size_of::<R>();
        let known = self.door.knows(&key);
        if bytes > self.largest || !(known || self.cache.has_room(&key, bytes)) {
            return;
        }
        if let Some(generation) = source.generation(indexes, result.seq()) {
            let result = Arc::new(result.clone());
            self.cache.put(key, Cached { generation, result }, bytes);
        }
    }
}

/// Figures, not contents.
impl std::fmt::Debug for ResultCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}
