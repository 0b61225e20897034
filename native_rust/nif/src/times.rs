//! Times and what integers count that stand for them.

use formdb_engine::Zone;
use formdb_engine::types::{TimeUnit, read_time_parameter, read_timestamp, write_timestamp};
use rustler::{Env, Term};

use crate::answer::{Failure, tagged};

/// The unit of this name, microseconds without one.
pub(crate) fn time_unit(unit: Option<&str>) -> Result<TimeUnit, Failure> {
    Ok(unit.map(str::parse).transpose()?.unwrap_or_default())
}

/// Of ISO 8601 text.
#[rustler::nif]
fn timestamp_parse<'a>(env: Env<'a>, text: &str) -> Term<'a> {
    tagged(env, read_timestamp(text).map_err(Failure))
}

/// Of text that may also be an integer in digits, which counts the unit.
#[rustler::nif]
fn timestamp_parameter<'a>(env: Env<'a>, text: &str, unit: Option<&str>) -> Term<'a> {
    let unit = unit.map(str::parse).transpose();
    let parsed = unit.and_then(|unit| read_time_parameter(text, unit));
    tagged(env, parsed.map_err(Failure))
}

#[rustler::nif]
fn timestamp_format(micros: i64) -> String {
    let mut text = Vec::with_capacity(32);
    write_timestamp(micros, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

#[rustler::nif]
fn time_zone_release() -> &'static str {
    Zone::release()
}
