//! What is remembered of answers, bounded in bytes: feature documents, results of
//! queries, candidates of paged searches.

pub(crate) mod documents;
pub(crate) mod query_cache;
pub(crate) mod results;
pub(crate) mod windows;
