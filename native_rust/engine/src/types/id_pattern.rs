//! What ids look like: text in which a star stands for any characters.

/// An id in which each star stands for any characters, or for none. A star of an id is one of
/// those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdPattern {
    /// What stands between the stars, before the first and after the last: one more than there
    /// are stars.
    parts: Vec<String>,
}

impl IdPattern {
    /// Reads one.
    ///
    /// # Errors
    /// What was found and what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty; give an id with stars in it, such as */temp".into());
        }
        let parts = text.split('*').map(str::to_owned).collect();
        Ok(Self { parts })
    }

    /// What stands before the first star.
    pub(crate) fn begin(&self) -> &str {
        self.parts.first().map_or("", String::as_str)
    }

    /// Whether an id is so. O(length of the id * length of the pattern) at worst.
    pub(crate) fn takes(&self, id: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return id == self.begin();
        };
        let inner = id.strip_prefix(&**first);
        let Some(mut rest) = inner.and_then(|rest| rest.strip_suffix(&**last)) else {
            return false;
        };
        // Each at its first place leaves the most to those after it.
        for part in middle {
            match rest.split_once(&**part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: a star takes one character more, or none more.
    fn is_so(pattern: &[char], id: &[char]) -> bool {
        match (pattern.split_first(), id.split_first()) {
            (None, first) => first.is_none(),
            (Some(('*', rest)), first) => {
                is_so(rest, id) || first.is_some_and(|(_, after)| is_so(pattern, after))
            }
            (Some((one, rest)), Some((other, after))) => one == other && is_so(rest, after),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn a_star_stands_for_any_characters(pattern in "[abé*]{1,7}", id in "[abé*]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = is_so(&chars(&pattern), &chars(&id));
            let parsed = IdPattern::parse(&pattern).unwrap();
            prop_assert_eq!(parsed.takes(&id), expected);
            prop_assert!(!expected || id.starts_with(parsed.begin()));
        }
    }
}
