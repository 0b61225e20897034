//! Every kind of search against a scan of all features that uses no index, and examples.

mod examples;
mod fixture;
mod scans;
