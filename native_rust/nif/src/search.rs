//! Searches for features, their number, and heatmaps.

use std::sync::Arc;

use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Area, Database, Error, Filter, Grid, Heatmap, Limits, Near, NearFeature, Predicate,
    QueryGeometry, Search,
};
use rustler::{Binary, Encoder, Env, NifMap, NifTaggedEnum, NifUnitEnum, Term};

use crate::CatalogRef;
use crate::answer::{COPIED, Failure, json_answer};
use crate::asking::ask;
use crate::options::Crossing;
use crate::reads::feature_page;
use crate::schedulers::{On, twins};

/// Where a search looks.
#[derive(NifTaggedEnum)]
enum AreaTerm<'a> {
    Everything,
    /// `west,south,east,north`.
    Box(&'a str),
    /// GeoJSON, and what becomes of edges wider than 180 degrees.
    Geometry(Binary<'a>, Crossing),
    /// The id of a stored feature.
    Feature(&'a str),
    /// Longitude, latitude, `k` and `radius`.
    Near(f64, f64, Option<usize>, Option<f64>),
    /// The id of a stored feature, `k` and `radius`.
    NearFeature(&'a str, Option<usize>, Option<f64>),
}

impl AreaTerm<'_> {
    /// An error about a box or a geometry points at the parameter of that name.
    fn area(&self, limits: &Limits) -> Result<Area, Failure> {
        Ok(match self {
            Self::Everything => Area::Everything,
            Self::Box(text) => Area::Box(parse_box(text)?),
            Self::Geometry(text, crossing) => {
                let crossing = (*crossing).into();
                let geometry = QueryGeometry::parse(text.as_slice(), crossing, limits);
                Area::Geometry(Arc::new(geometry.map_err(|e| at("/geometry", e))?))
            }
            Self::Feature(id) => Area::Feature((*id).into()),
            Self::NearFeature(id, k, radius) => Area::NearFeature(NearFeature {
                feature: (*id).into(),
                k: *k,
                radius: *radius,
            }),
            Self::Near(lon, lat, k, radius) => Area::Near(Near {
                point: [*lon, *lat],
                k: *k,
                radius: *radius,
            }),
        })
    }
}

fn parse_box(text: &str) -> Result<BoundingBox, Failure> {
    BoundingBox::parse(text).map_err(|e| at("/bbox", e))
}

/// The error with the path of what was parsed before its pointer.
fn at(path: &str, error: Error) -> Failure {
    Failure(error.within(path))
}

/// How a feature must lie to what is searched.
#[derive(NifUnitEnum, Clone, Copy)]
pub(crate) enum PredicateTerm {
    Intersects,
    Within,
    Contains,
}

impl From<PredicateTerm> for Predicate {
    fn from(term: PredicateTerm) -> Self {
        match term {
            PredicateTerm::Intersects => Self::Intersects,
            PredicateTerm::Within => Self::Within,
            PredicateTerm::Contains => Self::Contains,
        }
    }
}

/// Keys and expressions.
type FilterTerms<'a> = Vec<(&'a str, &'a str)>;

fn filters(terms: &FilterTerms<'_>) -> Result<Vec<Filter>, Failure> {
    let parsed = terms.iter().map(|(key, text)| Filter::parse(key, text));
    Ok(parsed.collect::<Result<_, Error>>()?)
}

/// `Search` as a map.
#[derive(NifMap)]
struct SearchMap<'a> {
    area: AreaTerm<'a>,
    predicate: PredicateTerm,
    filters: FilterTerms<'a>,
    limit: usize,
    cursor: Option<String>,
    as_of: Option<u64>,
}

impl SearchMap<'_> {
    fn search(self, limits: &Limits) -> Result<Search, Failure> {
        Ok(Search {
            area: self.area.area(limits)?,
            predicate: self.predicate.into(),
            filters: filters(&self.filters)?,
            limit: self.limit,
            cursor: self.cursor,
            as_of: self.as_of,
        })
    }
}

twins! {
    /// `{:ok, {json, returned, seq, next}}`. Not on a normal scheduler for a large geometry,
    /// which takes time to read.
    search: "Normal", search_tried: Tried, search_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, query: SearchMap<'a>) -> Term<'a> {
        ask(
            env,
            on,
            (&catalog, name),
            || query.search(catalog.limits()),
            |database, search| {
                let page = database.search_in_memory(search)?;
                Ok(page.filter(|page| page.json.len() <= COPIED))
            },
            Database::search,
            |page| feature_page(env, page),
        )
    }
}

/// As `search`, for one who goes through all pages: nothing is kept of it.
#[rustler::nif(schedule = "DirtyIo")]
fn search_once<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    query: SearchMap<'a>,
) -> Term<'a> {
    ask(
        env,
        On::Dirty,
        (&catalog, name),
        || query.search(catalog.limits()),
        |_, _| Ok(None),
        Database::search_once,
        |page| feature_page(env, page),
    )
}

twins! {
    /// `{:ok, {count, seq}}`, whatever the limit and the cursor.
    search_count: "Normal", search_count_tried: Tried, search_count_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, query: SearchMap<'a>) -> Term<'a> {
        ask(
            env,
            on,
            (&catalog, name),
            || query.search(catalog.limits()),
            Database::count_in_memory,
            Database::count,
            |counted| counted.encode(env),
        )
    }
}

/// The cells of a heatmap.
#[derive(NifTaggedEnum)]
enum GridTerm {
    /// Width and height.
    Degrees(f64, f64),
    /// The zoom level.
    Tiles(u8),
}

/// `Heatmap` as a map.
#[derive(NifMap)]
struct HeatmapMap<'a> {
    bbox: &'a str,
    grid: GridTerm,
    sum: Option<String>,
    filters: FilterTerms<'a>,
    as_of: Option<u64>,
}

impl HeatmapMap<'_> {
    fn heatmap(self) -> Result<Heatmap, Failure> {
        Ok(Heatmap {
            bbox: parse_box(self.bbox)?,
            grid: match self.grid {
                GridTerm::Degrees(lon, lat) => Grid::Degrees { lon, lat },
                GridTerm::Tiles(zoom) => Grid::Tiles { zoom },
            },
            sum: self.sum,
            filters: filters(&self.filters)?,
            as_of: self.as_of,
        })
    }
}

twins! {
    /// `{:ok, {json, seq}}`; `json` is an array of cells.
    heatmap: "Normal", heatmap_tried: Tried, heatmap_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, query: HeatmapMap<'a>) -> Term<'a> {
        ask(
            env,
            on,
            (&catalog, name),
            || query.heatmap(),
            |database, heatmap| {
                let answer = database.heatmap_json_in_memory(heatmap)?;
                Ok(answer.filter(|answer| answer.json.len() <= COPIED))
            },
            Database::heatmap_json,
            |answer| json_answer(env, &answer),
        )
    }
}
