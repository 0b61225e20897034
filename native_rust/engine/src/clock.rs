//! Commit times: microseconds since the epoch that never decrease.
//!
//! A time that is once too great stays: all later blocks carry at least that one. So a
//! jump ahead of the system's clock is not believed at once. Between two looks at it, it
//! may run ahead of the monotonic clock by so much (`clock_jump_seconds`); beyond that
//! commit times follow the monotonic clock, until the system's clock is back, or has
//! stood by its jump for long (`clock_settle_seconds`), as after a machine was
//! suspended. A clock that stepped back and is put right again has not jumped: it is where
//! it would be had it run evenly. Opening a database takes the clock as it is: nobody knows
//! how long it was closed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::limits::Limits;

/// Microseconds since the epoch, UTC, of the system's clock.
pub(crate) fn system_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, micros)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A time, and when the clock showed it.
type Reading = (i64, Instant);

/// What a clock that showed `reading` would show had it run evenly.
fn evenly((time, when): Reading, at: Instant) -> i64 {
    time.saturating_add(micros(at.saturating_duration_since(when)))
}

/// The clock of one database.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The greatest time it has shown.
    last: i64,
    /// Time of the last group that was begun.
    last_group: i64,
    /// Time of the group that is not wholly visible yet, and of the one that was begun since.
    under_way: Option<i64>,
    next: Option<i64>,
    /// The last time that was believed.
    believed: Reading,
    /// The one that was furthest ahead, until the clock has stood below it for long.
    furthest: Reading,
    /// Since when the system's clock is below where `furthest` would have led.
    below: Option<Instant>,
    /// Since when the system's clock is too far ahead.
    jumped: Option<Instant>,
    jump: i64,
    settle: Duration,
}

impl Clock {
    /// A clock that never shows less than `last`.
    pub(crate) fn new(last: i64, limits: &Limits) -> Self {
        let opened = (system_micros(), Instant::now());
        Self {
            last,
            last_group: last,
            under_way: None,
            next: None,
            believed: opened,
            furthest: opened,
            below: None,
            jumped: None,
            jump: match limits.clock_jump_seconds {
                0 => i64::MAX,
                seconds => micros(Duration::from_secs(seconds)),
            },
            settle: Duration::from_secs(limits.clock_settle_seconds),
        }
    }

    /// The time now. What is shown once is never undercut.
    pub(crate) fn now(&mut self) -> i64 {
        self.look(system_micros(), Instant::now())
    }

    fn look(&mut self, system: i64, at: Instant) -> i64 {
        let furthest = evenly(self.furthest, at);
        if system.saturating_sub(furthest) > self.jump {
            let since = *self.jumped.get_or_insert(at);
            if at.saturating_duration_since(since) < self.settle {
                self.last = self.last.max(evenly(self.believed, at));
                return self.last;
            }
        }
        self.jumped = None;
        self.believed = (system, at);
        let below = match self.below {
            _ if system >= furthest => None,
            None => Some(at),
            since => since,
        };
        if below.is_none_or(|since| at.saturating_duration_since(since) >= self.settle) {
            self.furthest = self.believed;
            self.below = None;
        } else {
            self.below = below;
        }
        self.last = self.last.max(system);
        self.last
    }

    /// How long until the clock shows more than `time`, as things are: while it stands still,
    /// that is not until the system's clock has caught up.
    pub(crate) fn until_past(&mut self, time: i64) -> Duration {
        self.wait(time, system_micros(), Instant::now())
    }

    fn wait(&mut self, time: i64, system: i64, at: Instant) -> Duration {
        if time < self.look(system, at) {
            return Duration::ZERO;
        }
        let runs = match self.jumped {
            Some(_) => evenly(self.believed, at),
            None => system,
        };
        let wait = time.saturating_sub(runs).saturating_add(1);
        Duration::from_micros(u64::try_from(wait).unwrap_or(0))
    }

    /// Microseconds that the system's clock is ahead of the time shown, because it
    /// jumped; or behind it, negative, so that time stands still. Else 0.
    pub(crate) fn offset(&mut self) -> i64 {
        let shown = self.now();
        let system = system_micros();
        match self.jumped {
            Some(_) => system.saturating_sub(shown),
            None => system.saturating_sub(shown).min(0),
        }
    }

    /// The time of a group that begins, until it ends. One may begin while the one before it
    /// is under way, and ends after it.
    pub(crate) fn begin_group(&mut self) -> i64 {
        let time = self.now();
        self.last_group = time;
        match self.under_way {
            None => self.under_way = Some(time),
            Some(_) => self.next = Some(time),
        }
        time
    }

    /// The group that was begun first is visible. One that failed never ends: what came of it
    /// is known when the database is opened again.
    pub(crate) fn end_group(&mut self) {
        self.under_way = self.next.take();
    }

    /// The time of the first group that has begun and not ended.
    pub(crate) fn under_way(&self) -> Option<i64> {
        self.under_way
    }

