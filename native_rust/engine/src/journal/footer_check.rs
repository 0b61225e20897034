//! Holding the blocks of a segment against its footer while they are read.

use super::footer::{Footer, PAGE, Section};
use super::leaves::key;
use crate::error::Result;
use crate::mem::chunked::Chunked;
use crate::types::Hash;

/// A footer, and how far the blocks of its segment agree with it.
///
/// Takes eight bytes of memory a block of the segment.
pub(super) struct FooterCheck {
    footer: Footer,
    offsets: Pages,
    hashes: Pages,
    /// Beginnings of the hashes of the blocks so far.
    keys: Chunked<u64>,
    wrong: Option<String>,
}

impl FooterCheck {
    pub(super) fn new(footer: Footer) -> Self {
        Self {
            offsets: Pages::of(footer.offsets()),
            hashes: Pages::of(footer.hashes()),
            footer,
            keys: Chunked::default(),
            wrong: None,
        }
    }

    /// The next block of the segment: its leaf hash and the offset of its record.
    pub(super) fn push(&mut self, hash: &Hash, offset: u32) {
        let index = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(key(hash));
        if self.wrong.is_none() {
            self.wrong = match self.lists(index, hash, offset) {
                Ok(true) => None,
                Ok(false) => Some(OTHER.to_owned()),
                Err(error) => Some(error.to_string()),
            };
        }
    }

    fn lists(&mut self, index: u32, hash: &Hash, offset: u32) -> Result<bool> {
        if index >= self.footer.count() {
            return Ok(false);
        }
        let there = self.offsets.entry::<4>(&self.footer, index)?;
        let same = u32::from_le_bytes(there) == offset;
        Ok(same && self.hashes.entry::<32>(&self.footer, index)? == *hash)
    }

    /// What is wrong with the footer, after the last block of the segment.
    pub(super) fn wrong(mut self) -> Option<String> {
        if self.wrong.is_some() {
            return self.wrong;
        }
        match self.order_holds() {
            Ok(true) => None,
            Ok(false) => Some(OTHER.to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Whether it lists all blocks, and in the order of their hashes. Ascending hashes
    /// are all different, so each block is there once.
    fn order_holds(&mut self) -> Result<bool> {
        if self.footer.count() as usize != self.keys.len() {
            return Ok(false);
        }
        let mut order = Pages::of(self.footer.order());
        let mut before: Option<(u64, u32)> = None;
        for place in 0..self.footer.count() {
            let index = u32::from_le_bytes(order.entry::<4>(&self.footer, place)?);
            let Some(key) = self.keys.get(index as usize).copied() else {
                return Ok(false);
            };
            let ascends = match before {
                None => true,
                Some((last, other)) if last == key => {
                    self.footer.hash(other)? < self.footer.hash(index)?
                }
                Some((last, _)) => last < key,
            };
            if !ascends {
                return Ok(false);
            }
            before = Some((key, index));
        }
        Ok(true)
    }
}

const OTHER: &str = "the footer does not list the blocks of the segment";

/// The pages of a section, read one after the other.
struct Pages {
    section: Section,
    number: Option<usize>,
    buffer: Box<[u8; PAGE]>,
}

impl Pages {
    fn of(section: Section) -> Self {
        Self {
            section,
            number: None,
            buffer: Box::new([0; PAGE]),
        }
    }

    fn entry<const N: usize>(&mut self, footer: &Footer, index: u32) -> Result<[u8; N]> {
        let per_page = self.section.per_page();
        let number = index as usize / per_page;
        if self.number != Some(number) {
            self.number = None;
            footer.page_of(self.section, index, &mut self.buffer)?;
            self.number = Some(number);
        }
        let within = index as usize % per_page * N;
        let entry = self.buffer.get(within..).and_then(<[u8]>::first_chunk);
        Ok(entry.copied().unwrap_or([0; N]))
    }
}
