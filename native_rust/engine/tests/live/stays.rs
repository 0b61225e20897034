//! Who stays inside a fence, by keeping everybody who is there.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::plain::Words;

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Of a block.
    Event(u64, Value),
    /// Of one who stayed.
    Dwell(Value),
}

/// Microseconds since the epoch of a time as it is written.
pub fn micros(time: &Value) -> i64 {
    let text = time.as_str().unwrap();
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days since the epoch, of years that begin in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    let fraction = text[19..].trim_matches(['.', 'Z']);
    let micros = format!("{fraction:0<6}").parse::<i64>().unwrap();
    seconds * 1_000_000 + micros
}

struct Entry {
    seq: u64,
    time: i64,
    id: String,
    written: Value,
}

/// Everybody who is inside, and who is to be looked at again.
pub struct Stays {
    micros: i64,
    dwell: f64,
    inside: HashMap<String, u64>,
    waiting: Vec<Entry>,
}

impl Stays {
    pub fn new(words: &Words) -> Self {
        let dwell: f64 = words.dwell.map_or(0.0, |text| text.parse().unwrap());
        Self {
            micros: (dwell * 1e6).round() as i64,
            dwell,
            inside: HashMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Who is due by the time of a block, and inside before it.
    pub fn due(&mut self, time: &Value) -> Vec<Item> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let time = micros(time);
        let due = self
            .waiting
            .iter()
            .take_while(|entry| entry.time + self.micros <= time)
            .count();
        self.take(due)
    }

    /// Who is due in the end.
    pub fn rest(&mut self) -> Vec<Item> {
        self.take(self.waiting.len())
    }

    fn take(&mut self, count: usize) -> Vec<Item> {
        let due: Vec<Entry> = self.waiting.drain(..count).collect();
        let stayed = due
            .into_iter()
            .filter(|entry| self.inside.get(&entry.id) == Some(&entry.seq));
        stayed.map(|entry| Item::Dwell(self.json(&entry))).collect()
    }

    fn json(&self, entry: &Entry) -> Value {
        json!({
            "feature_id": entry.id, "entered": entry.seq, "since": entry.written,
            "due": entry.time + self.micros, "dwell": self.dwell,
        })
    }

    /// Who enters and who leaves by a block.
    pub fn pass(&mut self, (entered, left): (Vec<String>, Vec<String>), seq: u64, time: &Value) {
        for id in left {
            self.inside.remove(&id);
        }
        for id in entered {
            self.inside.insert(id.clone(), seq);
            let (time, written) = (micros(time), time.clone());
            self.waiting.push(Entry {
                seq,
                time,
                id,
                written,
            });
        }
    }
}
