//! Opening, closing and describing databases.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::Defaults;
use formdb_engine::{
    Catalog, Database, Error, Figures, HistogramFigures, IndexFigures, Limits, Live,
    RecoveryPolicy, Result, ResultCacheStats, ScrubStats, ScrubStep, UNKNOWN_MEMORY,
    available_memory, to_hex,
};
use rustler::{Atom, Encoder, Env, NifMap, NifUnitEnum, ResourceArc, Term};

use crate::answer::{Caller, Failure, tagged};
use crate::inspect::place;
use crate::maps::map;
use crate::{CatalogRef, CatalogResource, atoms};

/// What opening does with a torn tail.
#[derive(NifUnitEnum)]
enum Policy {
    CutTornTail,
    RefuseTornTail,
}

impl From<Policy> for RecoveryPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::CutTornTail => Self::CutTornTail,
            Policy::RefuseTornTail => Self::RefuseTornTail,
        }
    }
}

map! {
    #[derive(NifMap)]
    struct LimitsMap into Limits {
        queue_transactions: usize,
        queue_bytes: usize,
        transaction_bytes: usize,
        group_bytes: usize,
        group_ms: u64,
        segment_bytes: u64,
        snapshot_bytes: u64,
        snapshot_replay_ms: u64,
        closing_snapshot_ms: u64,
        recovery: Policy,
        body_cache_bytes: usize,
        geometry_cache_bytes: usize,
        query_cache_entries: usize,
        query_cache_bytes: usize,
        query_cache_ttl_ms: u64,
        positions: usize,
        faults: usize,
        id_bytes: usize,
        page_items: usize,
        page_bytes: usize,
        buckets: usize,
        query_timeout_ms: u64,
        sync_interval_ms: u64,
        clock_jump_seconds: u64,
        clock_settle_seconds: u64,
        idempotency_seconds: u64,
        idempotency_keys: usize,
        rejected_lines: usize,
        revert_blocks: usize,
        work_bytes: usize,
        index_bytes: usize,
        databases: usize,
        min_free_bytes: u64,
        open_files: usize,
        open_transactions: usize,
        transaction_lease_seconds: u64,
        subscriptions: usize,
        event_bytes: usize,
        subscription_bytes: usize,
        filter_bytes: usize,
        catch_up_threads: usize,
    }
}

/// `Recovered` as a map.
#[derive(NifMap)]
struct RecoveredMap {
    created: bool,
    blocks: u64,
    blocks_read: u64,
    groups: u64,
    segments: u64,
    bytes: u64,
    bytes_cut: u64,
    root: String,
    snapshots_ignored: Vec<String>,
    microseconds: u64,
}

