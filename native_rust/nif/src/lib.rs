//! Rustler binding of `formdb-engine`: conversions only.
//!
//! - Calls that may touch a file are dirty I/O or run on a thread of their own
//!   and answer by message; calls whose work grows with their input stand twice
//!   (`schedulers`).
//! - Commits answer by message: `{ref, {:ok, ack}}` or `{ref, {:error, error}}`.
//! - An error is `{:error, {code, detail, pointer}}`; `pointer` is nil where the
//!   input has no part to point at.

mod aggregates;
mod allocator;
mod answer;
mod asking;
mod backups;
mod codings;
mod counted;
mod databases;
mod dumps;
mod file_lock;
mod gate;
mod history;
mod inspect;
mod json;
mod lists;
mod live;
mod maps;
mod memory;
mod new_file;
mod options;
mod outbox;
mod passwords;
mod process;
mod proofs;
mod reads;
mod schedulers;
mod search;
mod standalone;
mod tables;
mod times;
mod transactions;
mod uploads;
mod writes;

use std::sync::Arc;

use formdb_engine::{Catalog, Database, Limits, Live};
use rustler::{Encoder, Env, Resource, ResourceArc, Term};

use answer::{Failure, tagged};

/// The catalog of one data folder, as Elixir holds it, the limits it was opened with, and
/// the subscriptions to its databases.
struct CatalogResource(Arc<Catalog>, Limits, Live);

#[rustler::resource_impl]
impl Resource for CatalogResource {}

impl CatalogResource {
    fn database(&self, name: &str) -> Result<Arc<Database>, Failure> {
        self.0.database(name).map_err(Failure)
    }

    /// What `call` makes of the database, or the error that there is none: tagged.
    fn call<'a, T: Encoder>(
        &self,
        env: Env<'a>,
        name: &str,
        call: impl FnOnce(&Arc<Database>) -> Result<T, Failure>,
    ) -> Term<'a> {
        tagged(
            env,
            self.database(name).and_then(|database| call(&database)),
        )
    }

    fn limits(&self) -> &Limits {
        &self.1
    }

    fn live(&self) -> &Live {
        &self.2
    }
}

type CatalogRef = ResourceArc<CatalogResource>;

mod atoms {
    rustler::atoms! {
        ok,
        error,
        nil,
        not_yet,
        long,
        full,
        miss,
        asc,
        desc,
        queued,
        answers,
        progress,
        open,
        committing,
        committed,
        aborted,
        unsettled,
    }
}

/// A write beyond the size that files of this process may have (`ulimit -f`) raises a
/// signal that ends the process, with all its databases. Ignored, the write fails instead
/// (EFBIG), as one to a full disk does.
fn load(_env: Env, _info: Term) -> bool {
    // SAFETY: it sets no handler, and nobody else in the process uses this signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    allocator::start();
    true
}

rustler::init!("Elixir.FormdbHttp.Native", load = load);
