//! Hostile documents: features, geometries, properties, patches and points with members
//! that have the words of GeoJSON and of our own API for names, at every level, of every
//! JSON type. Most of them are good: only where a word has a meaning, it now and then has
//! a value that it must not have.
//!
//! What is made is decided by bytes, so that proptest can shrink it and a fuzzer find it.

use serde_json::{Map, Value, json};

/// Names of members.
pub const WORDS: [&str; 37] = [
    "type",
    "id",
    "geometry",
    "properties",
    "bbox",
    "coordinates",
    "geometries",
    "features",
    "crs",
    "provenance",
    "derived_from",
    "feature_id",
    "series_id",
    "timestamp",
    "timestamps",
    "value",
    "values",
    "metadata",
    "points",
    "seq",
    "hash",
    "time",
    "op",
    "body",
    "prev",
    "actor",
    "txn",
    "key",
    "block",
    "operations",
    "distance",
    "links",
    "n",
    "ts",
    "codec",
    "series",
    "",
];

/// Where in a document a member is.
pub const LEVELS: [&str; 7] = [
    "feature",
    "geometry",
    "part",
    "properties",
    "below",
    "provenance",
    "metadata",
];

const TYPES: [&str; 9] = [
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
    "Feature",
    "point",
];

/// The middle of the place where the geometry of a feature is: far from all others, in
/// the middle of its own ten degrees.
pub type Place = [i64; 2];

/// Bytes, each of which decides something; when they are used up, all is 0.
pub struct Choices<'b>(pub &'b [u8]);

