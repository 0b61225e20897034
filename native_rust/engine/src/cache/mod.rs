//! What is remembered, bounded in bytes: of blocks feature documents and prepared
//! geometries, of answers results of queries and candidates of paged searches.

pub(crate) mod of_blocks;
pub(crate) mod query_cache;
pub(crate) mod results;
pub(crate) mod windows;
