//! Elements of an array as lines.

/// The elements of a JSON array without blanks between its parts, as this crate writes
/// them, each with a line break after it (NDJSON); in a sequence (RFC 8142) also with a
/// record separator, 0x1E, before it. Linear, without looking into the elements.
#[must_use]
pub fn array_lines(array: &[u8], sequence: bool) -> Vec<u8> {
    let inner = array
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .unwrap_or_default();
    let mut lines = Vec::with_capacity(array.len() + array.len() / 32);
    if inner.is_empty() {
        return lines;
    }
    let begin = |lines: &mut Vec<u8>| lines.extend(sequence.then_some(0x1E));
    let (mut depth, mut text, mut escaped) = (0_usize, false, false);
    begin(&mut lines);
    for &byte in inner {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => depth = depth.saturating_sub(1),
            b',' if !text && depth == 0 => {
                lines.push(b'\n');
                begin(&mut lines);
                continue;
            }
            _ => {}
        }
        lines.push(byte);
    }
    lines.push(b'\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a,\"\\\\\\[\\]{}\n\u{1e}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a\",{}]{0,3}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn nothing_and_sequences() {
        assert_eq!(array_lines(b"[]", true), b"");
        assert_eq!(
            array_lines(b"[1,{\"a\":[2,3]}]", false),
            b"1\n{\"a\":[2,3]}\n"
        );
        assert_eq!(array_lines(b"[1,2]", true), b"\x1e1\n\x1e2\n");
    }

    proptest! {
        #[test]
        fn each_line_is_an_element(elements in proptest::collection::vec(any_value(), 0..6)) {
            let text = serde_json::to_vec(&json!(elements)).unwrap();
            let lines = String::from_utf8(array_lines(&text, false)).unwrap();
            let read: Vec<Value> =
                lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(read, elements);
        }
    }
}
