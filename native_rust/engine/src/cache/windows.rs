//! Candidates of paged searches, kept from one page to the next.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::budget::Budget;
use crate::error::Result;
use crate::index::Hit;
use crate::mem::lru::Lru;
use crate::types::Hash;

/// Bytes that all windows of a database may take.
const MAX_BYTES: usize = 64 << 20;

/// What a window is of: where was searched, among which sequences, and as of which.
/// What it holds never changes, since the past does not.
pub(crate) type WindowKey = (u64, Hash);

/// Candidates of one word of [`Window::bits`].
const LANES: u64 = 32;

/// All candidates after a sequence, in order. Those that are few are a list; from
/// where that is smaller on they are two bits for each sequence, so that a search of
/// everything takes a quarter of a byte for each block, and no second walk.
#[derive(Debug)]
pub(crate) struct Window {
    /// Candidates begin after it.
    after: u64,
    /// Twice the sequence, and one more for a certain hit.
    list: Vec<u64>,
    /// From the sequence after `after` on, lowest bits first: whether it is a hit,
    /// and whether a certain one.
    bits: Vec<u64>,
}

impl Window {
    /// The hits after a sequence, if this window can tell: it begins no later.
    pub(crate) fn hits(&self, after: u64) -> Option<impl Iterator<Item = Hit>> {
        let passed = after.checked_sub(self.after)?;
        let from = self.list.partition_point(|packed| packed >> 1 <= after);
        let listed = self.list.iter().skip(from).map(|packed| Hit {
            seq: packed >> 1,
            certain: packed & 1 == 1,
        });
        let first = usize::try_from(passed / LANES).unwrap_or(usize::MAX);
        let words = self.bits.iter().zip(0_u64..).skip(first);
        let hits = words.filter(|(word, _)| **word != 0);
        let noted = hits.flat_map(move |(word, place)| {
            let lanes = (0..LANES).map(move |lane| (place * LANES + lane, word >> (2 * lane) & 3));
            lanes.filter(move |(place, hit)| *place >= passed && *hit > 0)
        });
        let begin = self.after + 1;
        let noted = noted.map(move |(place, hit)| Hit {
            seq: begin + place,
            certain: hit & 2 > 0,
        });
        Some(listed.chain(noted))
    }

    fn bytes(&self) -> usize {
        let words = self.list.capacity() + self.bits.capacity();
        size_of::<Self>() + words * size_of::<u64>() + 128
    }
}

/// Gathers a window of hits that come in any order, each once.
#[derive(Debug)]
pub(crate) struct Gather<'q> {
    window: Window,
    /// Words that bits for all sequences take.
    words: usize,
    budget: &'q Budget,
}

impl<'q> Gather<'q> {
    /// Of hits after `after` and up to `last`.
    pub(crate) fn new(after: u64, last: u64, budget: &'q Budget) -> Self {
        let words = last.saturating_sub(after).div_ceil(LANES);
        Self {
            window: Window {
                after,
                list: Vec::new(),
                bits: Vec::new(),
            },
            words: usize::try_from(words).unwrap_or(usize::MAX),
            budget,
        }
    }

    /// # Errors
    /// [`crate::Error::MemoryFull`].
    pub(crate) fn push(&mut self, hit: Hit) -> Result<()> {
        if hit.seq <= self.window.after {
            return Ok(());
        }
        let list = &mut self.window.list;
        if self.window.bits.is_empty() {
            if list.len() < list.capacity() || list.len() < self.words {
                self.budget.make_room(list, 1)?;
                list.push(hit.seq << 1 | u64::from(hit.certain));
                return Ok(());
            }
            self.note_all()?;
        }
        self.note(hit);
        Ok(())
    }

    /// The list becomes bits.
    fn note_all(&mut self) -> Result<()> {
        self.budget.make_room(&mut self.window.bits, self.words)?;
        self.window.bits.resize(self.words, 0);
        for packed in std::mem::take(&mut self.window.list) {
            self.note(Hit {
                seq: packed >> 1,
                certain: packed & 1 == 1,
            });
        }
        Ok(())
    }

