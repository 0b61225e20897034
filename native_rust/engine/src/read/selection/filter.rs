//! What a filter over the journal takes.

use std::cmp::Ordering;

use serde_json::Value;

use crate::block::{Action, Block, OpKind};
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::index::kinds::Kinds;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{
    DecodeError, Number, stored_attributes, stored_delete_feature, stored_delete_points,
    stored_feature_id, stored_points, stored_webhook, write_json,
};

/// Conditions on a block, all of which have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockFilter {
    /// What it does. A revert is a revert, whatever it brings back.
    pub op: Option<OpKind>,
    /// What it does not do.
    pub not_op: Option<OpKind>,
    /// Who wrote it.
    pub actor: Option<String>,
    /// Members of its provenance.
    pub provenance: Vec<Member>,
    /// The feature that it wrote, deleted or brought back.
    pub feature: Option<String>,
    /// The series whose points it wrote, deleted or brought back, or whose attributes it set.
    pub series: Option<SeriesNames>,
    /// The sequence of one of the blocks of its transaction.
    pub transaction: Option<u64>,
    /// When it was committed, half-open, microseconds since the epoch.
    pub times: Option<(i64, i64)>,
}

/// One series, or several whose ids begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesNames {
    /// The one with this id.
    One(String),
    /// Those whose ids begin with this.
    Prefix(String),
}

impl SeriesNames {
    /// An id, or what ids begin with before a star. No series has an id that ends in one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::One(text.to_owned()),
        }
    }

    /// Whether it is one of them.
    pub(crate) fn takes(&self, id: &str) -> bool {
        match self {
            Self::One(one) => one == id,
            Self::Prefix(prefix) => id.starts_with(prefix),
        }
    }
}

/// A member that a provenance has to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    name: String,
    value: Wanted,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Exactly(Value),
    /// A text, and the number or word that JSON writes so.
    Text(String, Option<Literal>),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    /// A word.
    Word(Value),
    Number(Number),
}

impl Member {
    /// With exactly this value.
    #[must_use]
    pub fn exactly(name: String, value: Value) -> Self {
        Self {
            name,
            value: Wanted::Exactly(value),
        }
    }

    /// With a value that is this text, or the number, `true`, `false` or `null` that is
    /// written so; or with a list that has such an element. Digits of a number that no
    /// document has, such as an integer beyond 64 bits, are a text alone.
    #[must_use]
    pub fn written(name: String, text: String) -> Self {
        let literal = match text.trim_ascii() {
            "null" => Some(Literal::Word(Value::Null)),
            "true" => Some(Literal::Word(Value::Bool(true))),
            "false" => Some(Literal::Word(Value::Bool(false))),
            _ => Number::read(&text)
                .and_then(Result::ok)
                .map(Literal::Number),
        };
        Self {
            name,
            value: Wanted::Text(text, literal),
        }
    }

    fn holds(&self, provenance: &Value) -> bool {
        let Some(stored) = provenance.get(&self.name) else {
            return false;
        };
        match &self.value {
            Wanted::Exactly(value) => stored == value,
            Wanted::Text(text, literal) => {
                let is = |stored: &Value| match (stored, literal) {
                    (Value::String(stored), _) => stored == text,
                    (Value::Number(stored), Some(Literal::Number(number))) => {
                        let order = Number::of(stored).and_then(|stored| stored.order(*number));
                        order == Some(Ordering::Equal)
                    }
                    (stored, Some(Literal::Word(word))) => stored == word,
                    _ => false,
                };
                is(stored) || stored.as_array().is_some_and(|list| list.iter().any(is))
            }
        }
    }
}

impl BlockFilter {
    /// Refuse one with more conditions than are worth looking at for each block.
    pub(super) fn check(&self) -> Result<()> {
        const MEMBERS: usize = 64;
        match self.provenance.len() {
            0..=MEMBERS => Ok(()),
            many => {
                let detail = format!("found {many} members of a provenance; give up to {MEMBERS}");
                Err(Error::invalid(
                    InvalidCode::Parameter,
                    "/provenance",
                    detail,
                ))
            }
        }
    }

    /// Whether it takes a block, but for when and in which transaction that was written:
    /// those are ranges of sequences ([`super::Candidates`]).
    pub(crate) fn takes(&self, state: &State, block: &Block<'_>) -> Result<bool> {
        let broken = |e| damaged(state, block.seq, e);
        let actor = self.actor.as_deref();
        Ok(self.op.is_none_or(|op| op == block.op)
            && self.not_op != Some(block.op)
            && actor.is_none_or(|actor| block.actor == Some(actor))
            && self.is_about(block).map_err(broken)?
            && self.has_provenance(block).map_err(broken)?)
    }

