use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Json<'_>> {
    Source::new(text.as_bytes())?.value()
}

fn refused(text: &[u8]) -> String {
    let error = Source::new(text).and_then(|s| s.value()).unwrap_err();
    assert_eq!(error.code(), "invalid_json");
    assert_eq!(error.pointer(), Some(""));
    error.to_string()
}

#[test]
fn numbers_keep_their_kind() {
    assert_eq!(parse("1").unwrap(), Json::U64(1));
    assert_eq!(parse("-1").unwrap(), Json::I64(-1));
    assert_eq!(parse("1.0").unwrap(), Json::F64(1.0));
    assert_eq!(parse("18446744073709551615").unwrap(), Json::U64(u64::MAX));
    assert_eq!(parse("-9223372036854775808").unwrap(), Json::I64(i64::MIN));
    assert_eq!(
        parse("18446744073709551616").unwrap(),
        Json::F64(18_446_744_073_709_551_616.0)
    );
    match parse("-0").unwrap() {
        Json::F64(zero) => assert!(zero == 0.0 && zero.is_sign_negative()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn strings_without_escapes_are_borrowed() {
    assert!(matches!(
        parse(r#""aé""#).unwrap(),
        Json::Str(Cow::Borrowed("aé"))
    ));
    assert_eq!(parse(r#""\ud83d\ude00""#).unwrap(), Json::Str("😀".into()));
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert!(refused(b"{\"a\":1,\n \"b\":}").contains("line 2 column 6"));
    assert!(refused(b"1 2").contains("more text follows the value at line 1 column 3"));
    assert!(refused(b"1e400").contains("beyond the range of a double at line 1"));
    assert!(refused(br#""\ud800""#).contains("surrogate pair"));
    assert!(refused(br#""\ud800""#).contains("at line 1"));
    assert!(refused(br#""\udc00""#).contains("surrogate"));
    assert!(refused(b"").contains("nothing was sent"));
    assert!(refused(b" \n").contains("nothing was sent"));
    assert!(refused(b"{\"a\":").contains("it ends where a value is expected"));
    assert!(refused(b"[1,").contains("it ends where a value is expected"));
    assert!(refused(b"{a:1}").contains("without double quotes"));
    assert!(refused(b"[NaN]").contains("line 1"));
    assert!(refused(b"\"\xff\"").contains("not UTF-8 was found after line 1 column 1"));
    assert!(refused(b"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}").contains("member \"c\" occurs twice"));
    // The same name, spelled in two ways.
    assert!(refused(br#"{"a":1,"\u0061":2}"#).contains("member \"a\" occurs twice"));
    assert!(refused("[".repeat(129).as_bytes()).contains("deeper than 128 levels"));
}

#[test]
fn nesting_up_to_the_limit_parses_on_a_small_stack() {
    std::thread::Builder::new()
        .stack_size(320 << 10)
        .spawn(|| {
            let arrays = format!("{}{}", "[".repeat(127), "]".repeat(127));
            assert!(parse(&arrays).is_ok());
            let objects = format!("{}1{}", "{\"a\":".repeat(127), "}".repeat(127));
            assert!(parse(&objects).is_ok());
            let hopeless = "[".repeat(1_000_000);
            assert!(parse(&hopeless).is_err());
            assert!(
                Source::new(hopeless.as_bytes())
                    .unwrap()
                    .members("x")
                    .is_err()
            );
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let source = Source::new(b"\xef\xbb\xbf{\"a\":1}").unwrap();
    assert_eq!(source.members("x").unwrap().len(), 1);
}

#[test]
fn errors_in_a_part_give_the_place_in_the_whole() {
    let text = "{\n  \"list\": [1,\n   2, {\"a\":1, \"a\":2}]}";
    let source = Source::new(text.as_bytes()).unwrap();
    let members = source.members("x").unwrap();
    let part = members.get("list").unwrap().get();
    let whole = source.value().unwrap_err().to_string();
    let error = source
        .elements(part, |_, _| Ok(()))
        .unwrap_err()
        .to_string();
    assert_eq!(error, whole);
    assert!(error.contains("line 3 column"), "{error}");

    let text = "  {\"n\": 1e999}";
    let source = Source::new(text.as_bytes()).unwrap();
    let members = source.members("x").unwrap();
    let error = source.part(members.get("n").unwrap().get()).unwrap_err();
    assert_eq!(error.to_string(), source.value().unwrap_err().to_string());
}

#[test]
fn only_an_object_has_members() {
    for text in ["[1]", " 7", "null", "\"{\""] {
        let error = Source::new(text.as_bytes())
            .unwrap()
            .members("a Feature")
            .unwrap_err();
        assert!(error.to_string().contains("expected a Feature"), "{error}");
    }
    let twice = Source::new(br#"{"a":1,"a":2}"#)
        .unwrap()
        .members("x")
        .unwrap_err();
    assert!(twice.to_string().contains("occurs twice"));
    let behind = Source::new(b"{} x").unwrap().members("x").unwrap_err();
    assert!(behind.to_string().contains("more text follows"), "{behind}");
}

#[test]
fn elements_stop_at_the_first_refusal() {
    let source = Source::new(b"[1,2,3]").unwrap();
    let mut seen = Vec::new();
    let error = source
        .elements("[1,2,3]", |index, _| {
            seen.push(index);
            match index {
                1 => Err(Error::Closed),
                _ => Ok(()),
            }
        })
        .unwrap_err();
    assert!(matches!(error, Error::Closed));
    assert_eq!(seen, [0, 1]);
}

#[test]
fn long_text_is_cut_in_messages() {
    assert_eq!(shown("a\"b"), r#""a\"b""#);
    let long = "é".repeat(1_000_000);
    assert_eq!(shown(&long), format!("\"{}\"...", "é".repeat(80)));
    let text = format!("{{\"{long}\":1,\"{long}\":2}}");
    assert!(refused(text.as_bytes()).len() < 1_000);
}

#[test]
fn pointers_are_escaped() {
    assert_eq!(step("a/b~c"), "/a~1b~0c");
}

fn to_tree(value: &serde_json::Value) -> Json<'_> {
    match value {
        serde_json::Value::Null => Json::Null,
        serde_json::Value::Bool(b) => Json::Bool(*b),
        serde_json::Value::Number(n) => match (n.as_u64(), n.as_i64(), n.as_f64()) {
            (Some(n), _, _) => Json::U64(n),
            (_, Some(n), _) => Json::I64(n),
            (_, _, n) => Json::F64(n.unwrap()),
        },
        serde_json::Value::String(s) => Json::Str(s.as_str().into()),
        serde_json::Value::Array(a) => Json::Arr(a.iter().map(to_tree).collect()),
        serde_json::Value::Object(o) => Json::Obj(
            Members::new(
                o.iter()
                    .map(|(k, v)| (k.as_str().into(), to_tree(v)))
                    .collect(),
            )
            .unwrap(),
        ),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = Source::new(&text) {
            let _ = source.members("x");
            let _ = source.value();
        }
    }

    #[test]
    fn json_like_text_agrees_with_serde_json(
        text in r#"([\[\]{},: ]|"(a|b|\\n|\\u00e9)"|-?[0-9]{1,3}(\.[0-9]|e[0-9])?|true|null){0,12}"#,
    ) {
        let ours = parse(&text);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Err(_) => prop_assert!(ours.is_err()),
            Ok(value) => match ours {
                Ok(ours) => prop_assert_eq!(ours, to_tree(&value)),
                Err(e) => prop_assert!(e.to_string().contains("twice"), "{}", e),
            },
        }
    }

    #[test]
    fn members_behave_like_a_map(
        edits in proptest::collection::vec((0..6_usize, any::<Option<u8>>()), 0..40),
    ) {
        const NAMES: [&str; 6] = ["b", "a", "aa", "", "zz", "abc"];
        let mut ours = Members::new(Vec::new()).unwrap();
        let mut map = std::collections::BTreeMap::new();
        for (name, value) in edits {
            let name = NAMES[name];
            match value {
                Some(value) => {
                    ours.insert(name, value);
                    map.insert((name.len(), name), value);
                }
                None => prop_assert_eq!(ours.remove(name), map.remove(&(name.len(), name))),
            }
        }
        let listed: Vec<_> = ours.iter().map(|(k, v)| (k.to_owned(), *v)).collect();
        let expected: Vec<_> = map.iter().map(|((_, k), v)| ((*k).to_owned(), *v)).collect();
        prop_assert_eq!(listed, expected);
    }
}
