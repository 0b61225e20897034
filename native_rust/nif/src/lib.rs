//! Rustler binding of `formdb-engine`.
