//! Candidates of paged searches, kept from one page to the next.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::index::Hit;
use crate::merkle::Hash;

/// Candidates kept of one search. Those of later pages are looked for again once
/// these are used up.
pub(super) const WINDOW: usize = 1 << 20;
/// Bytes that all windows of a database may take.
const MAX_BYTES: usize = 64 << 20;

/// What a window is of: where was searched, and as of which sequence. What it
/// holds never changes, since the past does not.
pub(super) type WindowKey = (u64, Hash);

/// The first candidates behind a sequence, in order.
#[derive(Debug)]
pub(super) struct Window {
    /// Candidates begin behind it.
    pub after: u64,
    /// Twice the sequence, and one more for a certain hit.
    packed: Vec<u64>,
    /// Whether there are none behind the last.
    pub complete: bool,
}

impl Window {
    /// The hits behind a sequence, if this window can tell: `after` lies in it.
    pub(super) fn hits(&self, after: u64) -> Option<impl Iterator<Item = Hit>> {
        let from = self.packed.partition_point(|packed| packed >> 1 <= after);
        let known = self.after <= after && (self.complete || from < self.packed.len());
        known.then(|| {
            self.packed.iter().skip(from).map(|packed| Hit {
                seq: packed >> 1,
                certain: packed & 1 == 1,
            })
        })
    }

    /// The last sequence it knows of.
    pub(super) fn last(&self) -> u64 {
        self.packed.last().map_or(self.after, |packed| packed >> 1)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.packed.capacity() * size_of::<u64>() + 128
    }
}

/// Gathers a window: the least [`WINDOW`] sequences of hits in any order.
#[derive(Debug)]
pub(super) struct Gather {
    after: u64,
    packed: Vec<u64>,
    window: usize,
    complete: bool,
}

impl Gather {
    pub(super) fn new(after: u64, window: usize) -> Self {
        Self {
            after,
            packed: Vec::new(),
            window,
            complete: true,
        }
    }

    pub(super) fn push(&mut self, hit: Hit) {
        if hit.seq <= self.after {
            return;
        }
        self.packed.push(hit.seq << 1 | u64::from(hit.certain));
        // Room for twice as many: then cutting costs no more than gathering.
        if self.packed.len() >= 2 * self.window {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.packed.len() > self.window {
            self.packed.select_nth_unstable(self.window);
            self.packed.truncate(self.window);
            self.complete = false;
        }
    }

    pub(super) fn finish(mut self) -> Window {
        self.cut();
        self.packed.sort_unstable();
        Window {
            after: self.after,
            packed: self.packed,
            complete: self.complete,
        }
    }
}

/// Windows of the searches that were paged last.
#[derive(Debug)]
pub(crate) struct PageCache {
    windows: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    entries: LruCache<WindowKey, Arc<Window>>,
    bytes: usize,
}

impl Default for PageCache {
    fn default() -> Self {
        Self {
            windows: Mutex::new(Windows {
                entries: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }
}

impl PageCache {
    pub(super) fn get(&self, key: &WindowKey) -> Option<Arc<Window>> {
        self.windows.lock().entries.get(key).cloned()
    }

    pub(super) fn insert(&self, key: WindowKey, window: &Arc<Window>) {
        let mut windows = self.windows.lock();
        windows.bytes += window.bytes();
        if let Some(old) = windows.entries.put(key, Arc::clone(window)) {
            windows.bytes -= old.bytes();
        }
        while windows.bytes > MAX_BYTES {
            match windows.entries.pop_lru() {
                Some((_, evicted)) => windows.bytes -= evicted.bytes(),
                None => break,
            }
        }
    }

    /// Forget everything.
    pub(crate) fn clear(&self) {
        let mut windows = self.windows.lock();
        let entries = std::mem::replace(&mut windows.entries, LruCache::unbounded());
        windows.bytes = 0;
        // Freed outside of the lock.
        drop(windows);
        drop(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seqs: &[u64], after: u64, size: usize) -> Window {
        let mut gather = Gather::new(after, size);
        for seq in seqs {
            let certain = seq % 2 == 0;
            gather.push(Hit { seq: *seq, certain });
        }
        gather.finish()
    }

    #[test]
    fn a_window_has_the_least_sequences_and_knows_what_it_does_not_know() {
        let seqs = [9, 3, 7, 1, 5, 8, 2, 6, 4];
        let hits = |window: &Window, after| {
            let hits = window.hits(after)?;
            Some(hits.map(|hit| hit.seq).collect::<Vec<_>>())
        };
        let whole = window(&seqs, 2, 100);
        assert_eq!(hits(&whole, 2).unwrap(), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(hits(&whole, 9).unwrap(), [] as [u64; 0]);
        assert_eq!(hits(&whole, 1), None, "what lies before it is not known");
        assert!(
            whole
                .hits(2)
                .unwrap()
                .all(|hit| hit.certain == (hit.seq % 2 == 0))
        );
        let part = window(&seqs, 0, 3);
        assert_eq!((part.complete, part.last()), (false, 3));
        assert_eq!(hits(&part, 1).unwrap(), [2, 3]);
        assert_eq!(hits(&part, 3), None);
    }

    #[test]
    fn the_bound_in_bytes_holds() {
        let cache = PageCache::default();
        let seqs: Vec<u64> = (1..=1_000_000).collect();
        for at in 0..20 {
            cache.insert((at, [0; 32]), &Arc::new(window(&seqs, 0, WINDOW)));
            assert!(cache.windows.lock().bytes <= MAX_BYTES);
        }
        assert!(cache.get(&(0, [0; 32])).is_none());
        assert!(cache.get(&(19, [0; 32])).is_some());
        cache.clear();
        assert_eq!(cache.windows.lock().bytes, 0);
    }
}
