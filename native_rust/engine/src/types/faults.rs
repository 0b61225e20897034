//! All that is wrong with an input, told at once, and what only looks wrong.

use super::warnings::Warnings;
use crate::error::{Error, Fault, InvalidCode, Result};

/// The faults of an input, gathered while it is read on. So many are kept as a limit
/// says, all are counted.
#[derive(Debug)]
pub(crate) struct Faults {
    limit: usize,
    kept: Vec<Fault>,
    total: u64,
    /// What is no fault.
    pub(crate) warnings: Warnings,
}

impl Faults {
    /// `limit` is [`crate::Limits::faults`].
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: Vec::new(),
            total: 0,
            warnings: Warnings::new(limit),
        }
    }

    /// Notes a fault. Its detail is put together only if it will be told.
    pub(crate) fn add(
        &mut self,
        code: InvalidCode,
        pointer: &str,
        detail: impl FnOnce() -> String,
    ) {
        self.total += 1;
        if self.kept.len() < self.limit {
            self.kept.push(Fault {
                code: code.as_str(),
                pointer: pointer.to_owned(),
                detail: detail(),
            });
        }
    }

    /// Notes what a check of a part came to, and returns its value.
    pub(crate) fn take<T>(&mut self, checked: Result<T>) -> Option<T> {
        let error = match checked {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        match error {
            Error::Faults { faults, total, .. } => {
                self.total += total;
                let room = self.limit.saturating_sub(self.kept.len());
                self.kept.extend(faults.into_iter().take(room));
            }
            other => {
                self.total += 1;
                if self.kept.len() < self.limit {
                    self.kept.push(Fault {
                        code: other.code(),
                        pointer: other.pointer().unwrap_or_default().to_owned(),
                        detail: other.to_string(),
                    });
                }
            }
        }
        None
    }

    /// Checks a part, whose faults and warnings point into the whole after `pointer`.
    pub(crate) fn within<T>(
        &mut self,
        pointer: impl FnOnce() -> String,
        check: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = (self.kept.len(), self.warnings.kept().len());
        let checked = check(self);
        if before != (self.kept.len(), self.warnings.kept().len()) {
            let pointer = pointer();
            let new = self.kept.iter_mut().skip(before.0);
            new.chain(self.warnings.kept_mut().iter_mut().skip(before.1))
                .for_each(|fault| fault.pointer.insert_str(0, &pointer));
        }
        checked
    }

    /// Makes faults in a member that was put around what was sent faults in that.
    pub(crate) fn lift(&mut self, pointer: &str) {
        for fault in self.kept.iter_mut().chain(self.warnings.kept_mut()) {
            if let Some(inner) = fault.pointer.strip_prefix(pointer) {
                fault.pointer = inner.to_owned();
            }
        }
    }

    /// How many there are, those that are not kept among them.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Those that are kept.
    pub(crate) fn into_kept(self) -> Vec<Fault> {
        self.kept
    }

    /// # Errors
    /// [`Error::Faults`], if there are any.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.total {
            0 => Ok(()),
            total => Err(Error::Faults {
                faults: self.kept,
                total,
                limit: self.limit as u64,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_beyond_those_that_are_kept() {
        let mut faults = Faults::new(2);
        assert!(faults.within(|| unreachable!(), |_| true));
        faults.within(
            || "/a".to_owned(),
            |faults| {
                faults.add(InvalidCode::Id, "/id", || "first".to_owned());
                faults.within(
                    || "/b".to_owned(),
                    |faults| {
                        let error = Error::invalid(InvalidCode::Feature, "/c", "second");
                        assert_eq!(faults.take::<()>(Err(error)), None);
                    },
                );
                faults.add(InvalidCode::Id, "", || unreachable!());
            },
        );
        assert_eq!(faults.take(Ok(7)), Some(7));
        assert_eq!(faults.total(), 3);
        let error = faults.into_result().unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            ("invalid_id", Some("/a/id"))
        );
        let text = error.to_string();
        assert!(text.starts_with("first"), "{text}");
        assert!(
            text.contains("3 faults") && text.contains("FORMDB_FAULTS"),
            "{text}"
        );
        let mut all = Faults::new(10);
        all.within(|| "/x".to_owned(), |all| all.take::<()>(Err(error)));
        assert_eq!(all.total(), 3);
        let pointers: Vec<String> = all.into_kept().into_iter().map(|f| f.pointer).collect();
        assert_eq!(pointers, ["/x/a/id", "/x/a/b/c"]);
        assert!(Faults::new(1).into_result().is_ok());
    }
}
