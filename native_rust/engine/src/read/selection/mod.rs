//! Which blocks of the journal are meant: by what they are about, by whom, when, and with
//! what provenance. One selection for whoever reads the journal and for whoever undoes.

mod candidates;
mod filter;
mod nearest;

pub(crate) use candidates::{Candidates, transaction_of};
pub(crate) use filter::entity;
pub use filter::{BlockFilter, Member, SeriesNames};
pub(crate) use nearest::Nearest;
