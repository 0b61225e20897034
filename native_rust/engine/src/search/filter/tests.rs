use proptest::prelude::*;

use super::*;
use crate::types::Source;
use crate::types::cbor::encode_json;

fn matches(properties: &str, key: &str, expression: &str) -> bool {
    let text = format!(r#"{{"type":"Feature","properties":{properties}}}"#);
    let mut body = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut body,
    );
    Filter::parse(key, expression)
        .unwrap()
        .matches(&body)
        .unwrap()
}

#[test]
fn values_and_their_kinds() {
    let properties = r#"{"n":5,"f":5.5,"s":"5","word":"abc","yes":true,"none":null,"list":[5],
        "in":{"a.b":{"c\\":1}},"t":"2024-03-01T12:00:00+02:00","micros":1709287200000000,
        "big":9007199254740993,"url":"http://x,y","":{"":7},"a>b":1,"c!":2,"urn":"us:1",
        "code":"007","tel":"+41","date":"2024-03-01","end":"1.5 m",
        "spaced":" b ","inch":"6\" pipe","tags":["a,b",null,["nested"],true],"cafe":"Caf\u00e9"}"#;
    for (key, expression, expected) in [
        ("prop.n", "5", true),
        ("prop.n", "eq:5.0", true),
        ("prop.n", "\"5\"", false),
        ("prop.s", "5", true),
        ("prop.s", "\"5\"", true),
        ("prop.s", "5.0", false),
        ("prop.s", "gte:4", false),
        ("prop.s", "gte:\"4\"", true),
        ("prop.n", "gte:5", true),
        ("prop.n", "gt:5", false),
        ("prop.n", "lt:5.5", true),
        ("prop.f", "gt:5", true),
        ("prop.f", "lte:5.5", true),
        ("prop.f", "lt:5.25", false),
        ("prop.big", "9007199254740992", false),
        ("prop.big", "gt:9007199254740992", true),
        ("prop.big", "gt:9007199254740992.0", true),
        ("prop.big", "lt:1e300", true),
        ("prop.word", "gt:abb", true),
        ("prop.word", "lt:abb", false),
        ("prop.word", "in:x,abc", true),
        ("prop.word", "in:", false),
        ("prop.url", "http://x,y", true),
        ("prop.url", "in:\"http://x,y\",z", true),
        ("prop.url", "in:http://x,y", false),
        ("prop.yes", "true", true),
        ("prop.yes", "\"true\"", false),
        ("prop.none", "null", true),
        ("prop.none", "exists", true),
        ("prop.gone", "null", false),
        ("prop.gone", "exists", false),
        ("prop.gone", "exists:false", true),
        ("prop.gone", "ne:1", true),
        ("prop.gone.deeper", "ne:1", true),
        ("prop.n.deeper", "exists", false),
        ("prop.list", "5", false),
        ("prop.list", "ne:5", true),
        ("prop.list", "exists", true),
        (r"prop.in.a\.b.c\\", "1", true),
        ("prop.in.a.b", "exists", false),
        ("prop.t", "since:2024-03-01T10:00:00Z", true),
        ("prop.t", "until:2024-03-01T10:00:00Z", false),
        ("prop.micros", "since:2024-03-01T10:00:00Z", true),
        ("prop.micros", "since:2024-03-01T10:00:00.000001Z", false),
        ("prop.word", "since:1970-01-01T00:00:00Z", false),
        ("prop.", "exists", true),
        ("prop..", "7", true),
        ("prop..a", "exists", false),
        ("prop.n.", "exists", false),
        (r"prop.a\>b", "1", true),
        (r"prop.c\!", "gt:1", true),
        ("prop.urn", "eq:us:1", true),
        ("prop.urn", "\"us:1\"", true),
        ("prop.code", "007", true),
        ("prop.tel", "+41", true),
        ("prop.date", "gte:2024-02", true),
        ("prop.date", "gt:2024-03-01", false),
        ("prop.end", "gt:\"1.5\"", true),
        ("prop.n", "gte:5.0e0", true),
        ("prop.word", "gt:\"\"", true),
        ("prop.word", "in:x, abc", true),
        ("prop.word", "in: abc ,x", true),
        ("prop.spaced", "in:a, b ", false),
        ("prop.spaced", "in:a,\" b \" , c", true),
        ("prop.inch", "in:5\" pipe,6\" pipe", true),
        ("prop.list", "has:5", true),
        ("prop.list", "has:5.0", true),
        ("prop.list", "has:\"5\"", false),
        ("prop.tags", "has:a,b", true),
        ("prop.tags", "has:a", false),
        ("prop.tags", "has:null", true),
        ("prop.tags", "has:\"null\"", false),
        ("prop.tags", "has:nested", false),
        ("prop.tags", "has:true", true),
        ("prop.word", "has:abc", false),
        ("prop.gone", "has:abc", false),
        ("prop.word", "contains:bc", true),
        ("prop.word", "contains:BC", false),
        ("prop.word", "contains:\"b\"", true),
        ("prop.word", "contains:\"\"", true),
        ("prop.n", "contains:5", false),
        ("prop.s", "contains:5", true),
        ("prop.tags", "contains:a", false),
        ("prop.gone", "contains:\"\"", false),
        ("prop.word", "starts:ab", true),
        ("prop.word", "starts:bc", false),
        ("prop.t", "starts:2024-03", true),
        ("prop.cafe", "contains:\u{e9}", true),
        ("prop.cafe", "contains:e\u{301}", false),
    ] {
        assert_eq!(
            matches(properties, key, expression),
            expected,
            "{key}={expression}"
        );
    }
    assert!(!matches("null", "prop.a", "exists"));
}

