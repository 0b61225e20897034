//! Finished answers of a database, kept until a write touches what they came from.
//!
//! An answer is kept with the generation of its source: the last sequence that
//! touched it. It is given again as long as the source has that generation at the
//! published sequence, and forgotten when it is found to have a later one. So a write
//! to one series leaves the answers about others, and those about features, alone.
//! Answers about the past hold for ever.
//!
//! While there is room, every answer is kept. Once there is none, an answer pushes out
//! others only if its question has been asked before: questions that nobody repeats
//! would empty the cache, and keeping their answers costs more than working them out
//! in memory that is warm (a box of 150 features 4 of 12 us). This is the doorkeeper of
//! G. Einziger, R. Friedman and B. Manes, "TinyLFU", 2017.

use std::any::Any;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Result;
use crate::index::SharedSeries;
use crate::limits::Limits;
use crate::mem::lru::{CacheLimits, CacheStats, QueryCache};
use crate::state::State;

/// Longest question that is kept, in bytes as [`Key`] writes it.
const MAX_KEY: usize = 4 << 10;

/// An answer may take this part of the cache, so that one does not empty it.
const LARGEST_PART: usize = 8;

/// What can be kept.
pub(crate) trait Answer: Any + Clone + Send + Sync {
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

impl Answer for JsonAnswer {
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
}

/// A question as bytes: what is hashed, one after the other. Different questions
/// differ, since whatever implements [`Hash`] tells its parts apart.
#[derive(Debug, Default)]
struct Key(Vec<u8>);

impl Hasher for Key {
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
pub(crate) enum Source {
    /// The state at a sequence that was named.
    Past,
    /// All features.
    Features,
    /// One series; `None`: one that there is not.
    Series(Option<Arc<SharedSeries>>),
    /// All series.
    AllSeries,
}

/// The last sequences that touched an index, applied or still being so.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    features: AtomicU64,
    series: AtomicU64,
}

impl Touched {
    /// Call it before a feature is written or deleted.
    pub(crate) fn features(&self, seq: u64) {
        self.features.store(seq, Ordering::Release);
    }

    /// Call it before points are written or deleted.
    pub(crate) fn series(&self, seq: u64) {
        self.series.store(seq, Ordering::Release);
    }
}

impl Source {
    /// The last sequence that touched it, of those applied so far. A series that there
    /// was not when the question came up has none that could be relied on.
    fn touched(&self, state: &State) -> Option<u64> {
        match self {
            Self::Past => Some(0),
            Self::Features => Some(state.touched.features.load(Ordering::Acquire)),
            Self::Series(series) => series.as_ref().map(|series| series.read().touched()),
            Self::AllSeries => Some(state.touched.series.load(Ordering::Acquire)),
        }
    }

    /// The generation at a sequence that was published before this call. None while a
    /// later block that touches it is being applied: which one touched it last before
    /// that is not known.
    ///
    /// A block is published after it was applied. So whatever touched it up to `at`
    /// is in `touched`; and if that is no later than `at`, nothing in between did.
    fn generation(&self, state: &State, at: u64) -> Option<u64> {
        self.touched(state).filter(|&touched| touched <= at)
    }
}

/// A question that may have been answered before.
#[derive(Debug)]
pub(crate) struct Question {
    key: Box<[u8]>,
    source: Source,
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
pub(crate) struct Answers {
    cache: QueryCache<Kept>,
    door: Doorkeeper,
    largest: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    invalidations: AtomicU64,
}

#[derive(Clone)]
struct Kept {
    generation: u64,
    answer: Arc<dyn Any + Send + Sync>,
}

/// What the cache of answers has seen and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswerStats {
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

impl Answers {
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

    pub(crate) fn stats(&self) -> AnswerStats {
        let CacheStats {
            entries,
            bytes,
            evictions,
            expirations,
            // Of look-ups; here counts what came of them.
            hits: _,
            misses: _,
        } = self.cache.stats();
        AnswerStats {
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

impl State {
    /// The question that `what` and the call make. `None` if its answer is not to be
    /// kept: the cache is off, or the question too long.
    pub(crate) fn question(
        &self,
        call: Call,
        source: Source,
        what: &impl Hash,
    ) -> Option<Question> {
        let CacheLimits { entries, bytes, .. } = self.answers.cache.limits();
        if entries == 0 || bytes == 0 {
            return None;
        }
        let mut key = Key(Vec::with_capacity(128));
        call.hash(&mut key);
        what.hash(&mut key);
        (key.0.len() <= MAX_KEY).then(|| Question {
            key: key.0.into(),
            source,
        })
    }

    /// The answer to a question, if it is known and holds still.
    pub(crate) fn kept<A: Answer>(&self, question: Option<&Question>) -> Option<A> {
        let Question { key, source } = question?;
        let at = self.published();
        let generation = source.generation(self, at)?;
        let answers = &self.answers;
        let kept = answers.cache.get(key)?;
        if kept.generation != generation {
            answers.cache.remove(key);
            answers.invalidations.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let answer = kept.answer.downcast_ref::<A>()?;
        answers.hits.fetch_add(1, Ordering::Relaxed);
        Some(match source {
            Source::Past => answer.clone(),
            _ => answer.as_of(at),
        })
    }

    /// The answer that is kept, or the one that `work_out` gives, which is kept then.
    pub(crate) fn kept_or<A: Answer>(
        &self,
        question: Option<Question>,
        work_out: impl FnOnce() -> Result<A>,
    ) -> Result<A> {
        if let Some(answer) = self.kept(question.as_ref()) {
            return Ok(answer);
        }
        let answer = work_out()?;
        self.keep(question, &answer);
        Ok(answer)
    }

    /// As [`State::kept_or`], where `work_out` may have none.
    pub(crate) fn kept_or_perhaps<A: Answer>(
        &self,
        question: Option<Question>,
        work_out: impl FnOnce() -> Result<Option<A>>,
    ) -> Result<Option<A>> {
        if let Some(answer) = self.kept(question.as_ref()) {
            return Ok(Some(answer));
        }
        let answer = work_out()?;
        if let Some(answer) = &answer {
            self.keep(question, answer);
        }
        Ok(answer)
    }

    fn keep<A: Answer>(&self, question: Option<Question>, answer: &A) {
        let Some(Question { key, source }) = question else {
            return;
        };
        let answers = &self.answers;
        answers.misses.fetch_add(1, Ordering::Relaxed);
        let bytes = answer.bytes() + size_of::<A>();
        let known = answers.door.knows(&key);
        if bytes > answers.largest || !(known || answers.cache.has_room(&key, bytes)) {
            return;
        }
        if let Some(generation) = source.generation(self, answer.seq()) {
            let answer = Arc::new(answer.clone());
            answers.cache.put(key, Kept { generation, answer }, bytes);
        }
    }
}

/// Figures, not contents.
impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}
