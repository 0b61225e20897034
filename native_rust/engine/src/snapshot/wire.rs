//! Integers of variable length, as in LEB128: seven bits a byte, least first.

/// What is wrong with bytes that do not decode.
pub(super) type Damage = &'static str;

const CUT_SHORT: Damage = "a record is cut short";

pub(super) fn put_uint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The difference `to - from`, small in bytes when it is small either way.
pub(super) fn put_step(from: u64, to: u64, out: &mut Vec<u8>) {
    let step = to.wrapping_sub(from) as i64;
    put_uint(((step << 1) ^ (step >> 63)) as u64, out);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_uint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Records being taken apart from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn float(&mut self) -> Result<f64, Damage> {
        self.array().map(f64::from_le_bytes)
    }

    pub(super) fn uint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits << shift;
            if value >> shift != bits {
                break;
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too large")
    }

    /// A number that fits 32 bits.
    pub(super) fn uint32(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.uint()?).map_err(|_| "a number is too large")
    }

    /// The inverse of [`put_step`].
    pub(super) fn step(&mut self, from: u64) -> Result<u64, Damage> {
        let folded = self.uint()?;
        let step = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Ok(from.wrapping_add(step as u64))
    }

    /// The inverse of [`put_bytes`].
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let len = usize::try_from(self.uint()?).map_err(|_| CUT_SHORT)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        let mut numbers = vec![0, u64::MAX, u64::MAX - 1, 1 << 63];
        for bits in 0..64 {
            numbers.extend([1 << bits, (1 << bits) - 1, (1 << bits) + 1]);
        }
        let mut bytes = Vec::new();
        for pair in numbers.windows(2) {
            put_uint(pair[0], &mut bytes);
            put_step(pair[0], pair[1], &mut bytes);
            put_bytes(&pair[0].to_le_bytes(), &mut bytes);
        }
        let mut records = Records::new(&bytes);
        for pair in numbers.windows(2) {
            assert_eq!(records.uint(), Ok(pair[0]));
            assert_eq!(records.step(pair[0]), Ok(pair[1]));
            assert_eq!(records.bytes(), Ok(&pair[0].to_le_bytes()[..]));
        }
        assert!(records.is_empty());
        assert_eq!(records.uint(), Err(CUT_SHORT));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [&[0xff; 10][..], &[0x80; 11], &[0xff; 9], &[0x80]] {
            assert!(Records::new(bytes).uint().is_err(), "{bytes:?}");
        }
        assert!(
            Records::new(&[0x80, 0x80, 0x80, 0x80, 0x10])
                .uint32()
                .is_err()
        );
        assert!(Records::new(&[9, 1, 2]).bytes().is_err());
    }
}
