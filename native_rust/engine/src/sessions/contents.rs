//! What one transaction holds.
//!
//! A read of it takes a [`View`], which stays as it is whatever is added later, so no
//! lock is held while it looks into files. What is added while a view is out goes into
//! a layer of its own; layers that nobody looks at any more become one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::duplicates::settle;
use super::overlay::{Found, Overlay, SeriesOverlay};
use super::status::Figures;
use super::undoing::{Subject, Undoing, check_undoing, undone_block};
use crate::block::{
    Condition, Expected, IdempotencyKey, Operation, Versioned, check_size, encoded_len,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::mem::{Pool, Reservation};
use crate::planted::{Bug, planted};

/// What adding operations to a transaction came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// How many operations the transaction held then.
    pub operations: usize,
    /// Ids of the features that these operations put, in order.
    pub feature_ids: Vec<String>,
    /// Whether an earlier call with the same key was answered again.
    pub replayed: bool,
}

/// What is to be added in one call.
#[derive(Debug, Default)]
pub struct Additions {
    pub(crate) operations: Vec<Operation>,
    pub(crate) undoing: Vec<Undoing>,
}

impl From<Vec<Operation>> for Additions {
    fn from(operations: Vec<Operation>) -> Self {
        Self {
            operations,
            undoing: Vec::new(),
        }
    }
}

/// Operations that are to be added.
#[derive(Debug)]
pub(crate) struct Addition {
    pub added: Additions,
    /// What each of them finds.
    pub found: Vec<Found>,
    pub key: Option<IdempotencyKey>,
}

/// What a transaction holds; nothing of it is written.
#[derive(Debug)]
pub(crate) struct Contents {
    actor: Option<Arc<str>>,
    layers: Vec<Arc<Layer>>,
    figures: Figures,
    /// Requests that had a key, by that.
    requests: HashMap<Arc<str>, Request>,
    /// What must hold for what they undo, and the blocks that they do.
    undoing: Vec<Condition>,
    undone: HashSet<u64>,
    /// Something is being added, or a panic came in between.
    adding: bool,
}

/// Operations in order, and what they come to.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Place of its first operation among all.
    first: usize,
    operations: Vec<Operation>,
    overlay: Overlay,
    /// The memory of both: given back once the last view of it is gone.
    memory: Reservation,
}

#[derive(Debug)]
struct Request {
    digest: [u8; 16],
    /// Places of its operations.
    first: usize,
    end: usize,
}

/// What a transaction hands to the committer.
#[derive(Debug)]
pub(crate) struct Taken {
    pub operations: Vec<Operation>,
    /// Their memory; where a view holds the layers, and it was they that were taken,
    /// that stays with these.
    pub memory: Reservation,
    /// Whether they are gone from the contents.
    moved: bool,
}

impl Contents {
    pub(crate) fn new(actor: Option<Arc<str>>) -> Self {
        Self {
            actor,
            layers: Vec::new(),
            figures: Figures::default(),
            requests: HashMap::new(),
            undoing: Vec::new(),
            undone: HashSet::new(),
            adding: false,
        }
    }

    pub(crate) fn actor(&self) -> Option<Arc<str>> {
        self.actor.clone()
    }

    pub(crate) fn figures(&self) -> Figures {
        self.figures
    }

    /// Bytes of memory of what it holds.
    pub(crate) fn memory(&self) -> usize {
        self.layers.iter().map(|layer| layer.memory.bytes()).sum()
    }

