//! Cells of a table that stand for no value.

use crate::error::{Error, InvalidCode, Result};
use crate::types::point_value_from_text;

/// Texts in one list.
const MAX_TEXTS: usize = 64;

/// What stands for no value, such as `NA` or `-999`, besides an empty cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MissingValues {
    texts: Vec<String>,
    /// What those are that are numbers: they stand for themselves however they are written.
    numbers: Vec<f64>,
}

/// Its numbers are never NaN.
impl Eq for MissingValues {}

impl MissingValues {
    /// Reads a list with commas between; blanks around a text and empty ones do not count.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for more than 64 texts.
    pub fn parse(list: &str) -> Result<Self> {
        let texts = list.split(',').map(str::trim).filter(|t| !t.is_empty());
        let texts: Vec<String> = texts.map(str::to_owned).collect();
        if texts.len() > MAX_TEXTS {
            let detail = format!("found {} texts; give at most {MAX_TEXTS}", texts.len());
            return Err(Error::invalid(InvalidCode::Parameter, "/missing", detail));
        }
        let numbers = texts.iter().filter_map(|t| point_value_from_text(t).ok());
        Ok(Self {
            numbers: numbers.collect(),
            texts,
        })
    }

    /// Whether a cell that is no number stands for no value.
    pub(super) fn has_text(&self, cell: &str) -> bool {
        cell.is_empty() || self.texts.iter().any(|text| text == cell)
    }

    /// Whether a number does.
    pub(super) fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_as_they_are_and_numbers_as_numbers() {
        let missing = MissingValues::parse(" NA, -999 ,n/a,,").unwrap();
        for text in ["", "NA", "n/a", "-999"] {
            assert!(missing.has_text(text), "{text:?}");
        }
        for text in ["na", "N/A", "-999.0", "NaN"] {
            assert!(!missing.has_text(text), "{text:?}");
        }
        assert!(missing.has_number(-999.0) && !missing.has_number(999.0));
        assert!(MissingValues::parse("").unwrap().has_text(""));
        assert!(MissingValues::parse(&["x"; 64].join(",")).is_ok());
        let error = MissingValues::parse(&["x"; 65].join(",")).unwrap_err();
        assert_eq!(error.pointer(), Some("/missing"));
    }
}
