//! A turn of somebody who has fallen behind, on a thread of the pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::feed::{Stop, Whose, feed};
use super::hub::{Call, Hub, Job};
use super::pool::Next;
use super::seat::{Begun, Owner, Rest};
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::error::Error;
use crate::read::ahead::ReadAhead;
use crate::state::Ending;

/// When to try again where there was no memory.
const LATER: Duration = Duration::from_millis(20);

/// Feed a subscriber for some milliseconds.
pub(super) fn turn(job: Job) -> Next<Job> {
    let (hub, subscriber) = (Arc::clone(&job.hub), Arc::clone(&job.subscriber));
    let turned = catch_unwind(AssertUnwindSafe(|| take(job)));
    turned.unwrap_or_else(|_| fail(&hub, &subscriber))
}

fn fail(hub: &Hub, subscriber: &Arc<Subscriber>) -> Next<Job> {
    subscriber.end(Ending::Failed);
    hub.forget(subscriber);
    Next::Done
}

fn take(mut job: Job) -> Next<Job> {
    let (hub, subscriber) = (Arc::clone(&job.hub), Arc::clone(&job.subscriber));
    let seat = &subscriber.seat;
    let Some(begun) = seat.begin(Owner::Pool) else {
        return Next::Done;
    };
    let Begun {
        filter,
        position,
        changed,
    } = begun;
    if !changed.is_empty() {
        job.upcoming = Upcoming::default();
    }
    for answer in changed {
        answer.send(Ok(position));
    }
    let until = hub.state.durable().max(position);
    let mut ahead = ReadAhead::default();
    let fed = feed(
        Whose::Pool,
        (&hub, &subscriber),
        (&filter, &mut job.upcoming),
        &mut ahead,
        (position, until),
    );
    let position = fed.position;
    job.upcoming.rest();
    if !subscriber.deliver(&fed.outbox) {
        subscriber.leave();
        hub.forget(&subscriber);
        return Next::Done;
    }
    match fed.stop {
        // It sees to those that are in its reach.
        Stop::Reached if position >= hub.position() => {
            if seat.hand(Owner::Joining, position) {
                hub.call(Call::Join(Arc::clone(&subscriber)));
            }
            Next::Done
        }
        Stop::Reached | Stop::Turn => match seat.hand(Owner::Pool, position) {
            true => Next::Again(job),
            false => Next::Done,
        },
        Stop::Short => {
            if seat.lags() {
                subscriber.lagging(position);
            }
            let (rest, changed) = seat.rest(position);
            for answer in changed {
                answer.send(Ok(position));
            }
            match rest {
                Rest::Pool => {
                    job.upcoming = Upcoming::default();
                    Next::Again(job)
                }
                Rest::Waits | Rest::Ended => Next::Done,
            }
        }
        Stop::Ended => Next::Done,
        Stop::Failed(Error::MemoryFull { .. }) => match seat.hand(Owner::Pool, position) {
            true => Next::Later(job, LATER),
            false => Next::Done,
        },
        // All are told how it ended.
        Stop::Failed(Error::Closed | Error::Cancelled) => Next::Done,
        Stop::Failed(_) => fail(&hub, &subscriber),
    }
}
