//! Reads of features, series and the journal, now or as of earlier; pages of them.

pub(crate) mod ahead;
pub(crate) mod blocks;
pub(crate) mod cursor;
pub(crate) mod features;
pub(crate) mod journal;
pub(crate) mod json_rows;
pub(crate) mod lineage;
pub(crate) mod moments;
pub(crate) mod page;
pub(crate) mod points;
pub(crate) mod proofs;
pub(crate) mod scrub;
pub(crate) mod series_list;
pub(crate) mod table_rows;
mod written;
