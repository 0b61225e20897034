//! A batch of points as one block body.
//!
//! The body is a deterministic CBOR map:
//!
//! ```text
//! {"n": uint, "ts": column, "meta": [map or null, ...]?, "codec": text,
//!  "series": text, "values": column}
//! ```
//!
//! `codec` says how the two columns of `n` numbers each are written:
//! - `raw`: typed arrays of RFC 8746, little-endian: tag 79 (64-bit integers) for
//!   the timestamps, tag 86 (binary64) for the values, over byte strings;
//! - `pco`: byte strings in the standalone format of the `pco` crate (i64, f64),
//!   for [`PCO_MIN_POINTS`] to [`PCO_MAX_POINTS`] points and only where smaller.
//!
//! Timestamps are microseconds since the epoch, in arrival order; values are finite.

use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::cbor::{
    DecodeError, Reader, TAG_F64_LE, TAG_I64_LE, write_array_header, write_bytes, write_json,
    write_map_header, write_tag, write_text, write_uint,
};
use super::time::write_timestamp;

/// Points in one batch made by [`super::parse_points`] or [`PointBatch::split`], at
/// most: a block stays small enough to be read for one of its points.
pub const MAX_BATCH_POINTS: usize = 65_536;

/// Fewest points that are worth compressing.
const PCO_MIN_POINTS: usize = 128;

/// Most points that are compressed in one body, so that a few damaged bytes cannot
/// ask for more than 16 MiB of memory.
const PCO_MAX_POINTS: usize = 1 << 20;

/// Level of `pco`, 0 to 12: on noisy sensor readings it saves a sixth of what level 0
/// takes up, and level 8 little more, for which short batches pay most in time.
const LEVEL: usize = 3;

const RAW: &str = "raw";
const PCO: &str = "pco";

/// Points of one series with one provenance, in arrival order.
///
/// Invariant: `timestamps` and `values` are equally long, `metadata` is too or is
/// empty, and values are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct PointBatch {
    /// Series id.
    pub series: String,
    /// Microseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
    /// A CBOR map or nothing for each point; empty when no point has any.
    pub metadata: Vec<Option<Vec<u8>>>,
    /// Provenance of all of them, a CBOR map.
    pub provenance: Option<Vec<u8>>,
}

impl PointBatch {
    /// The same points in batches of at most [`MAX_BATCH_POINTS`], as even as can
    /// be; none when there are no points. No copy when one batch holds them.
    #[must_use]
    pub fn split(self) -> Vec<Self> {
        let count = self.timestamps.len();
        if count <= MAX_BATCH_POINTS {
            return if count == 0 { Vec::new() } else { vec![self] };
        }
        let size = count.div_ceil(count.div_ceil(MAX_BATCH_POINTS));
        let mut metadata = self.metadata.chunks(size);
        self.timestamps
            .chunks(size)
            .zip(self.values.chunks(size))
            .map(|(timestamps, values)| {
                let metadata = metadata.next().unwrap_or_default();
                let any = metadata.iter().any(Option::is_some);
                Self {
                    series: self.series.clone(),
                    timestamps: timestamps.to_vec(),
                    values: values.to_vec(),
                    metadata: if any { metadata.to_vec() } else { Vec::new() },
                    provenance: self.provenance.clone(),
                }
            })
            .collect()
    }
}

/// The columns of a stored batch.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedPoints {
    /// Series id.
    pub series: String,
    /// Microseconds since the epoch, in arrival order.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
}

