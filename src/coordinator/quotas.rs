//! Client quotas in force: the limits of the newest metadata beside the meters that tell how much
//! of them is used. Asking costs one load of a number where no quota of a kind is set. Nothing is
//! delayed here: the answer says for how long somebody else must.

use core::net::IpAddr;
use std::hash::Hash;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::clock::Clock;
use crate::config::node;
use crate::kernel::quota::entity;
use crate::kernel::quota::meter::{Bucket, Rate, Window};
use crate::kernel::quota::sensors::{Sensors, User};
use crate::kernel::quota::{Key, Limits};

/// Nanoseconds of a core in a percent of a second.
const NANOS_PER_PERCENT: f64 = 1e7;

/// Who uses a quota.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// The authenticated user.
    pub user: &'a Arc<str>,
    /// The client's own name for itself.
    pub id: &'a Arc<str>,
}

/// All quotas and their meters.
pub struct Quotas {
    clock: Clock,
    /// A bit for each key of which there is any quota.
    set: AtomicU8,
    limits: RwLock<Arc<Limits>>,
    produced: Mutex<Sensors<User, Rate>>,
    fetched: Mutex<Sensors<User, Rate>>,
    requested: Mutex<Sensors<User, Rate>>,
    changed: Mutex<Sensors<User, Bucket>>,
    arrived: Mutex<Sensors<IpAddr, Rate>>,
    arrived_in_all: Mutex<Rate>,
    window: Window,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sensors<K: Eq + Hash>(window: Window) -> Mutex<Sensors<K, Rate>> {
    Mutex::new(Sensors::new(window))
}

impl Quotas {
    /// No quotas but those of the node's configuration.
    pub fn new(clock: Clock, config: &node::Quotas) -> Quotas {
        let window = Window { samples: config.samples, sample_ms: config.sample_ms };
        let controller =
            Window { samples: config.controller_samples, sample_ms: config.controller_sample_ms };
        Quotas {
            clock,
            set: AtomicU8::new(0),
            limits: RwLock::default(),
            produced: sensors(window),
            fetched: sensors(window),
            requested: sensors(window),
            changed: Mutex::new(Sensors::new(controller)),
            arrived: sensors(window),
            arrived_in_all: Mutex::default(),
            window,
        }
    }

    /// Puts new quotas in force. What has been measured stays.
    pub fn update(&self, quotas: &entity::Quotas) {
        let limits = Limits::new(quotas);
        let set = Key::ALL.into_iter().filter(|key| limits.has(*key));
        let set = set.fold(0, |set, key| set | bit(key));
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
        self.set.store(set, Ordering::Release);
    }

    /// Whether there is any quota of a key.
    pub fn is_set(&self, key: Key) -> bool {
        self.set.load(Ordering::Relaxed) & bit(key) != 0
    }

