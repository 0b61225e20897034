//! One reader: an operation is queued only if what will be stored of it reads back as
//! what it says, by the very code that reads it when the journal is replayed.
//!
//! So nothing is accepted that a later opening refuses, and no answer changes by one,
//! however the grammar of what clients send and that of what is stored are changed.
//! Costs what replay costs.

use crate::block::Operation;
use crate::block::{Action, Effect};
use crate::error::{Error, InvalidCode, Result};
use crate::types::cbor::{DecodeError, Reader, pointer_to};
use crate::types::{PointBatch, all_metadata, at, derived_from};

/// The operation, if it reads back.
///
/// # Errors
/// [`Error::Invalid`], pointing at what cannot be read.
pub(crate) fn readable(operation: Operation) -> Result<Operation> {
    match unreadable(&operation) {
        None => Ok(operation),
        Some(error) => Err(error),
    }
}

/// The operations of a request, if all of them read back. `pointer` leads to the one
/// of a place.
///
/// # Errors
/// As [`readable`], with the first that does not.
pub(crate) fn all_readable(
    operations: Vec<Operation>,
    pointer: impl Fn(usize) -> String,
) -> Result<Vec<Operation>> {
    for (i, operation) in operations.iter().enumerate() {
        if let Some(error) = unreadable(operation) {
            return Err(at(pointer(i), error));
        }
    }
    Ok(operations)
}

fn unreadable(operation: &Operation) -> Option<Error> {
    let refusal = |pointer: String, error: DecodeError| {
        let code = match operation.effect() {
            Operation::PutFeature(_) | Operation::DeleteFeature(_) => InvalidCode::Feature,
            Operation::SetAttributes(_) | Operation::SetWebhook(_) => InvalidCode::Document,
            _ => InvalidCode::Point,
        };
        let detail = format!("it could not be read again once it is stored: {error}; leave it out");
        Error::invalid(code, pointer, detail)
    };
    if let Some(provenance) = operation.provenance()
        && let Err(error) = whole(provenance).and_then(|()| derived_from(provenance))
    {
        let pointer = pointer_to(provenance, error.offset);
        return Some(refusal(format!("/provenance{pointer}"), error));
    }
    let body = operation.body();
    let error = whole(body).and_then(|()| same(operation, body)).err()?;
    Some(refusal(pointer_to(body, error.offset), error))
}

/// One item and nothing after it.
fn whole(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.item()?;
    reader.end()
}

/// Whether replay enters into the indexes what the commit will enter.
fn same(operation: &Operation, body: &[u8]) -> Result<(), DecodeError> {
    let action = Action::of(operation.kind(), body)?;
    let same = match (operation.effect(), action.effect()?) {
        (Operation::PutFeature(put), Effect::PutFeature(stored)) => {
            put.id == stored.id
                && put.envelope == stored.envelope
                && put.signature == stored.signature
        }
        (Operation::DeleteFeature(delete), Effect::DeleteFeature(id)) => delete.id == id,
        (Operation::PutPoints { batch, .. }, Effect::PutPoints(stored)) => {
            batch.series == stored.series
                && batch.timestamps == stored.timestamps
                && same_bits(&batch.values, &stored.values)
                && same_metadata(batch, action.body)?
        }
        (Operation::DeletePoints(delete), Effect::DeletePoints(span)) => delete.span == span,
        (Operation::SetDefaults(set), Effect::SetDefaults(stored)) => set.defaults == stored,
        (Operation::SetAttributes(set), Effect::SetAttributes { series, present }) => {
            set.series == series && set.present == present
        }
        (Operation::SetWebhook(set), Effect::SetWebhook { id, present }) => {
            set.id == id && set.present == present
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(Reader::new(body).error("another meaning than what was sent"))
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn same_metadata(batch: &PointBatch, body: &[u8]) -> Result<bool, DecodeError> {
    if batch.metadata.is_empty() {
        return Ok(true);
    }
    let stored = all_metadata(body)?;
    Ok(batch.metadata.iter().map(Option::as_deref).eq(stored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::PointDuplicates;
    use crate::limits::Limits;
    use crate::types::{DeleteFeature, Features, PutFeature, encode_points, parse_features};

    fn feature(text: &str) -> PutFeature {
        match parse_features(text.as_bytes(), &Limits::default()).unwrap() {
            Features::One(feature) => feature,
            Features::Many(_) => panic!("one feature"),
        }
    }

    /// What a grammar that has drifted from the reader's would let through.
    #[test]
    fn what_would_read_back_as_something_else_is_refused_with_the_place() {
        let good = feature(
            r#"{"type":"Feature","id":"a","geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]},"properties":{"n":1},"provenance":{"derived_from":[1]}}"#,
        );
        assert!(readable(Operation::PutFeature(good.clone())).is_ok());
        let refused = |change: &dyn Fn(&mut PutFeature)| {
            let mut feature = good.clone();
            change(&mut feature);
            let error = readable(Operation::PutFeature(feature)).unwrap_err();
            assert_eq!(error.code(), "invalid_feature");
            error.pointer().unwrap_or_default().to_owned()
        };
        assert_eq!(refused(&|f| f.id = "b".into()), "");
        assert_eq!(refused(&|f| f.envelope = None), "");
        assert_eq!(
            refused(&|f| f.signature = feature(r#"{"type":"Feature","geometry":null}"#).signature),
            ""
        );
        assert_eq!(refused(&|f| f.body.push(0)), "");
        let provenance = refused(&|f| f.provenance = Some(vec![0x80]));
        assert_eq!(provenance, "/provenance");
        // A latitude that is text.
        let four = good.body.iter().rposition(|byte| *byte == 4).unwrap();
        assert_eq!(
            refused(&|f| f.body[four] = 0x60),
            "/geometry/coordinates/1/1"
        );
    }

    #[test]
    fn deletions_and_points_are_read_too() {
        let mut delete = DeleteFeature::new("a".into(), None);
        assert!(readable(Operation::DeleteFeature(delete.clone())).is_ok());
        delete.id = "b".into();
        assert!(readable(Operation::DeleteFeature(delete)).is_err());
        let batch = PointBatch {
            series: "s".into(),
            timestamps: vec![1, 2],
            values: vec![0.5, -0.0],
            metadata: vec![None, Some(vec![0xa0])],
            provenance: None,
        };
        let body = encode_points(&batch);
        let with = |change: &dyn Fn(&mut PointBatch)| {
            let mut batch = batch.clone();
            change(&mut batch);
            let body = body.clone();
            let duplicates = PointDuplicates::default();
            readable(Operation::PutPoints {
                batch,
                body,
                duplicates,
            })
            .is_ok()
        };
        assert!(with(&|_| {}));
        assert!(!with(&|batch| batch.values[1] = 0.0));
        assert!(!with(&|batch| batch.timestamps[0] = 0));
        assert!(!with(&|batch| batch.metadata[0] = Some(vec![0xa0])));
    }

    #[test]
    fn the_first_of_many_is_pointed_at() {
        let good = feature(r#"{"type":"Feature","id":"a","geometry":null}"#);
        let mut bad = good.clone();
        bad.body.push(0);
        let operations = vec![Operation::PutFeature(good), Operation::PutFeature(bad)];
        let error = all_readable(operations, |i| format!("/features/{i}")).unwrap_err();
        assert_eq!(error.pointer(), Some("/features/1"));
    }
}
