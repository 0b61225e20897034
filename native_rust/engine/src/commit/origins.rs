//! What a provenance may name.

use crate::block::Operation;
use crate::error::{Error, InvalidCode, Result};
use crate::types::{Origin, derived_from};

/// Refuse a provenance that names a block which is not there yet: one after the sequence
/// `published`.
pub(crate) fn check_origins(operations: &[Operation], published: u64) -> Result<()> {
    for operation in operations {
        let Some(provenance) = operation.provenance() else {
            continue;
        };
        let origins = derived_from(provenance).unwrap_or_default();
        let unknown = origins
            .iter()
            .enumerate()
            .find_map(|(i, origin)| match origin {
                Origin::Seq(seq) if *seq > published => Some((i, *seq)),
                _ => None,
            });
        if let Some((i, seq)) = unknown {
            let detail = format!(
                "found block {seq}; the journal has reached block {published}: name one that is written"
            );
            let pointer = format!("/provenance/derived_from/{i}");
            return Err(Error::invalid(InvalidCode::Document, pointer, detail));
        }
    }
    Ok(())
}
