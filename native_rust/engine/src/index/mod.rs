//! The indexes.
