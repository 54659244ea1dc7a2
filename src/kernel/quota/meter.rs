//! How the use of a quota is measured, with the arithmetic of Kafka, so that the same load is
//! delayed for the same time: a rate over sliding samples, and a token bucket (KIP-599).

use std::collections::VecDeque;

use crate::kernel::types::TimestampMs;

/// Length and number of the samples that a rate is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of samples, at least 1 (`quota.window.num`).
    pub samples: u32,
    /// Milliseconds of each, at least 1 (`quota.window.size.seconds`).
    pub sample_ms: i64,
}

impl Window {
    /// Milliseconds of all samples.
    pub fn total_ms(&self) -> i64 {
        i64::from(self.samples) * self.sample_ms
    }

    /// How much a limit per second lets through in the whole window but its newest sample: what
    /// one answer may hold without being delayed for longer than the window.
    pub fn burst(&self, limit: f64) -> f64 {
        limit * f64::from(self.samples - 1).max(1.0) * self.sample_ms as f64 / 1000.0
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    start: TimestampMs,
    last: TimestampMs,
    value: f64,
}

/// Something that is limited per second, measured over the window.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    samples: VecDeque<Sample>,
}

impl Rate {
    /// Adds a value; a negative one takes back what was added.
    pub fn record(&mut self, window: &Window, now: TimestampMs, value: f64) {
        match self.samples.back_mut() {
            Some(sample) if now.saturating_sub(sample.start) < window.sample_ms => {
                sample.value += value;
                sample.last = sample.last.max(now);
            }
            _ => {
                if self.samples.len() > window.samples as usize {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { start: now, last: now, value });
            }
        }
    }

    /// Forgets samples that have left the window. Answers whether any is left.
    pub fn purge(&mut self, window: &Window, now: TimestampMs) -> bool {
        let total = window.total_ms();
        // A sample from the future is what a clock that was set back leaves behind.
        let is_over = |sample: &Sample| {
            now.saturating_sub(sample.last) >= total || sample.start > now.saturating_add(total)
        };
        while self.samples.front().is_some_and(is_over) {
            self.samples.pop_front();
        }
        !self.samples.is_empty()
    }

    /// For how many milliseconds a client must be silent to come back to its limit, 0 if it is
    /// within it. It must be above 0.
    pub fn delay_ms(&mut self, window: &Window, now: TimestampMs, limit: f64) -> i64 {
        self.purge(window, now);
        let Some(oldest) = self.samples.front() else { return 0 };
        let total: f64 = self.samples.iter().map(|sample| sample.value).sum();
        let elapsed = window_ms(window, now.saturating_sub(oldest.start).max(0));
        let rate = total / (elapsed / 1000.0);
        if rate <= limit {
            return 0;
        }
        // A conversion from float to integer saturates.
        ((rate - limit) / limit * elapsed).round() as i64
    }
}

/// A window that has just begun counts as all of its samples but one: a burst at the beginning is
/// not a high rate yet.
fn window_ms(window: &Window, elapsed_ms: i64) -> f64 {
    let full = elapsed_ms / window.sample_ms;
    let least = i64::from(window.samples) - 1;
    let elapsed = elapsed_ms.saturating_add((least - full).max(0) * window.sample_ms);
    if elapsed == 0 { window.sample_ms as f64 } else { elapsed as f64 }
}

/// Tokens that come in at the limit's rate, up to those of a whole window, and may be owed.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// `None` while it is full.
    state: Option<(f64, TimestampMs)>,
}

impl Bucket {
    fn tokens(&self, window: &Window, now: TimestampMs, limit: f64) -> f64 {
        let most = limit * window.total_ms() as f64 / 1000.0;
        self.state.map_or(most, |(tokens, since)| {
            let come = limit * now.saturating_sub(since).max(0) as f64 / 1000.0;
            most.min(tokens + come)
        })
    }

    /// Takes tokens, as many as are asked for.
    pub fn take(&mut self, window: &Window, now: TimestampMs, limit: f64, count: f64) {
        self.state = Some((self.tokens(window, now, limit) - count, now));
    }

    /// For how many milliseconds none may be taken.
    pub fn delay_ms(&self, window: &Window, now: TimestampMs, limit: f64) -> i64 {
        let tokens = self.tokens(window, now, limit);
        if tokens < 0.0 { (-tokens / limit * 1000.0).round() as i64 } else { 0 }
    }

    /// Whether so much time has gone by that it is as good as new, unless much was owed.
    pub fn is_idle(&self, window: &Window, now: TimestampMs) -> bool {
        let idle = |since: TimestampMs| now.saturating_sub(since) >= window.total_ms();
        self.state.is_none_or(|(tokens, since)| tokens >= 0.0 && idle(since))
    }
}
