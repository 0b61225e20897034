//! Versions in two layers, and crowds.

use rstar::RTreeNode;

use super::layer::CROWDED;
use super::*;

#[test]
fn a_leaf_takes_no_more_than_an_inner_node() {
    // A vector and an envelope; the tag hides in the vector.
    assert_eq!(size_of::<RTreeNode<SpatialEntry>>(), 24 + 32);
}

#[test]
fn the_present_does_not_look_at_history() {
    let place = Rect::point([1.0, 2.0]);
    let mut index = SpatialIndex::default();
    index.insert(place, 1);
    for begin_seq in 2..=50 {
        index.insert(place, begin_seq);
        index.end(place, begin_seq - 1, begin_seq);
    }
    let hits = |index: &SpatialIndex, at| {
        let mut hits = Vec::new();
        index.query(&[place], at, |begin_seq, _| {
            hits.push(begin_seq);
            ControlFlow::Continue(())
        });
        hits
    };
    assert_eq!((index.hot.tree.size(), index.history.sizes()), (50, (0, 0)));
    for begin_seq in 1..50 {
        index.archive(place, begin_seq);
        assert_eq!(hits(&index, 50), [50]);
        assert_eq!(hits(&index, begin_seq), [begin_seq]);
    }
    assert_eq!((index.hot.tree.size(), index.history.sizes()), (1, (49, 0)));
    assert_eq!(index.horizon, 50);
    assert_eq!(hits(&index, 0), [] as [u64; 0]);
}

#[test]
fn versions_in_a_crowd_come_and_go_like_others() {
    let place = Rect::point([1.0, -0.0]);
    let beside = Rect::point([1.0, 0.5]);
    let many = 10 * CROWDED as u64;
    let mut index = SpatialIndex::default();
    for begin_seq in 1..=many {
        index.insert(place, begin_seq);
    }
    index.insert(beside, many + 1);
    // Noticed on the way.
    assert_eq!((index.hot.tree.size(), index.hot.crowds.len()), (2, 1));
    let hits = |index: &SpatialIndex, at| {
        let mut hits = Vec::new();
        let world = Rect {
            min: [-9.0; 2],
            max: [9.0; 2],
        };
        index.query(&[world], at, |begin_seq, rect| {
            assert_eq!(rect == beside, begin_seq == many + 1);
            hits.push(begin_seq);
            ControlFlow::Continue(())
        });
        hits.sort_unstable();
        hits
    };
    // The even ones end, newest first, which sees them all; then all others.
    let even = (1..=many).rev().filter(|begin_seq| begin_seq % 2 == 0);
    let order: Vec<u64> = even
        .chain((1..=many).filter(|begin_seq| begin_seq % 2 == 1))
        .collect();
    let mut alive: Vec<u64> = (1..=many + 1).collect();
    let mut end_seq = many + 1;
    for begin_seq in &order {
        end_seq += 1;
        index.end(place, *begin_seq, end_seq);
        alive.retain(|other| other != begin_seq);
        assert_eq!(hits(&index, end_seq), alive);
        if begin_seq % 3 == 0 {
            index.archive(place, *begin_seq);
            assert_eq!(hits(&index, end_seq), alive);
        }
    }
    assert_eq!((index.hot.tree.size(), index.hot.crowds.len()), (2, 1));
    // A bucket takes new versions, and is gone when it is empty.
    index.insert(Rect::point([1.0, 0.0]), end_seq + 1);
    assert_eq!(hits(&index, end_seq + 1), [many + 1, end_seq + 1]);
    index.end(place, end_seq + 1, end_seq + 2);
    index.archive(place, end_seq + 1);
    for begin_seq in order.iter().filter(|begin_seq| *begin_seq % 3 != 0) {
        index.archive(place, *begin_seq);
    }
    assert_eq!((index.hot.tree.size(), index.hot.crowds.len()), (1, 0));
    for at in [many + 1, many + 5, end_seq] {
        let expected = (1..=many + 1).filter(|begin_seq| {
            let ended = order.iter().position(|other| other == begin_seq);
            ended.is_none_or(|ended| at < many + 2 + ended as u64)
        });
        assert_eq!(hits(&index, at), expected.collect::<Vec<_>>(), "{at}");
    }
}

