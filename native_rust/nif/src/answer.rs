//! Engine results as terms, and answers sent from ordinary threads.

use formdb_engine::types::{Rejected, Warnings};
use formdb_engine::{Ack, Error, Fault, JsonAnswer, Obstacle, to_hex};
use rustler::env::SavedTerm;
use rustler::{Atom, Binary, Encoder, Env, LocalPid, NewBinary, OwnedEnv, Term};

use crate::atoms;

/// An engine error on its way to Elixir.
#[derive(Debug)]
pub(crate) struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Encoder for Failure {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        // The codes are a fixed set, so no atom is made from input.
        let code = Atom::from_str(env, self.0.code())
            .unwrap_or_else(|_| atoms::error())
            .to_term(env);
        let detail = self.0.to_string();
        match &self.0 {
            Error::Faults { faults, .. } => {
                (code, detail, self.0.pointer(), fault_terms(env, faults)).encode(env)
            }
            Error::Obstructed { obstacles, .. } => {
                let terms: Vec<Term<'a>> =
                    obstacles.iter().map(|o| obstacle_term(env, o)).collect();
                (code, detail, self.0.pointer(), terms).encode(env)
            }
            _ => (code, detail, self.0.pointer()).encode(env),
        }
    }
}

/// `[{code, detail, pointer}]`
fn fault_terms<'a>(env: Env<'a>, faults: &[Fault]) -> Vec<Term<'a>> {
    faults.iter().map(|fault| fault_term(env, fault)).collect()
}

/// `{code, detail, pointer}`
pub(crate) fn fault_term<'a>(env: Env<'a>, fault: &Fault) -> Term<'a> {
    let code = Atom::from_str(env, fault.code).unwrap_or_else(|_| atoms::error());
    (code, &fault.detail, &fault.pointer).encode(env)
}

/// `{code, detail, pointer, seq, by, transaction}`; nil where no block is meant, none stands in
/// the way, or that one is a transaction of its own.
fn obstacle_term<'a>(env: Env<'a>, obstacle: &Obstacle) -> Term<'a> {
    let code = Atom::from_str(env, obstacle.code).unwrap_or_else(|_| atoms::error());
    let Obstacle {
        detail,
        pointer,
        seq,
        by,
        transaction,
        ..
    } = obstacle;
    (code, detail, pointer, seq, by, transaction).encode(env)
}

/// `{index, [{code, detail, pointer}]}`
#[derive(Clone)]
pub(crate) struct RejectedTerm(pub Rejected);

impl Encoder for RejectedTerm {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        (self.0.index, fault_terms(env, &self.0.faults)).encode(env)
    }
}

/// `{[{code, detail, pointer}], [{code, count}]}`: those that are told, and all by code.
#[derive(Clone, Default)]
pub(crate) struct WarningsTerm(pub Warnings);

impl Encoder for WarningsTerm {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        (
            fault_terms(env, self.0.kept()),
            count_terms(env, self.0.counts()),
        )
            .encode(env)
    }
}

/// `[{code, count}]`
pub(crate) fn count_terms<'a>(env: Env<'a>, counts: &[(&'static str, u64)]) -> Vec<Term<'a>> {
    let code = |code| Atom::from_str(env, code).unwrap_or_else(|_| atoms::error());
    let counts = counts.iter();
    counts
        .map(|(name, count)| (code(name), count).encode(env))
        .collect()
}

/// `{:ok, value}` or `{:error, {code, detail, pointer}}`, followed by all faults where there
/// may be several.
pub(crate) fn tagged<'a, T: Encoder>(env: Env<'a>, result: Result<T, Failure>) -> Term<'a> {
    match result {
        Ok(value) => (atoms::ok(), value).encode(env),
        Err(failure) => (atoms::error(), failure).encode(env),
    }
}

/// As [`tagged`], or `:long`: then the caller makes the dirty call.
pub(crate) fn or_long<T: Encoder>(env: Env<'_>, found: Result<Option<T>, Failure>) -> Term<'_> {
    match found.transpose() {
        Some(found) => tagged(env, found),
        None => atoms::long().to_term(env),
    }
}

/// Bytes that are copied on a normal scheduler.
pub(crate) const COPIED: usize = 256 << 10;

/// Bytes copied into a binary term.
pub(crate) fn binary<'a>(env: Env<'a>, bytes: &[u8]) -> Term<'a> {
    let mut binary = NewBinary::new(env, bytes.len());
    binary.as_mut_slice().copy_from_slice(bytes);
    Binary::from(binary).to_term(env)
}

/// `{json, seq}`.
pub(crate) fn json_answer<'a>(env: Env<'a>, answer: &JsonAnswer) -> Term<'a> {
    (binary(env, &answer.json), answer.seq).encode(env)
}

/// `{first_seq, last_seq, time, hash, {points_put, points_deleted, features_replaced},
/// replayed?}`; the time in microseconds, the hash in hexadecimal. `nil` for what came to
/// nothing.
pub(crate) struct AckTerm(pub Ack);

impl Encoder for AckTerm {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        let Ack {
            first_seq,
            last_seq,
            time,
            hash,
            whole,
            points_put,
            points_deleted,
            features_replaced,
            replayed,
        } = self.0;
        if !self.0.wrote() {
            return atoms::nil().encode(env);
        }
        let hash = to_hex(&hash);
        let counts = (points_put, points_deleted, features_replaced);
        (first_seq, last_seq, time, hash, counts, whole, replayed).encode(env)
    }
}

/// A caller waiting for `{ref, answer}`.
pub(crate) struct Caller {
    env: OwnedEnv,
    number: u64,
    pid: LocalPid,
    reference: SavedTerm,
}

impl Caller {
    /// The calling process, with the reference it will match on.
    pub(crate) fn new(env: Env<'_>, reference: Term<'_>) -> Self {
        let owned = OwnedEnv::new();
        let reference = owned.save(reference);
        Self {
            env: owned,
            number: env.pid().encode(env).hash_internal(0),
            pid: env.pid(),
            reference,
        }
    }

    /// A number for the process: what it writes stays in its order.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Send `{ref, message}` ahead of the answer, so many of them only as may stay in
    /// memory until then. Only from an ordinary thread, and under no lock.
    pub(crate) fn tell(&self, message: impl Encoder) {
        self.env.run(|env| {
            // The caller may be gone: then nobody waits for the message.
            let _ = env.send(&self.pid, (self.reference.load(env), message));
        });
    }

    /// Send the answer. Only from an ordinary thread, and under no lock.
    pub(crate) fn answer<T: Encoder>(mut self, result: Result<T, Failure>) {
        let reference = self.reference;
        // The caller may be gone: then nobody waits for the answer.
        let _ = self.env.send_and_clear(&self.pid, |env| {
            (reference.load(env), tagged(env, result)).encode(env)
        });
    }

    /// The same from a process.
    pub(crate) fn answer_from<T: Encoder>(self, env: Env<'_>, result: Result<T, Failure>) {
        let reference = self.env.run(|own| self.reference.load(own).in_env(env));
        // The caller may be gone: then nobody waits for the answer.
        let _ = env.send(&self.pid, (reference, tagged(env, result)));
    }
}
