//! The pool of memory for work under way, for what the server itself holds of it.

use std::sync::Mutex;

use formdb_engine::Reservation;
use rustler::{Encoder, Env, Resource, ResourceArc, Term};

use crate::answer::{Failure, tagged};
use crate::{CatalogRef, atoms};

/// Bytes of the pool that a process holds; given back by `memory_release`, or when the
/// process ends and its terms with it.
struct ReservationResource(Mutex<Option<Reservation>>);

#[rustler::resource_impl]
impl Resource for ReservationResource {}

/// Reserve `bytes`: `{:ok, reservation}`, or the error of a pool that is used up.
#[rustler::nif]
fn memory_reserve<'a>(env: Env<'a>, catalog: CatalogRef, bytes: usize) -> Term<'a> {
    let reserved = catalog.0.memory().work.reserve(bytes);
    let resource =
        reserved.map(|held| ResourceArc::new(ReservationResource(Mutex::new(Some(held)))));
    tagged(env, resource.map_err(Failure))
}

/// Hold exactly `bytes`, more or fewer than now: `:ok`, or the error of a pool that is
/// used up; what was held is then still held. One that was released holds nothing more.
#[rustler::nif]
fn memory_resize<'a>(
    env: Env<'a>,
    reservation: ResourceArc<ReservationResource>,
    bytes: usize,
) -> Term<'a> {
    // The lock is the holder's own: nobody waits.
    let resized = match reservation.0.lock().as_deref_mut() {
        Ok(Some(held)) => {
            held.shrink_to(bytes);
            held.grow(bytes.saturating_sub(held.bytes()))
        }
        _released => Ok(()),
    };
    match resized {
        Ok(()) => atoms::ok().encode(env),
        Err(error) => (atoms::error(), Failure(error)).encode(env),
    }
}

/// Give everything back.
#[rustler::nif]
fn memory_release(reservation: ResourceArc<ReservationResource>) -> rustler::Atom {
    if let Ok(mut held) = reservation.0.lock() {
        held.take();
    }
    atoms::ok()
}

/// Bytes of the pool for work in use, and how many there are: `{used, limit}`.
#[rustler::nif]
fn memory_work(catalog: CatalogRef) -> (usize, usize) {
    let work = &catalog.0.memory().work;
    (work.used(), work.limit())
}

/// The same of the pool for indexes.
#[rustler::nif]
fn memory_indexes(catalog: CatalogRef) -> (usize, usize) {
    let indexes = &catalog.0.memory().indexes;
    (indexes.used(), indexes.limit())
}
