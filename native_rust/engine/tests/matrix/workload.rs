//! A workload on a recording disk, and how to check what a crash left of it.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};

use formdb_engine::{Database, Error, Hash, Limits, Reply, Transaction};

use super::disk::SimFs;
use super::image::{CrashPoint, Fate, crash_points};
use super::model::{Change, Model, prepare, range, same, text, transaction, world};
use super::{mixed, random};

pub const DIR: &str = "/data/db";

/// Small segments, so that a short workload rotates.
pub fn limits() -> Limits {
    Limits {
        segment_bytes: 4_096,
        ..Limits::default()
    }
}

pub fn open(fs: &SimFs) -> Result<Database, Error> {
    open_with(fs, limits())
}

pub fn open_with(fs: &SimFs, limits: Limits) -> Result<Database, Error> {
    Database::open(Arc::new(fs.clone()), Path::new(DIR), limits)
}

/// The transactions of a workload, and what they make of an empty database.
#[derive(Debug)]
pub struct Workload {
    pub seed: u64,
    pub transactions: Vec<Vec<Change>>,
    /// The state after 0, 1, 2... transactions.
    pub models: Vec<Model>,
    /// The page of all features after as many, once it has been compared.
    pages: Vec<OnceLock<Vec<u8>>>,
}

impl Workload {
    pub fn new(seed: u64, transactions: usize) -> Arc<Self> {
        Self::of(
            seed,
            (0..transactions).map(|n| transaction(seed, n)).collect(),
        )
    }

    pub fn of(seed: u64, transactions: Vec<Vec<Change>>) -> Arc<Self> {
        let mut models = vec![Model::default()];
        for changes in &transactions {
            let mut model = models[models.len() - 1].clone();
            model.apply(changes);
            models.push(model);
        }
        Arc::new(Self {
            seed,
            pages: models.iter().map(|_| OnceLock::new()).collect(),
            transactions,
            models,
        })
    }

    /// How many transactions a database of `seq` blocks holds.
    pub fn transactions_in(&self, seq: u64) -> Result<usize, String> {
        self.models
            .binary_search_by_key(&seq, |model| model.seq)
            .map_err(|_| format!("{seq} blocks: half a transaction"))
    }

    /// Compare a database with the state after `n` transactions: thoroughly the
    /// first time, and from then on its answers with those of the first time.
    pub fn compare(&self, db: &Database, n: usize) -> Result<(), String> {
        let page = world(db)?;
        let known = self.pages[n].get();
        if known.is_none() {
            self.models[n].compare(db)?;
        }
        let known = known.unwrap_or_else(|| self.pages[n].get_or_init(|| page.clone()));
        same("features", &page, known)?;
        for (series, points) in &self.models[n].series {
            let found = range(db, series, formdb_engine::Order::Ascending)?;
            same("points", (series, &found), (series, points))?;
        }
        Ok(())
    }
}

/// What ran on one disk from its first opening on.
#[derive(Debug)]
pub struct Run {
    pub workload: Arc<Workload>,
    pub fs: SimFs,
    /// Transactions that were there when it was first opened.
    start: usize,
    /// Changes of the disk when each later one was acknowledged.
    acked_at: Vec<usize>,
    /// Changes of the disk when it was open.
    opened_at: usize,
    /// Transactions that were promised before that.
    floor: usize,
    /// Merkle root after 0, 1, 2... transactions.
    roots: Vec<Hash>,
}

impl Run {
    /// Run a workload from where a disk has it to `until`: alone, in bursts that
    /// share a commit group, and with a clean close in between now and then.
    /// `floor` transactions are safe on that disk already.
    pub fn new(
        workload: &Arc<Workload>,
        fs: SimFs,
        floor: usize,
        until: usize,
    ) -> Result<Self, String> {
        Self::with_limits(workload, fs, floor, until, limits())
    }

    pub fn with_limits(
        workload: &Arc<Workload>,
        fs: SimFs,
        floor: usize,
        until: usize,
        limits: Limits,
    ) -> Result<Self, String> {
        let mut db = open_with(&fs, limits.clone()).map_err(text)?;
        let start = workload.transactions_in(db.info().map_err(text)?.seq)?;
        if start < floor {
            return Err(format!("{floor} transactions promised, {start} found"));
        }
        workload.compare(&db, start)?;
        let mut run = Self {
            workload: Arc::clone(workload),
            opened_at: fs.changes(),
            fs,
            floor,
            start,
            acked_at: Vec::new(),
            roots: Vec::new(),
        };
        let mut seed = mixed(workload.seed, start as u64);
        while run.end() < until {
            match random(&mut seed) % 10 {
                0 => {
                    db.close();
                    db = open_with(&run.fs, limits.clone()).map_err(text)?;
                    workload.compare(&db, run.end())?;
                }
                1 | 2 => {
                    let count = 1 + random(&mut seed) as usize % 5;
                    run.burst(&db, count.min(until - run.end()))?;
                }
                _ => run.burst(&db, 1)?,
            }
        }
        workload.compare(&db, run.end())?;
        for model in &workload.models[..=run.end()] {
            let head = db.tree_head(Some(model.seq)).map_err(text)?;
            run.roots.push(head.root);
        }
        db.close();
        Ok(run)
    }

