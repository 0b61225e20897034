//! Conditions on the values of points, given as text.

use std::hash::{Hash, Hasher};

use super::points::point_value_from_text;
use crate::error::{Error, InvalidCode, Result};

/// Conditions on values, and values in one list.
const MAX_CONDITIONS: usize = 64;
const MAX_LIST: usize = 1_000;

/// Which values of points count. By default all do.
///
/// As text it is conditions, which must all hold:
///
/// | condition | holds for |
/// |---|---|
/// | `NUMBER`, `eq:NUMBER` | that number |
/// | `ne:NUMBER` | all others |
/// | `gt:NUMBER`, `gte:`, `lt:`, `lte:` | greater ones, and so on |
/// | `in:NUMBER,NUMBER` | one of up to 1,000 numbers |
///
/// A number is written as the value of a point. -0.0 equals 0.0.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueFilter {
    /// The least and the greatest value that may count.
    least: f64,
    greatest: f64,
    /// The only ones that count, ascending, if they are named.
    among: Option<Vec<f64>>,
    /// Those that do not, ascending.
    except: Vec<f64>,
}

/// Which values of a column count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    None,
    Some,
    All,
}

impl Default for ValueFilter {
    fn default() -> Self {
        Self {
            least: f64::NEG_INFINITY,
            greatest: f64::INFINITY,
            among: None,
            except: Vec::new(),
        }
    }
}

/// By the bits of its numbers.
impl Hash for ValueFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        (self.least.to_bits(), self.greatest.to_bits()).hash(state);
        self.among.as_deref().map(bits).hash(state);
        bits(&self.except).hash(state);
    }
}

impl ValueFilter {
    /// Those from one number to another.
    pub(crate) fn between(least: f64, greatest: f64) -> Self {
        Self {
            least,
            greatest,
            ..Self::default()
        }
    }

    /// Reads conditions; the type describes them.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] pointing at `/value`.
    pub fn parse<T: AsRef<str>>(conditions: &[T]) -> Result<Self> {
        let refuse = |detail| Error::invalid(InvalidCode::Parameter, "/value", detail);
        if conditions.len() > MAX_CONDITIONS {
            let count = conditions.len();
            return Err(refuse(format!(
                "there are {count} conditions on values; give at most {MAX_CONDITIONS}"
            )));
        }
        let mut filter = Self::default();
        for condition in conditions {
            filter.add(condition.as_ref()).map_err(refuse)?;
        }
        Ok(filter)
    }

    fn add(&mut self, condition: &str) -> Result<(), String> {
        if let Some(detail) = with_a_sign(condition) {
            return Err(detail);
        }
        let (word, text) = condition.split_once(':').unwrap_or(("eq", condition));
        match word {
            "eq" => self.keep(vec![number(text)?]),
            "in" => {
                let count = text.split(',').count();
                if count > MAX_LIST {
                    return Err(format!(
                        "found a list of {count} values; expected at most {MAX_LIST}"
                    ));
                }
                let values: Result<Vec<f64>, String> = text.split(',').map(number).collect();
                self.keep(values?);
            }
            "ne" => {
                self.except.push(number(text)?);
                self.except.sort_unstable_by(f64::total_cmp);
            }
            "gt" => self.least = self.least.max(number(text)?.next_up()),
            "gte" => self.least = self.least.max(number(text)?),
            "lt" => self.greatest = self.greatest.min(number(text)?.next_down()),
            "lte" => self.greatest = self.greatest.min(number(text)?),
            _ => {
                let shown: String = condition.chars().take(64).collect();
                return Err(format!(
                    "found the condition {shown:?}; expected a number, or one of eq, ne, gt, gte, \
                     lt, lte and in with a colon before it, such as gt:100"
                ));
            }
        }
        Ok(())
    }

    /// Only these count, of those that did.
    fn keep(&mut self, mut values: Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        if let Some(among) = &self.among {
            values.retain(|&x| has(among, x));
        }
        self.among = Some(values);
    }

    /// Whether all values count, whatever they are.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a value counts. O(log n) of those that are named.
    #[must_use]
    pub fn takes(&self, value: f64) -> bool {
        self.least <= value
            && value <= self.greatest
            && self.among.as_ref().is_none_or(|among| has(among, value))
            && (self.except.is_empty() || !has(&self.except, value))
    }

    /// Which of some values count whose least and greatest are these: `Some` if that does
    /// not tell.
    pub(crate) fn of_span(&self, (least, greatest): (f64, f64)) -> Counted {
        if greatest < self.least || least > self.greatest {
            return Counted::None;
        }
        let inside = self.least <= least && greatest <= self.greatest;
        let spared = |x: &f64| *x < least || greatest < *x;
        match &self.among {
            Some(among) if among.iter().all(spared) => Counted::None,
            Some(_) => Counted::Some,
            None if inside && self.except.iter().all(spared) => Counted::All,
            None => Counted::Some,
        }
    }
}

/// Why a condition that begins with a sign of comparison, such as `>20`, is none.
fn with_a_sign(condition: &str) -> Option<String> {
    const SIGNS: [(&str, &str); 10] = [
        (">=", "gte"),
        ("=>", "gte"),
        ("<=", "lte"),
        ("=<", "lte"),
        ("!=", "ne"),
        ("<>", "ne"),
        ("==", "eq"),
        (">", "gt"),
        ("<", "lt"),
        ("=", "eq"),
    ];
    let (sign, word) = SIGNS.iter().find(|(sign, _)| condition.starts_with(sign))?;
    let shown: String = condition.chars().take(64).collect();
    let rest = condition.strip_prefix(sign).unwrap_or_default().trim();
    Some(match number(rest) {
        Ok(_) => format!("found the condition {shown:?}; write {word}:{rest}"),
        Err(_) => {
            format!("found the condition {shown:?}; write {word}: and a number, such as {word}:100")
        }
    })
}

