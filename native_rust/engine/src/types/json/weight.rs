//! How much memory the values of a text take, before they are read.

use std::borrow::Cow;

use super::Json;

/// Bytes that the tree of a text takes at most, beside its strings. Every value stands
/// after a comma, a bracket or a brace, every name before a colon; a list that is not empty
/// has room for four, and a longer one for up to twice what is in it. Linear.
pub(crate) fn tree_bytes(text: &[u8]) -> usize {
    let (mut lists, mut commas, mut names) = (0, 0, 0);
    // So few that a byte counts them: then many bytes are looked at in one step.
    for few in text.chunks(usize::from(u8::MAX)) {
        lists += count(few, |byte| (byte == b'[') | (byte == b'{'));
        commas += count(few, |byte| byte == b',');
        names += count(few, |byte| byte == b':');
    }
    (4 * lists + 2 * commas) * size_of::<Json<'_>>() + 4 * names * size_of::<Cow<'_, str>>()
}

fn count(few: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    usize::from(few.iter().fold(0_u8, |n, byte| n + u8::from(wanted(*byte))))
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn taken(value: &Json<'_>) -> usize {
        match value {
            Json::Arr(items) => {
                items.capacity() * size_of::<Json<'_>>() + items.iter().map(taken).sum::<usize>()
            }
            Json::Obj(members) => {
                let member = size_of::<(Cow<'_, str>, Json<'_>)>();
                members.0.capacity() * member + members.iter().map(|(_, v)| taken(v)).sum::<usize>()
            }
            _ => 0,
        }
    }

    #[test]
    fn no_tree_takes_more() {
        let many = |item: &str| format!("[{}]", vec![item; 9_999].join(","));
        let named: Vec<String> = (0..9_999).map(|i| format!(r#""{i}":0"#)).collect();
        let deep = format!("[{}{}]", "[".repeat(100), "]".repeat(100));
        for text in [
            many("0"),
            many("[]"),
            many("[1,2,3,4,5]"),
            many("{}"),
            many(r#"{"a":{"b":0}}"#),
            format!("{{{}}}", named.join(",")),
            many(&deep),
        ] {
            let tree = Source::new(text.as_bytes()).unwrap().value().unwrap();
            assert!(
                taken(&tree) <= tree_bytes(text.as_bytes()),
                "{}",
                &text[..40]
            );
        }
    }
}
