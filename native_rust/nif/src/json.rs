//! JSON text that Elixir itself looks into: as terms, or its members as text.

use formdb_engine::types::{self, Source};
use formdb_engine::{Error, InvalidCode};
use rustler::{Binary, Encoder, Env, Term};

use crate::answer::{Failure, binary, tagged};
use crate::atoms;
use crate::schedulers::twins;

fn decode<'a>(env: Env<'a>, text: &[u8]) -> Result<Term<'a>, Failure> {
    let invalid = |detail: String| Failure(Error::invalid(InvalidCode::Json, "", detail));
    // Its own limit of 128 levels keeps deep nesting from the stack.
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|e| invalid(e.to_string()))?;
    rustler::serde::to_term(env, value).map_err(|e| invalid(e.to_string()))
}

twins! {
    /// `{:ok, term}`: maps with text keys, lists, numbers, text, booleans, nil. Whole
    /// numbers beyond 64 bits become floats.
    json_decode: "Normal", json_decode_dirty: "DirtyCpu";
    fn(env; text: Binary<'a>) -> Term<'a> {
        tagged(env, decode(env, &text))
    }
}

twins! {
    /// `:ok`, or the refusal of the first number in a JSON text that would not be kept as it
    /// is written.
    json_check_numbers: "Normal", json_check_numbers_dirty: "DirtyCpu";
    fn(env; text: Binary<'a>) -> Term<'a> {
        let text = std::str::from_utf8(&text).unwrap_or_default();
        match types::check_numbers(text) {
            Ok(()) => atoms::ok().to_term(env),
            Err(error) => (atoms::error(), Failure(error)).encode(env),
        }
    }
}

twins! {
    /// `{:ok, [{name, text}]}` of the members of a JSON object, their values as they are
    /// written.
    json_members: "Normal", json_members_dirty: "DirtyCpu";
    fn(env; text: Binary<'a>) -> Term<'a> {
        let members = Source::new(&text).and_then(|source| {
            let members = source.members("{\"geometry\": {...}}")?;
            let members = members.iter().map(|(name, raw)| (name, raw.get()));
            Ok(members.collect::<Vec<_>>().encode(env))
        });
        tagged(env, members.map_err(Failure))
    }
}

twins! {
    /// The elements of a JSON array as lines, or as a text sequence.
    json_lines: "Normal", json_lines_dirty: "DirtyCpu";
    fn(env; array: Binary<'a>, sequence: bool) -> Term<'a> {
        binary(env, &types::array_lines(&array, sequence))
    }
}

twins! {
    /// `{:ok, text}`: a CBOR document as JSON of at most so many bytes.
    cbor_to_json: "Normal", cbor_to_json_dirty: "DirtyCpu";
    fn(env; cbor: Binary<'a>, limit: usize) -> Term<'a> {
        let json = types::cbor_to_json(&cbor, limit);
        tagged(env, json.map(|json| binary(env, &json)).map_err(Failure))
    }
}

twins! {
    /// `{:ok, bytes}`: a JSON document as CBOR.
    json_to_cbor: "Normal", json_to_cbor_dirty: "DirtyCpu";
    fn(env; json: Binary<'a>) -> Term<'a> {
        let cbor = types::json_to_cbor(&json);
        tagged(env, cbor.map(|cbor| binary(env, &cbor)).map_err(Failure))
    }
}

/// The provenance in `{"provenance": {...}}`: `{:ok, text}`, or `{:ok, nil}` where it
/// is not there. An object with another member is refused.
#[rustler::nif]
fn provenance_member<'a>(env: Env<'a>, text: Binary<'a>) -> Term<'a> {
    tagged(
        env,
        provenance_in(&text).map(|text| text.map(|t| t.encode(env))),
    )
}

fn provenance_in(text: &[u8]) -> Result<Option<String>, Failure> {
    let members = Source::new(text)?.members("{\"provenance\": {...}}")?;
    if let Some((other, _)) = members.iter().find(|(name, _)| *name != "provenance") {
        let detail = format!("found the member {other:?}; the only one taken is provenance");
        return Err(Failure(Error::invalid(InvalidCode::Document, "", detail)));
    }
    Ok(members.get("provenance").map(|raw| raw.get().to_owned()))
}
