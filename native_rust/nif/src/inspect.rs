//! Verifying, explaining and salvaging databases that nobody has open. Each can take
//! minutes, so it has a thread of its own, which sends `{ref, {:progress, done,
//! total}}` on the way, in bytes of the journal, and at last `{ref, answer}`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use formdb_engine::fs::{Descriptors, FileSystem, RealFileSystem};
use formdb_engine::{
    Damage, Error, LeftOut, Progress, Reach, Result, SalvageReport, VerifyReport, diagnose,
    salvage, to_hex, verify,
};
use rustler::{Atom, Encoder, Env, NifMap, Term};

use crate::answer::{Caller, Failure, tagged};
use crate::atoms;

/// `VerifyReport` as a map.
#[derive(NifMap)]
struct VerifyMap {
    sound: bool,
    opens: bool,
    segments: u64,
    groups: u64,
    transactions: u64,
    blocks: u64,
    bytes: u64,
    root: String,
    torn: Option<String>,
    torn_bytes: u64,
    damage: Option<String>,
    footers: Vec<String>,
    footers_missing: Vec<String>,
    snapshots: u64,
    snapshots_damaged: Vec<String>,
    microseconds: u64,
}

impl From<VerifyReport> for VerifyMap {
    fn from(report: VerifyReport) -> Self {
        Self {
            sound: report.is_sound(),
            opens: report.opens(),
            segments: report.segments,
            groups: report.groups,
            transactions: report.transactions,
            blocks: report.blocks,
            bytes: report.bytes,
            root: to_hex(&report.root),
            torn: report.torn.as_ref().map(place),
            torn_bytes: report.torn_bytes,
            damage: report.damage.as_ref().map(place),
            footers: report.footers.iter().map(place).collect(),
            footers_missing: report.footers_missing.iter().map(place).collect(),
            snapshots: report.snapshots,
            snapshots_damaged: report.snapshots_damaged,
            microseconds: u64::try_from(report.elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// `Diagnosis` as a map; sound only if it was checked and is.
#[derive(NifMap)]
struct DiagnosisMap {
    sentences: Vec<String>,
    sound: bool,
}

/// `SalvageReport` as a map; `lost` are `{file, offset, bytes}`, `left_out` `{seq, reason}`
/// and `missing` `{first, last}`; these and `appended` are of what was written as new blocks,
/// `beyond` are the blocks that could have been.
#[derive(NifMap)]
struct SalvageMap {
    blocks: u64,
    transactions: u64,
    unproved_transactions: u64,
    root: String,
    damage: Option<String>,
    lost: Vec<(String, u64, u64)>,
    beyond: u64,
    appended: u64,
    appended_transactions: u64,
    left_out: Vec<(u64, String)>,
    missing: Vec<(u64, u64)>,
}

impl From<SalvageReport> for SalvageMap {
    fn from(report: SalvageReport) -> Self {
        let lost = |lost: &formdb_engine::Lost| {
            let path = lost.path.display().to_string();
            (path, lost.from, lost.bytes)
        };
        let appended = report.appended.unwrap_or_default();
        let left_out = appended.left_out.into_iter();
        Self {
            beyond: report.beyond,
            appended: appended.blocks,
            appended_transactions: appended.transactions,
            left_out: left_out
                .map(|LeftOut { seq, reason }| (seq, reason))
                .collect(),
            missing: appended.missing,
            blocks: report.blocks,
            transactions: report.transactions,
            unproved_transactions: report.unproved_transactions,
            root: to_hex(&report.root),
            damage: report.damage.as_ref().map(place),
            lost: report.lost.iter().map(lost).collect(),
        }
    }
}

/// A sentence of damage, with its file and offset.
pub(crate) fn place(damage: &Damage) -> String {
    let Damage {
        path,
        offset,
        reason,
    } = damage;
    format!("{}, byte {offset}: {reason}", path.display())
}

#[rustler::nif]
fn inspect_verify<'a>(env: Env<'a>, dir: String, reference: Term<'a>) -> Term<'a> {
    in_background(env, reference, move |progress| {
        verify(&*files(), Path::new(&dir), progress).map(VerifyMap::from)
    })
}

#[rustler::nif]
fn inspect_diagnose<'a>(env: Env<'a>, dir: String, reference: Term<'a>) -> Term<'a> {
    in_background(env, reference, move |_| {
        let diagnosis = diagnose(&*files(), Path::new(&dir))?;
        let sound = diagnosis.report.is_some_and(|report| report.is_sound());
        let sentences = diagnosis.sentences;
        Ok(DiagnosisMap { sentences, sound })
    })
}

#[rustler::nif]
fn inspect_salvage<'a>(
    env: Env<'a>,
    from: String,
    to: String,
    beyond: bool,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, reference, move |progress| {
        let fs = files();
        let (from, to) = (PathBuf::from(from), PathBuf::from(to));
        let reach = match beyond {
            true => Reach::Beyond,
            false => Reach::Provable,
        };
        salvage(&fs, &from, &to, reach, progress).map(SalvageMap::from)
    })
}

/// A journal may have more segments than this process may open files.
fn files() -> Arc<dyn FileSystem> {
    Arc::new(Descriptors::new(Arc::new(RealFileSystem), 0))
}

fn in_background<'a, T: Encoder>(
    env: Env<'a>,
    reference: Term<'a>,
    work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<T> + Send + 'static,
) -> Term<'a> {
    let caller = Caller::new(env, reference);
    let work = move || {
        let mut progress = |Progress { done, total }: Progress| {
            caller.tell((atoms::progress(), done, total));
        };
        let answer = work(&mut progress);
        caller.answer(answer.map_err(Failure));
    };
    match thread::Builder::new()
        .name("formdb-inspect".into())
        .spawn(work)
    {
        Ok(_) => atoms::ok().to_term(env),
        Err(e) => {
            let error = Error::io("start a thread for", Path::new("a database"), e);
            tagged::<Atom>(env, Err(Failure(error)))
        }
    }
}
