//! The quarters of quarters in which places are counted.
//!
//! Both axes are halved again and again: first at lines that maps are divided at, those of the
//! tiles of web maps and whole degrees, the coarsest first, and then anywhere in the middle. So
//! what a map asks for is put together from whole quarters.

use std::sync::LazyLock;

use crate::geo::tile_row_edge;

/// How often the plane is quartered at most. What is together then is within centimetres.
pub(super) const DEPTH: u32 = 31;

/// Which quarter a place is in at every depth: two bits each, the first ones highest.
pub(super) type Code = u64;

/// Of a position in degrees. O(1).
pub(super) fn code_of(position: [f64; 2]) -> Code {
    let [x, y] = [0, 1].map(|axis| spread(AXES[axis].halves(position[axis])));
    x | y << 1
}

/// The number, from 0 to 3, of the quarter that is entered at a depth.
pub(super) fn quarter(code: Code, depth: u32) -> u32 {
    (code >> (2 * (DEPTH - 1 - depth)) & 3) as u32
}

/// The quarters that were entered down to a depth.
pub(super) fn prefix(code: Code, depth: u32) -> Code {
    code >> (2 * (DEPTH - depth))
}

/// Lets 32 bits stand at every second place (Morton's order).
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

static AXES: LazyLock<[Axis; 2]> = LazyLock::new(|| {
    [
        Axis::new(180.0, |place, count| {
            f64::from(place) / f64::from(count) * 360.0 - 180.0
        }),
        Axis::new(90.0, tile_row_edge),
    ]
});

/// Parts of an axis in which no line is left.
struct Axis {
    bound: f64,
    /// The first part to look at, for each of as many stretches of one length.
    stretches: Vec<usize>,
    parts: Vec<Part>,
}

struct Part {
    begin: f64,
    width: f64,
    /// How it is come to: so many halves, the last one in the lowest bit.
    halves: u32,
    depth: u32,
}

impl Axis {
    /// From `-bound` to `bound`, with the edges of tiles, of which there are so many.
    fn new(bound: f64, tile: impl Fn(u32, u32) -> f64) -> Self {
        let tiles = |zoom: u32| -> Vec<f64> {
            let count = 1 << zoom;
            (1..count).map(|place| tile(place, count)).collect()
        };
        let degrees = |step: i32| -> Vec<f64> {
            let count = bound as i32 / step;
            (-count..=count)
                .map(|place| f64::from(place * step))
                .collect()
        };
        let lines = [
            tiles(1),
            tiles(2),
            tiles(3),
            tiles(4),
            degrees(10),
            tiles(5),
            degrees(5),
            tiles(6),
            tiles(7),
            degrees(1),
            tiles(8),
        ];
        let mut parts = Vec::new();
        let mut stack = vec![(-bound, bound, 0, 0)];
        while let Some((begin, end, halves, depth)) = stack.pop() {
            let middle = f64::midpoint(begin, end);
            let nearest = |lines: &Vec<f64>| {
                let inside = lines.iter().filter(|line| begin < **line && **line < end);
                inside
                    .copied()
                    .min_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()))
            };
            match lines.iter().find_map(nearest) {
                Some(line) => {
                    stack.push((line, end, 2 * halves + 1, depth + 1));
                    stack.push((begin, line, 2 * halves, depth + 1));
                }
                None => parts.push(Part {
                    begin,
                    width: end - begin,
                    halves,
                    depth,
                }),
            }
        }
        let count = 2 * parts.len();
        // From the stretch before it, whatever rounding says which it is.
        let first = |stretch: usize| {
            let begin = 2.0 * bound * stretch.saturating_sub(1) as f64 / count as f64 - bound;
            let until = parts.partition_point(|part| part.begin <= begin);
            until.saturating_sub(1)
        };
        Self {
            bound,
            stretches: (0..count).map(first).collect(),
            parts,
        }
    }

    /// Which half is entered at every depth, the first one in the highest bit.
    fn halves(&self, value: f64) -> u32 {
        let share = (value + self.bound) / (2.0 * self.bound);
        let last = self.stretches.len().saturating_sub(1);
        let stretch = (share * self.stretches.len() as f64) as usize;
        let first = self.stretches.get(stretch.min(last)).copied();
        let parts = self.parts.get(first.unwrap_or(0)..).unwrap_or_default();
        let beyond = parts.iter().skip(1).take_while(|part| part.begin <= value);
        let Some(part) = parts.get(beyond.count()) else {
            return 0;
        };
        let left = DEPTH - part.depth;
        let most = (1_u32 << left) - 1;
        let share = (value - part.begin) / part.width;
        let rest = (share * f64::from(1_u32 << left)) as u32;
        part.halves << left | rest.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn halves_are_in_the_order_of_the_axis_and_end_at_the_lines_of_maps() {
        let mut random = Random(11);
        for (axis, bound) in AXES.iter().zip([180.0, 90.0]) {
            assert!(axis.parts.iter().all(|part| part.depth < 16));
            let mut values: Vec<f64> = (0..20_000)
                .map(|_| random.below(1 << 50) as f64 / (1_u64 << 49) as f64 * bound - bound)
                .chain([-bound, bound, 0.0])
                .collect();
            for part in &axis.parts {
                values.extend([part.begin.next_down().max(-bound), part.begin]);
            }
            values.sort_by(f64::total_cmp);
            let halves: Vec<u32> = values.iter().map(|value| axis.halves(*value)).collect();
            assert!(halves.is_sorted());
            assert!(halves.iter().all(|halves| *halves < 1 << DEPTH));
            // What is on either side of a line is in different parts.
            for part in &axis.parts {
                let (before, from) = (part.begin.next_down(), part.begin);
                if before >= -bound {
                    let [before, from] = [before, from].map(|value| axis.halves(value));
                    let left = DEPTH - part.depth;
                    assert!(before >> left < from >> left, "{}", part.begin);
                }
            }
        }
    }

    #[test]
    fn a_code_has_the_quarters_of_both_axes() {
        let code = code_of([-180.0, 90.0]);
        assert_eq!((quarter(code, 0), quarter(code, DEPTH - 1)), (2, 2));
        assert_eq!(prefix(code, 2), 0b1010);
        assert_eq!(prefix(code, 0), 0);
        // The two zeros are one.
        assert_eq!(code_of([0.0, -0.0]), code_of([-0.0, 0.0]));
        assert_eq!(quarter(code_of([0.0, 0.0]), 0), 3);
        assert_eq!(quarter(code_of([-0.1, 66.0]), 1), 1);
    }
}
