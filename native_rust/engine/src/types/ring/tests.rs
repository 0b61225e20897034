use proptest::prelude::*;

use super::*;

fn crossing(ring: &[[f64; 2]]) -> Option<[[f64; 2]; 2]> {
    let mut rings = Rings::default();
    rings.begin();
    ring.iter().for_each(|position| rings.push(*position));
    rings.crossing()
}

/// Whether two edges have a position in common, in whole numbers.
fn share(a: [[i64; 2]; 2], b: [[i64; 2]; 2]) -> bool {
    let turn = |p: [i64; 2], q: [i64; 2], r: [i64; 2]| {
        ((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])).signum()
    };
    let apart = (0..2).any(|axis| {
        let span = |edge: [[i64; 2]; 2]| {
            let (p, q) = (edge[0][axis], edge[1][axis]);
            (p.min(q), p.max(q))
        };
        span(a).1 < span(b).0 || span(b).1 < span(a).0
    });
    !apart
        && turn(a[0], a[1], b[0]) * turn(a[0], a[1], b[1]) <= 0
        && turn(b[0], b[1], a[0]) * turn(b[0], b[1], a[1]) <= 0
}

/// Every pair of edges.
fn brute(ring: &[[i64; 2]]) -> bool {
    let mut edges: Vec<[[i64; 2]; 2]> = Vec::new();
    for ends in ring.windows(2) {
        if ends[0] != ends[1] {
            edges.push([ends[0], ends[1]]);
        }
    }
    let count = edges.len();
    for i in 0..count {
        for j in i + 1..count {
            let (a, b) = (edges[i], edges[j]);
            let meets = if count == 2 {
                true
            } else if j == i + 1 {
                back(a, b)
            } else if i == 0 && j == count - 1 {
                back(b, a)
            } else {
                share(a, b)
            };
            if meets {
                return true;
            }
        }
    }
    false
}

/// Whether `b`, which begins where `a` ends, has another position of it.
fn back(a: [[i64; 2]; 2], b: [[i64; 2]; 2]) -> bool {
    let ([ax, ay], [bx, by]) = (
        [a[0][0] - a[1][0], a[0][1] - a[1][1]],
        [b[1][0] - b[0][0], b[1][1] - b[0][1]],
    );
    ax * by == ay * bx && ax * bx + ay * by > 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn rings_meet_themselves_as_every_pair_of_edges_says(
        mut ring in prop::collection::vec(prop::array::uniform2(-4..5_i64), 3..9),
    ) {
        ring.push(ring[0]);
        let floats: Vec<[f64; 2]> = ring.iter().map(|[x, y]| [*x as f64, *y as f64]).collect();
        let expected = ring.iter().any(|p| *p != ring[0]) && brute(&ring);
        prop_assert_eq!(crossing(&floats).is_some(), expected);
    }
}

#[test]
fn a_bow_tie_a_spike_and_a_touching_vertex_are_found() {
    let bow_tie = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]];
    assert_eq!(crossing(&bow_tie), Some([[0.0, 0.0], [1.0, 0.0]]));
    let spike = [
        [0.0, 0.0],
        [2.0, 0.0],
        [3.0, 0.0],
        [2.0, 0.0],
        [2.0, 2.0],
        [0.0, 0.0],
    ];
    assert!(crossing(&spike).is_some());
    let touching = [
        [0.0, 0.0],
        [2.0, 2.0],
        [4.0, 0.0],
        [4.0, 4.0],
        [2.0, 2.0],
        [0.0, 4.0],
        [0.0, 0.0],
    ];
    assert!(crossing(&touching).is_some());
    // A position twice in a row is none.
    assert_eq!(
        crossing(&[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
        None
    );
}

#[test]
fn work_is_bounded() {
    let circle = |count: usize| -> Vec<[f64; 2]> {
        let angle = |i: usize| (i % count) as f64 / count as f64 * std::f64::consts::TAU;
        (0..=count)
            .map(|i| [angle(i).cos(), angle(i).sin()])
            .collect()
    };
    let mut crossed = circle(RING_POSITIONS - 1);
    assert_eq!(crossing(&crossed), None);
    crossed.swap(100, 5_000);
    assert!(crossing(&crossed).is_some());
    let mut long = circle(RING_POSITIONS);
    long.swap(100, 5_000);
    assert_eq!(crossing(&long), None);
    // A comb, all of whose teeth lie side by side along either axis. Where two of the last ones
    // cross is not reached.
    let tooth = |i: u32| {
        let far = f64::from(i % 2) * 1e3;
        [far + f64::from(i), far - f64::from(i)]
    };
    let comb = |count: u32| {
        let mut comb: Vec<[f64; 2]> = (0..count).map(tooth).collect();
        comb.extend([[-5e3, -2e4], [0.0, 0.0]]);
        comb
    };
    let mut few = comb(30);
    assert_eq!(crossing(&few), None);
    few.swap(1, 3);
    assert!(crossing(&few).is_some());
    let mut many = comb(5_000);
    many.swap(1, 3);
    assert_eq!(crossing(&many), None);
}
