//! A bounded number of bytes, and who holds them.
//!
//! Whatever can grow with its input reserves what it is about to hold and gives it
//! back by dropping the [`Reservation`]. A pool that is used up refuses at once, so
//! the process ends neither by swapping nor by an allocation that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// A bounded number of bytes.
#[derive(Debug)]
pub struct Pool {
    limit: usize,
    setting: &'static str,
    used: AtomicUsize,
}

impl Pool {
    pub(super) fn new(limit: usize, setting: &'static str) -> Arc<Self> {
        Arc::new(Self {
            limit,
            setting,
            used: AtomicUsize::new(0),
        })
    }

    /// Reserve `bytes`, without waiting.
    ///
    /// # Errors
    /// [`Error::MemoryFull`] when that would pass the limit.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation> {
        let mut reservation = self.nothing();
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// A reservation that holds nothing yet.
    #[must_use]
    pub fn nothing(self: &Arc<Self>) -> Reservation {
        Reservation {
            pool: Arc::clone(self),
            bytes: 0,
        }
    }

    /// Check that there is room for `bytes`, without reserving them.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub fn check_room(&self, bytes: usize) -> Result<()> {
        self.fits(self.used(), bytes).map(|_| ())
    }

    /// What would be used with `bytes` more.
    fn fits(&self, used: usize, bytes: usize) -> Result<usize> {
        let sum = used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        sum.ok_or_else(|| self.full(used, bytes))
    }

    /// The refusal of `bytes` beside `used` ones.
    pub(crate) fn full(&self, used: usize, bytes: usize) -> Error {
        self.full_of(used, bytes, self.limit)
    }

    /// The same of a part of the pool that has so many.
    pub(super) fn full_of(&self, used: usize, bytes: usize, limit: usize) -> Error {
        Error::MemoryFull {
            used: used as u64,
            asked: bytes as u64,
            limit: limit as u64,
            setting: self.setting,
        }
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be reserved in all.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let taken = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                self.fits(used, bytes).ok()
            });
        taken.map_or_else(|used| self.fits(used, bytes).map(|_| ()), |_| Ok(()))
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Bytes of a [`Pool`] that somebody holds; dropping it gives them back.
#[derive(Debug)]
pub struct Reservation {
    pool: Arc<Pool>,
    bytes: usize,
}

impl Reservation {
    /// Bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hold `bytes` more.
    ///
    /// # Errors
    /// [`Error::MemoryFull`]; it holds then what it held before.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        self.pool.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Hold what `other`, of the same pool, has held.
    pub fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// A reservation of its own for `bytes` of these, or for all if there are fewer.
    #[must_use]
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            pool: Arc::clone(&self.pool),
            bytes,
        }
    }

    /// Bytes that its pool has in all.
    pub(crate) fn limit(&self) -> usize {
        self.pool.limit
    }

    /// The refusal of `bytes` that the pool has and the system has not.
    pub(crate) fn refusal(&self, bytes: usize) -> Error {
        self.pool.full(self.pool.used(), bytes)
    }

    /// Hold exactly `bytes`, beyond the limit if need be: of what is there already.
    pub fn hold(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(more) => {
                self.pool.used.fetch_add(more, Ordering::AcqRel);
                self.bytes = bytes;
            }
            None => self.shrink_to(bytes),
        }
    }

    /// Give back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        if let Some(less) = self.bytes.checked_sub(bytes) {
            self.pool.give_back(less);
            self.bytes = bytes;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_refuses_beyond_its_limit_and_gets_back_what_is_dropped() {
        let pool = Pool::new(100, "work_bytes");
        let mut first = pool.reserve(60).unwrap();
        assert!(matches!(
            pool.reserve(41),
            Err(Error::MemoryFull {
                used: 60,
                asked: 41,
                limit: 100,
                setting: "work_bytes"
            })
        ));
        first.grow(40).unwrap();
        assert!(first.grow(1).is_err());
        assert!(pool.reserve(usize::MAX).is_err());
        first.shrink_to(10);
        assert_eq!((first.bytes(), pool.used()), (10, 10));
        first.shrink_to(20);
        assert_eq!(pool.used(), 10);
        let second = first.split(4);
        assert_eq!((first.bytes(), second.bytes(), pool.used()), (6, 4, 10));
        assert_eq!(first.split(7).bytes(), 6);
        assert_eq!(pool.used(), 4);
        first.absorb(second);
        assert_eq!((first.bytes(), pool.used()), (4, 4));
        assert!(pool.check_room(96).is_ok() && pool.check_room(97).is_err());
        // What is there already is held whatever the limit.
        first.hold(150);
        assert_eq!((pool.used(), pool.check_room(0).is_err()), (150, true));
        first.hold(30);
        assert_eq!(pool.used(), 30);
        drop(first);
        assert_eq!(pool.used(), 0);
    }
}