    /// The time of the last group that has begun.
    pub(crate) fn last_group(&self) -> i64 {
        self.last_group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const YEAR: i64 = 366 * 86_400 * SECOND;

    fn clock(last: i64) -> Clock {
        let limits = Limits {
            clock_jump_seconds: 60,
            clock_settle_seconds: 600,
            ..Limits::default()
        };
        Clock::new(last, &limits)
    }

    #[test]
    fn time_stands_still_rather_than_go_back() {
        let future = system_micros() + 3_600 * SECOND;
        let mut clock = clock(future);
        assert_eq!(clock.now(), future);
        assert!(clock.offset() < -3_500 * SECOND);
        let mut clock = self::clock(0);
        let now = clock.now();
        assert!(now > 0 && clock.now() >= now);
        assert!(clock.offset() > -SECOND);
    }

    #[test]
    fn a_jump_ahead_is_not_believed_until_it_has_stood_for_long() {
        let mut clock = clock(0);
        let (start, began) = clock.believed;
        let after = |seconds: u64| began + Duration::from_secs(seconds);
        let time = |seconds: i64| start + seconds * SECOND;
        // Small steps are followed, in both directions.
        assert_eq!(clock.look(time(40), after(10)), time(40));
        assert_eq!(clock.look(time(20), after(20)), time(40));
        assert_eq!(clock.look(time(60), after(50)), time(60));
        // Ten years are not, and when they are taken back nothing was harmed.
        assert_eq!(clock.look(time(70) + 10 * YEAR, after(60)), time(70));
        assert!(clock.jumped.is_some());
        assert_eq!(clock.look(time(300) + 10 * YEAR, after(290)), time(300));
        assert_eq!(clock.look(time(310), after(300)), time(310));
        assert!(clock.jumped.is_none());
        // After a sleep that the monotonic clock does not count it takes a while.
        assert_eq!(clock.look(time(9_000), after(310)), time(320));
        assert_eq!(clock.look(time(9_599), after(909)), time(919));
        assert_eq!(clock.look(time(9_600), after(910)), time(9_600));
    }

    #[test]
    fn a_clock_that_is_put_right_again_has_not_jumped() {
        for back in [3_600, 86_400, 50 * 366 * 86_400] {
            let mut clock = clock(0);
            let (start, began) = clock.believed;
            let after = |seconds: u64| began + Duration::from_secs(seconds);
            let time = |seconds: i64| start + seconds * SECOND;
            assert_eq!(clock.look(time(10), after(10)), time(10));
            // Back, where time stands still, and right again: it goes on at once.
            assert_eq!(clock.look(time(20 - back), after(20)), time(10));
            assert_eq!(clock.look(time(300 - back), after(300)), time(10));
            assert_eq!(clock.look(time(310), after(310)), time(310));
            assert!(clock.jumped.is_none());
            assert_eq!(clock.look(time(320), after(320)), time(320));
            // One that comes out elsewhere has jumped.
            assert_eq!(clock.look(time(330 - back), after(330)), time(320));
            assert_eq!(clock.look(time(340) + YEAR, after(340)), time(320));
            assert!(clock.jumped.is_some());
            assert_eq!(clock.look(time(350), after(350)), time(350));
            // Nor is it known for ever where it would have been.
            assert_eq!(clock.look(time(360 - back), after(360)), time(350));
            assert_eq!(clock.look(time(960 - back), after(960)), time(350));
            assert_eq!(clock.look(time(970), after(970)), time(350));
            assert!(clock.jumped.is_some());
        }
    }

    #[test]
    fn it_is_known_how_long_a_time_is_ahead() {
        let mut clock = clock(0);
        let (start, began) = clock.believed;
        let at = began + Duration::from_secs(10);
        let time = |seconds: i64| start + seconds * SECOND;
        let seconds = |count| Duration::from_secs(count) + Duration::from_micros(1);
        assert_eq!(clock.wait(time(9), time(10), at), Duration::ZERO);
        assert_eq!(clock.wait(time(10), time(10), at), seconds(0));
        assert_eq!(clock.wait(time(11), time(10), at), seconds(1));
        // It stands still at 10 s until the system's clock has come that far.
        assert_eq!(clock.wait(time(9), time(-50), at), Duration::ZERO);
        assert_eq!(clock.wait(time(10), time(-50), at), seconds(60));
        assert_eq!(clock.wait(time(11), time(-50), at), seconds(61));
        // After a jump it goes on evenly.
        assert_eq!(clock.look(time(10), at), time(10));
        assert_eq!(clock.wait(time(11), time(10) + YEAR, at), seconds(1));
    }

    #[test]
    fn a_group_is_under_way_until_it_is_visible() {
        let mut clock = clock(0);
        let time = clock.begin_group();
        assert_eq!(clock.under_way(), Some(time));
        assert!(clock.now() >= time);
        // One that begins meanwhile does not hide it.
        let next = clock.begin_group();
        assert!(next >= time);
        assert_eq!((clock.under_way(), clock.last_group()), (Some(time), next));
        clock.end_group();
        assert_eq!(clock.under_way(), Some(next));
        clock.end_group();
        assert_eq!((clock.under_way(), clock.last_group()), (None, next));
    }
}
