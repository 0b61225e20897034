//! A workload on a recording disk, and how to check what a crash left of it.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use formdb_engine::{Database, Durability, Error, Hash, IdempotencyKey, Limits, Order, Reply};

use super::ask::{compare, compare_as_of, prepare, range, same, text, world};
use super::disk::SimFs;
use super::generate::transaction;
use super::image::{CrashPoint, Fate, crash_points};
use super::model::{Change, Model};
use super::{mixed, random};

pub const DIR: &str = "/data/db";

/// Small segments, so that a short workload rotates; no sync by the clock, and no
/// index snapshots.
pub fn limits() -> Limits {
    Limits {
        segment_bytes: 4_096,
        sync_interval_ms: 3_600_000,
        snapshot_bytes: 0,
        ..Limits::default()
    }
}

/// The same with groups of one transaction each: of many that are sent at once each is under
/// way while the next is made.
pub fn limits_of_one() -> Limits {
    Limits {
        group_bytes: 1,
        ..limits()
    }
}

/// The same with a snapshot every now and then.
pub fn limits_with_snapshots() -> Limits {
    Limits {
        snapshot_bytes: 2_500,
        ..limits()
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
    /// What the acknowledgement of each promises.
    pub levels: Vec<Durability>,
    /// The state after 0, 1, 2... transactions.
    pub models: Vec<Model>,
    /// The page of all features after as many, once it has been compared.
    pages: Vec<OnceLock<String>>,
}

impl Workload {
    /// A generated one. All its writes are synced for one seed in two, some of them
    /// for the others.
    pub fn new(seed: u64, transactions: usize) -> Arc<Self> {
        Self::generate(seed, transactions, seed.is_multiple_of(2))
    }

    /// A generated one, all its writes synced.
    pub fn synced(seed: u64, transactions: usize) -> Arc<Self> {
        Self::generate(seed, transactions, true)
    }

    fn generate(seed: u64, transactions: usize, synced: bool) -> Arc<Self> {
        let mut models = vec![Model::default()];
        let mut all = Vec::new();
        for n in 0..transactions {
            let mut model = models[n].clone();
            let changes = transaction(seed, n, &model);
            model.apply(&changes);
            models.push(model);
            all.push(changes);
        }
        let mut state = mixed(seed, 3);
        let mut level = |_| match random(&mut state) % 4 {
            _ if synced => Durability::Sync,
            0 => Durability::Interval,
            1 => Durability::Sync,
            _ => Durability::None,
        };
        let levels = all.iter().map(&mut level).collect();
        Self::with(seed, all, levels, models)
    }

    /// One that undoes nothing, so that all of it can be queued at once. Three fifths
    /// of it are never synced at once, the rest at all levels.
    pub fn weak(seed: u64, transactions: usize) -> Arc<Self> {
        let mut state = mixed(seed, 5);
        let level = |n: usize| match random(&mut state) % 6 {
            0 if n * 5 > transactions * 3 => Durability::Sync,
            1 | 2 => Durability::None,
            _ => Durability::Interval,
        };
        let levels = (0..transactions).map(level).collect();
        Self::queued(seed, levels)
    }

    /// One that undoes nothing, with these levels.
    pub fn queued(seed: u64, levels: Vec<Durability>) -> Arc<Self> {
        let transactions = levels.len();
        let mut models = vec![Model::default()];
        let mut all = Vec::new();
        let undoes = |change: &Change| matches!(change, Change::Revert(_));
        for n in 0..transactions {
            let mut model = models[n].clone();
            let mut tries = (n..).step_by(transactions);
            let changes = tries
                .find_map(|n| {
                    let changes = transaction(seed, n, &model);
                    (!changes.iter().any(undoes)).then_some(changes)
                })
                .unwrap_or_default();
            model.apply(&changes);
            models.push(model);
            all.push(changes);
        }
        Self::with(seed, all, levels, models)
    }

    /// One of these transactions, all synced.
    pub fn of(seed: u64, transactions: Vec<Vec<Change>>) -> Arc<Self> {
        let mut models = vec![Model::default()];
        for changes in &transactions {
            let mut model = models[models.len() - 1].clone();
            model.apply(changes);
            models.push(model);
        }
        let levels = vec![Durability::Sync; transactions.len()];
        Self::with(seed, transactions, levels, models)
    }

    fn with(
        seed: u64,
        transactions: Vec<Vec<Change>>,
        levels: Vec<Durability>,
        models: Vec<Model>,
    ) -> Arc<Self> {
        Arc::new(Self {
            seed,
            pages: models.iter().map(|_| OnceLock::new()).collect(),
            transactions,
            levels,
            models,
        })
    }

    /// How many transactions a database of `seq` blocks holds.
    pub fn transactions_in(&self, seq: u64) -> Result<usize, String> {
        self.models
            .binary_search_by_key(&seq, |model| model.seq)
            .map_err(|_| format!("{seq} blocks: half a transaction"))
    }

    /// The key of transaction `n`; each third has none.
    fn key(&self, n: usize) -> Option<IdempotencyKey> {
        let request = n.to_le_bytes();
        (!n.is_multiple_of(3)).then(|| IdempotencyKey::new(&format!("key {n}"), &[&request]))
    }

    /// Transaction `n`, to be written by a database that holds those before it.
    pub fn prepare(&self, db: &Database, n: usize) -> Result<formdb_engine::Transaction, Error> {
        let mut transaction = prepare(db, &self.transactions[n])?;
        transaction.durability = self.levels[n];
        transaction.key = self.key(n);
        Ok(transaction)
    }

    /// Compare a database with the state after `n` transactions: thoroughly the
    /// first time, and from then on its answers with those of the first time.
    pub fn compare(&self, db: &Database, n: usize) -> Result<(), String> {
        let model = &self.models[n];
        // Each database has a log of its own, whose name is in what features come with.
        let page = String::from_utf8(world(db, None)?).map_err(|e| e.to_string())?;
        let page = page.replace(&db.info().map_err(text)?.log, "");
        let known = self.pages[n].get();
        if known.is_none() {
            compare(db, model)?;
        }
        let known = known.unwrap_or_else(|| self.pages[n].get_or_init(|| page.clone()));
        same("features", &page, known)?;
        for series in model.series.keys() {
            let found = range(db, series, Order::Ascending, None)?;
            same("points", (series, found), (series, model.points(series)))?;
        }
        Ok(())
    }

    /// Compare it with all there is to ask, in the past too.
    fn compare_thoroughly(&self, db: &Database, n: usize) -> Result<(), String> {
        compare(db, &self.models[n])?;
        for past in [n / 3, n.saturating_sub(1)] {
            let model = &self.models[past];
            compare_as_of(db, model, Some(model.seq)).map_err(|e| format!("as of {past}: {e}"))?;
        }
        Ok(())
    }

    /// Send transaction `n`, which is there, again. Returns false where that cannot
    /// be told from sending another.
    fn send_again(&self, db: &Database, n: usize, level: Durability) -> Result<bool, String> {
        let changes = &self.transactions[n];
        let undoes = |change: &Change| matches!(change, Change::Revert(_));
        let Some(key) = self.key(n).filter(|_| !changes.iter().any(undoes)) else {
            return Ok(false);
        };
        let mut transaction = prepare(db, changes).map_err(text)?;
        transaction.key = Some(key);
        transaction.durability = level;
        let ack = db.write_transaction(transaction).map_err(text)?;
        let (first, last) = (self.models[n].seq + 1, self.models[n + 1].seq);
        same(
            "answer",
            (ack.first_seq, ack.last_seq, ack.replayed),
            (first, last, true),
        )?;
        Ok(true)
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
    /// From so many changes of the disk on, so many transactions are durable.
    promises: Vec<(usize, usize)>,
    /// Merkle root after 0, 1, 2... transactions.
    roots: Vec<Hash>,
    state: u64,
}

impl Run {
    /// Run a workload, with snapshots for one seed in two, from where a disk has it to
    /// `until`: alone, in bursts that
    /// share a commit group, sent again, and with a clean close in between now and
    /// then. `floor` transactions are safe on that disk already.
    pub fn new(
        workload: &Arc<Workload>,
        fs: SimFs,
        floor: usize,
        until: usize,
    ) -> Result<Self, String> {
        let limits = match workload.seed % 4 {
            0 | 1 => limits(),
            _ => limits_with_snapshots(),
        };
        Self::with_limits(workload, fs, floor, until, limits)
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
            promises: vec![(0, floor), (fs.changes(), start)],
            fs,
            start,
            acked_at: Vec::new(),
            roots: Vec::new(),
            state: mixed(workload.seed, start as u64),
        };
        while run.end() < until {
            match random(&mut run.state) % 12 {
                0 => {
                    run.close(&db);
                    db = open_with(&run.fs, limits.clone()).map_err(text)?;
                    workload.compare(&db, run.end())?;
                }
                1 if run.end() > 0 => {
                    let end = run.end();
                    if workload.send_again(&db, end - 1, Durability::Sync)? {
                        run.promises.push((run.fs.changes(), end));
                    }
                }
                2 | 3 => {
                    let most = 1 + random(&mut run.state) as usize % 5;
                    run.burst(&db, most.min(until - run.end()))?;
                }
                _ => run.burst(&db, 1)?,
            }
        }
        workload.compare(&db, run.end())?;
        run.close(&db);
        run.note_roots()?;
        Ok(run)
    }

    /// Run a workload on a slow disk, so that the queue never runs empty: `waiting` are queued
    /// at a time. What a write of level `interval` promises, once `allowed` has passed since its
    /// answer, is among the promises. Time in which nobody works does not count: of the
    /// time between two changes of the disk no more than a few of its own count.
    pub fn busy(
        workload: &Arc<Workload>,
        limits: Limits,
        waiting: u64,
        (each, allowed): (Duration, Duration),
    ) -> Result<Self, String> {
        let fs = SimFs::new();
        let db = open_with(&fs, limits).map_err(text)?;
        fs.slow_down(each);
        let mut run = Self {
            workload: Arc::clone(workload),
            promises: vec![(0, 0)],
            fs,
            start: 0,
            acked_at: Vec::new(),
            roots: Vec::new(),
            state: 0,
        };
        let (sender, receiver) = mpsc::channel();
        for n in 0..workload.transactions.len() - 1 {
            while db.info().map_err(text)?.queued >= waiting {
                std::thread::sleep(each / 20);
            }
            let (fs, sender) = (run.fs.clone(), sender.clone());
            let reply = Reply::new(move |answer| {
                let _ = sender.send(answer.map(|_| fs.changes()));
            });
            let transaction = workload.prepare(&db, n).map_err(text)?;
            db.submit(transaction, reply).map_err(text)?;
        }
        drop(sender);
        for acked in receiver {
            run.acked_at.push(acked.map_err(text)?);
        }
        run.fs.slow_down(Duration::ZERO);
        let mut clock = vec![Duration::ZERO];
        for pair in run.fs.times().windows(2) {
            let passed = pair[1].duration_since(pair[0]).min(each * 3);
            clock.push(clock[clock.len() - 1] + passed);
        }
        for (n, at) in run.acked_at.iter().enumerate() {
            match workload.levels[n] {
                Durability::Sync => run.promises.push((*at, n + 1)),
                Durability::Interval => {
                    let due = clock[*at - 1] + allowed;
                    let passed = clock.partition_point(|time| *time <= due);
                    run.promises.push((passed + 1, n + 1));
                }
                Durability::None => {}
            }
        }
        run.close(&db);
        run.note_roots()?;
        Ok(run)
    }

    /// Note the tree head after each transaction: from a copy of the disk, since
    /// before the close some of them may not have been durable.
    fn note_roots(&mut self) -> Result<(), String> {
        let db = open(&SimFs::of(self.fs.now())).map_err(text)?;
        for model in &self.workload.models[..=self.end()] {
            let head = db.tree_head(Some(model.seq)).map_err(text)?;
            self.roots.push(head.root);
        }
        db.close();
        Ok(())
    }

    /// Transactions that were there when it was first opened.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Close the database: all that was acknowledged is then durable.
    fn close(&mut self, db: &Database) {
        db.close();
        self.promises.push((self.fs.changes(), self.end()));
    }

    /// Transactions acknowledged when it ended.
    fn end(&self) -> usize {
        self.start + self.acked_at.len()
    }

    /// Submit some transactions so that the first is a group of its own and the
    /// others are one, and wait for them. The undoing of a block is prepared on top
    /// of what is committed, so it ends a burst.
    fn burst(&mut self, db: &Database, most: usize) -> Result<(), String> {
        let first = self.end();
        let undoes = |changes: &Vec<Change>| matches!(changes[..], [Change::Revert(_)]);
        let all = &self.workload.transactions[first..first + most];
        let count = all.iter().position(undoes).unwrap_or(most).max(1);
        let acks = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = mpsc::channel();
        let submit = |n: usize| -> Result<(), Error> {
            let (fs, acks, sender) = (self.fs.clone(), Arc::clone(&acks), sender.clone());
            let reply = Reply::new(move |answer| {
                acks.lock().unwrap().push(fs.changes());
                let _ = sender.send(answer);
            });
            db.submit(self.workload.prepare(db, n)?, reply)
        };
        let submitted = || -> Result<(), Error> {
            if count > 1 {
                self.fs.hold(|_| true);
            }
            submit(first)?;
            if count > 1 && !self.fs.await_held() {
                return Err(Error::Closed);
            }
            (first + 1..first + count).try_for_each(submit)
        };
        let submitted = submitted();
        self.fs.release();
        submitted.map_err(text)?;
        for _ in 0..count {
            receiver.recv().map_err(|e| e.to_string())?.map_err(text)?;
        }
        for (n, at) in (first..).zip(acks.lock().unwrap().iter()) {
            self.acked_at.push(*at);
            if self.workload.levels[n] == Durability::Sync {
                self.promises.push((*at, n + 1));
            }
        }
        Ok(())
    }

    /// The disk after each of its changes.
    pub fn crash_points(&self) -> Vec<CrashPoint> {
        let (before, log) = self.fs.history();
        crash_points(before, &log)
    }

    /// Transactions that must be there after a power failure after `changes`
    /// changes: those that were promised to be durable by then, and those that an
    /// opening showed.
    pub fn promised(&self, changes: usize) -> usize {
        let made = self.promises.iter().filter(|(at, _)| *at <= changes);
        made.map(|(_, count)| *count).max().unwrap_or(0)
    }

    /// Transactions that must be there after the process was killed after `changes`
    /// changes: all that were acknowledged.
    pub fn acked(&self, changes: usize) -> usize {
        let acked = self.acked_at.iter().filter(|at| **at <= changes).count();
        match acked {
            0 => self.promised(changes),
            _ => self.start + acked,
        }
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
        // What is there is answered again, and what is not can be written.
        if found > 0 {
            let some = mixed(self.workload.seed, promised as u64) as usize % found;
            self.workload.send_again(&db, some, Durability::None)?;
            same(
                "sequence",
                db.info().map_err(text)?.seq,
                self.workload.models[found].seq,
            )?;
        }
        let more = found < self.workload.transactions.len();
        if more {
            let transaction = self.workload.prepare(&db, found).map_err(text)?;
            let ack = db.write_transaction(transaction).map_err(text)?;
            same("answered again", ack.replayed, false)?;
        }
        let after = found + usize::from(more);
        self.workload.compare(&db, after)?;
        let before = db.info().map_err(text)?;
        db.close();
        // Opening once more changes nothing, and shows durably what was written weakly.
        let db = open(image).map_err(text)?;
        let info = db.info().map_err(text)?;
        same("bytes cut", db.recovered().bytes_cut, 0)?;
        same(
            "sequences",
            (info.seq, info.durable_seq),
            (before.seq, before.seq),
        )?;
        let head = db.tree_head(Some(before.durable_seq)).map_err(text)?;
        same("root", head.root, before.root)?;
        self.workload.compare_thoroughly(&db, after)?;
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
    /// Then it answers again, takes a write, closes, opens, and knows its past.
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