#[test]
fn refusals_say_what_was_expected() {
    for (key, expression, text) in [
        ("mag", "gte:5", "expected prop.NAME, time or seq"),
        ("prop.a\\", "1", "after the backslash"),
        // What `prop.n>=5` and its like come to in a query.
        ("prop.n>", "5", "prop.NAME=gte:5"),
        ("prop.n<", "5", "prop.NAME=gte:5"),
        ("prop.n>5", "", "prop.NAME=gte:5"),
        ("prop.n!", "5", "prop.NAME=gte:5"),
        ("prop.n~", "5", "prop.NAME=gte:5"),
        ("prop.n[gte]", "5", "prop.NAME=gte:5"),
        ("prop.n", "=5", "such as gte:5"),
        ("prop.n", ">5", "such as gte:5"),
        ("prop.n", "ge:5", "\"ge\"; expected one of eq, ne"),
        ("prop.n", "GTE:5", "expected one of eq, ne"),
        ("prop.name", "like:a*", "write eq:like:a*"),
        ("prop.name", "not_in:a", "expected one of eq, ne"),
        ("prop.n", "gte:5,lt:8", "give the parameter twice"),
        ("prop.n", "gte:a,lt:b", "give the parameter twice"),
        ("prop.n", "gt:5.", "as JSON writes it"),
        ("prop.n", "gt:.5", "as JSON writes it"),
        ("prop.n", "gt:+5", "as JSON writes it"),
        ("prop.n", "gt:007", "as JSON writes it"),
        ("prop.n", "gt:5m", "as JSON writes it"),
        ("prop.n", "gt:-", "as JSON writes it"),
        ("prop.n", "gt:1e999", "beyond the range of a double"),
        ("prop.n", "gt:", "as JSON writes it"),
        ("prop.n", "5.", "as JSON writes it"),
        ("prop.n", "ne:-.5", "as JSON writes it"),
        ("prop.n", "in:1,2.", "as JSON writes it"),
        ("prop.a", "\"open", "one JSON string"),
        ("prop.a", "in:\"open,b", "one JSON string"),
        ("prop.a", "in:\"a\" b,c", "expected a comma"),
        ("prop.n", "has:5.", "as JSON writes it"),
        ("prop.n", "contains:", "found nothing after contains:"),
        ("prop.n", "starts:", "found nothing after starts:"),
        ("prop.n", "starts:\"open", "one JSON string"),
        ("prop.n", "icontains:a", "has, contains, starts"),
        ("prop.a", "exists:maybe", "expected true or false"),
        ("prop.a", "since:yesterday", "which is no time"),
        ("time", "gte:5", "since:TIME or until:TIME"),
        ("seq", "gte:x", "of an integer"),
        ("seq", "ne:5", "of an integer"),
        (
            "prop.a",
            &format!("in:{}", ",".repeat(1_000)),
            "at most 1000",
        ),
    ] {
        let error = Filter::parse(key, expression).unwrap_err();
        assert_eq!(error.code(), "invalid_parameter");
        assert!(error.to_string().contains(text), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(key in "(prop\\.|time|seq)?.{0,12}", expression in ".{0,20}") {
        if let Ok(filter) = Filter::parse(&key, &expression) {
            let _ = filter.matches(&[0xa0]);
        }
    }
}