/// The body of a batch, as the module's head describes it. The provenance is not
/// part of it. Linear (`benches/codec`).
#[must_use]
pub fn encode_points(batch: &PointBatch) -> Vec<u8> {
    // Equal by the invariant; a body that breaks it could never be read again.
    let n = batch.timestamps.len().min(batch.values.len());
    let timestamps = batch.timestamps.get(..n).unwrap_or_default();
    let values = batch.values.get(..n).unwrap_or_default();
    let packed = compressed(timestamps, values);

    let columns = packed.as_ref().map_or(16 * n, |(t, v)| t.len() + v.len());
    let mut out = Vec::with_capacity(columns + batch.series.len() + 64);
    let has_metadata = !batch.metadata.is_empty();
    write_map_header(5 + u64::from(has_metadata), &mut out);
    write_text("n", &mut out);
    write_uint(n as u64, &mut out);
    write_text("ts", &mut out);
    match &packed {
        Some((bytes, _)) => write_bytes(bytes, &mut out),
        None => {
            write_tag(TAG_I64_LE, &mut out);
            write_bytes(&little_endian(timestamps, i64::to_le_bytes), &mut out);
        }
    }
    if has_metadata {
        write_text("meta", &mut out);
        write_array_header(n as u64, &mut out);
        for i in 0..n {
            match batch.metadata.get(i) {
                Some(Some(map)) => out.extend_from_slice(map),
                _ => out.push(NULL),
            }
        }
    }
    write_text("codec", &mut out);
    write_text(if packed.is_some() { PCO } else { RAW }, &mut out);
    write_text("series", &mut out);
    write_text(&batch.series, &mut out);
    write_text("values", &mut out);
    match &packed {
        Some((_, bytes)) => write_bytes(bytes, &mut out),
        None => {
            write_tag(TAG_F64_LE, &mut out);
            write_bytes(&little_endian(values, f64::to_le_bytes), &mut out);
        }
    }
    out
}

const NULL: u8 = 0xf6;

/// Both columns compressed, where that is worth it.
fn compressed(timestamps: &[i64], values: &[f64]) -> Option<(Vec<u8>, Vec<u8>)> {
    let n = timestamps.len();
    if !(PCO_MIN_POINTS..=PCO_MAX_POINTS).contains(&n) {
        return None;
    }
    // How values behave is left to pco to find out.
    let for_values = ChunkConfig::default().with_compression_level(LEVEL);
    // Neither can fail with a valid configuration; if one did, raw is as good.
    let timestamps = simple_compress(timestamps, &for_timestamps()).ok()?;
    let values = simple_compress(values, &for_values).ok()?;
    (timestamps.len() + values.len() < 16 * n).then_some((timestamps, values))
}

/// Timestamps are known to step, and saying so saves a search.
fn for_timestamps() -> ChunkConfig {
    ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::TryConsecutive(1))
}

/// Timestamps alone, as a column of a body.
#[derive(Debug)]
pub(super) struct TimeColumn {
    bytes: Vec<u8>,
    packed: bool,
}

impl TimeColumn {
    pub(super) fn new(timestamps: &[i64]) -> Self {
        let worth = (PCO_MIN_POINTS..=PCO_MAX_POINTS).contains(&timestamps.len());
        let packed = worth
            .then(|| simple_compress(timestamps, &for_timestamps()).ok())
            .flatten();
        match packed.filter(|packed| packed.len() < 8 * timestamps.len()) {
            Some(bytes) => Self {
                bytes,
                packed: true,
            },
            None => Self {
                bytes: little_endian(timestamps, i64::to_le_bytes),
                packed: false,
            },
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if !self.packed {
            write_tag(TAG_I64_LE, out);
        }
        write_bytes(&self.bytes, out);
    }

    pub(super) fn codec(&self) -> &'static str {
        if self.packed { PCO } else { RAW }
    }
}

/// The members of a [`TimeColumn`] in a stored body, as they come.
#[derive(Default)]
pub(super) struct StoredTimes<'b> {
    pub count: Option<u64>,
    pub codec: Option<&'b str>,
    column: Option<Column<'b>>,
}

impl<'b> StoredTimes<'b> {
    pub(super) fn read(&mut self, reader: &mut Reader<'b>) -> Result<(), DecodeError> {
        self.column = Some(Column::read(reader, TAG_I64_LE)?);
        Ok(())
    }

