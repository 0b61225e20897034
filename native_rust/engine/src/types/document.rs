//! Free documents, such as provenance and metadata.

use super::cbor::encode_json;
use super::json::Json;
use crate::error::{Error, InvalidCode, Result};

/// An object, such as a provenance, as its own deterministic CBOR map. `pointer` is
/// where errors point to.
///
/// # Errors
/// [`InvalidCode::Document`] for anything that is not an object.
pub(super) fn encode_document(value: &Json<'_>, pointer: &str) -> Result<Vec<u8>> {
    match value {
        Json::Obj(_) => {
            let mut body = Vec::new();
            encode_json(value, &mut body);
            Ok(body)
        }
        other => Err(Error::invalid(
            InvalidCode::Document,
            pointer,
            format!("found {}; expected an object", other.kind()),
        )),
    }
}
