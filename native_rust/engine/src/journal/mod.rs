//! The append-only journal: segments of commit groups of transactions of blocks.
//!
//! [`Journal`] is the writing end and belongs to the committer thread alone;
//! [`Segments`] is the reading end and is shared by everybody. [`recover`]
//! makes both out of a folder.

mod copy;
mod durable;
mod examine;
mod extent;
mod footer;
mod footer_check;
mod header;
mod identity;
mod layout;
mod leaves;
mod location;
mod mark;
mod patrol;
mod prefixes;
mod prove;
mod read_leaves;
mod readable;
mod reader;
mod recovery;
mod scan;
mod sealing;
mod segment;
mod segments;
mod start;
mod survey;
mod writer;

#[cfg(test)]
mod footer_tests;
#[cfg(test)]
mod start_tests;

pub(crate) use copy::{
    append_transactions, copy_segment, empty_segment, group_bytes, whole_transactions,
};
pub(crate) use durable::{Durable, Witness};
pub use examine::{Damage, Lost, Progress};
pub(crate) use examine::{Examination, Examined, examine};
pub(crate) use extent::{Cut, Extent, check_groups, cut_at, extent_blocks};
pub(crate) use header::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
pub(crate) use identity::{IDENTITY, Identity};
pub(crate) use layout::BLOCK_PREFIX;
pub use location::BlockLocation;
pub(crate) use mark::{Checkpoint, LastGroup, TreeHead};
pub(crate) use patrol::{Buffer, Patrol};
pub(crate) use readable::readable_blocks;
pub(crate) use recovery::ReadReport;
pub(crate) use recovery::{Opened, RecoverError, RecoverOptions, create, recover, would_open};
pub(crate) use segments::Segments;
pub(crate) use start::Start;
pub(crate) use survey::has_segments;
pub(crate) use writer::{Group, Journal, Unsynced, WrittenGroup};
