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
        parse("18446744073709551616.0").unwrap(),
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
fn a_number_that_would_not_be_kept_is_refused_where_it_stands() {
    let deep = format!("{}7{}", "9".repeat(30), "0".repeat(300));
    for (text, pointer, says) in [
        ("18446744073709551616", "", "beyond 64 bits"),
        ("-9223372036854775809", "", "beyond 64 bits"),
        (
            r#"{"a":[1,{"b/c":-98765432109876543210}]}"#,
            "/a/1/b~1c",
            "found -98765432109876543210,",
        ),
        (
            r#"[1, "18446744073709551616", 18446744073709551617]"#,
            "/2",
            "18446744073709551617",
        ),
        ("1e400", "", "beyond the range of a double"),
        (
            r#"{"x":{"\u0061":[[], {}, -1.5e309]}}"#,
            "/x/a/2",
            "found -1.5e309, which is beyond",
        ),
        (&deep, "", "beyond the range of a double"),
        ("1e-400", "", "too small for a double"),
        (
            r#"{"a":0.0,"b":-0,"c":[0e-999,-2.4E-324]}"#,
            "/c/1",
            "found -2.4E-324, which is too small",
        ),
        (&format!("[0.{}1]", "0".repeat(330)), "/0", "too small"),
    ] {
        let source = Source::new(text.as_bytes()).unwrap();
        let error = source.value().unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            ("invalid_json", Some(pointer)),
            "{text}"
        );
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("not JSON"), "{error}");
        if let Ok(members) = source.members("an object") {
            let parts = members.iter().map(|(_, part)| source.part(part.get()));
            let pointers: Vec<_> = parts.filter_map(Result::err).collect();
            assert_eq!(pointers.len(), 1, "{text}");
            assert_eq!(pointers[0].pointer(), Some(pointer));
        }
    }
    for kept in [
        "0.0",
        "-0",
        "0e-999",
        "0.000e-5",
        "5e-324",
        "2.5e-323",
        "1.7976931348623157e308",
        "1e-5",
        "18446744073709551615",
        "-9223372036854775808",
        "12345678901234567890123.0",
        "1e30",
        r#"{"a":"1e-400","1e-400":[0.0]}"#,
    ] {
        assert!(parse(kept).is_ok(), "{kept}");
    }
    let long = format!("[0.0,{}1e-9]", "0.25,".repeat(100_000));
    assert!(parse(&long).is_ok());
}

#[test]
fn elements_are_refused_as_the_whole_is() {
    let text = r#"{"list":[0.0, 1e-400, 2]}"#;
    let source = Source::new(text.as_bytes()).unwrap();
    let members = source.members("x").unwrap();
    let part = members.get("list").unwrap().get();
    let error = source.elements(part, |_, _| Ok(())).unwrap_err();
    assert_eq!(error.pointer(), Some("/list/1"));
}

#[test]
fn refusals_of_a_part_may_point_from_its_begin() {
    let text = r#"{"a":[{"b":[0.5,1e-400]},{"c":1e309}]}"#;
    let source = Source::new(text.as_bytes()).unwrap();
    let members = source.members("x").unwrap();
    let parts = source.parts(members.get("a").unwrap().get()).unwrap();
    for (part, pointer) in parts.into_iter().zip(["/b/1", "/c"]) {
        let error = source.pointing_from_parts().part(part).unwrap_err();
        assert_eq!(error.pointer(), Some(pointer));
    }
}

#[test]
fn the_id_of_a_feature_may_be_any_number() {
    let parse = |text: &str| {
        Source::of_features(text.as_bytes())
            .unwrap()
            .value()
            .map(drop)
    };
    let id = "123456789012345678901234567890";
    for text in [
        format!(r#"{{"type":"Feature","id":{id}}}"#),
        format!(r#"{{"features":[{{"x":[]}},{{"id":{id}}}]}}"#),
    ] {
        assert!(parse(&text).is_ok(), "{text}");
        assert!(Source::new(text.as_bytes()).unwrap().value().is_err());
    }
    for text in [
        format!(r#"{{"properties":{{"id":{id}}}}}"#),
        format!(r#"{{"features":[{{"properties":{{"id":{id}}}}}]}}"#),
        format!(r#"[{{"id":{id}}}]"#),
        format!(r#"{{"feature":[{{"id":{id}}}]}}"#),
        format!(r#"{{"id":[{id}]}}"#),
    ] {
        assert!(parse(&text).is_err(), "{text}");
    }
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

/// Numbers of all lengths and exponents, near the ends of what is kept too.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?",
        (any::<i128>(), 0..128_u32).prop_map(|(n, shift)| (n >> shift).to_string()),
        (-3..=3_i128).prop_map(|n| (i128::from(u64::MAX) + n).to_string()),
        (-3..=3_i128).prop_map(|n| (i128::from(i64::MIN) + n).to_string()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Against exact fractions: an integer is kept as it is, a double is nearest and not 0
    /// unless the number is, and all others are refused.
    #[test]
    fn numbers_are_kept_or_refused(text in number()) {
        use num_bigint::BigInt;
        use num_traits::Zero;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let digits: BigInt = mantissa.replace('.', "").parse().unwrap();
        let integer = !text.contains(['.', 'e', 'E']);
        let decimals = mantissa.split_once('.').map_or(0, |(_, d)| d.len() as i32);
        let power = exponent.parse::<i32>().unwrap() - decimals;
        let ten = BigInt::from(10).pow(power.unsigned_abs());
        let exact = match power < 0 {
            true => num_rational::BigRational::new(digits.clone(), ten),
            false => num_rational::BigRational::from_integer(&digits * ten),
        };
        crate::testing::oracles::compared("numbers of documents against exact fractions", 1);
        match parse(&text) {
            Ok(Json::U64(n)) => prop_assert!(integer && digits == n.into()),
            Ok(Json::I64(n)) => prop_assert!(integer && digits == n.into()),
            Ok(Json::F64(x)) => {
                prop_assert!(!integer || text == "-0", "{text}");
                prop_assert_eq!(x == 0.0, digits.is_zero());
                let back = num_rational::BigRational::from_float(x).unwrap();
                let off = num_traits::Signed::abs(&(back - &exact));
                let ulp = (x.abs().next_up() - x.abs()).min(x.abs() * f64::EPSILON);
                let ulp = ulp.max(f64::from_bits(1));
                let ulp = num_rational::BigRational::from_float(ulp).unwrap();
                prop_assert!(off * num_rational::BigRational::from_integer(2.into()) <= ulp);
            }
            Ok(other) => prop_assert!(false, "{other:?}"),
            Err(_) if integer => {
                let kept = BigInt::from(i64::MIN)..=BigInt::from(u64::MAX);
                prop_assert!(!kept.contains(&digits), "{text}");
            }
            Err(_) => {
                let size = num_traits::Signed::abs(&exact);
                let least = num_rational::BigRational::from_float(f64::from_bits(1)).unwrap();
                let greatest = num_rational::BigRational::from_float(f64::MAX).unwrap();
                prop_assert!(size < least || size > greatest, "{text}");
            }
        }
    }

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
