//! Passwords as Argon2id hashes, in PHC strings.
//!
//! Each takes 19 MiB and some 20 ms, on a thread of its own: dirty ones are for the database.
//! Whoever calls holds a place of a gate, which the thread holds on to as well, so that those
//! who hang up make no more of them than there are places.

use std::path::Path;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use formdb_engine::{Error, InvalidCode};
use rustler::{Atom, Binary, Env, ResourceArc, Term};

use crate::answer::{Caller, Failure, tagged};
use crate::atoms;
use crate::gate::GatePlace;

/// What OWASP asks for at least (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
const PARAMS: Params = Params::DEFAULT;

/// `:ok`; then `{reference, {:ok, phc}}` follows by message. `salt` is 16 random bytes.
#[rustler::nif]
fn password_hash<'a>(
    env: Env<'a>,
    password: Binary<'a>,
    salt: Binary<'a>,
    reference: Term<'a>,
) -> Term<'a> {
    let (password, salt) = (password.to_vec(), salt.to_vec());
    on_thread(env, reference, move || {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS);
        let hash = argon2.hash_password_with_salt(&password, &salt);
        hash.map(|hash| hash.to_string()).map_err(unusable)
    })
}

/// `:ok`; then `{reference, {:ok, whether it is the password of `phc`}}` follows by message.
#[rustler::nif]
fn password_verify<'a>(
    env: Env<'a>,
    place: ResourceArc<GatePlace>,
    password: Binary<'a>,
    phc: &str,
    reference: Term<'a>,
) -> Term<'a> {
    let (password, phc) = (password.to_vec(), phc.to_owned());
    on_thread(env, reference, move || {
        let hash = PasswordHash::new(&phc).map_err(unusable)?;
        // By the parameters of the hash; compared in constant time.
        let right = Argon2::default().verify_password(&password, &hash).is_ok();
        drop(place);
        Ok(right)
    })
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    let detail = format!("a password hash cannot be used: {error}");
    Failure(Error::invalid(InvalidCode::Parameter, "", detail))
}

fn on_thread<'a, T: rustler::Encoder>(
    env: Env<'a>,
    reference: Term<'a>,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Term<'a> {
    let caller = Caller::new(env, reference);
    let spawned = thread::Builder::new()
        .name("formdb-password".into())
        .spawn(move || caller.answer(work()));
    match spawned {
        Ok(_) => atoms::ok().to_term(env),
        Err(e) => {
            let error = Error::io("start a thread for", Path::new("a password"), e);
            tagged::<Atom>(env, Err(Failure(error)))
        }
    }
}
