//! JSON text as Elixir terms, for the small documents that Elixir itself looks into.

use formdb_engine::{Error, InvalidCode};
use rustler::{Binary, Env, Term};

use crate::answer::{Failure, tagged};
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
