//! From what a client sends to validated, encoded operations.

pub(crate) mod correct;
mod match_feature;
pub(crate) mod operations;
pub(crate) mod patch;
pub(crate) mod prepare;
pub(crate) mod replay;
mod restore;
pub(crate) mod undo;
pub(crate) mod upload;
mod versions;
