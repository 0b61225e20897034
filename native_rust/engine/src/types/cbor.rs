//! CBOR (RFC 8949): what every stored document is made of.
//!
//! Writing is deterministic in the sense of section 4.2.1: shortest integers and
//! floats, definite lengths, map keys in the order of their encoded bytes. Equal
//! documents have equal bytes, so equal hashes.

mod decode;
mod encode;
mod pointer;
mod to_json;

pub(crate) use decode::skip;
pub use decode::{DecodeError, Reader, Scalar};
pub use encode::{
    encode_json, write_array_header, write_bytes, write_float, write_int, write_map_header,
    write_tag, write_text, write_uint,
};
pub(crate) use pointer::pointer_to;
pub use to_json::{MAX_DEPTH, write_json};

/// A typed array of signed 64-bit integers, little-endian (RFC 8746, section 2.1).
pub const TAG_I64_LE: u64 = 79;
/// A typed array of IEEE 754 binary64, little-endian (RFC 8746, section 2.1).
pub const TAG_F64_LE: u64 = 86;

#[cfg(test)]
mod tests;
