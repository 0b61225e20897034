//! From a set of blocks to what undoes them, one block after the other, or to what stands
//! in the way.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::chains::{Later, deletion_in_the_way, resolve};
use super::obstacles::{Blocker, Obstacles, Reason};
use super::select::{Selected, Undo, select};
use crate::block::{Action, Block, Condition, Expected, OpKind, Versioned};
use crate::budget::Budget;
use crate::error::Result;
use crate::planted::{Bug, planted};
use crate::read::ahead::ReadAhead;
use crate::read::selection::transaction_of;
use crate::read::versions::versions;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{
    DecodeError, MAX_BATCH_POINTS, PointSpan, Which, decode_points, stored_attributes,
    stored_delete_feature, stored_delete_points, stored_feature,
};

/// One block to undo.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub block: u64,
    pub target: Target,
}

/// What a block did that is to be undone.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// It wrote or deleted a feature, which was at this version before.
    Feature { id: String, prev: Option<u64> },
    /// It set or deleted the attributes of a series, which were at this version before.
    Attributes { series: String, prev: Option<u64> },
    /// It set the defaults, which block `prev` had set before.
    Defaults { prev: Option<u64> },
    /// It wrote or brought back points, within these times.
    Points { span: PointSpan, count: usize },
    /// It deleted points within these times.
    Deletion { span: PointSpan, count: usize },
}

/// What undoing comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which they are undone: the last one first.
    pub steps: Vec<Step>,
    /// What must hold when they are.
    pub conditions: Vec<Condition>,
    /// Blocks that were asked for and need not be undone.
    pub unchanged: usize,
    pub obstacles: Obstacles,
}

struct Planner<'p> {
    state: &'p State,
    budget: &'p Budget,
    /// What is later is not looked at.
    at: u64,
    selected: &'p Selected,
    /// Blocks to undo, ascending.
    live: Vec<u64>,
    plan: Plan,
}

/// What `undo` comes to, by what was there at `at`. Reads each block that is to be undone.
///
/// # Errors
/// Those of [`select`].
pub(super) fn plan(state: &State, undo: &Undo, at: u64, budget: &Budget) -> Result<Plan> {
    let selected = &select(state, &undo.what, at, budget)?;
    let undone = |seq: u64| undoer(state, seq, at);
    let resolved = resolve(&selected.seqs, undo.what.follows(), undone, budget)?;
    let mut planner = Planner {
        state,
        budget,
        at,
        selected,
        live: resolved.live,
        plan: Plan {
            steps: Vec::new(),
            conditions: Vec::new(),
            unchanged: selected.seqs.len(),
            obstacles: Obstacles::new(state.limits.faults),
        },
    };
    for (block, last) in resolved.again {
        let by = undone(block).unwrap_or(last);
        planner.refuse(block, Reason::Again { by, last });
    }
    for last in resolved.settled {
        let block = last;
        planner
            .plan
            .conditions
            .push(Condition::NotReverted { block });
    }
    planner.read()?;
    planner.check_versions()?;
    planner.check_points()?;
    planner.check_defaults()?;
    if !undo.partial {
        planner.check_whole()?;
    }
    let mut plan = planner.plan;
    plan.unchanged -= plan.steps.len();
    if let Some(first) = selected.seqs.first().filter(|_| plan.steps.is_empty())
        && plan.obstacles.is_empty()
    {
        let reason = match undone(*first) {
            Some(by) => Reason::Undone(by),
            None => Reason::Nothing,
        };
        plan.obstacles
            .add(*first, reason, || selected.pointer(*first));
    }
    if plan.steps.is_empty() && plan.obstacles.is_empty() {
        let pointer = || selected.pointer(0);
        plan.obstacles.add(0, Reason::NoBlock, pointer);
    }
    if !planted(Bug::UndoForwards) {
        plan.steps.reverse();
    }
    Ok(plan)
}

/// The block that undid another by `at`.
fn undoer(state: &State, seq: u64, at: u64) -> Option<u64> {
    let by = state.indexes.reverts.read().by(seq);
    by.filter(|by| *by <= at)
}

