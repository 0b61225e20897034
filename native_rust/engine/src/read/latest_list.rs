//! The last points of many series, in pages of one state.

use std::sync::Arc;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::read::cursor::List;
use crate::read::latest::Latest;
use crate::read::series_filter::Chosen;
use crate::read::series_list::{LONG_ROW, SeriesListQuery, SeriesPager};
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, Zone};

/// One page of last points.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestPage {
    /// By id in byte order.
    pub series: Vec<(Arc<str>, Latest)>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// The last point of each series that is asked for, as
    /// [`Database::latest`] has it. Pages are as those of [`Database::series_list`]. Reads
    /// the journal, a block for each series.
    ///
    /// # Errors
    /// As [`Database::series_list`], [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn latest_list(&self, query: &SeriesListQuery<'_>, budget: &Budget) -> Result<LatestPage> {
        let mut pager = SeriesPager::new(self, query, List::Latest, &())?;
        let at = pager.at();
        let chosen = Chosen::new(&self.state, query.filters, at)?;
        let after = pager.after();
        let mut found = chosen.walk_after((query.prefix, after.as_deref()), budget);
        let mut series = Vec::new();
        while let Some(((id, _), point)) = pager.next_shown(&mut found, chosen, budget)? {
            budget.check()?;
            let latest = self.written(point)?;
            let texts = [&latest.metadata, &latest.provenance];
            let texts = texts.map(|text| text.as_ref().map_or(0, Vec::len));
            let more = LONG_ROW + texts.iter().sum::<usize>();
            if !pager.take(&id, more) {
                break;
            }
            budget.hold(more + id.len())?;
            series.push((id, latest));
        }
        Ok(LatestPage {
            series,
            seq: at,
            next: pager.next(),
        })
    }
}

impl LatestPage {
    /// A JSON array of `{"series_id", "timestamp", "value", "point_id", "seq"}`, with
    /// `"metadata"` and `"provenance"` where there are any; the timestamps in ISO 8601, in
    /// local time of `zone`. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut times = TimeWriter::new(zone);
        let mut out = vec![b'['];
        for (place, (id, latest)) in self.series.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"series_id\":");
            // Writing text into memory has no way to fail.
            let _ = serde_json::to_writer(&mut out, &**id);
            out.extend_from_slice(b",\"timestamp\":\"");
            times.write(latest.timestamp, &mut out);
            out.extend_from_slice(b"\",\"value\":");
            let _ = serde_json::to_writer(&mut out, &latest.value);
            let Latest { seq, index, .. } = latest;
            let rest = format!(",\"point_id\":\"pt_{seq}_{index}\",\"seq\":{seq}");
            out.extend_from_slice(rest.as_bytes());
            for (name, json) in [
                ("metadata", &latest.metadata),
                ("provenance", &latest.provenance),
            ] {
                if let Some(json) = json {
                    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                    out.extend_from_slice(json);
                }
            }
            out.push(b'}');
        }
        out.push(b']');
        out
    }

    /// Rows of CSV: id, timestamp in local time of `zone`, value, id of the point, and
    /// sequence of its block. Linear.
    #[must_use]
    pub fn to_csv(&self, zone: &Zone) -> Vec<u8> {
        let mut times = TimeWriter::new(zone);
        let mut out = Vec::new();
        for (id, latest) in &self.series {
            write_cell(id, &mut out);
            out.push(b',');
            times.write(latest.timestamp, &mut out);
            out.push(b',');
            let _ = serde_json::to_writer(&mut out, &latest.value);
            let Latest { seq, index, .. } = latest;
            out.extend_from_slice(format!(",pt_{seq}_{index},{seq}\n").as_bytes());
        }
        out
    }
}
