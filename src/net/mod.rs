//! Sockets: listeners that admit connections, and the task that serves one. What a request means
//! is the API layer's business.

pub mod connection;
pub mod dispatch;
pub mod listener;
mod meter;
pub mod output;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::api;
use crate::config::live::Connections;
use crate::wire::guard;

/// Limits of all connections together.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `socket.request.max.bytes`: a longer frame closes the connection.
    pub frame_bytes_max: usize,
    /// `queued.max.request.bytes`: bytes of requests that have arrived and are not yet handled.
    pub queued_bytes_max: usize,
    /// `socket.send.buffer.bytes`; `None` leaves it to the system.
    pub send_buffer_bytes: Option<usize>,
    /// `connections.max.idle.ms`.
    pub idle: Duration,
    /// `socket.congestion.control`.
    pub congestion_control: CongestionControl,
    /// Limits of one decoded request.
    pub guard: guard::Limits,
}

/// TCP congestion control of connections from this machine.
#[derive(Clone, Debug)]
pub enum CongestionControl {
    /// Reno: over loopback others cost up to ten times the CPU, and there is no network to be
    /// fair to.
    RenoOnLoopback,
    /// Whatever the system has set.
    System,
    /// A named one.
    Named(String),
}

/// Completes when the broker stops, or its composition root is gone.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// State that all connections share.
pub struct Net {
    /// Limits in force.
    pub limits: Limits,
    /// Turns true when the broker stops.
    pub stopping: watch::Receiver<bool>,
    budget: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
    open: Mutex<HashMap<IpAddr, usize>>,
    open_total: AtomicUsize,
    next_id: AtomicU64,
    /// Connections that count as open, by their number.
    known: Mutex<BTreeMap<u64, Weak<api::Connection>>>,
}

/// Bytes that one permit of the budget stands for.
const BYTES_PER_PERMIT: usize = 1024;

/// Permits held for the bytes of a request that is still arriving.
#[derive(Default)]
pub struct Reserved {
    permits: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Reserved {
    /// Whether so many bytes may be held.
    pub fn covers(&self, bytes: usize) -> bool {
        self.bytes >= bytes || self.overdraft.is_some()
    }

    /// Whether anything is held that others may wait for.
    pub fn is_held(&self) -> bool {
        self.bytes > 0 || self.overdraft.is_some()
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        self.bytes += permit.num_permits() * BYTES_PER_PERMIT;
        match &mut self.permits {
            Some(held) => held.merge(permit),
            None => self.permits = Some(permit),
        }
    }

    /// Permits that are missing to cover so many bytes.
    fn missing(&self, bytes: usize) -> u32 {
        let missing = bytes.saturating_sub(self.bytes).div_ceil(BYTES_PER_PERMIT);
        u32::try_from(missing).unwrap_or(u32::MAX)
    }
}

impl Net {
    /// No connections yet.
    pub fn new(limits: Limits, stopping: watch::Receiver<bool>) -> Net {
        let permits = (limits.queued_bytes_max / BYTES_PER_PERMIT).clamp(1, Semaphore::MAX_PERMITS);
        Net {
            limits,
            stopping,
            budget: Arc::new(Semaphore::new(permits)),
            overdraft: Arc::new(Semaphore::new(1)),
            open: Mutex::default(),
            open_total: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            known: Mutex::default(),
        }
    }

    /// Makes sure that `reserved` covers `bytes`. Where the budget is used up this waits for it,
    /// or for the one overdraft that lets a single connection finish its request: so a budget
    /// full of half requests cannot stand still.
    pub async fn reserve(&self, reserved: &mut Reserved, bytes: usize) {
        if reserved.covers(bytes) {
            return;
        }
        let count = reserved.missing(bytes);
        tokio::select! {
            // Both arms are cancel-safe: a permit that is not taken stays in its semaphore.
            biased;
            permit = Arc::clone(&self.budget).acquire_many_owned(count) => {
                reserved.add(permit.expect("the budget is never closed"));
            }
            permit = Arc::clone(&self.overdraft).acquire_owned() => {
                reserved.overdraft = Some(permit.expect("the overdraft is never closed"));
            }
        }
    }

