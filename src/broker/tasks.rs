//! What a broker does now and then by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Broker;
use crate::net;
use crate::storage::janitor;

/// How often logs that grew get a checkpoint, so that a restart after a crash reads little, what
/// ended connections and deleted topics leave behind goes, and free memory goes back to the system.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// Starts everything that runs until the broker stops.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    broker: &Arc<Broker>,
    stopping: &watch::Receiver<bool>,
) {
    tasks.spawn(keep_house(Arc::clone(broker), stopping.clone()));
    let idle = Duration::from_millis(broker.config.producers.id_expiration_check_interval_ms);
    let checkpoint: Work = |broker| {
        janitor::checkpoint_grown(&broker.partitions);
        broker.partitions.rocks().flush_grown();
        broker.partitions.forget_removed();
        broker.fetch_sessions.lock().sweep(broker.clock.elapsed());
        give_back_memory();
    };
    let expire: Work = |broker| janitor::expire_producers(&broker.partitions, broker.clock.now());
    for (interval, work) in [(CHECKPOINT_INTERVAL, checkpoint), (idle, expire)] {
        tasks.spawn(repeat(Arc::clone(broker), stopping.clone(), interval, work));
    }
}

/// Retention, now and then.
async fn keep_house(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let interval = Duration::from_millis(broker.config.log.retention_check_interval_ms);
    let mut due = None;
    loop {
        let now = broker.clock.now();
        let delay = due.map_or(interval, |due| janitor::wait_ms(due, now)).min(interval);
        tokio::select! {
            // Cancel-safe: both arms only wait.
            () = net::stopped(&mut stopping) => return,
            () = tokio::time::sleep(delay) => {}
        }
        let (partitions, now) = (Arc::clone(&broker.partitions), broker.clock.now());
        let done = tokio::task::spawn_blocking(move || {
            janitor::retain(&partitions, now);
            janitor::remove_condemned(&partitions, now)
        });
        due = done.await.unwrap_or_default();
    }
}

/// Gives free memory back to the system. The allocator does so by itself only at the end of its
/// heaps: what a crowd of connections needed would stay with the broker after they have gone.
fn give_back_memory() {
    // SAFETY: it takes no pointers and may be called at any time, from any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Work that may wait for the disk.
type Work = fn(&Broker);

/// Does some work now and then.
async fn repeat(
    broker: Arc<Broker>,
    mut stopping: watch::Receiver<bool>,
    interval: Duration,
    work: Work,
) {
    loop {
        tokio::select! {
            // Cancel-safe: both arms only wait.
            () = net::stopped(&mut stopping) => return,
            () = tokio::time::sleep(interval) => {}
        }
        let broker = Arc::clone(&broker);
        // Work that failed says so, and is tried again.
        let _ = tokio::task::spawn_blocking(move || work(&broker)).await;
    }
}
