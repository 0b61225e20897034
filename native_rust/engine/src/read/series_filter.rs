//! Conditions on series: on their ids and attributes.

use std::hash::{Hash, Hasher};

use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{InOrder, NamedSeries};
use crate::limits::{Limits, MAX_ID_BYTES};
use crate::read::attributes::with_attributes;
use crate::state::State;
use crate::state::blocks::{damaged, read_block};
use crate::types::check_id;
use crate::types::id_pattern::IdPattern;
use crate::types::member_filter::MemberFilter;
use crate::types::write_json;

/// Filters in one question.
const MAX_FILTERS: usize = 64;

/// One condition on a series. Several of them must all hold.
///
/// As text it is a key and an expression, `attr.unit` and `eq:C`, in the words of filters on
/// properties ([`crate::Filter`]). The key `feature` is short for `attr.feature`, with an id
/// in the place of the expression. A series without attributes is one with none of them. The
/// key `pattern` takes an id in which a star stands for any characters, or for none:
/// `*/temperature`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesFilter {
    condition: On,
    text: Box<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
enum On {
    Attribute(MemberFilter),
    Id(IdPattern),
}

/// As the text it was given as.
impl Hash for SeriesFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl SeriesFilter {
    /// Reads a filter; the type describes the syntax.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] pointing at the key, and [`InvalidCode::Id`] for what can be
    /// no feature's id.
    pub fn parse(key: &str, expression: &str) -> Result<Self> {
        let condition = match key.strip_prefix("attr.") {
            Some(path) => MemberFilter::parse("attr", path, expression).map(On::Attribute),
            None if key == "feature" => {
                // No feature has another, whatever this database takes.
                let longest = Limits {
                    id_bytes: MAX_ID_BYTES,
                    ..Limits::default()
                };
                check_id(expression, "/feature", &longest)?;
                let id = serde_json::Value::from(expression).to_string();
                MemberFilter::parse("attr", "feature", &id).map(On::Attribute)
            }
            None if key == "pattern" => IdPattern::parse(expression).map(On::Id),
            None => Err(format!(
                "found the filter {key:?}; expected attr.NAME, feature or pattern"
            )),
        };
        let text = Box::new((key.to_owned(), expression.to_owned()));
        condition
            .map(|condition| Self { condition, text })
            .map_err(|detail| {
                let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
                Error::invalid(InvalidCode::Parameter, pointer, detail)
            })
    }

    fn attribute(&self) -> Option<&MemberFilter> {
        match &self.condition {
            On::Attribute(filter) => Some(filter),
            On::Id(_) => None,
        }
    }

    fn pattern(&self) -> Option<&IdPattern> {
        match &self.condition {
            On::Attribute(_) => None,
            On::Id(pattern) => Some(pattern),
        }
    }
}

/// Which of several series are meant, as of a sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen<'q> {
    state: &'q State,
    filters: &'q [SeriesFilter],
    at: u64,
}

impl<'q> Chosen<'q> {
    /// Those for which all filters hold.
    pub(crate) fn new(state: &'q State, filters: &'q [SeriesFilter], at: u64) -> Result<Self> {
        let count = filters.len();
        if count > MAX_FILTERS {
            let detail = format!("there are {count} filters; give at most {MAX_FILTERS}");
            return Err(Error::invalid(InvalidCode::Parameter, "", detail));
        }
        Ok(Self { state, filters, at })
    }

    /// Where to look for them: from after an id on.
    pub(crate) fn walk_after(
        &self,
        (prefix, after): (&'q str, Option<&str>),
        budget: &'q Budget,
    ) -> Walk<'q> {
        let series = &self.state.indexes.series;
        let prefix = narrowed(prefix, self.filters);
        Walk(prefix.map(|prefix| InOrder::after(series, prefix, after, budget)))
    }

    /// The same from an id on.
    pub(crate) fn walk_from(
        &self,
        (prefix, first): (&'q str, &str),
        budget: &'q Budget,
    ) -> Walk<'q> {
        let series = &self.state.indexes.series;
        let prefix = narrowed(prefix, self.filters);
        Walk(prefix.map(|prefix| InOrder::starting_at(series, prefix, first, budget)))
    }

    /// Whether a series is one of them. Reads the block of its attributes if a filter is
    /// about those.
    pub(crate) fn takes(&self, id: &str) -> Result<bool> {
        if self.filters.is_empty() {
            return Ok(true);
        }
        let version = self.state.indexes.attributes.read().current(id, self.at);
        Ok(self.document(id, version, false)?.is_some())
    }