    /// Transactions acknowledged when it ended.
    fn end(&self) -> usize {
        self.start + self.acked_at.len()
    }

    /// Submit some transactions so that the first is a group of its own and the
    /// others are one, and wait for them.
    fn burst(&mut self, db: &Database, count: usize) -> Result<(), String> {
        let acks = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = mpsc::channel();
        let first = self.end();
        let submit = |changes: &[Change]| -> Result<(), Error> {
            let (fs, acks, sender) = (self.fs.clone(), Arc::clone(&acks), sender.clone());
            let reply = Reply::new(move |answer| {
                acks.lock().unwrap().push(fs.changes());
                let _ = sender.send(answer);
            });
            let transaction: Transaction = prepare(db, changes)?;
            db.submit(transaction, reply)
        };
        let all = &self.workload.transactions[first..first + count];
        let submitted = || -> Result<(), Error> {
            let (alone, together) = all.split_at(1);
            if count > 1 {
                self.fs.hold();
            }
            submit(&alone[0])?;
            if count > 1 {
                self.fs.await_held();
            }
            together.iter().try_for_each(|changes| submit(changes))
        };
        let submitted = submitted();
        self.fs.release();
        submitted.map_err(text)?;
        for _ in 0..count {
            receiver.recv().map_err(|e| e.to_string())?.map_err(text)?;
        }
        let acks = acks.lock().unwrap();
        self.acked_at.extend(acks.iter());
        Ok(())
    }

    /// The disk behind each of its changes.
    pub fn crash_points(&self) -> Vec<CrashPoint> {
        let (before, log) = self.fs.history();
        crash_points(before, &log)
    }

    /// Transactions that must be there after a crash behind `changes` changes:
    /// those acknowledged by then, and those that a reader could see.
    pub fn promised(&self, changes: usize) -> usize {
        if changes < self.opened_at {
            return self.floor;
        }
        self.start + self.acked_at.iter().filter(|at| **at <= changes).count()
    }

    /// Open what a crash left and compare; so many transactions have to be there.
    /// Returns how many are.
    pub fn check(&self, image: &SimFs, promised: usize, depth: Depth) -> Result<usize, String> {
        let db = open(image).map_err(text)?;
        let found = self.identify(&db)?;
        if found < promised {
            return Err(format!("{promised} transactions promised, {found} found"));
        }
        self.workload.compare(&db, found)?;
        if depth == Depth::Shallow {
            db.close();
            return Ok(found);
        }
        // It takes writes again, and opening once more changes nothing.
        let more = self.workload.transactions.get(found);
        if let Some(changes) = more {
            let transaction = prepare(&db, changes).map_err(text)?;
            db.write(transaction.operations).map_err(text)?;
        }
        let after = found + usize::from(more.is_some());
        self.workload.compare(&db, after)?;
        let root = db.info().map_err(text)?.root;
        db.close();
        let db = open(image).map_err(text)?;
        same("bytes cut", db.recovered().bytes_cut, 0)?;
        same("root", db.info().map_err(text)?.root, root)?;
        self.workload.models[after].compare(&db)?;
        db.close();
        Ok(found)
    }

    /// How many transactions of this run a database holds, by its root.
    pub fn identify(&self, db: &Database) -> Result<usize, String> {
        let info = db.info().map_err(text)?;
        let found = self.workload.transactions_in(info.seq)?;
        match self.roots.get(found) {
            Some(root) => same("root", info.root, *root).map(|()| found),
            None => Err(format!("{found} transactions, more than were written")),
        }
    }
}

/// How much of a disk image to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// It opens, is a prefix, and its answers are right.
    Shallow,
    /// Then it takes a write, closes, and opens again.
    Deep,
}

/// What is being tried; says so should a panic end it.
pub struct Scene<'a> {
    pub seed: u64,
    pub point: usize,
    pub fates: &'a [Fate],
}

impl std::fmt::Display for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, point, fates } = self;
        write!(
            f,
            "seed {seed} (FORMDB_SEED), after change {point}, {fates:?}"
        )
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self}");
        }
    }
}
