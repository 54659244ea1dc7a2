//! When a topic forces its partition to the disk whatever its producers ask for: `flush.messages`
//! and `flush.ms`. Deliberately syncs nothing itself, and holds no timer: it says when the flusher
//! is to look again.

use std::time::{Duration, Instant};

use super::partition::Durability;
use crate::config::dynamic::TopicConfig;
use crate::kernel::types::Offset;

/// The limits of a partition and how near it is to them.
#[derive(Debug)]
pub struct Force {
    /// Records that may be unsynced before one more must wait for a sync.
    messages: i64,
    /// How long a record may be unsynced; `None` for ever.
    time: Option<Duration>,
    /// When the oldest record came that no sync covers, as far as `time` asks for it.
    since: Option<Instant>,
    /// When the flusher looks next.
    look: Option<Instant>,
}

/// What an append leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Nothing is answered before a sync.
    pub is_forced: bool,
    /// The flusher is to look then.
    pub look: Option<Instant>,
}

/// What the flusher finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It is time for a sync.
    Due,
    /// Look again then.
    Later(Instant),
    /// Nothing waits.
    Nothing,
}

impl Force {
    /// The limits of a configuration. Where no promise is kept, none of these is either.
    pub fn new(config: &TopicConfig, durability: Durability) -> Force {
        let never = Force { messages: i64::MAX, time: None, since: None, look: None };
        if durability == Durability::None {
            return never;
        }
        let time = Some(config.flush_ms).filter(|ms| *ms < i64::MAX);
        let time = time.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
        Force { messages: config.flush_messages, time, ..never }
    }

    /// Whether there is any limit.
    pub fn is_set(&self) -> bool {
        self.messages < i64::MAX || self.time.is_some()
    }

    /// Takes in that records were appended, of which `unsynced` are not on disk now.
    pub fn append(&mut self, unsynced: Offset) -> Appended {
        let is_forced = unsynced >= self.messages;
        let mut look = None;
        if let (Some(time), None) = (self.time, self.since) {
            let now = Instant::now();
            self.since = Some(now);
            if self.look.is_none() {
                // A time that no clock can tell never comes.
                self.look = now.checked_add(time);
                look = self.look;
            }
        }
        Appended { is_forced, look }
    }

    /// A sync of all that was appended begins.
    pub fn begin_sync(&mut self) {
        self.since = None;
    }

    /// Answers the flusher, which looks because it was told to for `at`.
    pub fn look(&mut self, at: Instant, now: Instant) -> Found {
        // A look that was asked for under other limits, or none, is worth nothing.
        if self.look != Some(at) {
            return Found::Nothing;
        }
        self.look = None;
        let (Some(time), Some(since)) = (self.time, self.since) else { return Found::Nothing };
        match since.checked_add(time) {
            Some(due) if due > now => {
                self.look = Some(due);
                Found::Later(due)
            }
            _ => Found::Due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dynamic::BrokerDefaults;

    fn force(messages: i64, ms: i64, durability: Durability) -> Force {
        let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
        assert!(!Force::new(&config, durability).is_set());
        (config.flush_messages, config.flush_ms) = (messages, ms);
        Force::new(&config, durability)
    }

    #[test]
    fn records_are_counted_until_one_more_must_wait() {
        let mut force = force(3, i64::MAX, Durability::Os);
        assert_eq!(force.append(2), Appended::default());
        assert_eq!(force.append(3), Appended { is_forced: true, look: None });
        let mut none = self::force(1, 0, Durability::None);
        assert_eq!(none.append(100), Appended::default(), "no promise, whatever the topic says");
    }

    #[test]
    fn one_look_serves_until_nothing_waits() {
        let mut force = force(i64::MAX, 1_000, Durability::Fsync);
        let at = force.append(1).look.expect("somebody must look");
        assert_eq!(force.append(2).look, None, "once is enough");
        let second = Duration::from_secs(1);
        assert_eq!(force.look(at + second, at), Found::Nothing, "another look was asked for");
        force.begin_sync();
        assert_eq!(force.append(1).look, None, "the look that is due comes early enough");
        let Found::Later(next) = force.look(at, at) else { panic!("the record is young") };
        assert!(next >= at);
        assert_eq!(force.look(next, next), Found::Due);
        force.begin_sync();
        assert!(force.append(1).look.is_some());
    }
}