/// Whether a value is one of some, which ascend.
fn has(values: &[f64], value: f64) -> bool {
    let place = values.partition_point(|&x| x < value);
    values.get(place).is_some_and(|&x| x == value)
}

/// A value as points have it.
fn number(text: &str) -> Result<f64, String> {
    point_value_from_text(text.trim()).map_err(|error| match error {
        Error::Invalid { detail, .. } => detail,
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(conditions: &[&str]) -> Vec<f64> {
        let filter = ValueFilter::parse(conditions).unwrap();
        let all = [-3.0, -1.5, -0.0, 0.0, 1.0, 2.5, 100.0, 1e300];
        all.into_iter().filter(|&x| filter.takes(x)).collect()
    }

    #[test]
    fn conditions_hold_all_at_once() {
        for (conditions, expected) in [
            (&["gt:2.5"][..], &[100.0, 1e300][..]),
            (&["gte:2.5", "lt:1e300"], &[2.5, 100.0]),
            (&["0"], &[-0.0, 0.0]),
            (&["eq:-0"], &[-0.0, 0.0]),
            (&["gt:0", "lte:1"], &[1.0]),
            (&["lt:-0.0"], &[-3.0, -1.5]),
            (&["in:1, 100,7"], &[1.0, 100.0]),
            (&["in:1,100", "ne:1"], &[100.0]),
            (&["in:1,100", "in:100,2.5"], &[100.0]),
            (&["in:1", "in:100"], &[]),
            (&["gt:5", "lt:5"], &[]),
        ] {
            assert_eq!(taken(conditions), expected, "{conditions:?}");
        }
        assert_eq!(taken(&[]).len(), 8);
        assert_eq!(taken(&["ne:0"]).len(), 6);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let list = vec!["1"; 1_001].join(",");
        for text in [
            "",
            "gt:",
            "ge:5",
            ">5",
            "gt:five",
            "gt:1e400",
            "gt:NaN",
            "gt:inf",
            "in:",
            "in:1,",
            "gte:5,lt:8",
            "eq:9007199254740993",
            "exists",
            "since:2024-01-01",
            &format!("in:{list}"),
        ] {
            let error = ValueFilter::parse(&[text]).unwrap_err();
            assert_eq!(
                (error.code(), error.pointer()),
                ("invalid_parameter", Some("/value"))
            );
        }
        assert!(ValueFilter::parse(&["gt:1"; 64]).is_ok());
        assert!(ValueFilter::parse(&["gt:1"; 65]).is_err());
    }

    #[test]
    fn a_sign_of_comparison_is_refused_with_the_word_for_it() {
        for (condition, word) in [
            (">20", "gt:20"),
            (">=20", "gte:20"),
            ("> -2.5", "gt:-2.5"),
            ("<20", "lt:20"),
            ("=<20", "lte:20"),
            ("!=0", "ne:0"),
            ("=0", "eq:0"),
            (">twenty", "gt: and a number"),
        ] {
            let error = ValueFilter::parse(&[condition]).unwrap_err().to_string();
            assert!(error.contains(&format!("write {word}")), "{error}");
        }
    }

    fn condition() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec!["eq", "ne", "gt", "gte", "lt", "lte", "in"]);
        (word, prop::collection::vec(-4..5_i8, 1..4)).prop_map(|(word, values)| {
            let values: Vec<String> = values
                .iter()
                .map(|n| format!("{}", f64::from(*n) / 2.0))
                .collect();
            match word {
                "in" => format!("in:{}", values.join(",")),
                _ => format!("{word}:{}", values[0]),
            }
        })
    }

    proptest! {
        #[test]
        fn a_span_says_no_more_than_its_values(
            conditions in prop::collection::vec(condition(), 0..4),
            halves in prop::collection::vec(-5..6_i8, 1..6),
        ) {
            let filter = ValueFilter::parse(&conditions).unwrap();
            let values: Vec<f64> = halves.iter().map(|n| f64::from(*n) / 2.0).collect();
            let plain = |x: f64| conditions.iter().all(|condition| {
                let (word, text) = condition.split_once(':').unwrap();
                let mut numbers = text.split(',').map(|n| n.parse::<f64>().unwrap());
                match word {
                    "eq" | "in" => numbers.any(|n| n == x),
                    "ne" => numbers.all(|n| n != x),
                    "gt" => numbers.all(|n| x > n),
                    "gte" => numbers.all(|n| x >= n),
                    "lt" => numbers.all(|n| x < n),
                    _ => numbers.all(|n| x <= n),
                }
            });
            for &x in &values {
                prop_assert_eq!(filter.takes(x), plain(x), "{:?} {}", conditions, x);
            }
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            match filter.of_span((least, greatest)) {
                Counted::None => prop_assert!(!values.iter().any(|&x| filter.takes(x))),
                Counted::All => prop_assert!(values.iter().all(|&x| filter.takes(x))),
                Counted::Some => {}
            }
        }
    }
}
