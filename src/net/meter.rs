//! Times the requests of one connection. Requests that arrived together share their timestamps, so
//! that a drain of a thousand costs as much as one: some hundred nanoseconds, and one look at the
//! clock beside those that a connection takes anyway. Deliberately an observer: it changes nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use crate::api::{FETCH_KEY, PRODUCE_KEY, error};
use crate::metrics::Metrics;
use crate::metrics::requests::Phase;
use crate::wire::chunk::Errors;

/// Groups of answers on their way out that are timed to the end; of more only the rest is.
const LEAVING_MAX: usize = 256;

/// Consecutive requests of one API out of one drain.
struct Lap {
    key: i16,
    /// Requests without an answer.
    left: u64,
    arrived: Instant,
    begun: Instant,
    /// When the handlers and what they staged were done.
    handled: Option<Instant>,
}

/// Answers that are being written.
struct Leaving {
    key: i16,
    count: u64,
    arrived: Instant,
    ready: Instant,
    /// Bytes of the connection's output up to the end of the last of them.
    end: u64,
}

/// The clocks of one connection. Answers must be told in the order of their requests.
pub(super) struct Meter {
    metrics: Arc<Metrics>,
    listener: usize,
    arrived: Instant,
    /// The newest time that was looked at, as long as nothing was waited for since.
    mark: Option<Instant>,
    laps: VecDeque<Lap>,
    leaving: VecDeque<Leaving>,
    written: u64,
    /// Answers that have no time yet.
    answered: u64,
}

impl Meter {
    /// For a connection of a listener.
    pub(super) fn new(metrics: Arc<Metrics>, listener: usize) -> Meter {
        Meter {
            metrics,
            listener,
            arrived: Instant::now(),
            mark: None,
            laps: VecDeque::new(),
            leaving: VecDeque::new(),
            written: 0,
            answered: 0,
        }
    }

    /// Bytes have come.
    pub(super) fn arrive(&mut self, bytes: usize, now: Instant) {
        self.arrived = now;
        self.mark = Some(now);
        self.metrics.listeners[self.listener].add_in(bytes);
    }

    /// The connection is about to wait: the time must be looked at again.
    pub(super) fn pause(&mut self) {
        self.mark = None;
    }

    /// A handler is about to run. It belongs to the one before unless that has ended.
    pub(super) fn begin(&mut self, key: i16) {
        if let Some(lap) = self.laps.back_mut().filter(|lap| lap.handled.is_none()) {
            debug_assert_eq!(lap.key, key, "requests of another API begin a new lap");
            lap.left += 1;
            return;
        }
        let begun = *self.mark.get_or_insert_with(Instant::now);
        self.laps.push_back(Lap { key, left: 1, arrived: self.arrived, begun, handled: None });
    }

    /// The handlers since [`Meter::begin`] are done, and what they staged is appended.
    pub(super) fn end(&mut self) {
        let Some(lap) = self.laps.back_mut().filter(|lap| lap.handled.is_none()) else { return };
        let now = Instant::now();
        lap.handled = Some(now);
        self.mark = Some(now);
        let requests = &self.metrics.requests;
        requests.observe(lap.key, Phase::Queue, lap.begun - lap.arrived, lap.left);
        requests.observe(lap.key, Phase::Local, now - lap.begun, lap.left);
    }

    /// A frame was not understood.
    pub(super) fn refuse(&self) {
        self.metrics.refused.inc();
    }

    /// The oldest request that has none yet has its answer, with these error codes in it.
    pub(super) fn answer(&mut self, errors: Option<&Errors>) {
        if let Some(errors) = errors {
            let mut before = self.answered;
            let lap = self.laps.iter().find(|lap| {
                let is_past = before >= lap.left;
                before = before.saturating_sub(lap.left);
                !is_past
            });
            if let Some(lap) = lap {
                self.count_errors(lap.key, errors);
            }
        }
        self.answered += 1;
    }

    fn count_errors(&self, key: i16, errors: &Errors) {
        let Metrics { requests, errors: cells, produce_failed, fetch_failed, .. } = &*self.metrics;
        for (code, count) in errors.iter() {
            let labels = [("api", requests.name(key)), ("error", error::name(code))];
            cells.get_or_create(&labels).inc_by(u64::from(count));
            match key {
                _ if !error::is_own_fault(key, code) => continue,
                PRODUCE_KEY => produce_failed.inc_by(u64::from(count)),
                FETCH_KEY => fetch_failed.inc_by(u64::from(count)),
                _ => continue,
            };
        }
    }

    /// Those that have answers by now share a time; `waiting` bytes wait to be written with them.
    pub(super) fn settle(&mut self, waiting: usize) {
        if self.answered == 0 {
            return;
        }
        let ready = *self.mark.get_or_insert_with(Instant::now);
        let end = self.written + waiting as u64;
        let mut rest = std::mem::take(&mut self.answered);
        while let Some(lap) = self.laps.front_mut().filter(|_| rest > 0) {
            let count = lap.left.min(rest);
            let handled = lap.handled.unwrap_or(ready);
            self.metrics.requests.observe(lap.key, Phase::Remote, ready - handled, count);
            if self.leaving.len() < LEAVING_MAX {
                let (key, arrived) = (lap.key, lap.arrived);
                self.leaving.push_back(Leaving { key, count, arrived, ready, end });
            }
            rest -= count;
            lap.left -= count;
            if lap.left == 0 {
                self.laps.pop_front();
            }
        }
    }

    /// The system has taken bytes, or there was nothing to write.
    pub(super) fn write(&mut self, bytes: usize, now: Instant) {
        if bytes > 0 {
            self.written += bytes as u64;
            self.metrics.listeners[self.listener].add_out(bytes);
        }
        while let Some(gone) = self.leaving.front().filter(|gone| gone.end <= self.written) {
            let requests = &self.metrics.requests;
            // An answer that needs no byte may be ready after the last byte that was written.
            let now = now.max(gone.ready);
            requests.observe(gone.key, Phase::Send, now - gone.ready, gone.count);
            requests.observe(gone.key, Phase::Total, now - gone.arrived, gone.count);
            self.leaving.pop_front();
        }
    }
}
