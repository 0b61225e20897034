//! What is stored: documents, features, points, and the types they are made of.
//!
//! Everything here is pure: bytes in, bytes out, no file and no clock. Client
//! text becomes prepared operations (deterministic CBOR); stored CBOR becomes
//! answers and index entries.

mod answered;
mod antimeridian;
mod attributes;
mod batch;
mod bbox;
mod bbox_member;
mod calendar;
pub mod cbor;
mod crs;
mod defaults;
mod delete;
mod document;
pub(crate) mod exact;
mod faults;
mod feature;
mod geometry;
mod hash;
mod id;
pub(crate) mod id_pattern;
mod json;
pub(crate) mod member_filter;
mod misspelled;
mod orientation;
mod points;
mod provenance;
mod ring;
mod scan;
mod signature;
mod swapped;
mod time;
mod time_writer;
mod unlikely_time;
mod value_filter;
mod warnings;
mod webhook;
mod zone;

pub use answered::Stored;
pub(crate) use answered::{may_name_version, push_version};
pub use antimeridian::Antimeridian;
pub(crate) use attributes::attributes_operation;
pub use attributes::{
    MAX_ATTRIBUTES_BYTES, SetAttributes, StoredAttributes, attributes_to_json, stored_attributes,
};
pub use batch::{
    DecodedPoints, MAX_BATCH_POINTS, PointBatch, all_metadata, decode_points, encode_points,
    point_metadata, points_to_json, stored_points,
};
pub(crate) use bbox::without_noise;
pub use bbox::{BoundingBox, Pieces, Rect};
pub(crate) use calendar::{DAY, Date};
pub use cbor::{DecodeError, write_json};
pub use defaults::{Defaults, OnDuplicate};
pub use delete::{
    DeleteFeature, DeletePoints, PointSpan, Which, delete_points_to_json, stored_delete_feature,
    stored_delete_points,
};
pub(crate) use faults::Faults;
pub use feature::{
    Features, PutFeature, ReadFeatures, Rejected, feature_to_json, parse_feature_as,
    parse_features, read_features, read_features_in,
};
pub(crate) use feature::{id_text, read_feature_as, written_id};
pub(crate) use geometry::MAX_COLLECTIONS;
pub use geometry::check_geometry;
pub use hash::{Hash, parse_hash, to_hex};
pub use id::{
    check_database_name, check_feature_id, check_id, check_series_id, generate_database_name,
    generate_feature_id,
};
pub use json::{
    Json, Members, Room, Source, array_lines, cbor_to_json, check_numbers, json_to_cbor,
};
pub(crate) use json::{Number, at, step, tree_bytes};
pub(crate) use misspelled::warn_of_names;
pub(crate) use orientation::{Orientation, side};
pub use points::{
    Correction, Pointers, Points, parse_correction, parse_point_id, parse_points, parse_points_in,
    parse_points_of, point_id,
};
pub(crate) use points::{PointBatches, point_value_from_text};
pub(crate) use provenance::encode_provenance;
pub use provenance::{Origin, derived_from, parse_provenance};
pub use scan::{StoredFeature, intersects_box, stored_feature, stored_feature_id};
pub(crate) use scan::{deeper, enter_geometry, find_geometry, read_position, segment_meets};
pub use signature::{
    FeatureSignature, GeometryType, MAX_SIGNATURE_BYTES, MAX_SIGNATURE_PROPERTIES, PropertyType,
};
pub(crate) use swapped::Surroundings;
pub(crate) use time::timestamp_from_json;
pub use time::{
    FIRST_TIMESTAMP, LAST_TIMESTAMP, TimeReading, TimeUnit, check_range, format_timestamp,
    is_timestamp, parse_timestamp, read_time_parameter, read_timestamp, write_timestamp,
};
pub use time_writer::TimeWriter;
pub(crate) use unlikely_time::{UNLIKELY_TIME, doubt_of_text};
pub(crate) use value_filter::Counted;
pub use value_filter::ValueFilter;
pub use warnings::Warnings;
pub use webhook::{MAX_WEBHOOK_BYTES, SetWebhook, StoredWebhook, stored_webhook, webhook_to_json};
pub use zone::Zone;
