//! The leaves of a segment from its groups.

use super::layout::take_record;
use super::layout::take_u32;
use super::layout::{GROUP_HEADER, GroupHeader, SEGMENT_HEADER, SegmentHeader};
use super::leaves::Leaves;
use super::reader::SegmentReader;
use crate::error::Result;
use crate::merkle::leaf_hash;

/// Places and leaf hashes of the blocks in a segment's groups up to the offset
/// `end`. Reads them and checks their checksums, but not what they hold.
///
/// # Errors
/// [`crate::Error::Corrupt`] where a group does not check.
pub(super) fn read_leaves(
    reader: &mut SegmentReader,
    header: &SegmentHeader,
    end: u64,
) -> Result<Leaves> {
    let mut leaves = Leaves::new(header.first_seq);
    let mut offset = SEGMENT_HEADER as u64;
    while offset < end {
        let next = match reader.group(header, offset)? {
            Ok((group, body)) => {
                let body_at = offset + GROUP_HEADER as u64;
                match push_leaves(&group, body, body_at, &mut leaves) {
                    Ok(()) => Ok(body_at + u64::from(group.body_len)),
                    Err(reason) => Err(reason),
                }
            }
            Err(reason) => Err(reason),
        };
        offset = next.map_err(|reason| reader.corrupt(offset, reason))?;
    }
    reader.release();
    Ok(leaves)
}

fn push_leaves(
    header: &GroupHeader,
    body: &[u8],
    body_at: u64,
    leaves: &mut Leaves,
) -> Result<(), &'static str> {
    let mut rest = body;
    for _ in 0..header.transactions {
        let count = take_u32(&mut rest).ok_or("a transaction is cut short")?;
        for _ in 0..count {
            let here = body_at + (body.len() - rest.len()) as u64;
            let block = take_record(&mut rest)?;
            let offset = u32::try_from(here).map_err(|_| "a segment over 4 GiB")?;
            leaves.push(leaf_hash(block), offset);
        }
    }
    Ok(())
}
