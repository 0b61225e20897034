use proptest::prelude::*;
use serde_json::{Value as JsonValue, json};

use super::*;
use crate::types::Source;
use crate::types::cbor::encode_json;

proptest! {
    /// What is asked of texts and lists, against their plain meaning in JSON values.
    #[test]
    fn texts_and_lists_are_searched_as_written(
        member in member(), text in text(), others in prop::collection::vec(text(), 0..4),
    ) {
        let body = json!({"p": {"m": member}, "m": "decoy"}).to_string();
        let mut stored = Vec::new();
        encode_json(&Source::new(body.as_bytes()).unwrap().value().unwrap(), &mut stored);
        let holds = |expression: String| {
            let filter = MemberFilter::parse("prop", "m", &expression).unwrap();
            filter.matches(&stored, Some("p")).unwrap()
        };
        let quoted = json!(text).to_string();
        let found = member.as_str();
        prop_assert_eq!(holds(format!("contains:{quoted}")), found.is_some_and(|f| f.contains(&text)));
        prop_assert_eq!(holds(format!("starts:{quoted}")), found.is_some_and(|f| f.starts_with(&text)));
        let items = member.as_array();
        prop_assert_eq!(holds(format!("has:{quoted}")), items.is_some_and(|i| i.contains(&json!(text))));
        let list = others.iter().chain([&text]).map(|t| json!(t).to_string());
        let list = list.collect::<Vec<_>>().join(" , ");
        let expected = found.is_some_and(|f| f == text || others.iter().any(|o| o == f));
        prop_assert_eq!(holds(format!("in:{list}")), expected);
    }
}

/// Few characters, so that texts are often in each other; among them what has a meaning
/// in lists and in JSON, and what is alike but not equal.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "A",
        ",",
        " ",
        "\"",
        "\\",
        "\u{e9}",
        "e\u{301}",
        "\u{1f30b}",
        "5",
        "null",
    ]);
    prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

fn member() -> impl Strategy<Value = JsonValue> {
    let one = prop_oneof![
        text().prop_map(|text| json!(text)),
        Just(json!(5)),
        Just(JsonValue::Null),
        text().prop_map(|text| json!({"m": text})),
        text().prop_map(|text| json!([text])),
    ];
    prop_oneof![
        one.clone(),
        prop::collection::vec(one, 0..4).prop_map(|items| json!(items))
    ]
}
