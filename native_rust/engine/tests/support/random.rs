//! Random numbers for tests and benchmarks; each adds the kinds it has use for. (What
//! `rng.rs` makes is part of the seeds of the fuzz crate.)

#![allow(dead_code, reason = "each program uses a part of it")]

/// Random numbers from a seed (SplitMix64: Steele and others, "Fast splittable
/// pseudorandom number generators", 2014).
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and without `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}
