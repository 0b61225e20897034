//! The query cache, holding binaries.

use std::time::Duration;

use formdb_engine::{CacheLimits, CacheStats, QueryCache};
use rustler::{Binary, Encoder, Env, NifMap, Resource, ResourceArc, Term};

use super::{FREED_AT_ONCE, free_in_background};
use crate::answer::binary;
use crate::atoms;
use crate::maps::map;
use crate::schedulers::twins;

/// An answer, shared with the processes that were given it.
struct Answer(Box<[u8]>);

#[rustler::resource_impl]
impl Resource for Answer {}

/// What an answer costs beyond its bytes: the resource, and its place in the cache.
const ANSWER_OVERHEAD: usize = 128;

/// Answers below this are copied, which is cheaper than to share them.
const SHARED_BYTES: usize = 4_096;

struct Answers(QueryCache<ResourceArc<Answer>>);

type AnswersRef = ResourceArc<Answers>;

#[rustler::resource_impl]
impl Resource for Answers {
    fn destructor(self, _env: Env<'_>) {
        if self.0.stats().entries > FREED_AT_ONCE {
            free_in_background(self.0);
        }
    }
}

#[rustler::nif]
fn answers_new(env: Env<'_>, entries: usize, bytes: usize, ttl_ms: Option<u64>) -> Term<'_> {
    let limits = CacheLimits {
        entries,
        bytes,
        ttl: ttl_ms.map(Duration::from_millis),
    };
    ResourceArc::new(Answers(QueryCache::new(limits))).encode(env)
}

twins! {
    /// `:ok`. Copies the value, unless it is larger than the cache.
    answers_put: "Normal", answers_put_dirty: "DirtyCpu";
    fn(env; cache: AnswersRef, key: Binary<'a>, value: Binary<'a>) -> Term<'a> {
        let bytes = value.len().saturating_add(ANSWER_OVERHEAD);
        if bytes > cache.0.limits().bytes {
            // It would not be kept, and what it replaces would be stale.
            cache.0.remove(&key);
        } else {
            let answer = ResourceArc::new(Answer(value.as_slice().into()));
            cache.0.put(key.as_slice().into(), answer, bytes);
        }
        atoms::ok().to_term(env)
    }
}

/// The value, or `:miss`.
#[rustler::nif]
fn answers_get<'a>(env: Env<'a>, cache: AnswersRef, key: Binary<'a>) -> Term<'a> {
    match cache.0.get(&key) {
        None => atoms::miss().to_term(env),
        Some(answer) if answer.0.len() < SHARED_BYTES => binary(env, &answer.0),
        Some(answer) => answer.make_binary(env, |answer| &answer.0).to_term(env),
    }
}

#[rustler::nif]
fn answers_delete<'a>(env: Env<'a>, cache: AnswersRef, key: Binary<'a>) -> Term<'a> {
    cache.0.remove(&key);
    atoms::ok().to_term(env)
}

/// `:ok`. Frees every entry.
#[rustler::nif(schedule = "DirtyCpu")]
fn answers_clear(env: Env<'_>, cache: AnswersRef) -> Term<'_> {
    cache.0.clear();
    atoms::ok().to_term(env)
}

map! {
    #[derive(NifMap)]
    struct StatsMap from CacheStats {
        entries: usize,
        bytes: usize,
        hits: u64,
        misses: u64,
        evictions: u64,
        expirations: u64,
    }
}

#[rustler::nif]
fn answers_stats(cache: AnswersRef) -> StatsMap {
    cache.0.stats().into()
}
