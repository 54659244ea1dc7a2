//! One meter for each who has a quota, made when it is first used and dropped when it is as good
//! as new. Their number is bounded.

use std::collections::HashMap;
use std::hash::Hash;

use std::sync::Arc;

use super::limits::Scope;
use super::meter::{Bucket, Rate, Window};
use crate::kernel::types::TimestampMs;

/// Meters of one kind at a time. Those who come when all are in use share one.
pub const SENSORS_MAX: usize = 10_000;
/// Bytes by which names are told apart.
const NAME_BYTES_MAX: usize = 255;

/// Who uses a meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    user: Option<Arc<str>>,
    client: Option<Arc<str>>,
}

impl User {
    /// Whoever shares the quota of this client.
    pub fn of(scope: Scope, user: &Arc<str>, client: &Arc<str>) -> User {
        let user = (scope != Scope::Client).then(|| cut(user));
        let client = (scope != Scope::User).then(|| cut(client));
        User { user, client }
    }
}

fn cut(name: &Arc<str>) -> Arc<str> {
    if name.len() <= NAME_BYTES_MAX {
        return Arc::clone(name);
    }
    Arc::from(&name[..name.floor_char_boundary(NAME_BYTES_MAX)])
}

/// Something that measures.
pub trait Meter: Default {
    /// Whether it is as good as new.
    fn is_idle(&mut self, window: &Window, now: TimestampMs) -> bool;
}

impl Meter for Rate {
    fn is_idle(&mut self, window: &Window, now: TimestampMs) -> bool {
        !self.purge(window, now)
    }
}

impl Meter for Bucket {
    fn is_idle(&mut self, window: &Window, now: TimestampMs) -> bool {
        Bucket::is_idle(self, window, now)
    }
}

/// The meters of one kind.
#[derive(Debug)]
pub struct Sensors<K, M> {
    window: Window,
    meters: HashMap<K, M>,
    /// For those who find no room.
    shared: M,
    purged: TimestampMs,
}

impl<K: Eq + Hash, M: Meter> Sensors<K, M> {
    /// No meters yet.
    pub fn new(window: Window) -> Sensors<K, M> {
        Sensors { window, meters: HashMap::new(), shared: M::default(), purged: 0 }
    }

    /// The window all of them measure over.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Number of meters in use.
    pub fn len(&self) -> usize {
        self.meters.len()
    }

    /// Whether none is in use.
    pub fn is_empty(&self) -> bool {
        self.meters.is_empty()
    }

    /// The meter of a user.
    pub fn get(&mut self, now: TimestampMs, user: K) -> &mut M {
        // Once in a window: what has been idle for a whole one is as good as new.
        if now.saturating_sub(self.purged).abs() >= self.window.total_ms() {
            self.purged = now;
            let window = self.window;
            self.meters.retain(|_, meter| !meter.is_idle(&window, now));
        }
        if self.meters.len() >= SENSORS_MAX && !self.meters.contains_key(&user) {
            return &mut self.shared;
        }
        self.meters.entry(user).or_default()
    }
}