impl Planner<'_> {
    fn refuse(&mut self, block: u64, reason: Reason) {
        let selected = self.selected;
        let pointer = || selected.pointer(block);
        self.plan.obstacles.add(block, reason, pointer);
    }

    /// Refuse to undo a block on which `by` builds.
    fn refuse_under(&mut self, by: u64, block: u64) -> Result<()> {
        let blocker = self.blocker(by)?;
        self.refuse(block, Reason::Later(blocker));
        Ok(())
    }

    /// A block that stands in the way, which is read for its transaction unless it is told of
    /// no more.
    fn blocker(&self, by: u64) -> Result<Blocker> {
        let transaction = match self.plan.obstacles.are_kept() {
            true => transaction_of(self.state, by, self.budget)?,
            false => (by, by),
        };
        Ok(Blocker { by, transaction })
    }

    fn undoes(&self, seq: u64) -> bool {
        self.live.binary_search(&seq).is_ok()
    }

    /// Look what the blocks did.
    fn read(&mut self) -> Result<()> {
        let mut ahead = ReadAhead::default();
        let live = self.live.clone();
        self.budget.make_room(&mut self.plan.steps, live.len())?;
        for &block in &live {
            self.budget.step()?;
            let bytes = ahead.block(self.state, block, self.at)?;
            let broken = |e: DecodeError| damaged(self.state, block, e);
            let stored = Block::decode(bytes).map_err(|e| damaged(self.state, block, e))?;
            let action = stored.action().map_err(broken)?;
            let Some(mut target) = target(&action, &stored).map_err(broken)? else {
                self.refuse(block, Reason::Webhook);
                continue;
            };
            self.budget.hold(target.memory())?;
            if let Target::Deletion { span, count } = &mut target {
                *count = self.deleted(block, span)?;
                if *count > MAX_BATCH_POINTS {
                    let (points, limit) = (*count, MAX_BATCH_POINTS);
                    self.refuse(block, Reason::Many { points, limit });
                }
            }
            let condition = Condition::NotReverted { block };
            self.plan.conditions.push(condition);
            // Deletions of nothing have nothing to undo.
            if !matches!(target, Target::Deletion { count: 0, .. }) {
                self.plan.steps.push(Step { block, target });
            }
        }
        Ok(())
    }

    /// How many points a block deleted.
    fn deleted(&self, block: u64, span: &PointSpan) -> Result<usize> {
        let mut count = 0;
        if let Some(series) = self.state.indexes.series.get(&span.series) {
            let range = (span.start, span.end);
            series.deleted_by(block, range, self.budget, |points| count += points.len())?;
        }
        Ok(count)
    }

    /// Later versions stand in the way, unless they are undone too.
    fn check_versions(&mut self) -> Result<()> {
        let steps = std::mem::take(&mut self.plan.steps);
        let mut firsts: HashMap<Versioned<'_>, u64> = HashMap::new();
        for step in &steps {
            if let Some(of) = step.target.versioned() {
                firsts.entry(of).or_insert(step.block);
            }
        }
        let mut firsts: Vec<(u64, Versioned<'_>)> =
            firsts.into_iter().map(|(of, s)| (s, of)).collect();
        firsts.sort_unstable_by_key(|(first, _)| *first);
        for (first, of) in firsts {
            let after = versions(self.state, of, first..self.at, usize::MAX, self.budget)?;
            let mut later = Later::default();
            let leaves = |seq: u64| self.undoes(seq);
            let undone = |seq: u64| undoer(self.state, seq, self.at);
            let stands = |seq: &u64| later.stands(*seq, undone(*seq), leaves);
            let newest = after.last().copied().unwrap_or(first);
            let in_the_way: Vec<u64> = after.into_iter().filter(stands).collect();
            for by in in_the_way {
                if !planted(Bug::UndoUnderLater) {
                    self.refuse_under(by, first)?;
                }
            }
            let expected = Expected::ToUndo {
                block: first,
                newest,
            };
            let id = of.id().to_owned();
            self.plan.conditions.push(match of {
                Versioned::Feature(_) => Condition::Feature { id, expected },
                Versioned::Attributes(_) => Condition::Attributes { id, expected },
                Versioned::Webhook(_) => Condition::Webhook { id, expected },
            });
        }
        self.plan.steps = steps;
        Ok(())
    }

    /// Later changes of the defaults stand in the way, unless they are undone too.
    fn check_defaults(&mut self) -> Result<()> {
        let sets = |step: &&Step| matches!(step.target, Target::Defaults { .. });
        let Some(first) = self.plan.steps.iter().find(sets).map(|step| step.block) else {
            return Ok(());
        };
        let table = self.state.indexes.defaults.read();
        let after: Vec<u64> = table.between(first, self.at).collect();
        drop(table);
        let newest = after.last().copied().unwrap_or(first);
        let mut later = Later::default();
        let stands = |seq: &u64| {
            later.stands(*seq, undoer(self.state, *seq, self.at), |seq| {
                self.undoes(seq)
            })
        };
        let in_the_way: Vec<u64> = after.into_iter().filter(stands).collect();
        for by in in_the_way {
            self.refuse_under(by, first)?;
        }
        let block = first;
        self.plan
            .conditions
            .push(Condition::DefaultsToUndo { block, newest });
        Ok(())
    }

    /// Deletions of the points that a block wrote stand in the way, unless they are undone
    /// too.
    fn check_points(&mut self) -> Result<()> {
        let mut series: HashSet<String> = HashSet::new();
        let mut reasons = Vec::new();
        for step in &self.plan.steps {
            let Target::Points { span, count } = &step.target else {
                continue;
            };
            self.budget.check()?;
            let written = *count;
            let (mut found, mut ways) = (0, BTreeSet::new());
            if let Some(series) = self.state.indexes.series.get(&span.series) {
                let range = (span.start, span.end);
                series
                    .read()
                    .since(range, self.at, step.block, |count, since| {
                        found += count;
                        ways.extend(deletion_in_the_way(since, |seq| self.undoes(seq)));
                    });
            }
            for by in ways {
                let by = self.blocker(by)?;
                reasons.push((step.block, Reason::Deleted { by, written }));
            }
            if found < written {
                let missing = written - found;
                reasons.push((step.block, Reason::Missing { missing, written }));
            }
            if series.insert(span.series.clone()) {
                self.plan.conditions.push(Condition::SeriesUndeleted {
                    id: span.series.clone(),
                    since: self.at,
                    block: step.block,
                });
            }
        }
        for (block, reason) in reasons {
            self.refuse(block, reason);
        }
        Ok(())
    }

    /// Refuse half a transaction: others of it that stand and are not to be undone.
    fn check_whole(&mut self) -> Result<()> {
        let mut known = 0;
        let blocks: Vec<u64> = self.plan.steps.iter().map(|step| step.block).collect();
        for block in blocks {
            // All up to there have been seen to.
            if block <= known {
                continue;
            }
            let (first, last) = transaction_of(self.state, block, self.budget)?;
            known = last;
            let mut left = 0;
            for other in first..=last {
                self.budget.step()?;
                let meant = self.undoes(other) || self.selected.seqs.binary_search(&other).is_ok();
                left += u64::from(!meant && self.stands(other)?);
            }
            if left > 0 {
                self.refuse(block, Reason::Half { first, last, left });
            }
        }
        Ok(())
    }

    /// Whether what a block did is there still, or again.
    fn stands(&self, block: u64) -> Result<bool> {
        let (mut last, mut stands) = (block, true);
        while let Some(next) = undoer(self.state, last, self.at) {
            self.budget.step()?;
            (last, stands) = (next, !stands);
        }
        Ok(stands)
    }
}

