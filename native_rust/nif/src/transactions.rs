//! Transactions: begin, apply, commit, abort. What runs on a normal scheduler waits for
//! nobody: the table of transactions is held for a moment only, and never by whoever waits
//! for anything.

use std::sync::Arc;

use formdb_engine::{
    Ack, Applied, Begin, Commit, Database, IdempotencyKey, Phase, Reading, TransactionStatus, Wait,
};
use rustler::{Atom, Binary, Encoder, Env, NifMap, Term};

use crate::answer::{AckTerm, Caller, Failure, RejectedTerm, WarningsTerm, or_long};
use crate::asking::Asker;
use crate::options::Options;
use crate::schedulers::{On, twins};
use crate::times::{Times, time_reading};
use crate::{CatalogRef, atoms};

/// `Begin` as a map.
#[derive(NifMap)]
struct BeginMap {
    read_only: bool,
    actor: Option<String>,
    as_of: Option<u64>,
}

/// `TransactionStatus` as a map; `ack` of a committed one, `reason` of one that ended otherwise.
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
            Phase::Unsettled(reason) => (atoms::unsettled(), None, Some(reason)),
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
    catalog.call(env, name, |database| {
        let begun = database.begin(Begin {
            read_only: begin.read_only,
            actor: begin.actor.map(Arc::from),
            as_of: begin.as_of,
        })?;
        Ok(StatusMap::of(env, begun))
    })
}

#[rustler::nif]
fn transaction_status<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, id: &str) -> Term<'a> {
    catalog.call(env, name, |database| {
        Ok(StatusMap::of(env, database.transaction(id)?))
    })
}

twins! {
    /// `{:ok, {operations, ids, replayed?, rejected, warnings}}`: how many the transaction holds now,
    /// the ids of the features that `text` puts, whether an earlier call with the
    /// idempotency key `key` was answered again, and `{operation, {index, faults}}` of
    /// features left out, and what is to be told of what is put. `:long` when another call in the transaction is in the way, or an
    /// operation reads the journal.
    transaction_apply: "Normal", transaction_apply_dirty: "DirtyCpu";
    fn(
        env, on;
        catalog: CatalogRef,
        name: &str,
        id: &str,
        text: Binary<'a>,
        times: Times<'a>,
        key: Option<&str>
    ) -> Term<'a> {
        let database = catalog.database(name);
        let asking = (env, on);
        or_long(env, database.and_then(|database| apply(asking, &database, id, (&text, times), key)))
    }
}

/// What was applied, and left out; `None` where that has to wait on a normal scheduler.
fn apply(
    (env, on): (Env<'_>, On),
    database: &Database,
    id: &str,
    (text, times): (&[u8], Times<'_>),
    key: Option<&str>,
) -> Result<Option<ApplyTerm>, Failure> {
    let prepared = match on {
        On::Normal => database.prepare_operations_in(text, &time_reading(times)?, None)?,
        On::Tried | On::Dirty => {
            let asker = Asker::new(env);
            let reading = Reading {
                at: Some(database.transaction(id)?.seq),
                budget: &asker.budget(database),
            };
            database.prepare_operations_in(text, &time_reading(times)?, Some(reading))?
        }
    };
    let Some(mut prepared) = prepared else {
        return Ok(None);
    };
    let rejected = std::mem::take(&mut prepared.rejected);
    let warnings = std::mem::take(&mut prepared.warnings);
    let key = key.map(|key| match times {
        (None, None) => IdempotencyKey::new(key, &[text]),
        (Some(unit), None) => IdempotencyKey::new(key, &[text, unit.as_bytes()]),
        (unit, Some(tz)) => {
            let unit = unit.unwrap_or_default();
            IdempotencyKey::new(key, &[text, unit.as_bytes(), tz.as_bytes()])
        }
    });
    let wait = match on {
        On::Normal => Wait::Never,
        On::Tried | On::Dirty => Wait::Allowed,
    };
    let applied = database.apply_once(id, prepared, key, wait)?;
    Ok(applied.map(|applied| {
        let Applied {
            operations,
            feature_ids,
            replayed,
        } = applied;
        let term = |(operation, rejected)| (operation, RejectedTerm(rejected));
        let rejected = rejected.into_iter().map(term).collect();
        (
            operations,
            feature_ids,
            replayed,
            rejected,
            WarningsTerm(warnings),
        )
    }))
}

/// `{operations, ids, replayed?, rejected, warnings}`.
type ApplyTerm = (
    usize,
    Vec<String>,
    bool,
    Vec<(usize, RejectedTerm)>,
    WarningsTerm,
);

/// Of another actor than the one that the options name, it is not there.
/// `{:ok, ack}` of one that was committed before, `{:ok, {nil, again}}` of one that wrote
/// nothing, now or before, or `{:ok, :queued}`: then `{:ok, ack}` follows by message, also of one
/// that is being committed already. Waits for what is being added to the transaction.
#[rustler::nif(schedule = "DirtyCpu")]
fn transaction_commit<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    options: Options<'a>,
    reference: Term<'a>,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        let key = options.key(&["commit".as_bytes(), id.as_bytes()]);
        let mut transaction = options.transaction(key.clone());
        let caller = Caller::new(env, reference);
        transaction.caller = caller.number();
        let owned = match options.actor() {
            Some(actor) => database.check_transaction_of(id, &actor),
            None => Ok(()),
        };
        let commit = owned.and_then(|()| database.commit(id, transaction, caller.reply()));
        match (commit, key) {
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
                database.replay(
                    key,
                    options.actor(),
                    options.durability(),
                    Err(refusal),
                    answer,
                )?;
                Ok(atoms::queued().encode(env))
            }
        }
    })
}

/// `{:ok, nil}` unless another actor began it: then the error that it is not there.
#[rustler::nif]
fn transaction_check_actor<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    actor: &str,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        database.check_transaction_of(id, actor)?;
        Ok(atoms::nil())
    })
}

#[rustler::nif]
fn transaction_abort<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, id: &str) -> Term<'a> {
    catalog.call(env, name, |database| {
        database.abort(id)?;
        Ok(atoms::nil())
    })
}

/// `{:ok, ids}` of the transactions that are open, once those whose lease has ended
/// have been ended.
#[rustler::nif(schedule = "DirtyCpu")]
fn transactions_open<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    catalog.call(env, name, |database| Ok(database.open_transactions()))
}
