//! What stands where in a table of points: its header, in one of three shapes.

use std::collections::HashSet;

use super::missing::MissingValues;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result, Shown};
use crate::limits::Limits;
use crate::types::{TimeReading, check_series_id};

/// How a table of points is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableReading {
    /// The series of all points, where no column says it.
    pub series: Option<String>,
    /// What the header is; without it that is told by the names of its columns.
    pub shape: Option<TableShape>,
    /// How timestamps are read.
    pub times: TimeReading,
    /// Which cells stand for no value besides empty ones.
    pub missing: MissingValues,
}

/// The shapes that a table of points has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableShape {
    /// `timestamp,value`, of one series.
    Single,
    /// `series_id,timestamp,value`.
    Long,
    /// `timestamp` and a column a series.
    Wide,
}

/// What stands where.
#[derive(Debug, PartialEq)]
pub(super) enum Columns {
    Single {
        series: String,
        timestamp: usize,
        value: usize,
    },
    Long {
        series: usize,
        timestamp: usize,
        value: usize,
    },
    Wide {
        timestamp: usize,
        series: Vec<(usize, String)>,
    },
}

impl Columns {
    /// The place of the timestamps.
    pub(super) fn timestamp(&self) -> usize {
        match self {
            Self::Single { timestamp, .. }
            | Self::Long { timestamp, .. }
            | Self::Wide { timestamp, .. } => *timestamp,
        }
    }

    /// What the names of the columns say. Linear in them.
    ///
    /// # Errors
    /// [`InvalidCode::Point`] for a header that has none of the three shapes, or not the one
    /// that was named; [`InvalidCode::Id`] for a name that no series can have.
    pub(super) fn of(
        names: &[&str],
        form: &TableReading,
        limits: &Limits,
        budget: &Budget,
    ) -> Result<Self> {
        let series = form.series.as_deref();
        match (form.shape, series) {
            (Some(TableShape::Single), Some(series)) => Self::single(names, series, limits),
            (Some(TableShape::Long), None) => Self::long(names),
            (Some(TableShape::Wide), None) => Self::wide(names, limits, budget),
            (Some(TableShape::Single), None) => Err(header(NO_SERIES)),
            (Some(_), Some(_)) => Err(header(
                "the columns say which series the points are of, as the shape has it; leave the \
                 parameter series_id out",
            )),
            (None, _) => Self::guessed(names, series, limits, budget),
        }
    }

    fn guessed(
        names: &[&str],
        series: Option<&str>,
        limits: &Limits,
        budget: &Budget,
    ) -> Result<Self> {
        let has = |name: &str| names.contains(&name);
        if names.iter().filter(|name| **name == "timestamp").count() > 1 {
            return Err(header(
                "two columns are called \"timestamp\"; give shape=wide if one of them is a series",
            ));
        }
        match (has("series_id"), has("value"), series) {
            (true, _, Some(_)) => Err(header(
                "there are both a column series_id and the parameter series_id; leave one of them out",
            )),
            (true, _, None) => Self::long(names),
            (false, _, Some(series)) => Self::single(names, series, limits),
            (false, true, None) if names.len() == 2 && has("timestamp") => Err(header(NO_SERIES)),
            (false, _, None) => Self::wide(names, limits, budget),
        }
    }

    fn single(names: &[&str], series: &str, limits: &Limits) -> Result<Self> {
        let [timestamp, value] = exactly(names, ["timestamp", "value"])?;
        check_series_id(series, "/series_id", limits)?;
        Ok(Self::Single {
            series: series.to_owned(),
            timestamp,
            value,
        })
    }

    fn long(names: &[&str]) -> Result<Self> {
        let [series, timestamp, value] = exactly(names, ["series_id", "timestamp", "value"])?;
        Ok(Self::Long {
            series,
            timestamp,
            value,
        })
    }

    /// The first column called `timestamp` has the times; a series may be called that, too.
    fn wide(names: &[&str], limits: &Limits, budget: &Budget) -> Result<Self> {
        let timestamp = place(names, "timestamp")?;
        let others = || names.iter().enumerate().filter(|(i, _)| *i != timestamp);
        let mut seen = HashSet::new();
        let mut series = Vec::new();
        for (i, name) in others() {
            budget.step()?;
            if !seen.insert(*name) {
                return Err(header(&format!("two columns are called {}", Shown(name))));
            }
            check_series_id(name, "", limits)?;
            series.push((i, (*name).to_owned()));
        }
        match series.is_empty() {
            true => Err(header("there is no column besides timestamp")),
            false => Ok(Self::Wide { timestamp, series }),
        }
    }

