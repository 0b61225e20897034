//! Webhooks of a database: what of them stands in the journal.
//!
//! The engine keeps their versions and shows them; who sends what, and where to, is not its
//! matter. So a webhook is any JSON object.

use super::cbor::{DecodeError, Reader, encode_json, write_json, write_map_header, write_text};
use super::document::encode_document;
use super::id::check_id;
use super::json::{Json, Source};
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// Bytes that a webhook may have, encoded.
pub const MAX_WEBHOOK_BYTES: usize = 64 << 10;

/// What a webhook is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SetWebhook {
    /// Its id.
    pub id: String,
    /// Whether there is one: without it it is deleted.
    pub present: bool,
    /// Both as a deterministic CBOR map.
    pub body: Vec<u8>,
}

/// A stored [`SetWebhook`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredWebhook<'b> {
    /// Its id.
    pub id: &'b str,
    /// The webhook, a CBOR map; nothing where it was deleted.
    pub webhook: Option<&'b [u8]>,
}

impl SetWebhook {
    /// The webhook that the text of a JSON object says, or its deletion.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer for a bad id, and for anything but an object of at
    /// most [`MAX_WEBHOOK_BYTES`].
    pub fn parse(id: &str, text: Option<&[u8]>, limits: &Limits) -> Result<Self> {
        check_id(id, "/id", limits)?;
        let Some(text) = text else {
            return Ok(Self::encoded(id.to_owned(), None));
        };
        let webhook = encode_document(&Source::new(text)?.value()?, "")?;
        if webhook.len() > MAX_WEBHOOK_BYTES {
            let detail = format!(
                "the webhook has {} bytes, encoded; it may have {MAX_WEBHOOK_BYTES}: make its \
                 filter smaller",
                webhook.len()
            );
            return Err(Error::invalid(InvalidCode::Document, "/filter", detail));
        }
        Ok(Self::encoded(id.to_owned(), Some(&webhook)))
    }

    fn encoded(id: String, webhook: Option<&[u8]>) -> Self {
        let mut body = Vec::with_capacity(id.len() + webhook.map_or(1, <[u8]>::len) + 32);
        write_map_header(2, &mut body);
        write_text("id", &mut body);
        write_text(&id, &mut body);
        write_text("webhook", &mut body);
        match webhook {
            Some(webhook) => body.extend_from_slice(webhook),
            None => encode_json(&Json::Null, &mut body),
        }
        Self {
            id,
            present: webhook.is_some(),
            body,
        }
    }
}

/// The id and the webhook of a stored body.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn stored_webhook(body: &[u8]) -> Result<StoredWebhook<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    if reader.map()? != 2 || reader.text()? != "id" {
        return Err(reader.error("a webhook without its id"));
    }
    let id = reader.text()?;
    if reader.text()? != "webhook" {
        return Err(reader.error("the id of a webhook without that"));
    }
    let webhook = match reader.take_null()? {
        true => None,
        false if reader.at_map()? => Some(reader.item()?),
        false => return Err(reader.error("a webhook that is no map")),
    };
    reader.end()?;
    Ok(StoredWebhook { id, webhook })
}

/// Appends a stored body as JSON: `{"id", "webhook"}`, the webhook null where it was deleted.
///
/// # Errors
/// [`DecodeError`] for bytes that are not one.
pub fn webhook_to_json(body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let StoredWebhook { id, webhook } = stored_webhook(body)?;
    out.extend_from_slice(b"{\"id\":");
    // Writing text into memory has no way to fail.
    let _ = serde_json::to_writer(&mut *out, id);
    out.extend_from_slice(b",\"webhook\":");
    match webhook {
        Some(webhook) => {
            write_json(webhook, out)?;
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_reads_back() {
        let text = br#"{"url":"https://example.org","filter":{"type":"put_feature"}}"#;
        let set = SetWebhook::parse("wh_1", Some(text), &Limits::default()).unwrap();
        assert!(set.present);
        let mut json = Vec::new();
        webhook_to_json(&set.body, &mut json).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"id":"wh_1","webhook":{"url":"https://example.org","filter":{"type":"put_feature"}}}"#
        );
        let gone = SetWebhook::parse("wh_1", None, &Limits::default()).unwrap();
        assert_eq!(stored_webhook(&gone.body).unwrap().webhook, None);
        for end in 0..set.body.len() {
            assert!(stored_webhook(&set.body[..end]).is_err());
        }
        let value: ciborium::Value = ciborium::from_reader(set.body.as_slice()).unwrap();
        let mut again = Vec::new();
        ciborium::into_writer(&value, &mut again).unwrap();
        assert_eq!(again, set.body);
    }

    #[test]
    fn refusals_point_at_what_they_refuse() {
        let parse = |id: &str, text: &str| {
            SetWebhook::parse(id, Some(text.as_bytes()), &Limits::default())
                .unwrap_err()
                .pointer()
                .map(str::to_owned)
        };
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_WEBHOOK_BYTES));
        assert_eq!(parse("a", "[]").as_deref(), Some(""));
        assert_eq!(parse("", "{}").as_deref(), Some("/id"));
        assert_eq!(parse("a", &long).as_deref(), Some("/filter"));
    }
}
