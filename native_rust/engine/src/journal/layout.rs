//! The bytes of segment headers, group headers and block records.
//!
//! docs/FORMAT.md is the prose of this module. All integers are little-endian.

use super::header::{DatabaseId, FieldReader, FieldWriter, has_checksum, put_checksum};
use crate::types::Hash;

/// Version of the journal's format that this build writes and reads.
pub(crate) const FORMAT_VERSION: u16 = 1;
/// Length of a segment header.
pub(crate) const SEGMENT_HEADER: usize = 128;
/// Length of a group header.
pub(crate) const GROUP_HEADER: usize = 96;
/// Length of what precedes each block: its length and its CRC-32C.
pub(crate) const BLOCK_PREFIX: usize = 8;
/// First bytes of a group.
pub(crate) const GROUP_MAGIC: [u8; 4] = *b"FDBG";
pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"FORMDBJL";

/// Head of a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub database: DatabaseId,
    /// Sequence of the first block that belongs into this segment.
    pub first_seq: u64,
    /// Journal position of the segment's first byte.
    pub position: u64,
    /// When it was created, microseconds since the epoch.
    pub created: i64,
    /// Tree head of everything before it.
    pub root: Hash,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0; SEGMENT_HEADER];
        let mut w = FieldWriter::new(&mut out);
        w.put(&SEGMENT_MAGIC);
        w.put(&FORMAT_VERSION.to_le_bytes());
        w.put(&[0; 6]);
        w.put(&self.database);
        w.put(&self.first_seq.to_le_bytes());
        w.put(&self.position.to_le_bytes());
        w.put(&self.created.to_le_bytes());
        w.put(&self.root);
        put_checksum(&mut out, &self.database);
        out
    }

    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER]) -> Result<Self, HeaderError> {
        let mut r = FieldReader::new(bytes);
        if r.take::<8>() != SEGMENT_MAGIC {
            return Err(HeaderError::Magic);
        }
        let version = u16::from_le_bytes(r.take());
        r.take::<6>();
        let header = Self {
            database: r.take(),
            first_seq: u64::from_le_bytes(r.take()),
            position: u64::from_le_bytes(r.take()),
            created: i64::from_le_bytes(r.take()),
            root: r.take(),
        };
        if !has_checksum(bytes, &header.database) {
            return Err(HeaderError::Checksum);
        }
        // After the checksum: a damaged version field is damage, not news.
        if version != FORMAT_VERSION {
            return Err(HeaderError::Version(version));
        }
        Ok(header)
    }
}

/// Head of a commit group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    /// Bytes of the body that follows.
    pub body_len: u32,
    /// Transactions in it.
    pub transactions: u32,
    /// Blocks in it.
    pub blocks: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
    /// Journal position of this header.
    pub position: u64,
    /// Journal position up to which all was durable before this was written.
    pub durable_end: u64,
    /// Sequence of its first block.
    pub first_seq: u64,
    /// Size and head of the Merkle tree with this group in it.
    pub tree_size: u64,
    pub root: Hash,
}

impl GroupHeader {
    pub(crate) fn encode(&self, database: &DatabaseId) -> [u8; GROUP_HEADER] {
        let mut out = [0; GROUP_HEADER];
        let mut w = FieldWriter::new(&mut out);
        w.put(&GROUP_MAGIC);
        w.put(&FORMAT_VERSION.to_le_bytes());
        w.put(&[0; 2]);
        w.put(&self.body_len.to_le_bytes());
        w.put(&self.transactions.to_le_bytes());
        w.put(&self.blocks.to_le_bytes());
        w.put(&self.body_crc.to_le_bytes());
        w.put(&self.position.to_le_bytes());
        w.put(&self.durable_end.to_le_bytes());
        w.put(&self.first_seq.to_le_bytes());
        w.put(&self.tree_size.to_le_bytes());
        w.put(&self.root);
        put_checksum(&mut out, database);
        out
    }

    pub(crate) fn decode(
        bytes: &[u8; GROUP_HEADER],
        database: &DatabaseId,
    ) -> Result<Self, HeaderError> {
        let mut r = FieldReader::new(bytes);
        if r.take::<4>() != GROUP_MAGIC {
            return Err(HeaderError::Magic);
        }
        if !has_checksum(bytes, database) {
            return Err(HeaderError::Checksum);
        }
        let version = u16::from_le_bytes(r.take());
        if version != FORMAT_VERSION {
            return Err(HeaderError::Version(version));
        }
        r.take::<2>();
        Ok(Self {
            body_len: u32::from_le_bytes(r.take()),
            transactions: u32::from_le_bytes(r.take()),
            blocks: u32::from_le_bytes(r.take()),
            body_crc: u32::from_le_bytes(r.take()),
            position: u64::from_le_bytes(r.take()),
            durable_end: u64::from_le_bytes(r.take()),
            first_seq: u64::from_le_bytes(r.take()),
            tree_size: u64::from_le_bytes(r.take()),
            root: r.take(),
        })
    }
}

/// Why bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// There are fewer bytes than a header has.
    Short,
    Magic,
    Checksum,
    Version(u16),
}

/// Name of the segment that begins with block `first_seq`.
pub(crate) fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}.journal")
}

/// The inverse of [`segment_name`].
pub(crate) fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".journal")?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_le_bytes(*bytes))
}

/// Step over one block record and check it against its checksum.
pub(super) fn take_record<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (prefix, tail) = rest
        .split_first_chunk::<BLOCK_PREFIX>()
        .ok_or("a block is cut short")?;
    let [a, b, c, d, crc @ ..] = *prefix;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let (block, tail) = tail.split_at_checked(len).ok_or("a block is cut short")?;
    if crc32c::crc32c(block) != u32::from_le_bytes(crc) {
        return Err("a block does not match its checksum");
    }
    *rest = tail;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DatabaseId = *b"0123456789abcdef";

    fn group() -> GroupHeader {
        GroupHeader {
            body_len: 1,
            transactions: 2,
            blocks: 3,
            body_crc: 4,
            position: 5,
            durable_end: 6,
            first_seq: 7,
            tree_size: 8,
            root: [9; 32],
        }
    }

    #[test]
    fn headers_read_back() {
        let segment = SegmentHeader {
            database: ID,
            first_seq: 1,
            position: 2,
            created: -3,
            root: [4; 32],
        };
        assert_eq!(SegmentHeader::decode(&segment.encode()).unwrap(), segment);
        assert_eq!(
            GroupHeader::decode(&group().encode(&ID), &ID).unwrap(),
            group()
        );
    }

    #[test]
    fn no_flipped_bit_passes() {
        let bytes = group().encode(&ID);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(GroupHeader::decode(&damaged, &ID).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_group_of_another_database_is_refused() {
        let bytes = group().encode(&ID);
        assert_eq!(
            GroupHeader::decode(&bytes, b"another database"),
            Err(HeaderError::Checksum)
        );
    }

    #[test]
    fn segment_names_sort_and_read_back() {
        for seq in [1, 99, 10_000_000_000, u64::MAX] {
            assert_eq!(parse_segment_name(&segment_name(seq)), Some(seq));
        }
        for name in ["1.journal", "LOCK", "0000000000000000000x.journal", ""] {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
        assert!(segment_name(9) < segment_name(10));
    }
}
