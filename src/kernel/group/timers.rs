//! The deadlines of a shard: at most one for each named timer, in order of time. They are in
//! milliseconds of elapsed time, not dates. Nothing sleeps here; the shell asks for the earliest
//! deadline and sends a tick.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Timer {
    /// End of the join phase of a group.
    Join(Arc<str>),
    /// By then each member of a group's generation must have synced.
    Sync(Arc<str>),
    /// End of a member's session, or of its time to come back with the ID it was given.
    Session(Arc<str>, Arc<str>),
}

/// All deadlines of a shard.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(i64, Timer)>,
    time_of: HashMap<Timer, i64>,
}

impl Timers {
    /// Sets or moves a timer.
    pub(super) fn schedule(&mut self, timer: Timer, at: i64) {
        if let Some(before) = self.time_of.insert(timer.clone(), at) {
            self.by_time.remove(&(before, timer.clone()));
        }
        self.by_time.insert((at, timer));
    }

    /// Removes a timer, if it is set.
    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.time_of.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<i64> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest timer whose time has come.
    pub(super) fn pop_due(&mut self, elapsed: i64) -> Option<Timer> {
        if self.next()? > elapsed {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.time_of.remove(&timer);
        Some(timer)
    }

    /// Removes every timer.
    pub(super) fn clear(&mut self) {
        self.by_time.clear();
        self.time_of.clear();
    }
}
