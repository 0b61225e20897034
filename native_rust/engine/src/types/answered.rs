//! What answers add to a feature, and how it is taken off a document that comes back.
//!
//! A feature to which an answer adds its provenance or its distance has the member `formdb`
//! too, which names the version. So a document that was read, changed and written again is
//! told from one whose members are its own.

use std::fmt::Debug;

use super::bbox::Rect;
use super::faults::Faults;
use super::json::{Json, Members, Source, shown};
use super::provenance::{encode_provenance, parse_provenance};
use crate::error::{Error, InvalidCode, Result};

/// The member that names the version.
const MEMBER: &[u8] = b"formdb";

/// What of a database features are read beside.
pub trait Stored: Debug {
    /// The public id of their log.
    fn log(&self) -> &str;

    /// Shows the document of version `seq` of feature `id` to `see`; false if there is no such
    /// version. May read the journal.
    ///
    /// # Errors
    /// Those of reading it, and of `see`.
    fn see(&self, id: &str, seq: u64, see: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool>;

    /// Whether a feature that is written lies far from all others, but among them if
    /// longitude and latitude are exchanged. One that does not is among the others from then on.
    fn looks_swapped(&self, envelope: &Rect) -> bool;
}

/// Appends the member `formdb` to the members of an object that stands open.
pub(crate) fn push_version(log: &str, seq: u64, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    let member = format!("\"formdb\":{{\"log\":\"{log}\",\"seq\":{seq}}}");
    out.extend_from_slice(member.as_bytes());
}

/// Whether a text may have the member `formdb`, however it is escaped: only then is
/// anything looked up to read its features. Linear, some GB a second.
pub(crate) fn may_name_version(text: &[u8]) -> bool {
    [MEMBER, b"\\u006", b"\\u007"]
        .iter()
        .any(|part| memchr::memmem::find(text, part).is_some())
}

/// Takes off what an answer had added to a feature, and warns of it.
///
/// # Errors
/// [`InvalidCode::Feature`] at `/formdb` for a member `formdb` that no answer has; those of
/// looking up the version.
pub(super) fn take_off(
    members: &mut Members<'_, Json<'_>>,
    id: Option<&str>,
    stored: Option<&dyn Stored>,
    faults: &mut Faults,
) -> Result<()> {
    let Some(named) = members.remove("formdb") else {
        return Ok(());
    };
    let (log, seq) = version_of(&named)?;
    let Some(stored) = stored else {
        return Err(refusal(
            "found a version of a database; leave the member out here",
        ));
    };
    let pointer = || "/formdb".to_owned();
    if log != stored.log() {
        faults.warnings.add("other_database", pointer, || {
            "the member \"formdb\" names a version of another database; it was taken off, and \
             all other members are stored, \"provenance\" and \"distance\" too"
                .to_owned()
        });
        return Ok(());
    }
    let mut taken = vec!["formdb"];
    let mut see = |document: &[u8]| {
        let source = Source::of_features(document)?;
        let before = source.members("a feature")?;
        if before.get("distance").is_none() && members.remove("distance").is_some() {
            taken.push("distance");
        }
        if let (Some(sent), Some(own)) = (members.get("provenance"), before.get("provenance"))
            && encode_provenance(sent)? == parse_provenance(own.get().as_bytes())?
        {
            members.remove("provenance");
            taken.push("provenance");
        }
        Ok(())
    };
    let found = match id {
        Some(id) => stored.see(id, seq, &mut see)?,
        None => false,
    };
    if !found {
        let whose = id.map_or_else(|| "a feature without an id".to_owned(), shown);
        return Err(refusal(&format!(
            "sequence {seq} is no version of {whose}; remove the member \"formdb\": then \
             \"provenance\" and \"distance\" are stored as they stand here"
        )));
    }
    faults.warnings.add("answer_members", pointer, || {
        let taken: Vec<String> = taken.iter().map(|name| format!("{name:?}")).collect();
        format!(
            "the answer with version {seq} had added these members, which were taken off: {}",
            taken.join(", ")
        )
    });
    Ok(())
}

/// The log and the sequence that the member names.
fn version_of<'m>(named: &'m Json<'_>) -> Result<(&'m str, u64)> {
    if let Json::Obj(parts) = named
        && let (2, Some(Json::Str(log)), Some(Json::U64(seq))) =
            (parts.len(), parts.get("log"), parts.get("seq"))
    {
        return Ok((log, *seq));
    }
    Err(refusal(
        "the member \"formdb\" is reserved for what answers add: an object with \"log\", a \
         string, and \"seq\", a sequence; remove it or give it another name",
    ))
}

fn refusal(detail: &str) -> Error {
    Error::invalid(InvalidCode::Feature, "/formdb", detail)
}