    /// Whether a series is one of them whose attributes are at that version, if it has any:
    /// then its attributes as JSON, where they are asked for.
    pub(crate) fn document(
        &self,
        id: &str,
        version: Option<u64>,
        include: bool,
    ) -> Result<Option<Option<Vec<u8>>>> {
        /// A map without members.
        const NONE: &[u8] = &[0xa0];
        let mut of_ids = self.filters.iter().filter_map(SeriesFilter::pattern);
        if !of_ids.all(|pattern| pattern.takes(id)) {
            return Ok(None);
        }
        let mut filters = self.filters.iter().filter_map(SeriesFilter::attribute);
        if !include && filters.clone().next().is_none() {
            return Ok(Some(None));
        }
        let Some(seq) = version else {
            let holds = |filter: &MemberFilter| filter.matches(NONE, None) == Ok(true);
            return Ok(filters.all(holds).then_some(None));
        };
        let state = self.state;
        let bytes = read_block(state, seq)?;
        with_attributes(state, seq, &bytes, |attributes| {
            let broken = |e| damaged(state, seq, e);
            for filter in filters {
                if !filter.matches(attributes, None).map_err(broken)? {
                    return Ok(None);
                }
            }
            let mut json = Vec::new();
            if include {
                write_json(attributes, &mut json).map_err(broken)?;
            }
            Ok(Some(include.then_some(json)))
        })
    }
}

/// What ids begin with that begin with a prefix and are as the filters say; nothing where
/// there are none.
pub(crate) fn narrowed<'q>(prefix: &'q str, filters: &'q [SeriesFilter]) -> Option<&'q str> {
    let mut narrowed = prefix;
    for pattern in filters.iter().filter_map(SeriesFilter::pattern) {
        let begin = pattern.begin();
        if begin.starts_with(narrowed) {
            narrowed = begin;
        } else if !narrowed.starts_with(begin) {
            return None;
        }
    }
    Some(narrowed)
}

/// The series whose ids begin as those of all that are wanted do, by id in byte order. They
/// may have nothing to show, and filters may not hold for them.
#[derive(Debug)]
pub(crate) struct Walk<'q>(Option<InOrder<'q>>);

impl Walk<'_> {
    /// The next one, if there is one.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn next(&mut self) -> Result<Option<NamedSeries>> {
        match &mut self.0 {
            Some(found) => found.next(),
            None => Ok(None),
        }
    }

    /// The next one that is one of the chosen.
    ///
    /// # Errors
    /// Those of the budget, and of reading blocks.
    pub(crate) fn next_of(&mut self, chosen: Chosen<'_>) -> Result<Option<NamedSeries>> {
        while let Some(series) = self.next()? {
            if chosen.takes(&series.0)? {
                return Ok(Some(series));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(patterns: &[&str]) -> Vec<SeriesFilter> {
        let parsed = patterns
            .iter()
            .map(|text| SeriesFilter::parse("pattern", text));
        parsed.collect::<Result<_>>().unwrap()
    }

    #[test]
    fn ids_are_looked_for_where_patterns_begin() {
        for (prefix, patterns, expected) in [
            ("", &["*/temp"][..], Some("")),
            ("a", &["a/b*c"], Some("a/b")),
            ("a/bc", &["a/b*c"], Some("a/bc")),
            ("a", &["b*"], None),
            ("a", &["*", "ab*"], Some("ab")),
            ("", &["ab*", "a*", "abc"], Some("abc")),
            ("", &["ab*", "ac*"], None),
            ("x", &[], Some("x")),
        ] {
            assert_eq!(
                narrowed(prefix, &filters(patterns)),
                expected,
                "{patterns:?}"
            );
        }
    }

    #[test]
    fn refusals_point_at_the_filter() {
        let long = "f".repeat(MAX_ID_BYTES + 1);
        for (key, text) in [
            ("pattern", ""),
            ("unit", "C"),
            ("attr.unit", "gt:"),
            ("feature", ""),
            ("feature", "a\nb"),
            ("feature", &long),
        ] {
            let error = SeriesFilter::parse(key, text).unwrap_err();
            assert_eq!(error.pointer(), Some(&*format!("/{key}")), "{key}");
        }
    }
}
