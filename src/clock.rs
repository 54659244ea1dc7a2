//! The time as the rest of the broker sees it: handed in everywhere, so that tests can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::kernel::types::TimestampMs;

/// A source of the current time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that only moves when it is told to.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now`.
    pub fn manual(now: TimestampMs) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(now)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> TimestampMs {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Clock::Manual(now) => now.load(Ordering::Acquire),
        }
    }
}
