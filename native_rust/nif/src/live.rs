//! Subscriptions: events as messages to a process.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use formdb_engine::{
    ChangeAnswer, Content, Ending, EventText, Follow, Hash, Limits, LiveDwell, LiveEvent,
    LiveFilter, LiveWords, Matched, Memory, Since, Sink, Subscription, SubscriptionInfo, TreeHead,
};
use rustler::env::SavedTerm;
use rustler::{
    Atom, Binary, Encoder, Env, LocalPid, Monitor, NifMap, NifStruct, OwnedEnv, Resource,
    ResourceArc, Term,
};

use crate::answer::{Caller, Failure, tagged};
use crate::maps::map;
use crate::options::Crossing;
use crate::proofs::ConsistencyMap;
use crate::search::PredicateTerm;
use crate::{CatalogRef, atoms};

mod words {
    rustler::atoms! {
        formdb,
        lagging,
        live,
        closed,
        purged,
        failed,
        before,
        after,
        both,
        neither,
        dwell,
    }
}

/// `LiveWords` as a map.
#[derive(NifMap)]
struct FilterMap<'a> {
    op: Option<&'a str>,
    series: Vec<&'a str>,
    ids: Vec<&'a str>,
    bbox: Option<&'a str>,
    geometry: Option<Binary<'a>>,
    antimeridian: Crossing,
    predicate: Option<PredicateTerm>,
    fence: Vec<&'a str>,
    feature: Option<&'a str>,
    dwell: Option<&'a str>,
    above: Option<&'a str>,
    below: Option<&'a str>,
    outside: Option<&'a str>,
    hysteresis: Option<&'a str>,
    least: Option<&'a str>,
    properties: Vec<(&'a str, &'a str)>,
}

impl FilterMap<'_> {
    fn filter(&self, limits: &Limits, memory: &Memory) -> Result<LiveFilter, Failure> {
        let words = LiveWords {
            op: self.op,
            series: self.series.clone(),
            ids: self.ids.clone(),
            bbox: self.bbox,
            geometry: self.geometry.as_ref().map(Binary::as_slice),
            antimeridian: self.antimeridian.into(),
            predicate: self.predicate.map(Into::into),
            fence: self.fence.clone(),
            feature: self.feature,
            dwell: self.dwell,
            above: self.above,
            below: self.below,
            outside: self.outside,
            hysteresis: self.hysteresis,
            least: self.least,
            properties: self.properties.clone(),
        };
        Ok(LiveFilter::new(&words, limits, memory)?)
    }
}

/// `Follow` as a map; hashes have 32 bytes.
#[derive(NifMap)]
struct FollowMap<'a> {
    filter: FilterMap<'a>,
    seq: Option<u64>,
    hash: Option<Binary<'a>>,
    log: Option<String>,
    /// The size of a tree and its root, of 32 bytes.
    head: Option<(u64, Binary<'a>)>,
    demand: u64,
    bytes: Option<u64>,
    proof: bool,
}

map! {
    #[derive(NifMap)]
    struct InfoMap from SubscriptionInfo {
        seq: u64,
        delivered: u64,
        demand: u64,
        lagging: bool,
    }
}

/// A subscription. It is kept by what sends to the process, until it has ended: so it
/// watches that although nobody else refers to it.
struct Subscribed(OnceLock<Subscription>);

#[rustler::resource_impl]
impl Resource for Subscribed {
    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.end();
    }
}

impl Subscribed {
    fn end(&self) {
        if let Some(subscription) = self.0.get() {
            subscription.end();
        }
    }
}

type SubscribedRef = ResourceArc<Subscribed>;

/// The text of an event, to which binaries in messages refer.
struct SharedText(Arc<EventText>);

#[rustler::resource_impl]
impl Resource for SharedText {}

/// `FormdbHttp.Event`
#[derive(NifStruct)]
#[module = "FormdbHttp.Event"]
struct EventTerm<'a> {
    seq: u64,
    after: u64,
    matched: Atom,
    json: Term<'a>,
}

/// The text of an event. The bytes are not copied.
fn text<'a>(env: Env<'a>, content: &Content) -> Term<'a> {
    let make = |text: &Arc<EventText>| ResourceArc::new(SharedText(Arc::clone(text)));
    let shared = content.form(make);
    let binary = shared.map(|shared| shared.make_binary(env, |text| text.0.json()));
    binary.map_or_else(
        || crate::answer::binary(env, content.text().json()),
        |binary| binary.to_term(env),
    )
}

/// `FormdbHttp.Dwell`
#[derive(NifStruct)]
#[module = "FormdbHttp.Dwell"]
struct DwellTerm<'a> {
    feature_id: String,
    entered: u64,
    json: Term<'a>,
}

impl<'a> DwellTerm<'a> {
    fn new(env: Env<'a>, dwell: &LiveDwell) -> Self {
        Self {
            feature_id: dwell.feature_id.clone(),
            entered: dwell.entered,
            json: text(env, &dwell.content),
        }
    }
}

impl<'a> EventTerm<'a> {
    fn new(env: Env<'a>, event: &LiveEvent) -> Self {
        Self {
            seq: event.seq,
            after: event.after,
            matched: match event.matched {
                Matched::Before => words::before(),
                Matched::After => words::after(),
                Matched::Both => words::both(),
                Matched::Neither => words::neither(),
            },
            json: text(env, &event.content),
        }
    }
}

