//! Reads of features, series and the journal, now or as of earlier; pages of them.

pub(crate) mod absence;
pub(crate) mod ahead;
pub(crate) mod attributes;
pub(crate) mod blocks;
pub(crate) mod cursor;
pub(crate) mod detailed_points;
pub(crate) mod feature_diff;
pub(crate) mod features;
pub(crate) mod journal;
pub(crate) mod json_rows;
pub(crate) mod latest_list;
pub(crate) mod lineage;
pub(crate) mod moments;
pub(crate) mod page;
pub(crate) mod point_origins;
pub(crate) mod points;
pub(crate) mod proofs;
pub(crate) mod scrub;
pub(crate) mod selection;
pub(crate) mod series_diff;
pub(crate) mod series_filter;
pub(crate) mod series_list;
pub(crate) mod series_provenance;
pub(crate) mod table_rows;
pub(crate) mod versions;
mod webhooks;
mod written;
