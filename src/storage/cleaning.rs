//! What the threads that compact logs share: their limits, which may change while they run, and
//! which logs they are at. Deliberately cleans nothing.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::kernel::types::TopicIdPartition;

/// Threads at most, whatever is asked for.
const THREADS_MAX: usize = 32;

/// Limits of all threads together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Logs that are cleaned at the same time (`log.cleaner.threads`).
    pub threads: usize,
    /// Wait between two looks for work (`log.cleaner.backoff.ms`).
    pub backoff: Duration,
    /// Memory for keys (`log.cleaner.dedupe.buffer.size`).
    pub key_bytes_max: usize,
    /// Bytes read and written in a second (`log.cleaner.io.max.bytes.per.second`).
    pub bytes_per_second_max: u64,
}

impl Settings {
    fn threads(&self) -> usize {
        self.threads.min(THREADS_MAX)
    }

    /// Memory for the keys of one thread.
    pub fn key_bytes_of_one(&self) -> usize {
        self.key_bytes_max / self.threads().max(1)
    }

    /// Bytes read and written in a second by one thread.
    pub fn bytes_per_second_of_one(&self) -> u64 {
        self.bytes_per_second_max / self.threads().max(1) as u64
    }
}

impl Default for Settings {
    /// Kafka's.
    fn default() -> Settings {
        Settings {
            threads: 1,
            backoff: Duration::from_secs(15),
            key_bytes_max: 128 * 1024 * 1024,
            bytes_per_second_max: u64::MAX,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    stop: bool,
    /// Numbers of the threads that run.
    running: BTreeSet<usize>,
    /// Logs that some thread is at.
    busy: HashSet<TopicIdPartition>,
    /// Logs that cannot be cleaned as they are; not tried again before the next start.
    refused: HashSet<TopicIdPartition>,
}

/// Shared by all threads, and by those who change the limits.
#[derive(Debug, Default)]
pub struct Cleaning {
    state: Mutex<State>,
    wake: Condvar,
}

impl Cleaning {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits in force.
    pub fn settings(&self) -> Settings {
        self.lock().settings
    }

    /// Puts other limits in force, at once.
    pub fn change(&self, settings: Settings) {
        let mut state = self.lock();
        if state.settings != settings {
            state.settings = settings;
            drop(state);
            self.wake.notify_all();
        }
    }

    /// Whether the threads are to end.
    pub fn is_stopping(&self) -> bool {
        self.lock().stop
    }

    /// Lets all threads end.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    /// Sleeps, but not beyond the stop or a change of the limits.
    pub fn sleep(&self, time: Duration) {
        let state = self.lock();
        if !state.stop {
            // Whoever is woken early looks what has changed.
            let _ = self.wake.wait_timeout(state, time);
        }
    }

    /// The numbers of threads that are wanted and do not run; they count as running from now on.
    pub fn missing(&self) -> Vec<usize> {
        let mut state = self.lock();
        let wanted = if state.stop { 0 } else { state.settings.threads() };
        let missing: Vec<usize> = (0..wanted).filter(|n| !state.running.contains(n)).collect();
        state.running.extend(&missing);
        missing
    }

    /// Whether a thread is to end; it no longer counts as running then. The first one stays.
    pub fn dismiss(&self, number: usize) -> bool {
        let mut state = self.lock();
        let is_wanted = number == 0 || number < state.settings.threads();
        if state.stop || !is_wanted {
            state.running.remove(&number);
        }
        state.stop || !is_wanted
    }

    /// Takes a log that `choose` finds among those that are free; `release` must follow.
    pub fn take<T>(
        &self,
        choose: impl FnOnce(&dyn Fn(&TopicIdPartition) -> bool) -> Option<(TopicIdPartition, T)>,
    ) -> Option<T> {
        let mut state = self.lock();
        let is_free =
            |id: &TopicIdPartition| !state.busy.contains(id) && !state.refused.contains(id);
        let (id, found) = choose(&is_free)?;
        state.busy.insert(id);
        Some(found)
    }

    /// Lets other threads have a log again.
    pub fn release(&self, id: &TopicIdPartition) {
        self.lock().busy.remove(id);
    }

    /// Never takes a log again.
    pub fn refuse(&self, id: TopicIdPartition) {
        self.lock().refused.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::types::Uuid;

    #[test]
    fn threads_come_and_go_with_the_limit() {
        let cleaning = Cleaning::default();
        assert_eq!(cleaning.missing(), [0]);
        let change = |threads| {
            cleaning.change(Settings { threads, ..Settings::default() });
        };
        change(3);
        assert_eq!(cleaning.missing(), [1, 2]);
        assert_eq!(cleaning.missing(), [0; 0]);
        change(1);
        assert_eq!([0, 1, 2].map(|number| cleaning.dismiss(number)), [false, true, true]);
        change(usize::MAX);
        assert_eq!(cleaning.missing().len(), THREADS_MAX - 1);
        cleaning.stop();
        assert!(cleaning.dismiss(0) && cleaning.missing().is_empty());
    }

    #[test]
    fn a_log_is_cleaned_by_one_thread_at_a_time() {
        let cleaning = Cleaning::default();
        let id = TopicIdPartition { topic_id: Uuid([1; 16]), partition: 0 };
        let take = || cleaning.take(|is_free| is_free(&id).then_some((id, ())));
        assert!(take().is_some() && take().is_none());
        cleaning.release(&id);
        assert!(take().is_some());
        cleaning.release(&id);
        cleaning.refuse(id);
        assert!(take().is_none());
    }
}
