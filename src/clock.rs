//! The time as the rest of the broker sees it: handed in everywhere, so that tests can move it.
//!
//! There are two. The date is what records carry and ages are counted from; somebody may set it.
//! The elapsed time runs evenly whatever happens to the date; timeouts and rates count in it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::kernel::types::TimestampMs;

/// A source of the current time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that only moves when it is told to.
    Manual(Arc<Manual>),
}

/// The hands of a manual clock.
#[derive(Debug)]
pub struct Manual {
    date: AtomicI64,
    elapsed: AtomicI64,
}

impl Manual {
    /// A clock that stands at a date.
    pub fn at(date: TimestampMs) -> Manual {
        Manual { date: date.into(), elapsed: 0.into() }
    }

    /// Lets milliseconds pass.
    pub fn advance(&self, ms: i64) {
        self.elapsed.fetch_add(ms, Ordering::AcqRel);
        self.set_date_forward(ms);
    }

    /// Sets the date forward, without time passing.
    pub fn set_date_forward(&self, ms: i64) {
        self.date.fetch_add(ms, Ordering::AcqRel);
    }
}

impl Clock {
    /// The date: milliseconds since the Unix epoch.
    pub fn now(&self) -> TimestampMs {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Clock::Manual(manual) => manual.date.load(Ordering::Acquire),
        }
    }

    /// Milliseconds since some moment in the life of this process. They never run backwards.
    pub fn elapsed(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        match self {
            Clock::System => {
                let since = START.get_or_init(Instant::now).elapsed();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Clock::Manual(manual) => manual.elapsed.load(Ordering::Acquire),
        }
    }
}
