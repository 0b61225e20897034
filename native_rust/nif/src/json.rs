//! JSON text as Elixir terms, for the small documents that Elixir itself looks into.

use formdb_engine::{Error, InvalidCode};
use rustler::{Binary, Env, Term};

use crate::answer::{Failure, tagged};

fn decode<'a>(env: Env<'a>, text: &[u8]) -> Result<Term<'a>, Failure> {
    let invalid = |detail: String| Failure(Error::invalid(InvalidCode::Json, "", detail));
    // Its own limit of 128 levels keeps deep nesting from the stack.
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|e| invalid(e.to_string()))?;
    rustler::serde::to_term(env, value).map_err(|e| invalid(e.to_string()))
}

/// `{:ok, term}`: maps with text keys, lists, numbers, text, booleans, nil. Whole
/// numbers beyond 64 bits become floats.
#[rustler::nif]
fn json_decode<'a>(env: Env<'a>, text: Binary<'a>) -> Term<'a> {
    tagged(env, decode(env, &text))
}

/// The same, for text that takes time.
#[rustler::nif(schedule = "DirtyCpu")]
fn json_decode_dirty<'a>(env: Env<'a>, text: Binary<'a>) -> Term<'a> {
    tagged(env, decode(env, &text))
}
