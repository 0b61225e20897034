//! Questions that end when nobody waits for their answers.

use formdb_engine::{Budget, Cancel, Database, Error, Limits, Memory};
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc, Term};

use crate::CatalogResource;
use crate::answer::{Failure, or_long, tagged};
use crate::schedulers::{On, TRIED};

/// Watches the process that asks.
///
/// A process that is killed does not stop the native call that it makes. So the runtime
/// tells this resource when its process dies, which it does at once, although the call
/// is still under way; and the question ends at its next look. Whoever wants to end
/// one ends the process that asked it.
pub(crate) struct Watch(Cancel);

#[rustler::resource_impl]
impl Resource for Watch {
    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.0.cancel();
    }
}

impl Watch {
    /// Ends what the process asked for when it dies.
    pub(crate) fn cancel(&self) -> Cancel {
        self.0.clone()
    }
}

/// Watches the calling process until what is returned is dropped: for work on a thread of
/// its own.
pub(crate) fn watched(env: Env<'_>) -> ResourceArc<Watch> {
    let watch = ResourceArc::new(Watch(Cancel::default()));
    if env.monitor(&watch, &env.pid()).is_none() {
        watch.0.cancel();
    }
    watch
}

/// The calling process, for as long as it waits in a dirty call.
pub(crate) struct Asker<'a> {
    env: Env<'a>,
    watch: ResourceArc<Watch>,
    monitor: Option<Monitor>,
}

impl<'a> Asker<'a> {
    /// The process that makes this call. About a microsecond: for dirty calls.
    pub(crate) fn new(env: Env<'a>) -> Self {
        let cancel = Cancel::default();
        let watch = ResourceArc::new(Watch(cancel.clone()));
        let monitor = env.monitor(&watch, &env.pid());
        if monitor.is_none() {
            // It has died already.
            cancel.cancel();
        }
        Self {
            env,
            watch,
            monitor,
        }
    }

    /// Ends what it asked for when it dies.
    pub(crate) fn cancel(&self) -> Cancel {
        self.watch.0.clone()
    }

    /// What its question to a database may spend.
    pub(crate) fn budget(&self, database: &Database) -> Budget {
        database.budget(self.cancel())
    }

    /// What its question to a database may spend when it is only tried.
    fn tried(&self, database: &Database) -> Budget {
        database.brief_budget(TRIED, self.cancel())
    }

    /// What its question to an index without a database may spend.
    pub(crate) fn default_budget(&self) -> Budget {
        default_budget(self.cancel())
    }
}

/// The answer to a question, made a term by `encode`: on a normal scheduler from what is
/// `in_memory`, or `:long` where that is not enough; on a dirty one with a budget, and `:long`
/// again where that was one for a try and is spent.
pub(crate) fn ask<'a, Q, T>(
    env: Env<'a>,
    on: On,
    (catalog, name): (&CatalogResource, &str),
    question: impl FnOnce() -> Result<Q, Failure>,
    in_memory: impl FnOnce(&Database, &Q) -> formdb_engine::Result<Option<T>>,
    in_budget: impl FnOnce(&Database, &Q, &Budget) -> formdb_engine::Result<T>,
    encode: impl FnOnce(T) -> Term<'a>,
) -> Term<'a> {
    let database = catalog.database(name);
    match on {
        On::Normal => {
            let found = database.and_then(|database| Ok(in_memory(&database, &question()?)?));
            or_long(env, found.map(|found| found.map(encode)))
        }
        On::Tried => {
            let asker = Asker::new(env);
            let found = database.and_then(|database| {
                let budget = asker.tried(&database);
                match in_budget(&database, &question()?, &budget) {
                    Ok(answer) => Ok(Some(answer)),
                    Err(Error::Timeout { .. }) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            });
            or_long(env, found.map(|found| found.map(encode)))
        }
        On::Dirty => {
            let asker = Asker::new(env);
            let found = database.and_then(|database| {
                let budget = asker.budget(&database);
                Ok(in_budget(&database, &question()?, &budget)?)
            });
            tagged(env, found.map(encode))
        }
    }
}

/// What a question to an index without a database may spend: the defaults.
pub(crate) fn default_budget(cancel: Cancel) -> Budget {
    let limits = Limits::default();
    Budget::new(&limits, &Memory::new(&limits), cancel)
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        if let Some(monitor) = &self.monitor {
            self.env.demonitor(&self.watch, monitor);
        }
    }
}
