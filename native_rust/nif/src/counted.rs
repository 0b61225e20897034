//! Binaries that count as memory for as long as anybody refers to them.

use std::sync::Mutex;

use formdb_engine::Reservation;
use rustler::{Binary, Encoder, Env, OwnedEnv, Resource, ResourceArc, Term};

use crate::CatalogRef;
use crate::answer::{Failure, tagged};

/// A binary of the VM, and what is reserved for it. Terms that show its bytes refer to
/// this, in whatever process or driver they are.
struct Counted {
    /// Refers to the binary, so that its bytes stay.
    _owner: Mutex<OwnedEnv>,
    _held: Reservation,
}

#[rustler::resource_impl]
impl Resource for Counted {}

/// The same bytes, without a copy, as `{:ok, binary}`: they are reserved out of the pool for
/// work until the last reference to that one is gone. The error of a pool that is used
/// up if it `may_fail`; else they are reserved beyond the limit.
#[rustler::nif]
fn memory_count<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    bytes: Binary<'a>,
    may_fail: bool,
) -> Term<'a> {
    let pool = &catalog.0.memory().work;
    let reserved = match may_fail {
        true => pool.reserve(bytes.len()),
        false => {
            let mut held = pool.nothing();
            held.hold(bytes.len());
            Ok(held)
        }
    };
    tagged(
        env,
        reserved
            .map(|held| counted(env, bytes, held))
            .map_err(Failure),
    )
}

fn counted<'a>(env: Env<'a>, bytes: Binary<'a>, held: Reservation) -> Term<'a> {
    let owner = OwnedEnv::new();
    let saved = owner.save(bytes);
    // The copy of the reference points to the same bytes.
    let shown = owner.run(|owned| {
        let kept = Binary::from_term(saved.load(owned));
        kept.map(|kept| (kept.as_ptr(), kept.len()))
    });
    let Ok((start, len)) = shown else {
        return bytes.encode(env);
    };
    let resource = ResourceArc::new(Counted {
        _owner: Mutex::new(owner),
        _held: held,
    });
    // SAFETY: the resource's environment refers to the binary until the resource is
    // dropped, so that binary is neither freed nor, being shared, moved or changed.
    let binary =
        unsafe { resource.make_binary_unsafe(env, |_| std::slice::from_raw_parts(start, len)) };
    binary.to_term(env)
}
