//! The clients that report metrics. Each is told what to push and how often, and is held to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::kernel::types::{TimestampMs, Uuid};

/// Milliseconds between two pushes where no subscription says otherwise, as in Kafka.
pub const INTERVAL_MS_DEFAULT: i32 = 300_000;
/// Instances that are remembered, as in Kafka.
pub const INSTANCES_MAX: usize = 16_384;
/// An instance is forgotten after so long at least.
const EXPIRY_MS_MIN: i64 = 60_000;
/// An instance is forgotten when it has missed so many pushes.
const EXPIRY_INTERVALS: i64 = 3;
/// Stands for "all metrics" in a subscription.
const ALL: &str = "*";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The ID is not one that an instance can have, or the instance has said goodbye.
    #[error("the client instance ID cannot be used")]
    InvalidRequest,
    /// The interval is not over yet.
    #[error("the push interval is not over")]
    TooSoon,
    /// The client pushes for a subscription that is not its newest.
    #[error("the subscription is not the newest")]
    UnknownSubscription,
    /// The codec is unknown.
    #[error("the codec is unknown")]
    UnsupportedCompression,
    /// The push is larger than told.
    #[error("the push is too large")]
    TooLarge,
    /// The push is not what the codec or the format make of metrics.
    #[error("the metrics cannot be read")]
    Malformed,
}

/// What an instance is to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Number that changes with the rest.
    pub id: i32,
    /// Beginnings of names; `*` alone for all metrics, nothing for none.
    pub metrics: Vec<Arc<str>>,
    /// Milliseconds between two pushes.
    pub interval_ms: i32,
}

impl Subscription {
    /// Puts together what all matching subscriptions want: metrics and interval of each.
    pub fn of<'a>(
        instance: &Uuid,
        matching: impl Iterator<Item = (&'a [Arc<str>], i32)>,
    ) -> Subscription {
        let mut names = BTreeSet::new();
        let mut interval_ms = INTERVAL_MS_DEFAULT;
        for (metrics, interval) in matching {
            names.extend(metrics.iter().cloned());
            interval_ms = interval_ms.min(interval);
        }
        if names.contains(ALL) {
            names = BTreeSet::from([Arc::from(ALL)]);
        }
        let metrics: Vec<Arc<str>> = names.into_iter().collect();
        let text = format!("{metrics:?}{interval_ms}");
        let mut crc = crc32c::crc32c(text.as_bytes());
        crc = crc32c::crc32c_append(crc, &instance.0);
        Subscription { id: crc as i32, metrics, interval_ms }
    }
}

#[derive(Clone, Debug)]
struct Instance {
    /// Version of the subscriptions its own was made from.
    version: u64,
    subscription: Subscription,
    asked: Option<TimestampMs>,
    pushed: Option<TimestampMs>,
    seen: TimestampMs,
    terminating: bool,
    /// Whether it has asked and not pushed since.
    has_asked: bool,
    /// Whether it was told to ask again.
    must_ask: bool,
}

impl Instance {
    fn is_expired(&self, now: TimestampMs) -> bool {
        let patience =
            (i64::from(self.subscription.interval_ms) * EXPIRY_INTERVALS).max(EXPIRY_MS_MIN);
        now.saturating_sub(self.seen) >= patience
    }

    fn is_over(&self, since: Option<TimestampMs>, now: TimestampMs) -> bool {
        let interval = i64::from(self.subscription.interval_ms);
        // A clock that was set back must not hold a client up for longer than its interval.
        since.is_none_or(|since| !(0..interval).contains(&now.saturating_sub(since)))
    }

    /// Once per interval, counted from whatever came last, and when a push was refused because
    /// the client knows too little. Kafka means to let it ask then, but does not.
    fn may_ask(&mut self, now: TimestampMs) -> bool {
        let both = self.is_over(self.asked, now) && self.is_over(self.pushed, now);
        let may = self.must_ask || both;
        self.must_ask = false;
        if may {
            self.asked = Some(now);
            self.has_asked = true;
        }
        may
    }

