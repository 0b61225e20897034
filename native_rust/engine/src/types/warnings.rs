//! What is told of a write that is carried out: what looks wrong, and what was taken off.

use crate::error::Fault;

/// Warnings, gathered while an input is read. So many are kept as a limit says, all are
/// counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    limit: usize,
    kept: Vec<Fault>,
    counts: Vec<(&'static str, u64)>,
}

impl Warnings {
    /// `limit` is [`crate::Limits::faults`].
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Notes a warning, put together only if it will be told.
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        pointer: impl FnOnce() -> String,
        detail: impl FnOnce() -> String,
    ) {
        self.count(code, 1);
        if self.kept.len() < self.limit {
            self.kept.push(Fault {
                code,
                pointer: pointer(),
                detail: detail(),
            });
        }
    }

    fn count(&mut self, code: &'static str, more: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += more,
            None => self.counts.push((code, more)),
        }
    }

    /// Adds those of a part, which stands at `pointer`.
    pub fn append(&mut self, part: Self, pointer: &str) {
        for (code, count) in part.counts {
            self.count(code, count);
        }
        let room = self.limit.saturating_sub(self.kept.len());
        self.kept
            .extend(part.kept.into_iter().take(room).map(|mut warning| {
                warning.pointer.insert_str(0, pointer);
                warning
            }));
    }

    /// Those that are kept, with pointers into the input.
    #[must_use]
    pub fn kept(&self) -> &[Fault] {
        &self.kept
    }

    pub(super) fn kept_mut(&mut self) -> &mut [Fault] {
        &mut self.kept
    }

    /// How many there are of each code, in the order in which they came up.
    #[must_use]
    pub fn counts(&self) -> &[(&'static str, u64)] {
        &self.counts
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
