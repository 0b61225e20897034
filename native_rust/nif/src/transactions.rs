//! Transactions: begin, apply, commit, abort. What runs on a normal scheduler waits for
//! nobody: the table of transactions is held for a moment only, and never by whoever waits
//! for anything.

use std::sync::Arc;

use formdb_engine::{Ack, Applied, Begin, Commit, IdempotencyKey, Phase, TransactionStatus, Wait};
use rustler::{Atom, Binary, Encoder, Env, NifMap, Term};

use crate::answer::{AckTerm, Caller, Failure, RejectedTerm, tagged};
use crate::options::Options;
use crate::writes::time_unit;
use crate::{CatalogRef, atoms};

/// `Begin` as a map.
#[derive(NifMap)]
struct BeginMap {
    read_only: bool,
    actor: Option<String>,
    as_of: Option<u64>,
}

/// `TransactionStatus` as a map; `ack` of a committed one, `reason` of an aborted one.
#[derive(NifMap)]
struct StatusMap<'a> {
    id: String,
    seq: u64,
    read_only: bool,
    operations: usize,
    bytes: usize,
    expires_in_ms: u64,
    status: Atom,
    ack: Option<Term<'a>>,
    reason: Option<String>,
}

impl<'a> StatusMap<'a> {
    fn of(env: Env<'a>, status: TransactionStatus) -> Self {
        let (phase, ack, reason) = match status.phase {
            Phase::Open => (atoms::open(), None, None),
            Phase::Committing => (atoms::committing(), None, None),
            Phase::Committed(ack) => (atoms::committed(), ack, None),
            Phase::Aborted(reason) => (atoms::aborted(), None, Some(reason)),
        };
        Self {
            id: status.id,
            seq: status.seq,
            read_only: status.read_only,
            operations: status.operations,
            bytes: status.bytes,
            expires_in_ms: status.expires_in_ms,
            status: phase,
            ack: ack.map(|ack| AckTerm(ack).encode(env)),
            reason,
        }
    }
}

#[rustler::nif]
fn transaction_begin<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    begin: BeginMap,
) -> Term<'a> {
    let status = catalog.database(name).and_then(|database| {
        let begun = database.begin(Begin {
            read_only: begin.read_only,
            actor: begin.actor.map(Arc::from),
            as_of: begin.as_of,
        })?;
        Ok(StatusMap::of(env, begun))
    });
    tagged(env, status)
}

#[rustler::nif]
fn transaction_status<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, id: &str) -> Term<'a> {
    let status = catalog.database(name);
    let status = status.and_then(|database| Ok(StatusMap::of(env, database.transaction(id)?)));
    tagged(env, status)
}

/// As [`transaction_apply_dirty`], or `:long` when another call in the transaction is in
/// the way: then make the dirty one.
#[rustler::nif]
fn transaction_apply<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    text: Binary<'a>,
    unit: Option<&str>,
    key: Option<&str>,
) -> Term<'a> {
    apply(env, &catalog, name, (id, key), (&text, unit), Wait::Never)
}

/// `{:ok, {operations, ids, replayed?, rejected}}`: how many the transaction holds now, the
/// ids of the features that `text` puts, whether an earlier call with the idempotency key
/// `key` was answered again, and `{operation, {index, faults}}` of features left out.
#[rustler::nif(schedule = "DirtyCpu")]
fn transaction_apply_dirty<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    text: Binary<'a>,
    unit: Option<&str>,
    key: Option<&str>,
) -> Term<'a> {
    apply(env, &catalog, name, (id, key), (&text, unit), Wait::Allowed)
}

fn apply<'a>(
    env: Env<'a>,
    catalog: &CatalogRef,
    name: &str,
    (id, key): (&str, Option<&str>),
    (text, unit): (&[u8], Option<&str>),
    wait: Wait,
) -> Term<'a> {
    let applied = catalog.database(name).and_then(|database| {
        let prepared = database.prepare_operations_in(text, time_unit(unit)?)?;
        let key = key.map(|key| match unit {
            None => IdempotencyKey::new(key, &[text]),
            Some(unit) => IdempotencyKey::new(key, &[text, unit.as_bytes()]),
        });
        let applied = database.apply_once(id, prepared.operations, key, wait)?;
        Ok(applied.map(|applied| (applied, prepared.rejected)))
    });
    match applied.transpose() {
        None => atoms::long().to_term(env),
        Some(applied) => tagged(
            env,
            applied.map(|(applied, rejected)| {
                let term = |(operation, rejected)| (operation, RejectedTerm(rejected));
                let rejected: Vec<(usize, RejectedTerm)> = rejected.into_iter().map(term).collect();
                let Applied {
                    operations,
                    feature_ids,
                    replayed,
                } = applied;
                (operations, feature_ids, replayed, rejected)
            }),
        ),
    }
}

/// `{:ok, ack}` of one that was committed before, `{:ok, {nil, again}}` of one that wrote
/// nothing, now or before, or `{:ok, :queued}`: then `{:ok, ack}` follows by message. Waits for what is
/// being added to the transaction.
#[rustler::nif(schedule = "DirtyCpu")]
fn transaction_commit<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    options: Options<'a>,
    reference: Term<'a>,
) -> Term<'a> {
    let queued = catalog.database(name).and_then(|database| {
        let key = options.key(&["commit".as_bytes(), id.as_bytes()]);
        let mut transaction = options.transaction(key.clone());
        let caller = Caller::new(env, reference);
        transaction.caller = caller.number();
        match (database.commit(id, transaction, caller.reply()), key) {
            (Ok(Commit::Queued), _) => Ok(atoms::queued().encode(env)),
            (Ok(Commit::Again(ack)), _) => Ok(AckTerm(ack).encode(env)),
            (Ok(Commit::Nothing { replayed }), _) => Ok((atoms::nil(), replayed).encode(env)),
            (Err(refusal), None) => Err(Failure(refusal)),
            // It may have been committed before the database was opened.
            (Err(refusal), Some(key)) => {
                let caller = Caller::new(env, reference);
                let answer = |answer: formdb_engine::Result<Option<Ack>>| {
                    caller.answer(answer.map(|ack| ack.map(AckTerm)).map_err(Failure));
                };
                database.replay(key, options.durability(), Err(refusal), answer)?;
                Ok(atoms::queued().encode(env))
            }
        }
    });
    tagged(env, queued)
}

#[rustler::nif]
fn transaction_abort<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, id: &str) -> Term<'a> {
    let aborted = catalog.database(name);
    tagged(
        env,
        aborted
            .and_then(|database| Ok(database.abort(id)?))
            .map(|()| atoms::nil()),
    )
}

/// `{:ok, ids}` of the transactions that are open, once those whose lease has ended
/// have been ended.
#[rustler::nif(schedule = "DirtyCpu")]
fn transactions_open<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    let open = catalog.database(name);
    tagged(env, open.map(|database| database.open_transactions()))
}
