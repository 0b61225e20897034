//! What several tests of the engine share.

pub(crate) mod oracles;
#[path = "../../tests/support/random.rs"]
mod random;

pub(crate) use random::Random;