impl RecoveredMap {
    fn of(database: &Database) -> Self {
        let recovered = database.recovered();
        Self {
            created: recovered.created,
            blocks: recovered.blocks,
            blocks_read: recovered.blocks_read,
            groups: recovered.groups,
            segments: recovered.segments,
            bytes: recovered.bytes,
            bytes_cut: recovered.bytes_cut,
            root: to_hex(&recovered.root),
            snapshots_ignored: recovered.snapshots_ignored.clone(),
            microseconds: u64::try_from(recovered.elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// `Info` as a map.
#[derive(NifMap)]
struct InfoMap {
    log: String,
    seq: u64,
    durable_seq: u64,
    root: String,
    features: u64,
    series: u64,
    points: u64,
    versions: u64,
    index_bytes: IndexBytesMap,
    defaults: DefaultsMap,
    journal_bytes: u64,
    segments: u64,
    queued: u64,
    groups: u64,
    transactions: u64,
    cached_bytes: u64,
    geometry_cache_bytes: u64,
    query_cache: ResultCacheStatsMap,
    scrub: ScrubStatsMap,
    poisoned: Option<String>,
    clock_offset_ms: i64,
    failed: Option<String>,
}

/// Bytes of the indexes by what takes them.
#[derive(NifMap)]
struct IndexBytesMap {
    total: u64,
    features: u64,
    versions: u64,
    series: u64,
    points: u64,
    other: u64,
}

impl IndexBytesMap {
    /// The parts are of this moment, and `bytes` of the last commit: the total is never less
    /// than its parts.
    fn new(bytes: u64, index: IndexFigures) -> Self {
        let parts = [index.features, index.versions, index.series, index.points];
        let parts: u64 = parts.iter().map(|part| part.bytes).sum();
        let other = bytes.saturating_sub(parts);
        Self {
            total: parts + other,
            features: index.features.bytes,
            versions: index.versions.bytes,
            series: index.series.bytes,
            points: index.points.bytes,
            other,
        }
    }
}

/// `Defaults` as a map.
#[derive(NifMap)]
pub(crate) struct DefaultsMap {
    on_duplicate: String,
}

impl From<Defaults> for DefaultsMap {
    fn from(defaults: Defaults) -> Self {
        Self {
            on_duplicate: defaults.on_duplicate.as_str().to_owned(),
        }
    }
}

map! {
    #[derive(NifMap)]
    struct ScrubStatsMap from ScrubStats {
        passes: u64,
        bytes: u64,
        position: u64,
        finished: Option<i64>,
        damaged: u64,
    }
}

map! {
    #[derive(NifMap)]
    struct ResultCacheStatsMap from ResultCacheStats {
        entries: u64,
        bytes: u64,
        hits: u64,
        misses: u64,
        evictions: u64,
        expirations: u64,
        invalidations: u64,
    }
}

/// The catalog, and sentences about what opening it passed over.
#[rustler::nif(schedule = "DirtyIo")]
fn catalog_open<'a>(env: Env<'a>, root: &str, limits: LimitsMap) -> Term<'a> {
    let limits = Limits::from(limits);
    let catalog = Catalog::open(Arc::new(RealFileSystem), Path::new(root), limits.clone());
    let opened = catalog.map(|catalog| {
        catalog.memory().when_freed(crate::allocator::give_back);
        let mut warnings = catalog.warnings().to_vec();
        if limits.index_bytes == 0 && available_memory().is_none() {
            warnings.push(format!(
                "this system does not say how much memory it has (/proc/meminfo cannot be read), so {} MiB are taken \
                 for it: set FORMDB_INDEX_BYTES to what indexes may take",
                UNKNOWN_MEMORY >> 20
            ));
        }
        let resource =
            ResourceArc::new(CatalogResource(Arc::new(catalog), limits, Live::default()));
        (resource, warnings)
    });
    tagged(env, opened.map_err(Failure))
}

/// Gives the data folder back, so that it can be opened again. Databases that are still
/// open are closed, which can take long; subscriptions end.
#[rustler::nif(schedule = "DirtyIo")]
fn catalog_close(catalog: CatalogRef) -> Atom {
    catalog.0.close();
    catalog.live().close();
    atoms::ok()
}

/// Whether the data folder and those of open databases are still in their places.
#[rustler::nif(schedule = "DirtyIo")]
fn catalog_check<'a>(env: Env<'a>, catalog: CatalogRef) -> Term<'a> {
    let checked = catalog.0.check().map(|()| atoms::nil());
    tagged(env, checked.map_err(Failure))
}

/// `{free, total, least}` of the disk of the data folder, in bytes; the first two are nil
/// where nobody knows.
#[rustler::nif]
fn catalog_disk(catalog: CatalogRef) -> (Option<u64>, Option<u64>, u64) {
    let disk = catalog.0.disk();
    let space = disk.space();
    (
        space.map(|space| space.free),
        space.map(|space| space.total),
        disk.least(),
    )
}

#[rustler::nif(schedule = "DirtyIo")]
fn database_exists(catalog: CatalogRef, name: &str) -> bool {
    catalog.0.exists(name)
}

#[rustler::nif(schedule = "DirtyIo")]
fn database_list<'a>(env: Env<'a>, catalog: CatalogRef) -> Term<'a> {
    tagged(env, catalog.0.list().map_err(Failure))
}

/// Reading a journal can take minutes, so it has a thread of its own.
#[rustler::nif]
fn database_open<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: String,
    create: bool,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, catalog, reference, move |catalog| {
        let database = catalog.open_database(&name, create)?;
        Ok(RecoveredMap::of(&database))
    })
}

/// Closing drains the queue, so it has a thread of its own.
#[rustler::nif]
fn database_close<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: String,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, catalog, reference, move |catalog| {
        catalog.close_database(&name).map(|()| atoms::nil())
    })
}

/// Closing and removing files, on a thread of its own. Answers with why files are left
/// after, or nil.
#[rustler::nif]
fn database_purge<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: String,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, catalog, reference, move |catalog| {
        let left = catalog.purge_database(&name)?;
        Ok(left.map(|error| error.to_string()))
    })
}

