use std::collections::HashMap;
use std::time::Instant;

use super::*;
use crate::testing::Random;

/// What the table is compared with: the signature each feature counts under, and how
/// many features each signature has.
#[derive(Default)]
struct Model {
    features: HashMap<u32, Vec<u8>>,
    counts: HashMap<Vec<u8>, u64>,
}

impl Model {
    fn set(&mut self, number: u32, signature: Option<&FeatureSignature>) {
        if let Some(before) = self.features.remove(&number) {
            let count = self.counts.get_mut(&before).unwrap();
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&before);
            }
        }
        let Some(signature) = signature else {
            return;
        };
        let told_apart = || self.counts.keys().filter(|bytes| bytes.len() > 1);
        let bytes: usize = told_apart().map(Vec::len).sum();
        let room =
            told_apart().count() < MAX_SHAPES && bytes + signature.as_bytes().len() <= MAX_BYTES;
        let counted = if room || self.counts.contains_key(signature.as_bytes()) {
            signature.as_bytes().to_vec()
        } else {
            vec![signature.geometry() as u8 | 0x80]
        };
        *self.counts.entry(counted.clone()).or_default() += 1;
        self.features.insert(number, counted);
    }

    /// Features whose properties are not known.
    fn unknown(&self) -> u64 {
        let unknown = self.counts.iter().filter(|(bytes, _)| bytes.len() == 1);
        unknown.map(|(_, count)| count).sum()
    }
}

fn counts(table: &SignatureTable) -> HashMap<Vec<u8>, u64> {
    counts_at(table, u64::MAX)
}

fn counts_at(table: &SignatureTable, at: u64) -> HashMap<Vec<u8>, u64> {
    let counts = table.counts(at);
    let distinct = counts.len();
    let counts: HashMap<Vec<u8>, u64> = counts
        .into_iter()
        .map(|(signature, features)| (signature.as_bytes().to_vec(), features))
        .collect();
    assert_eq!(counts.len(), distinct, "a signature is there twice");
    counts
}

/// A signature with one property, the name of which has `len` bytes.
fn signature(n: u32, len: usize) -> FeatureSignature {
    let mut bytes = vec![(n % 8) as u8, 3, 0x79];
    bytes.extend_from_slice(&(len as u16).to_be_bytes());
    bytes.extend_from_slice(format!("{n:0len$}").as_bytes());
    FeatureSignature::from_bytes(&bytes).unwrap()
}

/// Random writes and deletes, so many of which would be of other signatures that they
/// do not all fit, and then fewer again.
fn churn(signatures: &[FeatureSignature], features: u32, steps: usize) {
    let mut random = Random(0x5eed);
    let mut table = SignatureTable::default();
    let mut model = Model::default();
    let mut most = 0;
    // Before the last group of writes, which began at a step.
    let mut before = (0, HashMap::new());
    for step in 0..steps {
        if random.below(steps as u64 / 16) == 0 {
            table.begin_group(step as u64 + 1);
            before = (step as u64, model.counts.clone());
        }
        let number = random.below(u64::from(features)) as u32;
        let first = random.below(signatures.len() as u64) as usize;
        // Deletes prevail in the second half.
        let deletes = if step < steps / 2 { 1 } else { 12 };
        let signature = (random.below(16) >= deletes).then(|| &signatures[first]);
        table.set(number, signature);
        model.set(number, signature);
        if step % (steps / 8) == 0 {
            assert_eq!(counts(&table), model.counts, "step {step}");
            if before.0 > 0 {
                assert_eq!(counts_at(&table, before.0), before.1, "step {step}");
            }
            most = most.max(model.unknown());
        }
    }
    assert_eq!(counts(&table), model.counts);
    assert!(most > 0, "the bound was never reached");
    assert!(model.unknown() < most, "nothing ever left");
    for number in 0..features {
        table.set(number, None);
    }
    assert_eq!(counts(&table), HashMap::new());
    assert_eq!((table.bytes, table.numbers.len()), (0, UNKNOWN));
    table.set(0, Some(&signatures[0]));
    assert_eq!(
        counts(&table),
        HashMap::from([(signatures[0].as_bytes().to_vec(), 1)])
    );
}

