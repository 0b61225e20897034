//! A random history: features that move, change and go, points of series, reverts,
//! transactions of several blocks, defaults, weak writes.

use formdb_engine::{Cancel, Database, Durability, Operation, Transaction, Undo};

use super::support::random;
use super::support::rng::mixed;

pub const SERIES: [&str; 5] = ["a/x", "a/y", "b/x", "a", "é/x"];
pub const KINDS: [&str; 3] = ["car", "ship", "é"];

/// Numbers that a seed decides.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64, n: u64) -> Self {
        Self(mixed(seed, n) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        random(&mut self.0) % bound
    }

    pub fn pick<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len() as u64) as usize]
    }

    pub fn once_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A longitude or a latitude on a grid, so that things often touch.
fn degrees(dice: &mut Dice, most: i64) -> i64 {
    dice.below(2 * most as u64 + 1) as i64 - most
}

pub fn rectangle([w, s, e, n]: [i64; 4]) -> String {
    format!(
        r#"{{"type":"Polygon","coordinates":[[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]]}}"#
    )
}

/// West, south, east and north of a rectangle that has an area.
pub fn corners(dice: &mut Dice) -> [i64; 4] {
    let (x, y) = (degrees(dice, 8), degrees(dice, 8));
    let (w, h) = (1 + dice.below(6) as i64, 1 + dice.below(6) as i64);
    [x, y, x + w, y + h]
}

fn geometry(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => "null".into(),
        1..3 => rectangle(corners(dice)),
        // Beyond the boxes, on the other side.
        3 => point(175 + dice.below(6) as i64, 5),
        4 => point(-175 - dice.below(6) as i64, 5),
        // A pole, or near one.
        5 => point(
            dice.below(361) as i64 - 180,
            [90, 89, -89, -90][dice.below(4) as usize],
        ),
        6 if dice.once_in(3) => rectangle([170, 3, 180, 90]),
        6 if dice.once_in(2) => rectangle([-180, -90, -170, 5]),
        _ => point(degrees(dice, 10), degrees(dice, 10)),
    }
}

fn point(x: i64, y: i64) -> String {
    format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#)
}

fn feature(db: &Database, dice: &mut Dice) -> Vec<Operation> {
    let kind = dice.pick(&KINDS);
    let number = match dice.below(4) {
        0 => String::new(),
        _ => format!(r#","n":{}"#, dice.below(6)),
    };
    let padding = match dice.below(12) {
        0 => format!(r#","text":"{}""#, "x".repeat(1_500)),
        _ => String::new(),
    };
    let text = format!(
        r#"{{"type":"Feature","id":"f{}","geometry":{},"properties":{{"kind":"{kind}"{number}{padding}}},"provenance":{{"source":"s{}"}}}}"#,
        dice.below(9),
        geometry(dice),
        dice.below(3),
    );
    db.prepare_features(text.as_bytes()).unwrap().operations
}

fn points(db: &Database, dice: &mut Dice) -> Vec<Operation> {
    let series = dice.pick(&SERIES);
    let first = dice.below(500) as i64;
    let times: Vec<i64> = (0..1 + dice.below(20) as i64)
        .map(|i| first + i * 7)
        .collect();
    let values = times.iter().map(|t| *t as f64).collect();
    db.prepare_columns(series, times, values, None)
        .unwrap()
        .operations
}

/// The operations of one transaction, and what must hold.
fn operations(db: &Database, dice: &mut Dice) -> Transaction {
    let mut transaction = Transaction::default();
    transaction.operations = match dice.below(12) {
        0..5 => feature(db, dice),
        5 => {
            let parts = (0..2 + dice.below(4)).flat_map(|_| match dice.below(2) {
                0 => feature(db, dice),
                _ => points(db, dice),
            });
            parts.collect()
        }
        6 => {
            let id = format!("f{}", dice.below(9));
            db.prepare_delete_feature(&id, None).into_iter().collect()
        }
        7 => {
            let start = dice.below(500) as i64;
            let series = dice.pick(&SERIES);
            let delete = db.prepare_delete_points(series, start, start + 100, None);
            delete.into_iter().collect()
        }
        8 if dice.once_in(2) => {
            let series = dice.pick(&SERIES);
            let text = format!(r#"{{"unit":"u{}"}}"#, dice.below(3));
            let set = db.prepare_attributes(series, text.as_bytes());
            set.into_iter().collect()
        }
        8 => {
            let text = format!(
                r#"{{"on_duplicate":"{}"}}"#,
                dice.pick(&["keep", "replace"])
            );
            vec![db.prepare_defaults(text.as_bytes()).unwrap()]
        }
        9 | 10 => {
            let seq = 1 + dice.below(db.info().unwrap().seq.max(1));
            let undo = Undo::parse(format!(r#"{{"sequences":[{seq}]}}"#).as_bytes(), true).unwrap();
            match db.prepare_undo(&undo, None, &db.budget(Cancel::default())) {
                Ok(prepared) => {
                    transaction.conditions = prepared.conditions;
                    prepared.operations
                }
                Err(_) => Vec::new(),
            }
        }
        _ => points(db, dice),
    };
    transaction.durability = match dice.below(6) {
        0 => Durability::None,
        1 => Durability::Interval,
        _ => Durability::Sync,
    };
    transaction
}

/// Write one transaction, if the dice come to one that can be.
pub fn write(db: &Database, dice: &mut Dice) {
    let transaction = operations(db, dice);
    if !transaction.operations.is_empty() {
        let _ = db.write_transaction(transaction);
    }
}

/// Write something durable, so that all before it is.
pub fn settle(db: &Database) {
    let text = br#"{"type":"Feature","id":"last","geometry":null,"properties":{}}"#;
    db.write(db.prepare_features(text).unwrap().operations)
        .unwrap();
}