fn in_background<'a, T: Encoder>(
    env: Env<'a>,
    catalog: CatalogRef,
    reference: Term<'a>,
    work: impl FnOnce(&Catalog) -> Result<T> + Send + 'static,
) -> Term<'a> {
    let caller = Caller::new(env, reference);
    let catalog = Arc::clone(&catalog.0);
    let spawned = thread::Builder::new()
        .name("formdb-open".into())
        .spawn(move || caller.answer(work(&catalog).map_err(Failure)));
    match spawned {
        Ok(_) => atoms::ok().to_term(env),
        Err(e) => {
            let error = Error::io("start a thread for", Path::new("a database"), e);
            tagged::<Atom>(env, Err(Failure(error)))
        }
    }
}

#[rustler::nif]
fn database_info<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    catalog.call(env, name, |database| {
        let info = database.info()?;
        Ok(InfoMap {
            log: info.log,
            seq: info.seq,
            durable_seq: info.durable_seq,
            root: to_hex(&info.root),
            features: info.features,
            series: info.series,
            points: info.points,
            versions: info.index.versions.count,
            index_bytes: IndexBytesMap::new(info.index_bytes, info.index),
            defaults: info.defaults.into(),
            journal_bytes: info.journal_bytes,
            segments: info.segments,
            queued: info.queued,
            groups: info.groups,
            transactions: info.transactions,
            cached_bytes: info.cached_bytes,
            geometry_cache_bytes: info.geometry_cache_bytes,
            query_cache: info.query_cache.into(),
            scrub: info.scrub.into(),
            poisoned: info.poisoned.map(|cause| cause.to_string()),
            clock_offset_ms: info.clock_offset_ms,
            failed: info.failed.map(|cause| cause.to_string()),
        })
    })
}

/// `Figures` as a map. Times are in nanoseconds, `snapshot_at` is one of the system's clock.
#[derive(NifMap)]
struct FiguresMap {
    commits: HistogramTerm,
    syncs: HistogramTerm,
    group_sizes: HistogramTerm,
    queued_bytes: u64,
    oldest_ns: u64,
    open_transactions: u64,
    opening_ns: u64,
    snapshots: u64,
    snapshot_failures: u64,
    snapshot_at_ns: Option<u64>,
    snapshot_ns: Option<u64>,
    snapshot_bytes: Option<u64>,
}

/// `{[{bound, values}], values_beyond, sum}`.
type HistogramTerm = (Vec<(u64, u64)>, u64, u64);

fn histogram(figures: HistogramFigures) -> HistogramTerm {
    let beyond = figures.counts.last().copied().unwrap_or_default();
    let buckets = figures.bounds.iter().copied().zip(figures.counts);
    (buckets.collect(), beyond, figures.sum)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl From<Figures> for FiguresMap {
    fn from(figures: Figures) -> Self {
        let snapshot = figures.snapshot;
        let since_epoch = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok().map(nanos);
        Self {
            commits: histogram(figures.commits),
            syncs: histogram(figures.syncs),
            group_sizes: histogram(figures.group_sizes),
            queued_bytes: figures.queued_bytes,
            oldest_ns: figures.oldest.map_or(0, nanos),
            open_transactions: figures.open_transactions,
            opening_ns: nanos(figures.opening),
            snapshots: figures.snapshots,
            snapshot_failures: figures.snapshot_failures,
            snapshot_at_ns: snapshot.and_then(|snapshot| since_epoch(snapshot.at)),
            snapshot_ns: snapshot.map(|snapshot| nanos(snapshot.elapsed)),
            snapshot_bytes: snapshot.map(|snapshot| snapshot.bytes),
        }
    }
}

/// What is measured of a database.
#[rustler::nif]
fn database_figures<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    catalog.call(env, name, |database| {
        Ok(FiguresMap::from(database.figures()?))
    })
}

/// `{bytes, found, finished?}`: what reading the next stretch found, as sentences.
#[rustler::nif(schedule = "DirtyIo")]
fn database_scrub<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, bytes: u64) -> Term<'a> {
    catalog.call(env, name, |database| {
        let ScrubStep {
            bytes,
            found,
            finished,
        } = database.scrub(bytes)?;
        let found: Vec<String> = found.iter().map(place).collect();
        Ok((bytes, found, finished))
    })
}

#[rustler::nif]
fn database_check_name<'a>(env: Env<'a>, name: &str) -> Term<'a> {
    let checked = formdb_engine::types::check_database_name(name);
    tagged(env, checked.map(|()| atoms::nil()).map_err(Failure))
}

#[rustler::nif]
fn database_generate_name() -> String {
    formdb_engine::types::generate_database_name()
}
