//! Sequences of quarters, and how many of each there are among the first.

/// Digits in a block.
const BLOCK: usize = 256;
/// Digits whose bits stand in one word.
const WORD: usize = 64;

/// A list of digits from 0 to 3 that grows at its end, with the counts that answer how many
/// of each are among the first (a rank directory: G. Jacobson, "Space-efficient static trees
/// and graphs", 1989). 2.5 bits a digit.
///
/// Invariants:
/// 1. Every block but the last has [`BLOCK`] digits; bits beyond the last digit are 0.
/// 2. `before` of a block counts the digits in the blocks before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digits {
    blocks: Vec<Block>,
    len: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Block {
    before: [u32; 4],
    /// The low and the high bits of [`WORD`] digits each.
    words: [[u64; 2]; BLOCK / WORD],
}

impl Digits {
    /// Appends a digit. O(1) in the long run.
    pub(crate) fn push(&mut self, digit: u32) {
        let place = self.len % BLOCK;
        if place == 0 {
            if self.blocks.len() == self.blocks.capacity() {
                // Little spare room: there are many lists, most of which are short.
                self.blocks.reserve_exact(1 + self.blocks.len() / 8);
            }
            let before = self.ranks(self.len);
            self.blocks.push(Block {
                before,
                ..Block::default()
            });
        }
        self.len += 1;
        let words = self.blocks.last_mut().map(|block| &mut block.words);
        if let Some([low, high]) = words.and_then(|words| words.get_mut(place / WORD)) {
            *low |= u64::from(digit & 1) << (place % WORD);
            *high |= u64::from(digit >> 1) << (place % WORD);
        }
    }

    /// How many of each digit there are among the first `count`. O(1).
    pub(crate) fn ranks(&self, count: usize) -> [u32; 4] {
        let count = count.min(self.len);
        // The last one has all where the next is not there yet.
        let place = (count / BLOCK).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get(place) else {
            return [0; 4];
        };
        let mut ranks = block.before;
        let mut left = count - place * BLOCK;
        for [low, high] in block.words {
            let taken = left.min(WORD);
            left -= taken;
            let mask = match taken {
                0 => break,
                WORD => u64::MAX,
                taken => (1 << taken) - 1,
            };
            let (low, high) = (low & mask, high & mask);
            let both = (low & high).count_ones();
            let (ones, twos) = (low.count_ones() - both, high.count_ones() - both);
            ranks[0] += taken as u32 - ones - twos - both;
            ranks[1] += ones;
            ranks[2] += twos;
            ranks[3] += both;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Random;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn ranks_are_those_of_a_vector(seed in any::<u64>(), len in 0_usize..2_000, skewed in any::<bool>()) {
            let mut random = Random(seed);
            let mut digits = Digits::default();
            let mut plain: Vec<u32> = Vec::new();
            for _ in 0..len {
                let digit = match skewed && random.below(9) > 0 {
                    true => 2,
                    false => random.below(4) as u32,
                };
                digits.push(digit);
                plain.push(digit);
            }
            let edges = [0, 1, 63, 64, 65, 255, 256, 257, 512, len, len + 1, len + 999];
            let between = (0..40).map(|_| random.below(len as u64 + 1) as usize);
            for count in edges.into_iter().chain(between) {
                let first = &plain[..count.min(len)];
                let expected = [0, 1, 2, 3].map(|d| first.iter().filter(|n| **n == d).count() as u32);
                prop_assert_eq!(digits.ranks(count), expected, "of {}", count);
            }
        }
    }

    #[test]
    fn a_digit_takes_two_bits_and_a_half() {
        assert_eq!(size_of::<Block>() * 8 * 2, BLOCK * 5);
    }
}