    /// The same without waiting; answers whether `reserved` covers `bytes` now.
    pub fn try_reserve(&self, reserved: &mut Reserved, bytes: usize) -> bool {
        if !reserved.covers(bytes) {
            let count = reserved.missing(bytes);
            if let Ok(permit) = Arc::clone(&self.budget).try_acquire_many_owned(count) {
                reserved.add(permit);
            }
        }
        reserved.covers(bytes)
    }

    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<u64, Weak<api::Connection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection that was admitted known to [`Net::connections`].
    pub fn introduce(&self, connection: &Arc<api::Connection>) {
        self.lock_known().insert(connection.id, Arc::downgrade(connection));
    }

    /// The oldest open connections, and how many there are in all.
    pub fn connections(&self, most: usize) -> (Vec<Arc<api::Connection>>, usize) {
        let known = self.lock_known();
        (known.values().take(most).filter_map(Weak::upgrade).collect(), known.len())
    }

    /// Admits a connection from `address`, or says why not.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &Connections,
    ) -> Result<Admission, &'static str> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if self.open_total.load(Ordering::Relaxed) >= limits.count_max {
            return Err("max.connections is reached");
        }
        let most = limits.per_ip_overrides.get(&address.to_canonical());
        let most = most.copied().unwrap_or(limits.per_ip_max);
        let count = open.get(&address).copied().unwrap_or(0);
        if count >= most {
            return Err("max.connections.per.ip is reached");
        }
        open.insert(address, count + 1);
        self.open_total.fetch_add(1, Ordering::Relaxed);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Admission { net: Arc::clone(self), address, id })
    }
}

/// A connection that counts as open until this is dropped.
pub struct Admission {
    net: Arc<Net>,
    address: IpAddr,
    /// Number of the connection since start.
    pub id: u64,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.net.lock_known().remove(&self.id);
        let mut open = self.net.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
        self.net.open_total.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(queued: usize) -> Arc<Net> {
        let limits = Limits {
            frame_bytes_max: 1000,
            queued_bytes_max: queued,
            send_buffer_bytes: None,
            idle: Duration::from_secs(1),
            congestion_control: CongestionControl::System,
            guard: guard::Limits::default(),
        };
        Arc::new(Net::new(limits, watch::channel(false).1))
    }

    #[test]
    fn admission_counts_by_address_and_in_all() {
        let net = net(4096);
        let (one, two) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let mut limits = Connections {
            count_max: 3,
            per_ip_max: 2,
            per_ip_overrides: HashMap::from([([127, 0, 0, 9].into(), 1)]),
            per_second: 0,
        };
        let first = net.admit(one, &limits).unwrap();
        let _second = net.admit(one, &limits).unwrap();
        assert!(net.admit(one, &limits).is_err());
        let third = net.admit(two, &limits).unwrap();
        assert!(net.admit(two, &limits).is_err());
        drop(first);
        let own = "::ffff:127.0.0.9".parse().unwrap();
        let fourth = net.admit(own, &limits).unwrap();
        drop(third);
        assert!(net.admit(own, &limits).is_err(), "its own limit is 1");
        drop(fourth);
        assert!(net.admit(one, &limits).is_ok());
        limits.per_ip_max = 1;
        assert!(net.admit(one, &limits).is_err(), "new limits count at once");
    }

    #[tokio::test]
    async fn a_full_budget_lets_one_connection_finish() {
        let net = net(2048);
        let (mut a, mut b, mut c) = Default::default();
        net.reserve(&mut a, 2048).await;
        net.reserve(&mut b, 1024).await;
        assert!(b.overdraft.is_some());
        let waits = tokio::time::timeout(Duration::from_millis(20), net.reserve(&mut c, 1)).await;
        assert!(waits.is_err());
        drop(a);
        net.reserve(&mut c, 1).await;
        assert!(c.permits.is_some());
    }
}