    /// The timestamps, if there is any of the members.
    pub(super) fn decode(self, reader: &Reader<'_>) -> Result<Option<Vec<i64>>, DecodeError> {
        match (self.count, self.codec, self.column) {
            (None, None, None) => Ok(None),
            (Some(count), Some(codec), Some(column))
                if codec == if column.raw { RAW } else { PCO } =>
            {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                column.decode(count, i64::from_le_bytes).map(Some)
            }
            _ => Err(reader.error("timestamps with a member missing")),
        }
    }
}

fn little_endian<T: Copy>(column: &[T], bytes: fn(T) -> [u8; 8]) -> Vec<u8> {
    column.iter().flat_map(|&item| bytes(item)).collect()
}

/// Reads a batch back. Linear (`benches/codec`). Memory is asked for only after `n` has
/// been held against the bytes there are, or against the million points that are
/// ever compressed in one body.
///
/// # Errors
/// [`DecodeError`] for bytes that [`encode_points`] did not write.
pub fn decode_points(body: &[u8]) -> Result<DecodedPoints, DecodeError> {
    let stored = Stored::read(body)?;
    let values: Vec<f64> = stored.values.decode(stored.n, f64::from_le_bytes)?;
    if !values.iter().all(|value| value.is_finite()) {
        return Err(stored.values.error("a value that is not finite"));
    }
    Ok(DecodedPoints {
        series: stored.series.to_owned(),
        timestamps: stored.timestamps.decode(stored.n, i64::from_le_bytes)?,
        values,
    })
}

/// The series of a stored batch and how many points it has. Decompresses nothing; linear in
/// the metadata.
///
/// # Errors
/// [`DecodeError`] for bytes that [`encode_points`] did not write.
pub fn stored_points(body: &[u8]) -> Result<(&str, usize), DecodeError> {
    Stored::read(body).map(|stored| (stored.series, stored.n))
}

/// The metadata of one point of a stored batch, a CBOR map; `None` when it has none.
/// Decompresses nothing; linear in `index`.
///
/// # Errors
/// [`DecodeError`] for bytes that [`encode_points`] did not write, or when the batch
/// has no point `index`.
pub fn point_metadata(body: &[u8], index: usize) -> Result<Option<&[u8]>, DecodeError> {
    let stored = Stored::read(body)?;
    if index >= stored.n {
        return Err(stored.values.error("the batch has fewer points"));
    }
    let Some(mut metadata) = stored.metadata else {
        return Ok(None);
    };
    for _ in 0..index {
        metadata.item()?;
    }
    if metadata.take_null()? {
        return Ok(None);
    }
    metadata.item().map(Some)
}

/// The metadata of every point of a stored batch, in order; empty when none has any.
/// Decompresses nothing.
///
/// # Errors
/// [`DecodeError`] for bytes that [`encode_points`] did not write.
pub fn all_metadata(body: &[u8]) -> Result<Vec<Option<&[u8]>>, DecodeError> {
    let stored = Stored::read(body)?;
    let Some(mut metadata) = stored.metadata else {
        return Ok(Vec::new());
    };
    // As many as the array has, which was checked when it was stepped over.
    let mut all = Vec::new();
    for _ in 0..stored.n {
        all.push(match metadata.take_null()? {
            true => None,
            false => Some(metadata.item()?),
        });
    }
    Ok(all)
}

