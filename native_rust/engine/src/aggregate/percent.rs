//! Percentages, kept as the decimals they are written as.

use std::fmt;

/// Digits after the point that a percentage may have.
pub(super) const DECIMALS: u32 = 12;

/// The unit that a percentage is counted in, as a power of ten of one percent.
const UNITS: u64 = 10_u64.pow(DECIMALS);

/// A percentage from 0 to 100, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Percent {
    /// In units of 10^-12 percent.
    units: u64,
}

impl Percent {
    pub(super) const MEDIAN: Self = Self { units: 50 * UNITS };

    /// Digits, and a point with up to 12 more if wanted: `95`, `99.9`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || !plain(whole) || !plain(decimals) {
            return None;
        }
        let missing = DECIMALS.checked_sub(u32::try_from(decimals.len()).ok()?)?;
        let decimals: u64 = match decimals {
            "" => 0,
            digits => digits.parse().ok()?,
        };
        let units = whole.parse::<u64>().ok()? * UNITS + decimals * 10_u64.pow(missing);
        (units <= 100 * UNITS).then_some(Self { units })
    }

    /// The place that lies so far from 0 to `last`: the one at or below it, and the part
    /// and the whole of a step that it is beyond that.
    pub(super) fn place(self, last: usize) -> (usize, u64, u64) {
        let whole = 100 * UNITS;
        let place = last as u128 * u128::from(self.units);
        let below = (place / u128::from(whole)) as usize;
        (below.min(last), (place % u128::from(whole)) as u64, whole)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.units / UNITS)?;
        match self.units % UNITS {
            0 => Ok(()),
            rest => {
                let digits = format!("{rest:012}");
                write!(f, ".{}", digits.trim_end_matches('0'))
            }
        }
    }
}
