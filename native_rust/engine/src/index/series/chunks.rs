//! The chunks of a series by their fences: most series of a database of many have one.

use std::ops::Range;

use smallvec::SmallVec;

use super::Fence;
use super::subtree::{Children, Subtree};
use crate::index::chunk::Chunk;
use crate::index::range::Order;

/// The fence of the first chunk of every series.
pub(super) const FIRST: Fence = (i64::MIN, 0);
/// After every fence.
const END: Fence = (i64::MAX, u32::MAX);

/// Chunks by their fences, in order: there is a tree only from the second chunk on.
#[derive(Default)]
pub(in super::super) struct Chunks {
    /// At [`FIRST`].
    first: Option<Box<Chunk>>,
    others: Option<Box<Tree>>,
}

/// At other fences.
struct Tree {
    root: Subtree,
    /// How many there are.
    len: usize,
}

impl Chunks {
    pub(in super::super) fn len(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |tree| tree.len);
        usize::from(self.first.is_some()) + others
    }

    fn root(&self) -> Option<&Subtree> {
        self.others.as_ref().map(|tree| &tree.root)
    }

    /// Goes over those with fences from one on and before another, in an order.
    pub(in super::super) fn walk(&self, from: Fence, until: Fence, order: Order) -> Walk<'_> {
        let first = self.first.as_deref();
        let root = self.root();
        let begins_before = |root: &&Subtree| root.first_fence().is_some_and(|f| f < until);
        Walk {
            fences: (from, until),
            order,
            first: first.filter(|_| (from..until).contains(&FIRST)),
            root: root.filter(begins_before),
            next: None,
            open: SmallVec::new(),
        }
    }

    /// The same of all.
    pub(in super::super) fn walk_all(&self, order: Order) -> Walk<'_> {
        self.walk(FIRST, END, order)
    }

    /// All of them, in order.
    #[cfg(test)]
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (Fence, &Chunk)> {
        let mut walk = self.walk_all(Order::Ascending);
        std::iter::from_fn(move || {
            loop {
                if let (fence, Part::Chunk(chunk)) = walk.next()? {
                    return Some((fence, chunk));
                }
            }
        })
    }

    /// The last one. O(log n).
    pub(super) fn last(&self) -> Option<&Chunk> {
        let others = self.root().and_then(Subtree::last_chunk);
        others.or(self.first.as_deref())
    }

    /// The fence of the last one. O(log n).
    pub(super) fn last_fence(&self) -> Option<Fence> {
        let others = self.root().and_then(Subtree::last_fence);
        others.or(self.first.as_ref().map(|_| FIRST))
    }

    /// The last fence before another. O(log n).
    pub(super) fn before(&self, fence: Fence) -> Option<Fence> {
        let first = self.first.as_ref().map(|_| FIRST);
        let others = self.root().and_then(|root| root.before(fence));
        others.or(first.filter(|first| *first < fence))
    }

    /// The first fence after another. O(log n).
    pub(super) fn after(&self, fence: Fence) -> Option<Fence> {
        // No fence is before that of the first.
        self.root().and_then(|root| root.after(fence))
    }

    /// O(log n).
    pub(super) fn get(&self, fence: Fence) -> Option<&Chunk> {
        match fence {
            FIRST => self.first.as_deref(),
            _ => self.root()?.get(fence),
        }
    }

    /// One that is to be changed. O(log n).
    pub(super) fn get_mut(&mut self, fence: Fence) -> Option<&mut Chunk> {
        match fence {
            FIRST => self.first.as_deref_mut(),
            _ => self.others.as_mut()?.root.get_mut(fence),
        }
    }

    /// Changes the chunk at a fence, an empty one where there was none. O(log n).
    pub(super) fn change<T>(&mut self, fence: Fence, change: impl FnOnce(&mut Chunk) -> T) -> T {
        if let Some(chunk) = self.get_mut(fence) {
            return change(chunk);
        }
        let mut chunk = Chunk::default();
        let changed = change(&mut chunk);
        self.insert(fence, chunk);
        changed
    }

    /// Puts a chunk at a fence that is not taken. O(log n).
    pub(super) fn insert(&mut self, fence: Fence, chunk: Chunk) {
        if fence == FIRST {
            self.first = Some(Box::new(chunk));
            return;
        }
        match self.others.take() {
            None => {
                let root = Subtree::of(fence, chunk);
                self.others = Some(Box::new(Tree { root, len: 1 }));
            }
            Some(mut tree) => {
                tree.len += 1;
                if let Some(tail) = tree.root.insert(fence, chunk) {
                    let Tree { root, len } = *tree;
                    let root = Subtree::join(root, tail);
                    tree = Box::new(Tree { root, len });
                }
                self.others = Some(tree);
            }
        }
    }
}

/// What a [`Walk`] comes to.
pub(in super::super) enum Part<'a> {
    Chunk(&'a Chunk),
    /// All parts that come next, until those of it are done.
    Subtree(&'a Subtree),
}

/// Goes over chunks, and comes to each subtree before what is in it, which
/// [`Self::pass_over`] spares. What it has gone through whole it settles.
pub(in super::super) struct Walk<'a> {
    /// From the first on and before the second.
    fences: (Fence, Fence),
    order: Order,
    /// The first chunk, if it is yet to come.
    first: Option<&'a Chunk>,
    /// The root, if it is yet to come.
    root: Option<&'a Subtree>,
    /// What it came to last and has not gone into.
    next: Option<&'a Subtree>,
    /// Where it is, from the root down.
    open: SmallVec<[Open<'a>; 4]>,
}

struct Open<'a> {
    subtree: &'a Subtree,
    /// The children yet to come.
    places: Range<usize>,
    /// Whether it goes through all children.
    whole: bool,
}

impl<'a> Walk<'a> {
    /// The next part, and the fence of its first chunk.
    pub(in super::super) fn next(&mut self) -> Option<(Fence, Part<'a>)> {
        if self.order == Order::Ascending
            && let Some(first) = self.first.take()
        {
            return Some((FIRST, Part::Chunk(first)));
        }
        if let Some(root) = self.root.take() {
            self.next = Some(root);
            return Some((root.first_fence()?, Part::Subtree(root)));
        }
        if let Some(subtree) = self.next.take() {
            let places = subtree.within(self.fences);
            self.open.push(Open {
                subtree,
                whole: places == (0..subtree.fences.len()),
                places,
            });
        }
        while let Some(open) = self.open.last_mut() {
            let place = match self.order {
                Order::Ascending => open.places.next(),
                Order::Descending => open.places.next_back(),
            };
            let subtree = open.subtree;
            let Some(place) = place else {
                if open.whole {
                    subtree.settle();
                }
                self.open.pop();
                continue;
            };
            let fence = *subtree.fences.get(place)?;
            return match &subtree.children {
                Children::Chunks(chunks) => Some((fence, Part::Chunk(chunks.get(place)?))),
                Children::Subtrees(subtrees) => {
                    self.next = subtrees.get(place);
                    Some((fence, Part::Subtree(self.next?)))
                }
            };
        }
        // In descending order it is the last.
        self.first.take().map(|first| (FIRST, Part::Chunk(first)))
    }

    /// Leaves out what is in the subtree it came to last.
    pub(in super::super) fn pass_over(&mut self) {
        self.next = None;
    }
}
