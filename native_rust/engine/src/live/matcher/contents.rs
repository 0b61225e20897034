//! The events of one block, written once for all who get the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::error::Result;
use crate::live::content::{Content, LiveEvent, write};
use crate::live::finding::{Finding, FindingKey};
use crate::live::hub::Hub;
use crate::live::outbox::Outbox;
use crate::live::seat::Taken;
use crate::live::subject::Subject;
use crate::live::subscriber::Subscriber;

/// Those without a proof and with one.
pub(super) type Contents = HashMap<(FindingKey, bool), Arc<Content>>;

/// The event of a block for one who has yet to see it. `here` has those of the same filter.
pub(super) fn take(
    (hub, subscriber, outbox): (&Hub, &Subscriber, &mut Outbox),
    subject: &Subject<'_>,
    finding: &Finding,
    durable: u64,
    (contents, here): (&mut Contents, &mut [Option<Arc<Content>>; 2]),
) -> Result<Taken> {
    let seq = subject.block.seq;
    let proof = subscriber.proof.then_some(durable);
    let [plain, proved] = here;
    let slot = if proof.is_some() { proved } else { plain };
    let content: &Arc<Content> = match slot {
        Some(content) => content,
        None => {
            let key = finding.key();
            let content = match contents.entry((key, proof.is_some())) {
                Entry::Occupied(content) => Arc::clone(content.get()),
                Entry::Vacant(vacant) => {
                    let make = || write(&hub.state, subject, finding, proof);
                    let content = hub.kept.get((hub.group, seq, key, proof), make)?;
                    Arc::clone(vacant.insert(content))
                }
            };
            slot.insert(content)
        }
    };
    let taken = subscriber.seat.take(seq, content.weight());
    if let Taken::After(after) = taken {
        outbox.push(LiveEvent {
            seq,
            after,
            matched: finding.matched,
            content: Arc::clone(content),
        });
    }
    Ok(taken)
}
