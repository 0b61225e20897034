//! Where a block lies.

/// A block's place in the journal. Segments stay below 4 GiB, so 12 bytes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLocation {
    /// Number of the segment, counted from 0 in journal order.
    pub segment: u32,
    /// Byte offset of the block's record in that segment.
    pub offset: u32,
    /// Length of the block in bytes.
    pub len: u32,
}
