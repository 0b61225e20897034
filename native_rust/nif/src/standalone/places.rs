//! Places by id, in memory.

use std::ops::ControlFlow;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use formdb_engine::PlaceIndex;
use formdb_engine::types::{BoundingBox, Pieces, Rect};
use formdb_engine::{Error, InvalidCode};
use rustler::{Encoder, Env, NifResult, Resource, ResourceArc, Term};

use super::{FREED_AT_ONCE, free_in_background, lock};
use crate::answer::{Failure, tagged};
use crate::asking::Asker;
use crate::atoms;
use crate::schedulers::{On, twins};

/// Ids in an answer made on a normal scheduler.
const HITS: usize = 1_000;

/// Places moved on a normal scheduler to make room for more.
const MOVES: usize = 1_000;

struct Places(RwLock<PlaceIndex>);

type PlacesRef = ResourceArc<Places>;

#[rustler::resource_impl]
impl Resource for Places {
    fn destructor(self, _env: Env<'_>) {
        if let Ok(index) = self.0.into_inner()
            && index.len() > FREED_AT_ONCE
        {
            free_in_background(index);
        }
    }
}

impl Places {
    fn read(&self, on: On) -> NifResult<Option<RwLockReadGuard<'_, PlaceIndex>>> {
        lock(on, || self.0.try_read(), || self.0.read())
    }

    fn write(&self, on: On) -> NifResult<Option<RwLockWriteGuard<'_, PlaceIndex>>> {
        lock(on, || self.0.try_write(), || self.0.write())
    }
}

/// West, south, east and north in degrees.
type Corners = (f64, f64, f64, f64);

fn bounding_box((west, south, east, north): Corners) -> Result<BoundingBox, Failure> {
    Ok(BoundingBox::new(west, south, east, north)?)
}

/// The one rectangle that a place is.
fn rect(corners: Corners) -> Result<Rect, Failure> {
    let (west, south, east, north) = corners;
    bounding_box(corners)?;
    if west > east {
        let detail = format!(
            "found a place from {west} to {east} degrees of longitude, across the antimeridian; \
             enter its parts on both sides under ids of their own"
        );
        return Err(Failure(Error::invalid(
            InvalidCode::BoundingBox,
            "",
            detail,
        )));
    }
    Ok(Rect {
        min: [west, south],
        max: [east, north],
    })
}

#[rustler::nif]
fn places_new() -> PlacesRef {
    ResourceArc::new(Places(RwLock::default()))
}

twins! {
    /// How many places there are, or `:long`.
    places_size: "Normal", places_size_dirty: "DirtyCpu";
    fn(env, on; places: PlacesRef) -> NifResult<Term<'a>> {
        Ok(match places.read(on)? {
            Some(index) => index.len().encode(env),
            None => atoms::long().to_term(env),
        })
    }
}

twins! {
    /// `:ok`, `:long`, or an error.
    places_insert: "Normal", places_insert_dirty: "DirtyCpu";
    fn(env, on; places: PlacesRef, id: &str, corners: Corners) -> NifResult<Term<'a>> {
        let rect = match rect(corners) {
            Ok(rect) => rect,
            Err(failure) => return Ok(tagged::<Term<'_>>(env, Err(failure))),
        };
        let most = on.at_most(MOVES);
        let done = match places.write(on)? {
            Some(mut index) if index.insert_moves() <= most => {
                index.insert(id, rect);
                atoms::ok()
            }
            _ => atoms::long(),
        };
        Ok(done.to_term(env))
    }
}

twins! {
    /// Whether there was such a place, or `:long`.
    places_delete: "Normal", places_delete_dirty: "DirtyCpu";
    fn(env, on; places: PlacesRef, id: &str) -> NifResult<Term<'a>> {
        Ok(match places.write(on)? {
            Some(mut index) => index.remove(id).encode(env),
            None => atoms::long().to_term(env),
        })
    }
}

