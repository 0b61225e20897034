//! Dividing a part of a box where its entries are.

use rstar::{Envelope, ParentNode, RTreeNode};

use super::layer::Layer;
use super::packed::{Node, Packed};
use super::{SpatialEntry, aabb, rect_of};
use crate::types::Rect;

/// A part of a piece, edges included.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxPart {
    pub rect: Rect,
    /// Which piece.
    pub piece: usize,
    /// How much work it may take.
    pub work: usize,
    /// How many entries may lie there: 0 if nobody knows, infinite if too many.
    pub entries: f64,
}

/// Nodes of a tree that are enough to judge by.
const SAMPLES: usize = 128;
/// Entries below a node of a packed tree that were there at one time, give or take.
const FEW: f64 = 4.0;
/// Parts a part is divided into at most, give or take.
const PARTS: usize = 64;

/// A part that was divided.
pub(super) struct Divided {
    /// What it was divided into: disjoint, and as wide together. One or none if it
    /// cannot be divided.
    pub parts: Vec<BoxPart>,
    /// How many entries it may have.
    pub entries: f64,
    /// Work done.
    pub work: usize,
}

/// Where about some entries lie.
#[derive(Debug, Clone, Copy)]
struct Sample {
    place: [f64; 2],
    entries: f64,
}

/// Divides a part, like a k-d tree (J. Bentley, "Multidimensional binary search trees
/// used for associative searching", 1975), into parts of about `wanted` entries, at
/// most some 100 at a time. Judges by the uppermost nodes of the trees that are more
/// than [`SAMPLES`]: up to 2,000 are looked at in each tree.
pub(super) fn divide<'t>(
    layers: impl Iterator<Item = &'t Layer>,
    (packed, at): (impl Iterator<Item = &'t Packed>, u64),
    part: &BoxPart,
    wanted: usize,
) -> Divided {
    let mut samples = Vec::new();
    let mut work = 0;
    for layer in layers {
        work += sample(layer, part, &mut samples);
    }
    for packed in packed {
        work += sample_packed(packed, at, part, &mut samples);
    }
    let entries = samples.iter().map(|sample| sample.entries).sum();
    Divided {
        parts: cut(part, &mut samples, wanted as f64),
        entries,
        work,
    }
}

/// Takes samples of what touches a part. Returns the work done.
fn sample(layer: &Layer, part: &BoxPart, samples: &mut Vec<Sample>) -> usize {
    let touching = aabb(&part.rect);
    let mut height = layer.height();
    // What the tree's nodes have for children on average.
    let fan_out = (layer.tree.size() as f64).powf(1.0 / f64::from(height));
    let mut work = 0;
    let mut level: Vec<&ParentNode<SpatialEntry>> = vec![layer.tree.root()];
    while !level.is_empty() {
        height -= 1;
        let mut below = Vec::with_capacity(SAMPLES);
        for node in level {
            work += node.children().len();
            for child in node.children() {
                match child {
                    RTreeNode::Parent(node) => {
                        let envelope = node.envelope();
                        if touching.intersects(&envelope) {
                            below.push(node);
                        }
                    }
                    RTreeNode::Leaf(entry) => {
                        let rect = entry.rect();
                        if part.rect.intersects(&rect) {
                            samples.push(Sample {
                                place: lower_corner(&rect, &part.rect),
                                entries: 1.0,
                            });
                        }
                    }
                }
            }
        }
        if below.len() > SAMPLES {
            let entries = fan_out.powi(height);
            samples.extend(below.iter().map(|node| Sample {
                place: middle(&rect_of(&node.envelope()), &part.rect),
                entries,
            }));
            break;
        }
        level = below;
    }
    work
}

/// Takes samples of what was there at `at` and touches a part. Returns the work done.
fn sample_packed(packed: &Packed, at: u64, part: &BoxPart, samples: &mut Vec<Sample>) -> usize {
    let mut work = 0;
    let mut level: Vec<Option<Node>> = vec![None];
    while !level.is_empty() {
        let mut below: Vec<(Node, Rect)> = Vec::with_capacity(SAMPLES);
        for node in level {
            for (node, entry) in packed.below(node) {
                work += 1;
                let rect = entry.rect();
                if entry.visible(at) && part.rect.intersects(&rect) {
                    below.push((node, rect));
                }
            }
        }
        let versions = below.first().is_none_or(|(node, _)| node.level == 0);
        if versions || below.len() > SAMPLES {
            samples.extend(below.iter().map(|(node, rect)| Sample {
                place: match node.level {
                    0 => lower_corner(rect, &part.rect),
                    _ => middle(rect, &part.rect),
                },
                // Of those below a node, others were there at other times.
                entries: FEW.powi(node.level as i32),
            }));
            break;
        }
        level = below.into_iter().map(|(node, _)| Some(node)).collect();
    }
    work
}

/// Of what two rectangles that touch have in common.
fn lower_corner(a: &Rect, b: &Rect) -> [f64; 2] {
    [0, 1].map(|axis| a.min[axis].max(b.min[axis]))
}

fn middle(a: &Rect, b: &Rect) -> [f64; 2] {
    let low = lower_corner(a, b);
    [0, 1].map(|axis| low[axis] + (a.max[axis].min(b.max[axis]) - low[axis]) / 2.0)
}

/// Cuts a part, if there is a place to cut it at, into parts with about as many
/// samples, until those have no more than `enough` entries, or hardly any samples to
/// judge by.
fn cut(part: &BoxPart, samples: &mut [Sample], enough: f64) -> Vec<BoxPart> {
    let few = (samples.len() / PARTS).max(4);
    let mut parts = Vec::new();
    let mut uncut = vec![(part.rect, samples)];
    while let Some((rect, samples)) = uncut.pop() {
        let entries = samples.iter().map(|sample| sample.entries).sum();
        let whole = parts.is_empty() && uncut.is_empty();
        if (whole || (entries > enough && samples.len() > few))
            && let Some((axis, value)) = place_to_cut(&rect, samples)
        {
            let (mut low, mut high) = (rect, rect);
            low.max[axis] = value.next_down();
            high.min[axis] = value;
            let count = samples.partition_point(|sample| sample.place[axis] < value);
            let (below, above) = samples.split_at_mut(count);
            uncut.push((low, below));
            uncut.push((high, above));
            continue;
        }
        parts.push(BoxPart {
            rect,
            entries,
            ..*part
        });
    }
    parts
}

/// Where to cut a rectangle that has some samples, at their median along the axis
/// along which they are spread farther, or else somewhere. Sorts them along the axis.
fn place_to_cut(rect: &Rect, samples: &mut [Sample]) -> Option<(usize, f64)> {
    let spread = |axis: usize| {
        let places = || samples.iter().map(|sample| sample.place[axis]);
        places().fold(f64::MIN, f64::max) - places().fold(f64::MAX, f64::min)
    };
    let farther = usize::from(spread(1) > spread(0));
    for axis in [farther, 1 - farther] {
        samples.sort_unstable_by(|a, b| a.place[axis].total_cmp(&b.place[axis]));
        let middle = samples.get(samples.len() / 2)?.place[axis];
        // At its lower edge there is nothing to cut off.
        let inside = |value: &f64| *value > rect.min[axis];
        let value = Some(middle).filter(inside).or_else(|| {
            let mut places = samples.iter().map(|sample| sample.place[axis]);
            places.find(inside)
        });
        if let Some(value) = value {
            return Some((axis, value));
        }
    }
    None
}