    /// Once per interval; the first time after a question at once, because clients wait for a
    /// random part of the interval then.
    fn may_push(&mut self, now: TimestampMs) -> bool {
        let may = self.has_asked || self.is_over(self.pushed, now);
        if may {
            self.pushed = Some(now);
            self.has_asked = false;
        }
        may
    }
}

/// What a push says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Push {
    /// Instance that pushes.
    pub instance: Uuid,
    /// Subscription it follows.
    pub subscription_id: i32,
    /// Whether it is its last one.
    pub terminating: bool,
    /// Whether the codec is known.
    pub is_codec_known: bool,
    /// Bytes as they came.
    pub bytes: usize,
}

/// All instances.
#[derive(Debug, Default)]
pub struct Instances {
    known: HashMap<Uuid, Instance>,
    /// The same by the time they were last seen.
    seen: BTreeSet<(TimestampMs, Uuid)>,
}

impl Instances {
    /// Number of instances.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Tells an instance what to push. `subscribe` is asked when it is new, or `version` has
    /// changed; then the interval begins anew.
    ///
    /// # Errors
    /// [`Error::TooSoon`].
    pub fn ask(
        &mut self,
        now: TimestampMs,
        id: Uuid,
        version: u64,
        subscribe: impl FnOnce() -> Subscription,
    ) -> Result<Subscription, Error> {
        let instance = self.instance(now, id, version, subscribe);
        if !instance.may_ask(now) {
            return Err(Error::TooSoon);
        }
        Ok(instance.subscription.clone())
    }

    /// Judges a push, in Kafka's order.
    ///
    /// # Errors
    /// All but [`Error::Malformed`].
    pub fn push(
        &mut self,
        now: TimestampMs,
        push: &Push,
        bytes_max: usize,
        version: u64,
        subscribe: impl FnOnce() -> Subscription,
    ) -> Result<(), Error> {
        if push.instance.is_zero() {
            return Err(Error::InvalidRequest);
        }
        let instance = self.instance(now, push.instance, version, subscribe);
        let has_terminated = instance.terminating;
        instance.terminating = push.terminating;
        if has_terminated {
            return Err(Error::InvalidRequest);
        }
        if !instance.may_push(now) && !push.terminating {
            return Err(Error::TooSoon);
        }
        if push.subscription_id != instance.subscription.id {
            instance.must_ask = true;
            return Err(Error::UnknownSubscription);
        }
        if !push.is_codec_known {
            instance.must_ask = true;
            return Err(Error::UnsupportedCompression);
        }
        if push.bytes > bytes_max {
            return Err(Error::TooLarge);
        }
        Ok(())
    }

    fn instance(
        &mut self,
        now: TimestampMs,
        id: Uuid,
        version: u64,
        subscribe: impl FnOnce() -> Subscription,
    ) -> &mut Instance {
        if let Some(instance) = self.known.get(&id) {
            self.seen.remove(&(instance.seen, id));
        } else if self.known.len() >= INSTANCES_MAX
            && let Some((_, oldest)) = self.seen.pop_first()
        {
            self.known.remove(&oldest);
        }
        self.seen.insert((now, id));
        let is_new = self.known.get(&id).is_none_or(|instance| instance.version != version);
        if is_new {
            let terminating = self.known.get(&id).is_some_and(|instance| instance.terminating);
            let (asked, pushed, subscription) = (None, None, subscribe());
            let new = Instance {
                version,
                subscription,
                asked,
                pushed,
                seen: now,
                terminating,
                has_asked: false,
                must_ask: false,
            };
            self.known.insert(id, new);
        }
        let instance = self.known.get_mut(&id).expect("it was known or has just been added");
        instance.seen = now;
        instance
    }

    /// Forgets those that have gone silent, and answers whether an instance is remembered.
    pub fn expire(&mut self, now: TimestampMs) -> impl Fn(&Uuid) -> bool {
        // They are looked at by age, but some may be silent for longer than others.
        let expired: Vec<Uuid> = self
            .known
            .iter()
            .filter(|(_, instance)| instance.is_expired(now))
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            if let Some(instance) = self.known.remove(&id) {
                self.seen.remove(&(instance.seen, id));
            }
        }
        |id| self.known.contains_key(id)
    }
}
