//! Writes the seeds: `cargo run --bin seeds`. They are checked in; run this when the
//! format of what is stored changes.

use std::fs;
use std::path::Path;

use formdb_engine::types::{Features, PointBatch, encode_points, parse_features};
use formdb_engine::{Error, Limits};
use formdb_fuzz::journal;

const FEATURES: [&str; 7] = [
    r#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[13.4,52.5]},"properties":{"n":1,"x":1.5e300,"s":"\u00e9\n"}}"#,
    r#"{"type":"Feature","id":7.0,"geometry":null,"properties":null,"provenance":{"source":"s","derived_from":[1,2]}}"#,
    r#"{"type":"FeatureCollection","provenance":{"agent":"x"},"features":[{"type":"Feature","geometry":{"type":"LineString","coordinates":[[170,1],[-170,2,3]]},"properties":{}},{"type":"Feature","id":-3,"geometry":{"type":"MultiPoint","coordinates":[]},"properties":{}}]}"#,
    r#"{"type":"Feature","id":"p","bbox":[0,0,9,9],"geometry":{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[1,2],[2,2],[1,1]]]},"properties":{"nested":[[{"a":[true,false,null]}]]}}"#,
    r#"{"type":"Feature","id":"g","geometry":{"type":"GeometryCollection","geometries":[{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]},{"type":"MultiLineString","coordinates":[[[0,0],[1,1]]]}]},"properties":{}}"#,
    r#"{"type":"Feature","id":18446744073709551615,"geometry":{"type":"Point","coordinates":[-180,-90,1e3]},"properties":{"big":-9223372036854775808,"huge":1e400}}"#,
    r#"{"type":"Feature","id":123456789012345678901,"geometry":{"type":"Point","coordinates":[1,2],"geometries":[{"type":"Point"}]},"properties":{"type":"Point","geometry":null},"coordinates":[[9,9]]}"#,
];

const POINTS: [&str; 4] = [
    r#"{"series_id":"s","timestamp":"2026-01-01T00:00:00Z","value":1.5,"metadata":{"q":1},"provenance":{"source":"x"}}"#,
    r#"{"points":[{"series_id":"s","timestamp":-5,"value":0},{"series_id":"t","timestamp":"2026-01-01T00:00:00.000001+02:00","value":-1e9,"metadata":{}}],"provenance":{}}"#,
    r#"{"series_id":"s","timestamps":[1,2,3],"values":[0.5,1,1e-300]}"#,
    r#"{"series_id":"s","timestamps":[],"values":[]}"#,
];

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    for (i, text) in FEATURES.iter().enumerate() {
        write("features", &format!("{i}.json"), text.as_bytes())?;
        write("json", &format!("feature-{i}.json"), text.as_bytes())?;
        for (j, body) in bodies(text).unwrap_or_default().iter().enumerate() {
            write("cbor", &format!("feature-{i}-{j}.cbor"), body)?;
        }
    }
    for (i, text) in POINTS.iter().enumerate() {
        write("points", &format!("{i}.json"), text.as_bytes())?;
        write("json", &format!("points-{i}.json"), text.as_bytes())?;
    }
    for count in [1, 5, 200] {
        let metadata = if count == 5 {
            vec![Some(vec![0xa0]); 5]
        } else {
            Vec::new()
        };
        let batch = PointBatch {
            series: "s".into(),
            timestamps: (0..count).map(|i| i * 60_000_000).collect(),
            values: (0..count).map(|i| i as f64 / 4.0).collect(),
            metadata,
            provenance: None,
        };
        write(
            "points_batch",
            &format!("{count}.cbor"),
            &encode_points(&batch),
        )?;
        write(
            "cbor",
            &format!("points-{count}.cbor"),
            &encode_points(&batch),
        )?;
    }
    // Blocks of a real journal: the first of each group.
    for (i, (_, bytes)) in journal().segments.iter().enumerate() {
        let record = &bytes[128 + 96 + 4..];
        let len = u32::from_le_bytes([record[0], record[1], record[2], record[3]]) as usize;
        write("block", &format!("{i}.cbor"), &record[8..8 + len])?;
        // A copy of the first group after the end, and one in the middle.
        let body = u32::from_le_bytes([bytes[136], bytes[137], bytes[138], bytes[139]]) as usize;
        let group = &bytes[128..128 + 96 + body.min(600)];
        for how in 0..8 {
            let head = [how, i as u8, 128, 0];
            write(
                "recovery",
                &format!("{i}-{how}"),
                &[&head[..], group].concat(),
            )?;
        }
    }
    for (i, byte) in [0, 37, 91, 150, 203].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..90_u8)
            .map(|n| n.wrapping_mul(byte).rotate_left(3))
            .collect();
        write("documents", &i.to_string(), &bytes)?;
        write("predicates", &i.to_string(), &bytes)?;
        // Bytes in front of, in and after frames, sealed or not.
        for how in 0..8 {
            let head = [how, byte, i as u8];
            write(
                "snapshots",
                &format!("{i}-{how}"),
                &[&head[..], &bytes[..12]].concat(),
            )?;
        }
    }
    write("operations", "writes", &[0, 1, 0, 2, 1, 3, 5, 2, 9, 6, 5])?;
    write(
        "operations",
        "pages",
        &[0, 4, 0, 8, 3, 0, 180, 0, 180, 1, 7, 4, 0, 1, 59, 0, 2, 3],
    )?;
    write(
        "operations",
        "kills",
        &[0, 1, 7, 0, 2, 7, 0, 3, 6, 0, 9, 7, 5],
    )
}

fn bodies(text: &str) -> Result<Vec<Vec<u8>>, Error> {
    Ok(match parse_features(text.as_bytes(), &Limits::default())? {
        Features::One(feature) => vec![feature.body],
        Features::Many(features) => features.into_iter().map(|feature| feature.body).collect(),
    })
}
