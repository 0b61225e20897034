//! A vector that grows without moving what it holds.

use std::fmt;

/// Elements per chunk; a power of two, so that doubling ends on it exactly.
pub(crate) const CHUNK: usize = 4_096;

/// An append-only vector in chunks of 4,096 elements.
///
/// `Vec` doubles by copying everything, which at gigabytes keeps a lock for a
/// good part of a second. Here a push copies at most half a chunk, and the list
/// of chunks itself is thousands of times shorter than what it lists.
#[derive(Clone)]
pub(crate) struct Chunked<T> {
    /// All but the last hold exactly [`CHUNK`] elements.
    chunks: Vec<Vec<T>>,
}

// Not derived: that would ask for `T: Default`.
impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

/// The length alone: there may be millions.
impl<T> fmt::Debug for Chunked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunked({})", self.len())
    }
}

impl<T> Chunked<T> {
    /// Appends `value` and returns its index.
    pub(crate) fn push(&mut self, value: T) -> usize {
        let index = self.len();
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => self.chunks.push(vec![value]),
        }
        index
    }

    pub(crate) fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * CHUNK + last.len(),
            None => 0,
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// Up to `count` elements from a place on, of those that lie next to each other: fewer at
    /// the end of a chunk.
    pub(crate) fn part(&self, from: usize, count: usize) -> &[T] {
        let chunk = self.chunks.get(from / CHUNK).map_or(&[][..], Vec::as_slice);
        let chunk = chunk.get(from % CHUNK..).unwrap_or_default();
        chunk.get(..count).unwrap_or(chunk)
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.chunks.last_mut()?.last_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_vec_across_chunk_boundaries() {
        let mut chunked = Chunked::default();
        assert_eq!((chunked.len(), chunked.get(0)), (0, None));
        for i in 0..2 * CHUNK + 1 {
            assert_eq!(chunked.push(i), i);
            assert_eq!(chunked.len(), i + 1);
        }
        for i in [0, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK] {
            assert_eq!(chunked.get(i), Some(&i));
            *chunked.get_mut(i).unwrap() += 7;
            assert_eq!(chunked.get(i), Some(&(i + 7)));
        }
        assert_eq!(chunked.get(2 * CHUNK + 1), None);
        assert_eq!(chunked.part(CHUNK - 2, 2), [CHUNK - 2, CHUNK + 6]);
        assert_eq!(chunked.part(CHUNK - 2, 3), [CHUNK - 2, CHUNK + 6]);
        assert_eq!(chunked.part(CHUNK + 1, 2), [CHUNK + 1, CHUNK + 2]);
        assert!(chunked.part(2 * CHUNK + 1, 2).is_empty());
        assert!(chunked.part(9 * CHUNK, 2).is_empty());
        assert_eq!(chunked.last_mut(), Some(&mut (2 * CHUNK + 7)));
        assert_eq!(chunked.iter().count(), chunked.len());
    }
}
