//! Random numbers that a seed decides, for workloads and crashes. The seeds of the fuzz
//! crate say where to damage a journal that was made with them: others need other seeds.

/// xorshift64*; `state` is not zero.
pub fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
}

/// A state for [`random`] that depends on both.
pub fn mixed(seed: u64, n: u64) -> u64 {
    let mut state =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.wrapping_mul(0xd6e8_feb8_6659_fd93);
    state |= 1;
    random(&mut state);
    state
}