    /// Refuse what a panic left half done.
    ///
    /// # Errors
    /// The reason to end the transaction for.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self.adding {
            true => Err("an operation failed while it was added; see the log"),
            false => Ok(()),
        }
    }

    /// The answer to an earlier call with this key.
    ///
    /// # Errors
    /// [`Error::KeyReused`] when that was another request.
    pub(crate) fn replay(&self, key: &IdempotencyKey) -> Result<Option<Applied>> {
        let Some(request) = self.requests.get(&key.text) else {
            return Ok(None);
        };
        if request.digest != key.request {
            return Err(Error::KeyReused {
                key: key.text.to_string(),
                place: format!(
                    "operations {} to {} of this transaction",
                    request.first + 1,
                    request.end
                ),
            });
        }
        let mut feature_ids = Vec::new();
        for layer in &self.layers {
            let skip = request.first.saturating_sub(layer.first);
            let end = request.end.saturating_sub(layer.first);
            let own = layer.operations.iter().take(end).skip(skip);
            feature_ids.extend(own.filter_map(put_id));
        }
        Ok(Some(Applied {
            operations: request.end,
            feature_ids,
            replayed: true,
        }))
    }

    /// Take operations, all or none. Linear in them.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::MemoryFull`]; [`Error::NotFound`] for a feature to
    /// delete.
    pub(crate) fn add(
        &mut self,
        addition: Addition,
        limits: &Limits,
        pool: &Arc<Pool>,
    ) -> Result<Applied> {
        let Addition { added, found, key } = addition;
        let Additions {
            operations,
            undoing,
        } = added;
        self.check_deletes(&operations, &found)?;
        let view = self.view();
        let found = settle(&operations, found, |series| view.series(series))?;
        let written = |subject: &Subject<'_>| match subject {
            Subject::Version(of) => view.newest(*of).is_some(),
            Subject::Points(id) | Subject::Deletion(id) => view.deletes_from(id),
            Subject::Defaults => false,
        };
        check_undoing(&operations, &undoing, written, &self.undone)?;
        drop(view);
        let bytes = self.figures.bytes + encoded_len(&operations, self.actor.as_deref());
        check_size(bytes, limits.transaction_bytes)?;
        let key_memory = key.as_ref().map_or(0, |key| KEY + 2 * key.text.len());
        let memory = match planted(Bug::EncodedForMemory) {
            true => bytes - self.figures.bytes,
            false => {
                let conditions: usize =
                    undoing.iter().map(|undoing| undoing.conditions.len()).sum();
                let undone = conditions * UNDONE;
                operations.iter().map(memory_of).sum::<usize>() + key_memory + undone
            }
        };
        let memory = pool.reserve(memory)?;
        self.adding = true;
        let first = self.figures.operations;
        let feature_ids = operations.iter().filter_map(put_id).collect();
        self.undone
            .extend(operations.iter().filter_map(undone_block));
        let conditions = undoing.into_iter().flat_map(|undoing| undoing.conditions);
        self.undoing.extend(conditions);
        let end = first + operations.len();
        self.last_layer(first, pool).add(operations, &found, memory);
        self.merge();
        if let Some(key) = key {
            let digest = key.request;
            let request = Request { digest, first, end };
            self.requests.insert(key.text, request);
        }
        self.figures = Figures {
            operations: end,
            bytes,
        };
        self.adding = false;
        Ok(Applied {
            operations: end,
            feature_ids,
            replayed: false,
        })
    }

    /// Refuse the deletion of a feature that is not there: neither before the transaction,
    /// as `found` says, nor in it. Nobody else can write it before the commit without a
    /// conflict, so what holds here holds then.
    fn check_deletes(&self, operations: &[Operation], found: &[Found]) -> Result<()> {
        let view = self.view();
        let mut own: HashMap<Versioned<'_>, bool> = HashMap::new();
        for (operation, found) in operations.iter().zip(found) {
            let Some((of, deleted)) = operation.version() else {
                continue;
            };
            let before = own.insert(of, !deleted);
            let there = || match view.newest(of).and_then(Operation::version) {
                Some((_, deleted)) => !deleted,
                None => matches!(found, Found::Version(_)),
            };
            if deleted && !before.unwrap_or_else(there) {
                return Err(of.not_found());
            }
        }
        Ok(())
    }

    /// The layer to add to, which no view has.
    fn last_layer(&mut self, first: usize, pool: &Arc<Pool>) -> &mut Layer {
        let alone = |layer: &mut Arc<Layer>| Arc::get_mut(layer).is_some();
        if !self.layers.last_mut().is_some_and(alone) {
            self.layers.push(Arc::new(Layer {
                first,
                operations: Vec::new(),
                overlay: Overlay::default(),
                memory: pool.nothing(),
            }));
        }
        let last = self.layers.last_mut().and_then(Arc::get_mut);
        last.unwrap_or_else(|| unreachable!("the last layer is nobody else's"))
    }

    /// Make one of the last layers, as far as no view has them.
    fn merge(&mut self) {
        while let Some(last) = self.layers.pop() {
            let before = self.layers.last_mut().and_then(Arc::get_mut);
            match (before, Arc::try_unwrap(last)) {
                (Some(before), Ok(last)) => before.absorb(last),
                (_, Ok(last)) => {
                    self.layers.push(Arc::new(last));
                    return;
                }
                (_, Err(last)) => {
                    self.layers.push(last);
                    return;
                }
            }
        }
    }

    /// What it holds now.
    pub(crate) fn view(&self) -> View {
        View {
            layers: self.layers.clone(),
        }
    }

    /// What must hold for its writes to be what its reader has seen, who saw the
    /// database as of `seq`.
    pub(crate) fn conditions(&self, seq: u64) -> Vec<Condition> {
        let mut conditions = self.undoing.clone();
        for layer in &self.layers {
            let features = layer.overlay.features();
            conditions.extend(features.map(|id| Condition::Feature {
                id: id.to_owned(),
                expected: Expected::NotAfter(seq),
            }));
            let attributes = layer.overlay.attributes();
            conditions.extend(attributes.map(|id| Condition::Attributes {
                id: id.to_owned(),
                expected: Expected::NotAfter(seq),
            }));
            let series = layer.overlay.series_deleted_from();
            conditions.extend(series.map(|id| Condition::SeriesUntouched {
                id: id.to_owned(),
                since: seq,
            }));
        }
        conditions
    }

    /// Take the operations out; copies them where a view has them.
    ///
    /// # Errors
    /// [`Error::MemoryFull`] for the copy.
    pub(crate) fn take(&mut self, pool: &Arc<Pool>) -> Result<Taken> {
        self.merge();
        if let [only] = self.layers.as_mut_slice()
            && let Some(layer) = Arc::get_mut(only)
        {
            let operations = std::mem::take(&mut layer.operations);
            let own = operations.iter().map(Operation::memory).sum();
            return Ok(Taken {
                memory: layer.memory.split(own),
                operations,
                moved: true,
            });
        }
        let all = || self.layers.iter().flat_map(|layer| &layer.operations);
        let memory = pool.reserve(all().map(Operation::memory).sum())?;
        Ok(Taken {
            operations: all().cloned().collect(),
            memory,
            moved: false,
        })
    }

    /// Undo [`Self::take`].
    pub(crate) fn put_back(&mut self, taken: Taken) {
        if taken.moved
            && let Some(layer) = self.layers.last_mut().and_then(Arc::get_mut)
        {
            layer.operations = taken.operations;
            layer.memory.absorb(taken.memory);
        }
    }

    /// Let go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(None);
    }
}