    /// The kinds of operations that are among the blocks it takes.
    pub(super) fn kinds(&self) -> Kinds {
        let op = self.op.map_or(Kinds::ALL, Kinds::of);
        let other = self.not_op.map_or(Kinds::ALL, |op| Kinds::of(op).others());
        let mut kinds = op.and(other);
        if self.feature.is_some() {
            kinds = kinds.and(Kinds::OF_FEATURES);
        }
        if self.series.is_some() {
            kinds = kinds.and(Kinds::OF_SERIES);
        }
        kinds
    }

    fn has_provenance(&self, block: &Block<'_>) -> Result<bool, DecodeError> {
        if self.provenance.is_empty() {
            return Ok(true);
        }
        let Some(provenance) = block.provenance else {
            return Ok(false);
        };
        let mut text = Vec::new();
        write_json(provenance, &mut text)?;
        let stored: Value = serde_json::from_slice(&text).unwrap_or_default();
        Ok(self.provenance.iter().all(|member| member.holds(&stored)))
    }

    fn is_about(&self, block: &Block<'_>) -> Result<bool, DecodeError> {
        if self.feature.is_none() && self.series.is_none() {
            return Ok(true);
        }
        let (entity, id) = entity(&block.action()?)?;
        let named = |wanted: &String| *wanted == id;
        Ok(match entity {
            Entity::Feature => self.series.is_none() && self.feature.as_ref().is_some_and(named),
            Entity::Series => {
                self.feature.is_none() && self.series.as_ref().is_some_and(|s| s.takes(&id))
            }
            _ => false,
        })
    }
}

/// The feature or the series that an action is about, or the database as a whole.
pub(crate) fn entity(action: &Action<'_>) -> Result<(Entity, String), DecodeError> {
    let body = action.body;
    Ok(match action.op {
        OpKind::PutFeature => (Entity::Feature, stored_feature_id(body)?.into_owned()),
        OpKind::DeleteFeature => (Entity::Feature, stored_delete_feature(body)?.to_owned()),
        OpKind::PutPoints => (Entity::Series, stored_points(body)?.0.to_owned()),
        OpKind::SetAttributes => (Entity::Series, stored_attributes(body)?.series.to_owned()),
        OpKind::SetDefaults => (Entity::Database, String::new()),
        OpKind::SetWebhook => (Entity::Webhook, stored_webhook(body)?.id.to_owned()),
        OpKind::DeletePoints | OpKind::Revert => {
            (Entity::Series, stored_delete_points(body)?.series)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_text_or_what_json_writes_so() {
        for (stored, text, holds) in [
            (r#""import 7""#, "import 7", true),
            (r#""import 7""#, "import", false),
            (r#""7""#, "7", true),
            ("7", "7", true),
            ("7.0", "7", true),
            ("7", "7.0", true),
            ("7", "07", false),
            ("18446744073709551615", "18446744073709551615", true),
            ("18446744073709551615", "18446744073709551614", false),
            ("9007199254740993", "9007199254740992.0", false),
            ("-9223372036854775808", "-9223372036854775809", false),
            ("0", "1e-400", false),
            (r#""18446744073709551616""#, "18446744073709551616", true),
            ("true", "true", true),
            (r#""true""#, "true", true),
            ("null", "null", true),
            ("[1,2]", "2", true),
            (r#"[1,"two"]"#, "two", true),
            ("[1,2]", "[1,2]", false),
            ("[[1]]", "1", false),
            (r#"{"a":1}"#, r#"{"a":1}"#, false),
            (r#""""#, "", true),
        ] {
            let provenance: Value =
                serde_json::from_str(&format!(r#"{{"m":{stored},"other":"x"}}"#)).unwrap();
            let member = |name: &str| Member::written(name.into(), text.into());
            assert_eq!(member("m").holds(&provenance), holds, "{stored} {text}");
            assert!(!member("n").holds(&provenance));
        }
        let exactly = |json: &str| {
            Member::exactly("m".into(), serde_json::from_str(json).unwrap())
                .holds(&serde_json::json!({"m": 7}))
        };
        assert_eq!((exactly("7"), exactly("\"7\"")), (true, false));
    }

    #[test]
    fn a_star_at_the_end_stands_for_any_rest() {
        let names = SeriesNames::parse("tokyo/*");
        assert!(names.takes("tokyo/rain") && names.takes("tokyo/") && !names.takes("tokyo"));
        assert!(SeriesNames::parse("*").takes("x"));
        assert!(!SeriesNames::parse("a*b").takes("axb"));
    }
}
