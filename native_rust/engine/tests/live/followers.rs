//! Subscribers, and what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{
    ChangeAnswer, Database, Ending, Error, Follow, Live, LiveDwell, LiveEvent, Since, Sink,
    Subscription,
};
use serde_json::Value;
use std::sync::Mutex;

use super::levels::in_numbers;
use super::plain::{Plain, Words};
use super::stays::{Item, micros};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Told {
    pub events: Vec<(u64, u64, &'static str, Vec<u8>)>,
    /// Each with how many events came before it.
    pub dwells: Vec<(usize, Value)>,
    pub notices: Vec<(&'static str, u64)>,
    pub ended: Option<Ending>,
    pub messages: usize,
}

impl Told {
    fn sent(&self) -> usize {
        self.events.len() + self.dwells.len()
    }
}

/// Where the events of a test go.
#[derive(Debug, Default)]
pub struct Ear {
    pub told: Mutex<Told>,
    /// Says that there is nobody any more.
    pub deaf: AtomicBool,
}

impl Ear {
    fn note(&self, note: impl FnOnce(&mut Told)) -> bool {
        let mut told = self.told.lock().unwrap();
        assert!(told.ended.is_none(), "something came after the end");
        note(&mut told);
        !self.deaf.load(Ordering::Relaxed)
    }
}

pub struct ToEar(pub Arc<Ear>);

impl Sink for ToEar {
    fn events(&self, events: &[LiveEvent]) -> bool {
        assert!(!events.is_empty());
        self.0.note(|told| {
            told.messages += 1;
            for event in events {
                let json = event.content.text().json().to_vec();
                let matched = event.matched.as_str();
                told.events.push((event.seq, event.after, matched, json));
            }
        })
    }

    fn dwelt(&self, dwells: &[LiveDwell]) -> bool {
        assert!(!dwells.is_empty());
        self.0.note(|told| {
            for dwell in dwells {
                let json: Value = serde_json::from_slice(dwell.content.text().json()).unwrap();
                assert_eq!(json["feature_id"], dwell.feature_id.as_str());
                assert_eq!(json["entered"], dwell.entered);
                told.dwells.push((told.events.len(), json));
            }
        })
    }

    fn lagging(&self, seq: u64) -> bool {
        self.0.note(|told| told.notices.push(("lagging", seq)))
    }

    fn live(&self, seq: u64) -> bool {
        self.0.note(|told| told.notices.push(("live", seq)))
    }

    fn ended(&self, ending: Ending) {
        self.0.note(|told| told.ended = Some(ending));
    }
}

/// A subscriber, and what it is to have been told in the end.
pub struct Follower {
    pub ear: Arc<Ear>,
    pub subscription: Subscription,
    /// Filters, each from the block after one on.
    filters: Vec<(u64, Words)>,
    proof: bool,
}

impl Follower {
    pub fn new(
        live: &Live,
        db: &Database,
        words: Words,
        since: Option<u64>,
        demand: u64,
    ) -> Result<Self, Error> {
        let since = Since {
            seq: since,
            ..Since::default()
        };
        Self::with(live, db, words, since, (demand, false))
    }

    /// One who knows something of the journal, or wants proofs.
    pub fn with(
        live: &Live,
        db: &Database,
        words: Words,
        since: Since,
        (demand, proof): (u64, bool),
    ) -> Result<Self, Error> {
        let ear = Arc::new(Ear::default());
        let follow = Follow {
            filter: words.filter(db),
            since,
            demand,
            bytes: None,
            proof,
        };
        let subscription = live.subscribe(db, follow, Box::new(ToEar(Arc::clone(&ear))))?;
        Ok(Self {
            ear,
            filters: vec![(subscription.since, words)],
            subscription,
            proof,
        })
    }

    /// Take another filter, and wait for that.
    pub fn change(&mut self, db: &Database, words: Words) {
        let (told, answer) = crossbeam_channel::bounded(1);
        let waits = ChangeAnswer::new(move |seq| drop(told.send(seq)));
        let changed = self.subscription.change(words.filter(db), waits).unwrap();
        let seq = match changed {
            Some(seq) => seq,
            None => answer.recv_timeout(PATIENCE).unwrap().unwrap(),
        };
        let (before, _) = self.filters.last().unwrap();
        assert!(
            *before <= seq,
            "a filter came into force before the one before it"
        );
        self.filters.push((seq, words));
    }

    pub fn ask(&self, count: u64) {
        self.subscription.ask(count);
    }

    /// The block of its last event, or where it began.
    pub fn last(&self) -> u64 {
        let told = self.ear.told.lock().unwrap();
        told.events
            .last()
            .map_or(self.subscription.since, |event| event.0)
    }

    pub fn words(&self) -> Words {
        self.filters.last().unwrap().1.clone()
    }

    /// Ask for everything and wait until all up to `seq` is decided on.
    pub fn catch_up(&self, seq: u64) {
        let began = Instant::now();
        self.ask(u64::MAX / 2);
        // It says what it is done with: so many bytes only may be under way.
        let mut handled = 0;
        while self.subscription.info().seq < seq || self.subscription.info().lagging {
            assert!(
                began.elapsed() < PATIENCE,
                "it stands at {:?} and is to reach {seq}",
                self.subscription.info()
            );
            let sent = self.ear.told.lock().unwrap().sent();
            self.ask((sent - std::mem::replace(&mut handled, sent)) as u64);
            std::thread::sleep(Duration::from_micros(200));
        }
        // What is decided on is being sent.
        let expected = self.subscription.info().delivered as usize;
        while self.ear.told.lock().unwrap().sent() < expected {
            assert!(began.elapsed() < PATIENCE, "what was sent does not come");
            std::thread::yield_now();
        }
    }

    /// Hold what it was told against brute force, up to a block, or up to its last event
    /// where it was cut short. Returns how many events were compared.
    pub fn check(&self, plain: &Plain, until: Option<u64>) -> usize {
        let until = until.unwrap_or_else(|| self.last());
        let ends = self
            .filters
            .iter()
            .skip(1)
            .map(|(from, _)| *from)
            .chain([u64::MAX]);
        let items = self
            .filters
            .iter()
            .zip(ends)
            .flat_map(|((from, words), end)| plain.told(words, *from, end.min(until)));
        let (mut expected, mut dwells) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Event(seq, told) => expected.push((seq, told)),
                Item::Dwell(json) => dwells.push((expected.len(), json)),
            }
        }
        // Some are due by the clock, in less than a second.
        const DUE: Duration = Duration::from_secs(10);
        let began = Instant::now();
        while self.ear.told.lock().unwrap().dwells.len() < dwells.len() && began.elapsed() < DUE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let told = self.ear.told.lock().unwrap();
        let stayed: Vec<(usize, Value)> = told.dwells.iter().cloned().map(named).collect();
        assert_eq!(stayed, dwells, "{:?}", self.filters);
        let found: Vec<(u64, &str)> = told.events.iter().map(|e| (e.0, e.2)).collect();
        let matched = |(seq, told): &(u64, Value)| (*seq, told["matched"].to_string());
        let quoted = |(seq, matched): &(u64, &str)| (*seq, format!("\"{matched}\""));
        assert_eq!(
            found.iter().map(quoted).collect::<Vec<_>>(),
            expected.iter().map(matched).collect::<Vec<_>>(),
            "{:?} up to {until}",
            self.filters
        );
        let mut after = self.subscription.since;
        for ((seq, before, _, json), (_, wanted)) in told.events.iter().zip(&expected) {
            assert_eq!(*before, after, "the event before that of block {seq}");
            let mut json: Value = serde_json::from_slice(json).unwrap();
            let proof = json.as_object_mut().unwrap().remove("proof");
            let json_of = plain.event(*seq, wanted);
            assert_eq!(in_numbers(json.clone()), json_of, "{:?}", self.filters);
            assert_eq!(proof.is_some(), self.proof);
            if let Some(proof) = proof {
                plain.roots.check_included(*seq, &json, &proof);
            }
            after = *seq;
        }
        if let Some(proof) = &self.subscription.consistency {
            plain.roots.check_grown(proof);
        }
        // One is told in turn that it lags, and that it does not.
        let mut lagging = false;
        for (place, (notice, _)) in told.notices.iter().enumerate() {
            let first = place == 0 && *notice == "live";
            assert!(
                first || lagging == (*notice == "live"),
                "{:?}",
                told.notices
            );
            lagging = *notice == "lagging";
        }
        found.len() + dwells.len()
    }
}

impl Follower {
    /// How many go into an area, out of it or through it, or stay there, by what it was told.
    pub fn passages(&self) -> usize {
        let told = self.ear.told.lock().unwrap();
        let events = told.events.iter().map(|(.., json)| {
            let json: Value = serde_json::from_slice(json).unwrap();
            match &json["features"] {
                Value::Array(features) => features.len(),
                _ if json["points"].is_array() => json["points"].as_array().map_or(0, Vec::len),
                _ => json["fence"].as_array().map_or(0, |names| {
                    let passes = |name: &&Value| *name != "inside" && *name != "outside";
                    names.iter().filter(passes).count().min(1)
                }),
            }
        });
        events.sum::<usize>() + told.dwells.len()
    }
}

/// All but the name of the fence, and numbers as brute force has them.
fn named((place, mut json): (usize, Value)) -> (usize, Value) {
    let name = json.as_object_mut().unwrap().remove("fence").unwrap();
    assert_eq!(name.as_str().unwrap().len(), 32);
    json["due"] = micros(&json["due"]).into();
    json["dwell"] = json["dwell"].as_f64().into();
    (place, json)
}
