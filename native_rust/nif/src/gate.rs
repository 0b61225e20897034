//! A bounded number of places for work that holds a dirty thread for long.
//!
//! A place is a term. It is given back by hand, or when nobody refers to it any more:
//! the VM lets go of what a killed process held only once its dirty call has returned,
//! so no place is free before its thread is. A monitor would report the death earlier.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustler::{Resource, ResourceArc};

#[derive(Debug)]
struct Places {
    bound: usize,
    taken: AtomicUsize,
}

struct Gate(Arc<Places>);

#[rustler::resource_impl]
impl Resource for Gate {}

/// One of the places, until `held` is false.
pub(crate) struct GatePlace {
    places: Arc<Places>,
    held: AtomicBool,
}

#[rustler::resource_impl]
impl Resource for GatePlace {}

impl GatePlace {
    fn leave(&self) {
        if self.held.swap(false, Ordering::SeqCst) {
            self.places.taken.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for GatePlace {
    fn drop(&mut self) {
        self.leave();
    }
}

#[rustler::nif]
fn gate_new(bound: usize) -> ResourceArc<Gate> {
    let taken = AtomicUsize::new(0);
    ResourceArc::new(Gate(Arc::new(Places { bound, taken })))
}

/// A place, or nil when all are taken.
#[rustler::nif]
fn gate_enter(gate: ResourceArc<Gate>) -> Option<ResourceArc<GatePlace>> {
    let Places { bound, taken } = &*gate.0;
    taken
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
            (taken < *bound).then_some(taken + 1)
        })
        .ok()?;
    Some(ResourceArc::new(GatePlace {
        places: Arc::clone(&gate.0),
        held: AtomicBool::new(true),
    }))
}

/// Gives a place back. Doing so twice does no harm.
#[rustler::nif]
fn gate_leave(place: ResourceArc<GatePlace>) {
    place.leave();
}

/// How many places are taken.
#[rustler::nif]
fn gate_taken(gate: ResourceArc<Gate>) -> usize {
    gate.0.taken.load(Ordering::SeqCst)
}