impl Target {
    /// What it wrote a version of.
    fn versioned(&self) -> Option<Versioned<'_>> {
        match self {
            Self::Feature { id, .. } => Some(Versioned::Feature(id)),
            Self::Attributes { series, .. } => Some(Versioned::Attributes(series)),
            Self::Defaults { .. } | Self::Points { .. } | Self::Deletion { .. } => None,
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Feature { id, .. } | Self::Attributes { series: id, .. } => 4 * id.len() + 256,
            Self::Defaults { .. } => 256,
            Self::Points { span, .. } | Self::Deletion { span, .. } => {
                4 * span.series.len() + 2 * span.memory() + 256
            }
        }
    }
}

/// Nothing for a block that no other undoes.
fn target(action: &Action<'_>, block: &Block<'_>) -> Result<Option<Target>, DecodeError> {
    let body = action.body;
    let prev = block.prev;
    Ok(Some(match action.op {
        OpKind::PutFeature => Target::Feature {
            id: stored_feature(body)?.id.into_owned(),
            prev,
        },
        OpKind::DeleteFeature => Target::Feature {
            id: stored_delete_feature(body)?.to_owned(),
            prev,
        },
        OpKind::SetAttributes => Target::Attributes {
            series: stored_attributes(body)?.series.to_owned(),
            prev,
        },
        OpKind::PutPoints => {
            let points = decode_points(body)?;
            let ends = points.timestamps.iter();
            Target::Points {
                count: points.timestamps.len(),
                span: PointSpan {
                    start: ends.clone().min().copied().unwrap_or_default(),
                    // Stored timestamps end far before the greatest integer.
                    end: ends.max().map_or(0, |last| last.saturating_add(1)),
                    series: points.series,
                    which: Which::Of(block.seq),
                },
            }
        }
        OpKind::SetDefaults => Target::Defaults { prev },
        OpKind::SetWebhook => return Ok(None),
        OpKind::DeletePoints | OpKind::Revert => Target::Deletion {
            span: stored_delete_points(body)?,
            count: 0,
        },
    }))
}
