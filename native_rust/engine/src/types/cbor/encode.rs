//! Writing deterministic CBOR. Nothing here can fail.

use crate::types::json::Json;

// Major types (RFC 8949, section 3.1), in the top three bits of the first byte.
const UNSIGNED: u8 = 0 << 5;
const NEGATIVE: u8 = 1 << 5;
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
const TAG: u8 = 6 << 5;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const FLOAT16: u8 = 0xf9;
const FLOAT32: u8 = 0xfa;
const FLOAT64: u8 = 0xfb;
const NAN16: u16 = 0x7e00;

/// Appends `value`. Recursion is as deep as the value: the parser allows 128.
/// Linear (`benches/codec`).
pub fn encode_json(value: &Json<'_>, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.push(NULL),
        Json::Bool(false) => out.push(FALSE),
        Json::Bool(true) => out.push(TRUE),
        Json::U64(n) => write_uint(*n, out),
        Json::I64(n) => write_int(*n, out),
        Json::F64(n) => write_float(*n, out),
        Json::Str(text) => write_text(text, out),
        Json::Arr(elements) => {
            write_array_header(elements.len() as u64, out);
            for element in elements {
                encode_json(element, out);
            }
        }
        Json::Obj(members) => {
            // Members are kept in the order that the encoding wants.
            write_map_header(members.len() as u64, out);
            for (name, value) in members.iter() {
                write_text(name, out);
                encode_json(value, out);
            }
        }
    }
}

/// Appends an unsigned integer.
pub fn write_uint(n: u64, out: &mut Vec<u8>) {
    write_head(UNSIGNED, n, out);
}

/// Appends an integer.
pub fn write_int(n: i64, out: &mut Vec<u8>) {
    match u64::try_from(n) {
        Ok(n) => write_head(UNSIGNED, n, out),
        // CBOR stores -1 - n, which is the complement; it is never negative here.
        Err(_) => write_head(NEGATIVE, (!n).unsigned_abs(), out),
    }
}

/// Appends a float in the shortest of the three widths that keeps its value.
pub fn write_float(n: f64, out: &mut Vec<u8>) {
    let narrow = n as f32;
    if n.is_nan() {
        out.push(FLOAT16);
        out.extend_from_slice(&NAN16.to_be_bytes());
    } else if f64::from(narrow) != n {
        out.push(FLOAT64);
        out.extend_from_slice(&n.to_be_bytes());
    } else if let Some(half) = half_bits(narrow) {
        out.push(FLOAT16);
        out.extend_from_slice(&half.to_be_bytes());
    } else {
        out.push(FLOAT32);
        out.extend_from_slice(&narrow.to_be_bytes());
    }
}

/// Appends a text string.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_head(TEXT, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a byte string.
pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_head(BYTES, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Begins an array of `len` items.
pub fn write_array_header(len: u64, out: &mut Vec<u8>) {
    write_head(ARRAY, len, out);
}

/// Begins a map of `len` pairs. The caller writes the keys in the order of
/// RFC 8949, section 4.2.1.
pub fn write_map_header(len: u64, out: &mut Vec<u8>) {
    write_head(MAP, len, out);
}

/// Appends a tag; the item it belongs to follows.
pub fn write_tag(tag: u64, out: &mut Vec<u8>) {
    write_head(TAG, tag, out);
}

/// The first bytes of an item: major type and argument, in the shortest form.
fn write_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    if let Ok(n) = u8::try_from(argument) {
        if n < 24 {
            out.push(major | n);
        } else {
            out.extend_from_slice(&[major | 24, n]);
        }
    } else if let Ok(n) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&n.to_be_bytes());
    } else if let Ok(n) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&n.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// The binary16 form (IEEE 754) of a binary32 that is not NaN, if it is exact.
fn half_bits(n: f32) -> Option<u16> {
    let bits = n.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = (bits >> 23) & 0xff;
    let fraction = bits & 0x7f_ffff;
    let magnitude = match exponent {
        // Zero; a binary32 subnormal is far below the smallest binary16.
        0 if fraction == 0 => 0,
        0xff => 0x7c00,
        // Normal in both: rebias the exponent from 127 to 15, drop 13 bits.
        113..=142 if fraction.trailing_zeros() >= 13 => (exponent - 112) << 10 | fraction >> 13,
        // Subnormal in binary16, whose unit is 2^-24; the leading one shows.
        103..=112 => {
            let significand = fraction | 0x80_0000;
            let shift = 126 - exponent;
            if significand.trailing_zeros() < shift {
                return None;
            }
            significand >> shift
        }
        _ => return None,
    };
    u16::try_from(sign | magnitude).ok()
}