/// Memory that a remembered key takes besides its text.
const KEY: usize = 128;
/// Memory that a condition takes, and the place of a block that is undone.
const UNDONE: usize = 2 * size_of::<Condition>() + 32;

/// Memory that an operation takes in a transaction, at most.
fn memory_of(operation: &Operation) -> usize {
    operation.memory() + Overlay::memory_of(operation)
}

/// The id of the feature that an operation puts.
fn put_id(operation: &Operation) -> Option<String> {
    match operation {
        Operation::PutFeature(put) => Some(put.id.clone()),
        _ => None,
    }
}

impl Layer {
    fn add(&mut self, operations: Vec<Operation>, found: &[Found], memory: Reservation) {
        self.memory.absorb(memory);
        for (operation, found) in operations.into_iter().zip(found) {
            let place = self.first + self.operations.len();
            self.overlay.note(&operation, place, found);
            self.operations.push(operation);
        }
    }

    fn absorb(&mut self, later: Self) {
        self.memory.absorb(later.memory);
        self.operations.extend(later.operations);
        self.overlay.absorb(later.overlay);
    }

    fn operation(&self, place: usize) -> Option<&Operation> {
        self.operations.get(place.checked_sub(self.first)?)
    }
}

/// What a transaction held at one moment.
#[derive(Debug)]
pub(crate) struct View {
    layers: Vec<Arc<Layer>>,
}

impl View {
    /// The newest own operation on feature `id`.
    pub(crate) fn feature(&self, id: &str) -> Option<&Operation> {
        self.newest(Versioned::Feature(id))
    }

    /// The newest own operation on what has versions.
    fn newest(&self, of: Versioned<'_>) -> Option<&Operation> {
        let mut layers = self.layers.iter().rev();
        layers.find_map(|layer| layer.operation(layer.overlay.newest(of)?))
    }

    /// Whether the version of block `seq` has been written over.
    pub(crate) fn hides(&self, seq: u64) -> bool {
        self.layers.iter().any(|layer| layer.overlay.hides(seq))
    }

    /// The own operations from place `from` on, with their places.
    pub(crate) fn operations(&self, from: usize) -> impl Iterator<Item = (usize, &Operation)> {
        self.layers.iter().flat_map(move |layer| {
            let skip = from.saturating_sub(layer.first);
            (layer.first..).zip(&layer.operations).skip(skip)
        })
    }

    /// Whether the operation at `place`, which is about feature `id`, is the newest
    /// of those.
    pub(crate) fn is_newest(&self, id: &str, place: usize) -> bool {
        let mut layers = self.layers.iter().rev();
        let of = Versioned::Feature(id);
        layers.find_map(|layer| layer.overlay.newest(of)) == Some(place)
    }

    /// Whether points of series `id` were deleted.
    fn deletes_from(&self, id: &str) -> bool {
        let deletes =
            |series: &&SeriesOverlay| !series.deletes.is_empty() || !series.replaced.is_empty();
        self.series(id).iter().any(deletes)
    }

    /// Own writes to series `id`, layer by layer, the oldest first.
    pub(crate) fn series<'v>(&'v self, id: &str) -> Vec<&'v SeriesOverlay> {
        let layers = self.layers.iter();
        layers
            .filter_map(|layer| layer.overlay.series(id))
            .collect()
    }
}