impl Choices<'_> {
    pub fn below(&mut self, n: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % n.max(1)
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    /// A place on the grid.
    pub fn place(&mut self) -> Place {
        [
            self.below(9) as i64 * 10 - 45,
            self.below(5) as i64 * 10 - 25,
        ]
    }

    fn number(&mut self) -> Value {
        match self.below(8) {
            0 => json!(0),
            1 => json!(5),
            2 => json!(-1.5),
            3 => json!(u64::MAX),
            4 => json!(i64::MIN),
            5 => json!(1e300),
            6 => json!(0.1),
            _ => json!(self.below(256)),
        }
    }

    /// Anything.
    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 0 { 10 } else { 5 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 1),
            2 => self.number(),
            3 => json!(self.word()),
            4 => json!(TYPES[self.below(TYPES.len())]),
            5 => {
                let place = self.place();
                self.geometry(place, 1)
            }
            6 => json!([[50, 50], [self.below(100), self.below(90)]]),
            7 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let mut members = Map::new();
                for _ in 0..self.below(4) {
                    let word = self.word();
                    members.insert(word.into(), self.value(depth - 1));
                }
                Value::Object(members)
            }
        }
    }

    /// Adds members that mean nothing.
    fn add_foreign(&mut self, members: &mut Map<String, Value>, meant: &[&str]) {
        for _ in 0..self.below(4) {
            let word = self.word();
            if !meant.contains(&word) {
                let value = match word {
                    // Old GeoJSON gives it a meaning where there is a type.
                    "crs" if meant.contains(&"type") && !self.once_in(20) => wgs84(),
                    _ => self.value(2),
                };
                members.insert(word.into(), value);
            }
        }
    }

    /// An object whose members mean nothing.
    fn object(&mut self) -> Value {
        let mut members = Map::new();
        self.add_foreign(&mut members, &[]);
        Value::Object(members)
    }

    /// A provenance.
    pub fn provenance(&mut self) -> Value {
        let mut members = Map::new();
        self.add_foreign(&mut members, &["derived_from"]);
        match self.below(12) {
            0 => members.insert("derived_from".into(), json!(["ab".repeat(32)])),
            1 => members.insert("derived_from".into(), json!([])),
            // A list may name a block that is not there.
            11 => match self.value(1) {
                Value::Array(_) => None,
                other => members.insert("derived_from".into(), other),
            },
            _ => None,
        };
        Value::Object(members)
    }

    /// A geometry of any type within two degrees of the middle of a place.
    pub fn geometry(&mut self, place: Place, depth: usize) -> Value {
        let kind = TYPES[self.below(if depth > 0 { 7 } else { 6 })];
        let mut members = Map::new();
        members.insert("type".into(), json!(kind));
        let several = |this: &mut Self, most: usize, part: fn(&mut Self, Place) -> Value| {
            let count = this.below(most + 1);
            (0..count).map(|_| part(this, place)).collect::<Value>()
        };
        let parts = match kind {
            "Point" => Self::position(self, place),
            "MultiPoint" => several(self, 3, Self::position),
            "LineString" => Self::line(self, place),
            "MultiLineString" => several(self, 2, Self::line),
            "Polygon" => Self::polygon(self, place),
            "MultiPolygon" => several(self, 2, Self::polygon),
            _ => {
                let count = self.below(3);
                (0..count)
                    .map(|_| self.geometry(place, depth - 1))
                    .collect()
            }
        };
        let (meant, other) = match kind {
            "GeometryCollection" => ("geometries", "coordinates"),
            _ => ("coordinates", "geometries"),
        };
        members.insert(meant.into(), parts);
        if self.below(4) == 1 {
            let [x, y] = place;
            members.insert("bbox".into(), json!([x, y, x + 1, y as f64 + 1.5]));
        }
        // What the other types have is what readers are most likely to fall for.
        if self.below(3) == 1 {
            let foreign = self.value(2);
            members.insert(other.into(), foreign);
        }
        self.add_foreign(&mut members, &["type", "bbox", meant]);
        if self.once_in(80) {
            let word = ["type", "bbox", meant][self.below(3)];
            let wrong = self.value(2);
            members.insert(word.into(), wrong);
        }
        Value::Object(members)
    }

    fn position(&mut self, [x, y]: Place) -> Value {
        let (dx, dy) = (self.below(7) as f64 / 4.0, self.below(7) as f64 / 4.0);
        match self.below(4) {
            0 => json!([x, y, self.below(200)]),
            1 => json!([x, y as f64 + dy, 1.5, self.below(200), -1]),
            _ => json!([x as f64 + dx, y as f64 + dy]),
        }
    }

    fn line(&mut self, [x, y]: Place) -> Value {
        let count = 2 + self.below(3) as i64;
        (0..count)
            .map(|i| json!([x as f64 + i as f64 / 4.0, y + self.below(3) as i64]))
            .collect()
    }

    fn polygon(&mut self, [x, y]: Place) -> Value {
        let size = 1.0 + self.below(3) as f64 / 4.0;
        let (w, s) = (x as f64, y as f64);
        let (e, n) = (w + size, s + size);
        json!([[[w, s], [e, s], [e, n], [w, n], [w, s]]])
    }

    /// The members of a feature but for its type and id, some of them: a patch.
    pub fn patch(&mut self, place: Place) -> Value {
        let mut members = Map::new();
        match self.below(4) {
            0 => members.insert("geometry".into(), self.geometry(place, 2)),
            1 => members.insert("geometry".into(), Value::Null),
            _ => None,
        };
        match self.below(5) {
            0 => members.insert("properties".into(), Value::Null),
            1 | 2 => members.insert("properties".into(), self.object()),
            _ => None,
        };
        if self.below(3) == 0 {
            let provenance = self.provenance();
            members.insert("provenance".into(), provenance);
        }
        self.add_foreign(&mut members, &MEANT);
        if self.once_in(40) {
            let word = MEANT[self.below(MEANT.len())];
            let wrong = self.value(2);
            members.insert(word.into(), wrong);
        }
        Value::Object(members)
    }

    /// A feature with its geometry at a place, or with none.
    pub fn feature(&mut self, id: &str, place: Place) -> Value {
        let Value::Object(mut members) = self.patch(place) else {
            return Value::Null;
        };
        members.entry("type").or_insert(json!("Feature"));
        // None, or a number, is an id too, but not one that the tests go by.
        if matches!(
            members.get("id"),
            None | Some(Value::Null | Value::Number(_))
        ) {
            members.insert("id".into(), json!(id));
        }
        if !members.contains_key("geometry") {
            let geometry = self.geometry(place, 2);
            members.insert("geometry".into(), geometry);
        }
        if self.below(4) == 1 {
            let [x, y] = place;
            let around = json!([x, y, 0, x + 2, y + 2, 1]);
            members.entry("bbox").or_insert(around);
        }
        // A geometry alone would be taken, too, as a feature with an id of the server's.
        if members.get("type").is_some_and(|kind| kind != "Feature") {
            members.remove("coordinates");
            members.remove("geometries");
        }
        Value::Object(members)
    }

    /// A point of a series, which has no members but those that mean something.
    pub fn point(&mut self, series: &str, timestamp: i64) -> Value {
        let mut point =
            json!({"series_id": series, "timestamp": timestamp, "value": self.below(100)});
        if self.below(4) > 0 {
            point["metadata"] = self.object();
        }
        if self.below(3) == 0 {
            point["provenance"] = self.provenance();
        }
        if self.once_in(12) {
            let word = self.word();
            point[word] = self.value(1);
        }
        point
    }
}

