//! What several tests of the engine share.

pub(crate) mod oracles;