    fn note(&mut self, hit: Hit) {
        let place = hit.seq - self.window.after - 1;
        let word = usize::try_from(place / LANES).unwrap_or(usize::MAX);
        if let Some(word) = self.window.bits.get_mut(word) {
            *word |= (1 | u64::from(hit.certain) << 1) << (2 * (place % LANES));
        }
    }

    pub(crate) fn finish(mut self) -> Window {
        self.window.list.sort_unstable();
        self.window
    }
}

/// Windows of the searches that were paged last.
#[derive(Debug)]
pub(crate) struct WindowCache {
    windows: Mutex<Lru<WindowKey, Arc<Window>>>,
}

impl Default for WindowCache {
    fn default() -> Self {
        Self {
            windows: Mutex::new(Lru::new(usize::MAX, MAX_BYTES)),
        }
    }
}

impl WindowCache {
    pub(crate) fn get(&self, key: &WindowKey) -> Option<Arc<Window>> {
        self.windows.lock().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: WindowKey, window: &Arc<Window>) {
        let bytes = window.bytes();
        let gone = self.windows.lock().put(key, Arc::clone(window), bytes);
        // Outside of the lock.
        drop(gone);
    }

    /// Forget everything.
    pub(crate) fn clear(&self) {
        let all = self.windows.lock().take();
        drop(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seqs: &[u64], after: u64, last: u64) -> Window {
        let budget = Budget::ample();
        let mut gather = Gather::new(after, last, &budget);
        for seq in seqs {
            let certain = seq % 2 == 0;
            gather.push(Hit { seq: *seq, certain }).unwrap();
        }
        gather.finish()
    }

    #[test]
    fn a_window_has_all_behind_its_begin_in_order() {
        let hits = |window: &Window, after| {
            let hits = window.hits(after)?;
            Some(hits.map(|hit| hit.seq).collect::<Vec<_>>())
        };
        for last in [9, 200, 100_000] {
            let window = window(&[9, 3, 7, 1, 5, 8, 2, 6, 4], 2, last);
            assert_eq!(hits(&window, 2).unwrap(), [3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(hits(&window, 6).unwrap(), [7, 8, 9]);
            assert_eq!(hits(&window, 9).unwrap(), [] as [u64; 0]);
            assert_eq!(hits(&window, 1), None, "what lies before it is not known");
            let mut all = window.hits(2).unwrap();
            assert!(all.all(|hit| hit.certain == (hit.seq % 2 == 0)));
        }
    }

    #[test]
    fn many_hits_take_a_quarter_of_a_byte_each_and_stay_the_same() {
        let seqs: Vec<u64> = (1..=100_000).map(|n| n * 7_919 % 100_003).collect();
        for after in [0, 1, 31, 32, 33, 64, 50_000] {
            let window = window(&seqs, after, 100_003);
            assert!(window.bytes() < 30_000, "{}", window.bytes());
            for from in [after, after + 1, after + 700] {
                let mut expected: Vec<u64> = seqs.iter().copied().filter(|s| *s > from).collect();
                expected.sort_unstable();
                let found: Vec<Hit> = window.hits(from).unwrap().collect();
                assert!(
                    found.iter().map(|hit| hit.seq).eq(expected),
                    "{after} {from}"
                );
                assert!(found.iter().all(|hit| hit.certain == (hit.seq % 2 == 0)));
            }
        }
    }

    #[test]
    fn the_bound_in_bytes_holds() {
        let cache = WindowCache::default();
        // Few among many stay a list.
        let seqs: Vec<u64> = (1..=1_000_000).collect();
        for at in 0..20 {
            cache.insert((at, [0; 32]), &Arc::new(window(&seqs, 0, u64::MAX)));
            assert!(cache.windows.lock().bytes() <= MAX_BYTES);
        }
        assert!(cache.get(&(0, [0; 32])).is_none());
        assert!(cache.get(&(19, [0; 32])).is_some());
        cache.clear();
        assert_eq!(cache.windows.lock().bytes(), 0);
    }
}