#[test]
fn there_are_so_many_shapes_and_no_more() {
    // All of them fit into the bytes.
    let signatures: Vec<_> = (0..MAX_SHAPES as u32 + 5)
        .map(|n| signature(n, 9))
        .collect();
    let mut table = SignatureTable::default();
    for (number, signature) in (0..).zip(&signatures) {
        table.set(number, Some(signature));
    }
    let known = |table: &SignatureTable| {
        let counts = table.counts(u64::MAX);
        counts
            .iter()
            .filter(|(s, _)| s.properties().is_some())
            .count()
    };
    assert_eq!(known(&table), MAX_SHAPES);
    let unknown = |n: u32| FeatureSignature::unknown(GeometryType::ALL[n as usize % 8]);
    let now = counts(&table);
    for n in MAX_SHAPES as u32..MAX_SHAPES as u32 + 5 {
        assert_eq!(now.get(unknown(n).as_bytes()), Some(&1));
    }
    // One that is known has always room, and one that goes leaves some: to itself
    // as well.
    table.set(9_000, Some(&signatures[7]));
    assert_eq!(counts(&table)[signatures[7].as_bytes()], 2);
    table.set(3, Some(&signatures[MAX_SHAPES]));
    assert_eq!(counts(&table)[signatures[MAX_SHAPES].as_bytes()], 1);
    assert_eq!(counts(&table).get(signatures[3].as_bytes()), None);
    assert_eq!(known(&table), MAX_SHAPES);
}

#[test]
fn counts_agree_with_a_plain_map_when_there_are_too_many_shapes() {
    let signatures: Vec<_> = (0..12_000).map(|n| signature(n, 9)).collect();
    churn(&signatures, 9_000, 32_000);
}

#[test]
fn counts_agree_with_a_plain_map_when_shapes_are_too_long() {
    let signatures: Vec<_> = (0..1_200).map(|n| signature(n, 8_000)).collect();
    assert!(signatures.len() * 8_000 > 2 * MAX_BYTES);
    churn(&signatures, 1_500, 3_000);
}

#[test]
fn a_feature_without_a_shape_is_not_counted() {
    let mut table = SignatureTable::default();
    let wide = FeatureSignature::unknown(GeometryType::Polygon);
    table.set(5, Some(&wide));
    table.set(2, None);
    assert_eq!(table.current.len(), 6);
    assert_eq!(table.counts(u64::MAX), [(wide.clone(), 1)]);
    table.set(5, Some(&wide));
    table.set(4, Some(&signature(4, 3)));
    assert_eq!(table.counts(u64::MAX), [(wide, 1), (signature(4, 3), 1)]);
    table.set(5, None);
    table.set(5, None);
    table.set(1_000_000, None);
    assert_eq!(table.counts(u64::MAX), [(signature(4, 3), 1)]);
}

/// Figures for planning; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn timings() {
    const N: u32 = 1_000_000;
    for distinct in [1, 20, 4_000] {
        let signatures: Vec<_> = (0..distinct).map(|n| signature(n, 60)).collect();
        let mut table = SignatureTable::default();
        let pick = |n: u32| &signatures[(n.wrapping_mul(0x9e37_79b1) % distinct) as usize];
        let start = Instant::now();
        for n in 0..N {
            table.set(n, Some(pick(n)));
        }
        let first = start.elapsed() / N;
        let start = Instant::now();
        for n in 0..N {
            table.set(n, Some(pick(n + 1)));
        }
        let again = start.elapsed() / N;
        let start = Instant::now();
        let counts = table.counts(u64::MAX).len();
        println!(
            "{distinct} signatures: first {first:?}, again {again:?}, counts of {counts} {:?}",
            start.elapsed()
        );
    }
}