fn wgs84() -> Value {
    json!({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}})
}

/// A feature as it is kept and given back: without members that are null and would mean something
/// otherwise, and with properties, be it null.
pub fn given_back(mut feature: Value) -> Value {
    fn without(value: &mut Value, names: &[&str]) {
        let Value::Object(members) = value else {
            return;
        };
        for name in names {
            if members.get(*name) == Some(&Value::Null) {
                members.remove(*name);
            }
        }
        if members
            .get("type")
            .is_some_and(|kind| kind == "GeometryCollection")
            && let Some(Value::Array(parts)) = members.get_mut("geometries")
        {
            parts
                .iter_mut()
                .for_each(|part| without(part, &["bbox", "crs"]));
        }
    }
    without(&mut feature, &["bbox", "crs", "provenance"]);
    if let Value::Object(members) = &mut feature {
        members.entry("properties").or_insert(Value::Null);
        if let Some(geometry) = members.get_mut("geometry") {
            without(geometry, &["bbox", "crs"]);
        }
    }
    feature
}

/// The members of a feature that mean something.
const MEANT: [&str; 6] = ["type", "id", "geometry", "properties", "bbox", "provenance"];

/// The positions of a geometry, by its type.
pub fn positions(geometry: &Value, out: &mut Vec<[f64; 2]>) {
    fn within(value: &Value, arrays: usize, out: &mut Vec<[f64; 2]>) {
        match arrays {
            0 => out.push([value[0].as_f64().unwrap(), value[1].as_f64().unwrap()]),
            more => value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|part| within(part, more - 1, out)),
        }
    }
    match geometry["type"].as_str() {
        None => {}
        Some("GeometryCollection") => {
            let parts = geometry["geometries"].as_array().unwrap();
            parts.iter().for_each(|part| positions(part, out));
        }
        Some(kind) => {
            let arrays = match kind {
                "Point" => 0,
                "MultiPoint" | "LineString" => 1,
                "Polygon" | "MultiLineString" => 2,
                _ => 3,
            };
            within(&geometry["coordinates"], arrays, out);
        }
    }
}

/// Calls `found` with the place in [`LEVELS`] and the name of each member of a document.
pub fn each_member(document: &Value, found: &mut impl FnMut(usize, &str)) {
    let Value::Object(members) = document else {
        return;
    };
    let point = members.contains_key("timestamp") && !members.contains_key("type");
    for (name, value) in members {
        if !point {
            found(0, name);
        }
        match name.as_str() {
            "geometry" => of_geometry(value, 1, found),
            "properties" => of_object(value, 3, found),
            "provenance" => of_object(value, 5, found),
            "metadata" if point => of_object(value, 6, found),
            _ => of_object(value, 4, found),
        }
    }
}

fn of_geometry(geometry: &Value, level: usize, found: &mut impl FnMut(usize, &str)) {
    let Value::Object(members) = geometry else {
        return;
    };
    for (name, value) in members {
        found(level, name);
        match value {
            Value::Array(parts)
                if name == "geometries" && geometry["type"] == "GeometryCollection" =>
            {
                parts.iter().for_each(|part| of_geometry(part, 2, found));
            }
            value => of_object(value, 4, found),
        }
    }
}

fn of_object(value: &Value, level: usize, found: &mut impl FnMut(usize, &str)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found(level, name);
                of_object(value, 4, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_object(item, 4, found)),
        _ => {}
    }
}