    /// How many columns have values.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::Wide { series, .. } => series.len(),
            Self::Single { .. } | Self::Long { .. } => 1,
        }
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Wide { series, .. } => {
                let ids: usize = series.iter().map(|(_, id)| id.len()).sum();
                series.capacity() * size_of::<(usize, String)>() + ids
            }
            Self::Single { .. } | Self::Long { .. } => 0,
        }
    }
}

const NO_SERIES: &str = "nothing says which series the points are of; give the parameter series_id, or shape=wide if the \
     columns are series";

/// The places of these columns, if there are no others.
fn exactly<const N: usize>(names: &[&str], known: [&str; N]) -> Result<[usize; N]> {
    let mut places = [0; N];
    for (place_of, name) in places.iter_mut().zip(known) {
        *place_of = place(names, name)?;
    }
    let other = names.iter().find(|name| !known.contains(name));
    if let Some(name) = other {
        let with = known.join(", ");
        let name = Shown(name);
        return Err(header(&format!("found the column {name} beside {with}")));
    }
    match names.iter().enumerate().find(|(i, _)| !places.contains(i)) {
        Some((_, name)) => Err(header(&format!("two columns are called {}", Shown(name)))),
        None => Ok(places),
    }
}

fn place(names: &[&str], name: &str) -> Result<usize> {
    let found = names.iter().position(|other| *other == name);
    found.ok_or_else(|| header(&format!("no column is called {name}")))
}

fn header(what: &str) -> Error {
    let detail = format!(
        "in the header of the table {what}; expected timestamp,value with the parameter series_id, or \
         series_id,timestamp,value, or timestamp and a column a series, with commas between"
    );
    Error::invalid(InvalidCode::Point, "", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str], series: Option<&str>, shape: Option<TableShape>) -> Result<Columns> {
        let form = TableReading {
            series: series.map(str::to_owned),
            shape,
            ..TableReading::default()
        };
        Columns::of(names, &form, &Limits::default(), &Budget::ample())
    }

    fn wide(ids: &[(usize, &str)]) -> Columns {
        Columns::Wide {
            timestamp: 0,
            series: ids.iter().map(|(i, id)| (*i, (*id).to_owned())).collect(),
        }
    }

    #[test]
    fn a_shape_that_is_named_is_not_guessed() {
        let names = ["timestamp", "series_id", "value"];
        let long = Columns::Long {
            series: 1,
            timestamp: 0,
            value: 2,
        };
        assert_eq!(columns(&names, None, None).unwrap(), long);
        let expected = wide(&[(1, "series_id"), (2, "value")]);
        let shape = Some(TableShape::Wide);
        assert_eq!(columns(&names, None, shape).unwrap(), expected);
        for (names, ids) in [
            (&["timestamp", "value"][..], &[(1, "value")][..]),
            (&["timestamp", "timestamp"], &[(1, "timestamp")]),
            (&["timestamp", "series_id"], &[(1, "series_id")]),
        ] {
            assert!(columns(names, None, None).is_err(), "{names:?}");
            assert_eq!(columns(names, None, shape).unwrap(), wide(ids));
        }
    }

    #[test]
    fn a_shape_that_the_header_has_not_is_refused() {
        use TableShape::{Long, Single, Wide};
        for (names, series, shape, part) in [
            (&["timestamp", "a"][..], None, Long, "called series_id"),
            (&["timestamp", "value"], None, Single, "give the parameter"),
            (&["timestamp", "a"], Some("s"), Single, "called value"),
            (&["timestamp", "a"], Some("s"), Wide, "leave the parameter"),
            (&["a", "b"], None, Wide, "called timestamp"),
            (&["timestamp", "a", "a"], None, Wide, "two columns"),
            (
                &["timestamp", "series_id", "value", "value"],
                None,
                Long,
                "two columns are called \"value\"",
            ),
        ] {
            let error = columns(names, series, Some(shape)).unwrap_err();
            assert!(error.to_string().contains(part), "{names:?}: {error}");
        }
    }

    #[test]
    fn a_header_costs_as_much_as_it_is_long() {
        let ids: Vec<String> = (0..400_000).map(|i| format!("s{i}")).collect();
        let mut names = vec!["timestamp"];
        names.extend(ids.iter().map(String::as_str));
        // Time of the processor: others may have it meanwhile.
        let spent = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
        };
        let time = |count: usize| {
            let once = |_| {
                let begun = spent();
                columns(&names[..count], None, None).unwrap();
                spent() - begun
            };
            (0..3).map(once).min().unwrap()
        };
        // In quadratic time it would be a thousand times as long, and minutes.
        let (few, many) = (time(12_500), time(400_001));
        assert!(many < few * 300, "{few:?} {many:?}");
    }
}
