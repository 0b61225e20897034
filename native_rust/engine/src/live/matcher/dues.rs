//! Those who stay inside a fence, and are due: with the first block that is committed after
//! that, or by the clock once no block can be committed any more before.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::Matcher;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::live::dwell::Told;
use crate::read::moments::until_reached;
use crate::state::Ending;

impl Matcher {
    /// Tell of those who are due by `time`, at which all blocks up to `at` are there.
    pub(super) fn fall_due(&mut self, time: i64, at: u64, budget: &Budget) -> Result<()> {
        while let Some(Reverse((due, number))) = self.dues.peek().copied()
            && due <= time
        {
            self.dues.pop();
            self.tell_due((due, number), (time, at), budget)?;
        }
        Ok(())
    }

    fn tell_due(
        &mut self,
        (due, number): (i64, u64),
        (time, at): (i64, u64),
        budget: &Budget,
    ) -> Result<()> {
        let hub = Arc::clone(&self.hub);
        let Some(fed) = self.fed.get_mut(&number) else {
            return Ok(());
        };
        let Some((filter, _)) = self.index.get(fed.filter) else {
            return Ok(());
        };
        let (subscriber, first) = (Arc::clone(&fed.subscriber), fed.outbox.is_empty());
        let mut dwelling = subscriber.dwelling.lock();
        if dwelling.due(filter) != Some(due) {
            return Ok(());
        }
        let told = loop {
            let take = |bytes| subscriber.seat.take_beside(bytes);
            let told = dwelling.tell(
                (&hub.state, &hub.fences),
                (filter, false),
                (time, at),
                (&mut fed.outbox, take),
                budget,
            );
            match told {
                Ok(Told::Full) => fed.send(&hub),
                told => break told,
            }
        };
        if first {
            self.touched.push(number);
        }
        let next = dwelling.due(filter);
        drop(dwelling);
        match told {
            Ok(Told::All | Told::Full) => {
                self.dues.extend(next.map(|due| Reverse((due, number))));
            }
            Ok(Told::Short) => self.let_rest(number, at),
            Ok(Told::Long) | Err(Error::MemoryFull { .. }) => self.set_back(number, at),
            // A call about it is under way.
            Ok(Told::Ended) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// How long to wait for the next who is due, if somebody is. Tells of those who are by
    /// now: no block can be committed any more before that.
    pub(super) fn wait(&mut self) -> Option<Duration> {
        // Most are of those who are fed by others.
        if self.dues.len() > 2 * self.fed.len() + 64 {
            let fed = &self.fed;
            self.dues
                .retain(|Reverse((_, number))| fed.contains_key(number));
        }
        let hub = Arc::clone(&self.hub);
        let budget = Budget::without_end(&hub.state.memory, hub.cancel.clone());
        loop {
            let Reverse((due, _)) = self.dues.peek().copied()?;
            if hub.state.durable() > self.position {
                return Some(Duration::ZERO);
            }
            let told = match until_reached(&hub.state, due, self.position) {
                Ok(Some(wait)) => return Some(wait),
                Ok(None) => self.fall_due(due, self.position, &budget),
                Err(error) => Err(error),
            };
            match told {
                Ok(()) => self.flush(),
                Err(Error::Closed | Error::Cancelled) => return None,
                Err(_) => self.tell_all(Ending::Failed),
            }
        }
    }
}