#[test]
fn crowds_are_noticed_while_loading_and_in_the_history() {
    let in_bucket = Rect::point([-0.0, 1.0]);
    let also = Rect::point([0.0, 1.0]);
    let size = 3 * CROWDED as u64;
    // Others, each alone or in company that is no bucket.
    let other = |n: u64| Rect::point([(n % 500) as f64, 7.0]);
    let mut entries: Vec<SpatialEntry> = (1..=10_000)
        .map(|n| SpatialEntry::new(other(n), n, ALIVE))
        .collect();
    entries.extend((10_001..=10_000 + size).map(|n| {
        let rect = [in_bucket, also][n as usize % 2];
        SpatialEntry::new(rect, n, ALIVE)
    }));
    let mut index = SpatialIndex::bulk_load(entries, Vec::new());
    assert_eq!(index.hot.crowds.len(), 1);
    assert_eq!(index.hot.tree.size(), 10_001);
    let mut at = 10_000 + size;
    for begin_seq in 10_001..=10_000 + size {
        at += 1;
        index.end(also, begin_seq, at);
        index.archive(in_bucket, begin_seq);
    }
    let young = index.history.layers().map(|layer| layer.crowds.len());
    assert_eq!((index.hot.crowds.len(), young.sum::<usize>()), (0, 1));
    let last = at;
    let questions = [10_000, 10_001, 10_000 + size, 10_000 + size + 5, last];
    // And the same once it is packed.
    for at in questions.into_iter().chain(questions) {
        if at == last {
            index.history.set_young(1);
            index.history.settle();
            assert_eq!(index.history.sizes(), (0, size as usize));
        }
        let mut found = Vec::new();
        index.query(&[in_bucket], at, |begin_seq, _| {
            found.push(begin_seq);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        let first = 10_001 + at.saturating_sub(10_000 + size);
        let expected: Vec<u64> = (first..=at.min(10_000 + size)).collect();
        assert_eq!(found, expected, "{at}");
    }
}

#[test]
fn a_crowd_that_dissolves_on_the_way_is_found_once() {
    let place = Rect::point([1.0, 1.0]);
    let mut index = SpatialIndex::default();
    for begin_seq in 1..=300 {
        index.insert(place, begin_seq);
    }
    for begin_seq in 301..=400 {
        index.insert(Rect::point([begin_seq as f64, 7.0]), begin_seq);
    }
    let portions = Portions {
        step: 1,
        part: 50,
        stuck: 1,
        scan: 1_000,
    };
    let mut parts = Parts::new(&[place], 400, portions);
    let mut found = Vec::new();
    while found.is_empty() {
        assert_eq!(index.step(&mut parts, 400, &mut found), Step::More);
    }
    assert!(found.len() < 300);
    for begin_seq in 1..=300 {
        index.end(place, begin_seq, 500 + begin_seq);
        index.archive(place, begin_seq);
    }
    while index.step(&mut parts, 400, &mut found) == Step::More {}
    // Too many others to look through for those of this place alone.
    let mut seqs: Vec<u64> = found.iter().map(|version| version.seq).collect();
    assert!(seqs.len() < 300);
    seqs.extend((1..=400).filter(|seq| {
        let rect = match seq {
            ..=300 => place,
            _ => Rect::point([*seq as f64, 7.0]),
        };
        parts.wants(*seq, &rect)
    }));
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(1..=300));
}

/// Packed trees are merged as they come, so that there are few.
#[test]
fn the_history_is_packed_and_stays_whole() {
    let mut index = SpatialIndex::default();
    index.history.set_young(100);
    let place = |n: u64| Rect::point([(n % 37) as f64, (n % 53) as f64]);
    let world = Rect {
        min: [-9.0; 2],
        max: [90.0; 2],
    };
    index.insert(place(1), 1);
    for seq in 2..=5_000 {
        index.insert(place(seq), seq);
        index.end(place(seq - 1), seq - 1, seq);
        index.archive(place(seq - 1), seq - 1);
        index.tend();
        if seq % 500 != 0 {
            continue;
        }
        // With a thread at work, and without.
        for settled in [false, true] {
            for at in [1, 2, seq / 3, seq - 1, seq] {
                let mut found = Vec::new();
                index.query(&[world], at, |begin_seq, _| {
                    found.push(begin_seq);
                    ControlFlow::Continue(())
                });
                assert_eq!(found, [at], "of {seq}");
            }
            if !settled {
                index.history.settle();
                let (young, packed) = index.history.sizes();
                assert_eq!((young + packed) as u64, seq - 1);
                assert!(young < 100);
            }
        }
    }
    assert!(index.history.packed(Some(1)).count() + index.history.packed(Some(4_000)).count() < 14);
}
