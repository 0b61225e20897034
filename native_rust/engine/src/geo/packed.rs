//! A tree of boxes over items that stay in the order they have.
//!
//! The positions of a line or ring follow each other, so those next to each other in the
//! order lie next to each other in the plane: runs of [`FAN`] items need no sorting to make
//! small boxes, nor any links. A box for every [`FAN`] items, and one for every [`FAN`] of
//! those, is a fifteenth of a box for each item.

use std::ops::Range;

use crate::budget::Budget;
use crate::error::Result;
use crate::types::Rect;

/// Items below a leaf, and nodes below any other node.
pub(super) const FAN: usize = 16;

/// A tree over `count` items, whose boxes are elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'b> {
    /// Of the leaves, of the nodes above them, and so on; not of the root.
    boxes: &'b [Rect],
    count: usize,
}

/// A node: leaves are on level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub level: u32,
    index: usize,
}

/// What becomes of all items below a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    /// Each is looked at.
    Look,
    /// None of them is.
    Pass,
    /// No more is looked at, elsewhere neither.
    Stop,
}

impl Below {
    pub(super) fn look_if(looks: bool) -> Self {
        match looks {
            true => Self::Look,
            false => Self::Pass,
        }
    }
}

/// Nodes on a level over `count` items.
fn size(level: u32, count: usize) -> usize {
    (0..=level).fold(count, |below, _| below.div_ceil(FAN))
}

/// Boxes that a tree over so many items has.
pub(super) fn boxes_over(count: usize) -> usize {
    let sizes = (0..).map(|level| size(level, count));
    sizes.take_while(|size| *size > 1).sum()
}

/// Appends the boxes of a tree over `count` items, of each of which `item` says the box.
pub(super) fn build(count: usize, item: impl Fn(usize) -> Option<Rect>, boxes: &mut Vec<Rect>) {
    let mut below = count;
    let mut start = None;
    while below > FAN {
        let here = boxes.len();
        for first in (0..below).step_by(FAN) {
            let run = first..below.min(first + FAN);
            let of = |i: usize| match start {
                None => item(i),
                Some(start) => boxes.get(start + i).copied(),
            };
            let all = run.filter_map(of).reduce(|mut all, rect| {
                all.extend(&rect);
                all
            });
            boxes.extend(all);
        }
        start = Some(here);
        below = below.div_ceil(FAN);
    }
}

impl<'b> Packed<'b> {
    /// The tree over `count` items whose boxes [`build`] has made.
    pub(super) fn new(boxes: &'b [Rect], count: usize) -> Self {
        Self { boxes, count }
    }

    /// The node above all items. Its box is not kept.
    pub(super) fn root(&self) -> Node {
        let level = (0..).find(|level| size(*level, self.count) <= 1);
        Node {
            level: level.unwrap_or(0),
            index: 0,
        }
    }

    /// The items below a node.
    pub(super) fn items(&self, node: Node) -> Range<usize> {
        let width = FAN.pow(node.level + 1);
        let first = node.index * width;
        first.min(self.count)..(first + width).min(self.count)
    }

    /// The nodes below one that is no leaf, with their boxes.
    pub(super) fn below(&self, node: Node) -> impl Iterator<Item = (Node, &'b Rect)> + use<'b> {
        let level = node.level.saturating_sub(1);
        let start: usize = (0..level).map(|level| size(level, self.count)).sum();
        let first = node.index * FAN;
        let last = size(level, self.count).min(first + FAN);
        let boxes = self.boxes.get(start + first..start + last);
        let boxes = boxes.unwrap_or_default().iter();
        (first..last)
            .zip(boxes)
            .map(move |(index, rect)| (Node { level, index }, rect))
    }

    /// Calls `enter` with the boxes below a node, and `look` with the items of those leaves
    /// that it wants looked at, until one of them stops. Returns whether one has.
    ///
    /// # Errors
    /// Those of both and of the budget, at once.
    pub(super) fn walk(
        &self,
        node: Node,
        budget: &Budget,
        enter: &mut impl FnMut(&Rect, Range<usize>) -> Result<Below>,
        look: &mut impl FnMut(Range<usize>) -> Result<bool>,
    ) -> Result<bool> {
        budget.step()?;
        if node.level == 0 {
            return look(self.items(node));
        }
        for (below, rect) in self.below(node) {
            let stopped = match enter(rect, self.items(below))? {
                Below::Look => self.walk(below, budget, enter, look)?,
                Below::Pass => false,
                Below::Stop => true,
            };
            if stopped {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_below_one_leaf_whose_box_and_those_above_hold_it() {
        for count in [
            0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 4_096, 4_097, 70_000,
        ] {
            let place = |i: usize| [(i * 7 % 101) as f64, (i / 3) as f64];
            let mut boxes = vec![Rect::point([9e9, 9e9])];
            build(count, |i| Some(Rect::point(place(i))), &mut boxes);
            assert_eq!(boxes.len(), 1 + boxes_over(count), "{count}");
            assert!(boxes.len() <= 9 + count.div_ceil(FAN - 1));
            let packed = Packed::new(&boxes[1..], count);
            assert_eq!(packed.items(packed.root()), 0..count);
            let mut next = 0;
            let mut nodes = vec![(packed.root(), None)];
            while let Some((node, rect)) = nodes.pop() {
                for item in packed.items(node) {
                    let held = |rect: &Rect| rect.contains(&Rect::point(place(item)));
                    assert!(rect.is_none_or(held), "{count} {node:?}");
                }
                if node.level == 0 {
                    assert_eq!(packed.items(node).start, next);
                    next = packed.items(node).end;
                    assert!(packed.items(node).len() <= FAN);
                    continue;
                }
                let below: Vec<_> = packed.below(node).collect();
                assert!((1..=FAN).contains(&below.len()));
                nodes.extend(
                    below
                        .into_iter()
                        .rev()
                        .map(|(node, rect)| (node, Some(rect))),
                );
            }
            assert_eq!(next, count);
        }
    }
}
