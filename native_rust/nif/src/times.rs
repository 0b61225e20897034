//! Times, what integers count that stand for them, and zones.

use formdb_engine::Zone;
use formdb_engine::types::{TimeReading, TimeWriter, read_time_parameter, read_timestamp};
use rustler::{Encoder, Env, NifResult, Term};

use crate::answer::{Failure, tagged};
use crate::atoms;

/// What integers count, and the zone of texts without an offset, by their names.
pub(crate) type Times<'a> = (Option<&'a str>, Option<&'a str>);

/// How times are read.
pub(crate) fn time_reading((unit, tz): Times<'_>) -> Result<TimeReading, Failure> {
    Ok(TimeReading {
        unit: unit.map(str::parse).transpose()?,
        zone: tz.map(Zone::parse).transpose()?,
    })
}

/// The zone of this name, UTC without one.
pub(crate) fn zone(tz: Option<&str>) -> Result<Zone, Failure> {
    Ok(tz.map(Zone::parse).transpose()?.unwrap_or_default())
}

/// Of ISO 8601 text, without an offset in local time of the zone.
#[rustler::nif]
fn timestamp_parse<'a>(env: Env<'a>, text: &str, tz: Option<&str>) -> Term<'a> {
    let zone = tz.map(Zone::parse).transpose();
    let read = zone.and_then(|zone| read_timestamp(text, zone.as_ref()));
    tagged(env, read.map_err(Failure))
}

/// Of text that may also be an integer in digits.
#[rustler::nif]
fn timestamp_parameter<'a>(env: Env<'a>, text: &str, times: Times<'a>) -> Term<'a> {
    let read = |times| read_time_parameter(text, &times).map_err(Failure);
    tagged(env, time_reading(times).and_then(read))
}

/// In local time of a zone, UTC without one.
#[rustler::nif]
fn timestamp_format(micros: i64, tz: Option<&str>) -> NifResult<String> {
    let zone = tz.map(Zone::parse).transpose();
    let zone = zone.map_err(|_| rustler::Error::BadArg)?;
    Ok(TimeWriter::new(&zone.unwrap_or_default()).format(micros))
}

/// `:ok`, or why a name is that of no zone.
#[rustler::nif]
fn time_zone_check<'a>(env: Env<'a>, tz: &str) -> Term<'a> {
    match Zone::parse(tz) {
        Ok(_) => atoms::ok().to_term(env),
        Err(error) => (atoms::error(), Failure(error)).encode(env),
    }
}

#[rustler::nif]
fn time_zone_release() -> &'static str {
    Zone::release()
}