    /// Whether the time spent on a client counts.
    pub fn counts_time(&self) -> bool {
        self.is_set(Key::RequestPercentage)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts produced bytes. Answers for how many milliseconds the client is to be delayed.
    pub fn produce(&self, client: Client<'_>, bytes: usize) -> i64 {
        self.measure(Key::ProducerByteRate, &self.produced, client, bytes as f64)
    }

    /// Counts fetched bytes. Answers for how many milliseconds the client is to be delayed.
    pub fn fetch(&self, client: Client<'_>, bytes: u64) -> i64 {
        self.measure(Key::ConsumerByteRate, &self.fetched, client, bytes as f64)
    }

    /// Takes back fetched bytes that are not sent after all.
    pub fn unfetch(&self, client: Client<'_>, bytes: u64) {
        self.measure(Key::ConsumerByteRate, &self.fetched, client, -(bytes as f64));
    }

    /// Most bytes that one answer may hold, so that no client is delayed longer than the window.
    pub fn fetch_bytes_max(&self, client: Client<'_>) -> Option<u64> {
        let (limit, _) = self.limits().of(Key::ConsumerByteRate, client.user, client.id)?;
        Some(self.window.burst(limit) as u64)
    }

    /// Counts the time of a core. Answers for how many milliseconds the client is to be delayed,
    /// at most one sample's.
    pub fn request(&self, client: Client<'_>, nanos: u64) -> i64 {
        let percents = nanos as f64 / NANOS_PER_PERCENT;
        let delay_ms = self.measure(Key::RequestPercentage, &self.requested, client, percents);
        delay_ms.min(self.window.sample_ms)
    }

    fn measure(
        &self,
        key: Key,
        sensors: &Mutex<Sensors<User, Rate>>,
        client: Client<'_>,
        value: f64,
    ) -> i64 {
        let Some((limit, scope)) = self.limits().of(key, client.user, client.id) else { return 0 };
        let now = self.clock.elapsed();
        let mut sensors = lock(sensors);
        let window = sensors.window();
        let rate = sensors.get(now, User::of(scope, client.user, client.id));
        rate.record(&window, now, value);
        rate.delay_ms(&window, now, limit)
    }

    /// Counts partitions that are to be created or deleted (KIP-599). Answers for how many
    /// milliseconds the client is to be delayed. With `strict` a client that is above its quota
    /// is not counted: the change must be refused.
    pub fn change(&self, client: Client<'_>, partitions: usize, strict: bool) -> i64 {
        let key = Key::ControllerMutationRate;
        let Some((limit, scope)) = self.limits().of(key, client.user, client.id) else { return 0 };
        let now = self.clock.elapsed();
        let mut sensors = lock(&self.changed);
        let window = sensors.window();
        let bucket = sensors.get(now, User::of(scope, client.user, client.id));
        if strict {
            let delay_ms = bucket.delay_ms(&window, now, limit);
            if delay_ms > 0 {
                return delay_ms;
            }
            bucket.take(&window, now, limit, partitions as f64);
            return 0;
        }
        bucket.take(&window, now, limit, partitions as f64);
        bucket.delay_ms(&window, now, limit)
    }

    /// Counts a connection from an address. One that exceeds the address's quota is not counted
    /// and not to be served, but closed after the milliseconds answered (KIP-612).
    pub fn arrive(&self, ip: IpAddr) -> Option<u64> {
        if !self.is_set(Key::ConnectionCreationRate) {
            return None;
        }
        let limit = self.limits().of_ip(ip)?;
        let now = self.clock.elapsed();
        let mut sensors = lock(&self.arrived);
        let window = sensors.window();
        let rate = sensors.get(now, ip.to_canonical());
        rate.record(&window, now, 1.0);
        let delay_ms = rate.delay_ms(&window, now, limit);
        if delay_ms <= 0 {
            return None;
        }
        rate.record(&window, now, -1.0);
        u64::try_from(delay_ms.min(window.sample_ms)).ok()
    }

    /// Counts a connection against `max.connection.creation.rate`, of which the largest number
    /// stands for none. Answers for how many milliseconds no other is to be accepted, at most one
    /// sample's.
    pub fn pause_ms(&self, per_second: i64) -> u64 {
        if per_second >= i64::from(i32::MAX) {
            return 0;
        }
        let now = self.clock.elapsed();
        let mut rate = lock(&self.arrived_in_all);
        rate.record(&self.window, now, 1.0);
        // A rate of zero lets one in per sample, where Kafka would let in none for ever.
        let limit = (per_second as f64).max(f64::MIN_POSITIVE);
        let delay_ms = rate.delay_ms(&self.window, now, limit);
        u64::try_from(delay_ms.min(self.window.sample_ms)).unwrap_or(0)
    }
}

fn bit(key: Key) -> u8 {
    match key {
        Key::ProducerByteRate => 1,
        Key::ConsumerByteRate => 2,
        Key::RequestPercentage => 4,
        Key::ControllerMutationRate => 8,
        Key::ConnectionCreationRate => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;
    use crate::config::{NodeConfig, Sources};

    fn quotas() -> (Quotas, Arc<Manual>) {
        let config = NodeConfig::load(&Sources::default()).unwrap().quotas;
        let clock = Arc::new(Manual::at(1_000_000));
        (Quotas::new(Clock::Manual(Arc::clone(&clock)), &config), clock)
    }

    #[test]
    fn accepting_pauses_when_connections_come_too_fast() {
        let (quotas, clock) = quotas();
        assert!((0..1000).all(|_| quotas.pause_ms(i32::MAX.into()) == 0));
        let pauses: Vec<u64> = (0..22).map(|_| quotas.pause_ms(2)).collect();
        assert_eq!(pauses[..20], [0; 20]);
        assert_eq!(pauses[20..], [500, 1000], "at most a sample's");
        clock.advance(11_000);
        assert_eq!(quotas.pause_ms(2), 0);
        assert_eq!(quotas.pause_ms(0), 1000);
    }
}