twins! {
    /// `{:ok, ids}`, `:long`, or an error.
    places_query: "Normal", places_query_dirty: "DirtyCpu";
    fn(env, on; places: PlacesRef, corners: Corners) -> NifResult<Term<'a>> {
        ask(env, on, &places, corners, ids)
    }
}

twins! {
    /// `{:ok, count}`, `:long`, or an error.
    places_count: "Normal", places_count_dirty: "DirtyCpu";
    fn(env, on; places: PlacesRef, corners: Corners) -> NifResult<Term<'a>> {
        ask(env, on, &places, corners, count)
    }
}

/// What `answer` makes of the places in a box, up to a number of them, unless those
/// are more.
fn ask<'a>(
    env: Env<'a>,
    on: On,
    places: &Places,
    corners: Corners,
    answer: fn(Env<'a>, &PlaceIndex, &Pieces, usize) -> Option<Term<'a>>,
) -> NifResult<Term<'a>> {
    let pieces = match bounding_box(corners) {
        Ok(area) => area.pieces(),
        Err(failure) => return Ok(tagged::<Term<'_>>(env, Err(failure))),
    };
    let most = on.at_most(HITS);
    let index = places.read(on)?;
    let found = index.and_then(|index| answer(env, &index, &pieces, most));
    Ok(match found {
        Some(found) => (atoms::ok(), found).encode(env),
        None => atoms::long().to_term(env),
    })
}

fn ids<'a>(env: Env<'a>, index: &PlaceIndex, pieces: &Pieces, most: usize) -> Option<Term<'a>> {
    let mut ids: Vec<Term<'a>> = Vec::with_capacity(64);
    let mut rest = false;
    index.query_box(pieces, |id, _| {
        if ids.len() == most {
            rest = true;
            return ControlFlow::Break(());
        }
        ids.push(id.encode(env));
        ControlFlow::Continue(())
    });
    (!rest).then(|| ids.encode(env))
}

fn count<'a>(env: Env<'a>, index: &PlaceIndex, pieces: &Pieces, most: usize) -> Option<Term<'a>> {
    let mut count = 0;
    index.query_box(pieces, |_, _| {
        count += 1;
        match count > most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    (count <= most).then(|| count.encode(env))
}

/// `{:ok, [{id, metres}]}`, or an error. Its cost cannot be told beforehand: as many
/// places as are equally near are looked at.
#[rustler::nif(schedule = "DirtyCpu")]
fn places_nearest<'a>(
    env: Env<'a>,
    places: PlacesRef,
    (lon, lat): (f64, f64),
    k: usize,
    radius: Option<f64>,
) -> NifResult<Term<'a>> {
    if let Err(failure) = check_near((lon, lat), radius) {
        return Ok(tagged::<Term<'_>>(env, Err(failure)));
    }
    let asker = Asker::new(env);
    let index = places.read(On::Dirty)?;
    let nearest = index.as_ref().map(|index| {
        let radius = radius.unwrap_or(f64::INFINITY);
        index.nearby([lon, lat], k, radius, &asker.default_budget())
    });
    let rows = nearest.transpose().map(|nearest| {
        let rows = nearest.unwrap_or_default().into_iter();
        rows.map(|(metres, id)| (id, metres)).collect::<Vec<_>>()
    });
    Ok(tagged(env, rows.map_err(Failure)))
}

fn check_near((lon, lat): (f64, f64), radius: Option<f64>) -> Result<(), Failure> {
    let refuse = |code, pointer: &str, detail| Err(Failure(Error::invalid(code, pointer, detail)));
    if !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat) {
        let detail = format!(
            "found the position {lon}, {lat}; expected a longitude from -180 to 180 \
             and a latitude from -90 to 90 degrees"
        );
        return refuse(InvalidCode::Position, "", detail);
    }
    match radius {
        Some(radius) if radius.is_nan() || radius < 0.0 => {
            let detail = format!("found the radius {radius}; expected metres, at least 0");
            refuse(InvalidCode::Parameter, "/radius", detail)
        }
        _ => Ok(()),
    }
}