/// Appends a stored batch to `out` as JSON text: `series_id`, `timestamps` in ISO
/// 8601, UTC, `values`, and `metadata` where any point has some. Linear.
///
/// # Errors
/// As [`decode_points`]; `out` then ends in a part of it.
pub fn points_to_json(body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let points = decode_points(body)?;
    out.extend_from_slice(b"{\"series_id\":");
    // Writing into memory has no way to fail.
    let _ = serde_json::to_writer(&mut *out, &points.series);
    out.extend_from_slice(b",\"timestamps\":[");
    for (i, timestamp) in points.timestamps.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",\"" } else { b"\"" });
        write_timestamp(*timestamp, out);
        out.push(b'"');
    }
    out.extend_from_slice(b"],\"values\":");
    let _ = serde_json::to_writer(&mut *out, &points.values);
    if let Some(mut metadata) = Stored::read(body)?.metadata {
        out.extend_from_slice(b",\"metadata\":");
        for i in 0..points.values.len() {
            out.push(if i > 0 { b',' } else { b'[' });
            write_json(metadata.item()?, out)?;
        }
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}

/// The members of a body, columns still packed.
struct Stored<'b> {
    n: usize,
    series: &'b str,
    timestamps: Column<'b>,
    values: Column<'b>,
    /// At the first element of `meta`.
    metadata: Option<Reader<'b>>,
}

impl<'b> Stored<'b> {
    fn read(body: &'b [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let (mut n, mut codec, mut series) = (None, None, None);
        let (mut timestamps, mut values, mut metadata) = (None, None, None);
        for _ in 0..reader.map()? {
            match reader.text()? {
                "n" => {
                    let stored = reader.uint()?;
                    n = usize::try_from(stored).ok();
                }
                "ts" => timestamps = Some(Column::read(&mut reader, TAG_I64_LE)?),
                "meta" => {
                    let mut elements = reader.clone();
                    reader.item()?;
                    if usize::try_from(elements.array()?).ok() != n {
                        return Err(elements.error("metadata of another number of points"));
                    }
                    metadata = Some(elements);
                }
                "codec" => codec = Some(reader.text()?),
                "series" => series = Some(reader.text()?),
                "values" => values = Some(Column::read(&mut reader, TAG_F64_LE)?),
                _ => return Err(reader.error("an unknown member")),
            }
        }
        reader.end()?;
        let (Some(n), Some(codec), Some(series), Some(timestamps), Some(values)) =
            (n, codec, series, timestamps, values)
        else {
            return Err(reader.error("a batch with a member missing"));
        };
        let raw = match codec {
            RAW => true,
            PCO => false,
            _ => return Err(reader.error("an unknown codec")),
        };
        if timestamps.raw != raw || values.raw != raw {
            return Err(reader.error("columns that do not match their codec"));
        }
        Ok(Self {
            n,
            series,
            timestamps,
            values,
            metadata,
        })
    }
}

struct Column<'b> {
    bytes: &'b [u8],
    raw: bool,
    /// Where it ends in the body, for errors.
    offset: usize,
}

impl<'b> Column<'b> {
    fn read(reader: &mut Reader<'b>, typed: u64) -> Result<Self, DecodeError> {
        let raw = reader.at_tag()?;
        if raw && reader.tag()? != typed {
            return Err(reader.error("a column with the tag of another type"));
        }
        Ok(Self {
            bytes: reader.bytes()?,
            raw,
            offset: reader.position(),
        })
    }

    fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError {
            offset: self.offset,
            reason,
        }
    }

    fn decode<T: Number + Default>(
        &self,
        n: usize,
        from: fn([u8; 8]) -> T,
    ) -> Result<Vec<T>, DecodeError> {
        if self.raw {
            let (items, tail) = self.bytes.as_chunks::<8>();
            if items.len() != n || !tail.is_empty() {
                return Err(self.error("a column of another number of points"));
            }
            return Ok(items.iter().map(|item| from(*item)).collect());
        }
        if n > PCO_MAX_POINTS {
            return Err(self.error("more compressed points than are ever written"));
        }
        let mut items = vec![T::default(); n];
        match simple_decompress_into(self.bytes, &mut items) {
            Ok(progress) if progress.finished && progress.n_processed == n => Ok(items),
            Ok(_) => Err(self.error("a column of another number of points")),
            Err(_) => Err(self.error("a column that does not decompress")),
        }
    }
}

#[cfg(test)]
mod tests;