/// A process that is sent `{:formdb, ref, what}`.
struct Process {
    pid: LocalPid,
    /// Has the reference.
    env: OwnedEnv,
    reference: SavedTerm,
    _subscribed: SubscribedRef,
}

thread_local! {
    /// Where the messages of a thread are made.
    static MESSAGE: RefCell<OwnedEnv> = RefCell::new(OwnedEnv::new());
}

impl Process {
    /// False: it is gone.
    fn send(&self, what: impl for<'a> FnOnce(Env<'a>) -> Term<'a>) -> bool {
        let message = |env| {
            let reference = self.env.run(|own| self.reference.load(own).in_env(env));
            (words::formdb(), reference, what(env)).encode(env)
        };
        MESSAGE.with_borrow_mut(|own| own.send_and_clear(&self.pid, message).is_ok())
    }
}

impl Sink for Process {
    fn events(&self, events: &[LiveEvent]) -> bool {
        self.send(|env| {
            let terms: Vec<_> = events
                .iter()
                .map(|event| EventTerm::new(env, event))
                .collect();
            terms.encode(env)
        })
    }

    fn dwelt(&self, dwells: &[LiveDwell]) -> bool {
        self.send(|env| {
            let terms: Vec<_> = dwells
                .iter()
                .map(|dwell| DwellTerm::new(env, dwell))
                .collect();
            (words::dwell(), terms).encode(env)
        })
    }

    fn lagging(&self, seq: u64) -> bool {
        self.send(|env| (words::lagging(), seq).encode(env))
    }

    fn live(&self, seq: u64) -> bool {
        self.send(|env| (words::live(), seq).encode(env))
    }

    fn ended(&self, ending: Ending) {
        let why = match ending {
            Ending::Closed => words::closed(),
            Ending::Purged => words::purged(),
            Ending::Failed => words::failed(),
        };
        self.send(|env| (words::closed(), why).encode(env));
    }
}

fn hash(binary: &Binary<'_>) -> Option<Hash> {
    binary.as_slice().try_into().ok()
}

/// `{:ok, {subscription, since, log, consistency}}`. Messages may come before the answer. Reads
/// up to two blocks, for a proof some dozens of leaves, and takes apart a geometry.
#[rustler::nif(schedule = "DirtyIo")]
fn live_subscribe<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    follow: FollowMap<'a>,
    pid: LocalPid,
    reference: Term<'a>,
) -> Term<'a> {
    let subscribed = catalog.database(name).and_then(|database| {
        let follow = Follow {
            filter: follow.filter.filter(catalog.limits(), database.memory())?,
            since: Since {
                seq: follow.seq,
                hash: follow.hash.as_ref().and_then(hash),
                log: follow.log,
                head: follow.head.as_ref().and_then(|(tree_size, root)| {
                    Some(TreeHead {
                        tree_size: *tree_size,
                        root: hash(root)?,
                    })
                }),
            },
            demand: follow.demand,
            bytes: follow.bytes,
            proof: follow.proof,
        };
        let resource = ResourceArc::new(Subscribed(OnceLock::new()));
        let own = OwnedEnv::new();
        let process = Process {
            pid,
            reference: own.save(reference),
            env: own,
            _subscribed: resource.clone(),
        };
        let live = catalog.live();
        let mut subscription = live.subscribe(&database, follow, Box::new(process))?;
        let since = subscription.since;
        let consistency = subscription.consistency.take().map(ConsistencyMap::from);
        let subscription = resource.0.get_or_init(|| subscription);
        if env.monitor(&resource, &pid).is_none() {
            // It has died already.
            subscription.end();
        }
        Ok((resource, since, database.log(), consistency))
    });
    tagged(env, subscribed)
}

/// `{:ok, seq}`, or `{:ok, nil}`; then `{ref, {:ok, seq}}` follows by message, or an error.
#[rustler::nif(schedule = "DirtyCpu")]
fn live_change<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    subscribed: SubscribedRef,
    filter: FilterMap<'a>,
    reference: Term<'a>,
) -> Term<'a> {
    let change = || {
        let filter = filter.filter(catalog.limits(), catalog.0.memory())?;
        let caller = Caller::new(env, reference);
        let answer = ChangeAnswer::new(move |seq| caller.answer(seq.map_err(Failure)));
        let subscription = subscribed.0.get().ok_or(formdb_engine::Error::Closed)?;
        Ok(subscription.change(filter, answer)?)
    };
    tagged(env, change())
}

/// So many events more may be sent.
#[rustler::nif]
fn live_ask(subscribed: SubscribedRef, count: u64) -> Atom {
    if let Some(subscription) = subscribed.0.get() {
        subscription.ask(count);
    }
    atoms::ok()
}

/// When this returns no message follows.
#[rustler::nif]
fn live_end(subscribed: SubscribedRef) -> Atom {
    subscribed.end();
    atoms::ok()
}

#[rustler::nif]
fn live_info(subscribed: SubscribedRef) -> Option<InfoMap> {
    subscribed
        .0
        .get()
        .map(|subscription| subscription.info().into())
}

/// How many subscriptions a database has.
#[rustler::nif]
fn live_subscriptions<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    catalog.call(env, name, |database| {
        Ok(catalog.live().subscriptions(database))
    })
}
