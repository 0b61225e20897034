//! One open database, and those of a data folder by their names.

pub(crate) mod catalog;
pub(crate) mod database;
pub(crate) mod figures;
