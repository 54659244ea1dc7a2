//! Whether the broker can do its work. Deliberately no opinion on load: a busy broker is ready.

use super::Admin;
use crate::storage::error::StorageError;

/// Partitions that are named at most.
const NAMED_MAX: usize = 5;

/// Whether all is well, or what is not.
pub(super) fn readiness(admin: &Admin) -> Result<(), String> {
    let Some(serving) = admin.serving.get() else {
        return Err("the logs are being read".to_owned());
    };
    if *serving.net.stopping.borrow() {
        return Err("the broker stops".to_owned());
    }
    let partitions = serving.broker.partitions.all();
    let is_offline = |error| matches!(error, StorageError::Poisoned | StorageError::Io(_));
    let mut offline: Vec<String> = partitions
        .iter()
        .filter(|partition| partition.check_online().is_err_and(is_offline))
        .map(|partition| format!("{}-{}", partition.topic, partition.id.partition))
        .collect();
    if offline.is_empty() {
        return Ok(());
    }
    offline.sort_unstable();
    let (count, more) = (offline.len(), if offline.len() > NAMED_MAX { ", …" } else { "" });
    offline.truncate(NAMED_MAX);
    let names = offline.join(", ");
    Err(format!("{count} partitions are offline after a failed write: {names}{more}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::admin::scrape::Scrape;
    use crate::metrics::Metrics;

    #[test]
    fn a_broker_that_reads_its_logs_is_not_ready_and_has_metrics_all_the_same() {
        let metrics = Metrics::new(crate::api::names(), std::iter::empty());
        let admin = Admin::new(Arc::new(metrics), Instant::now(), 10);
        assert_eq!(readiness(&admin), Err("the logs are being read".to_owned()));
        let text = admin.metrics.encode(Scrape(Arc::clone(&admin))).unwrap();
        assert!(text.contains("\nfelice_ready 0\n"), "{text}");
        assert!(!text.contains("felice_partitions"), "nothing is known of them yet");
    }
}
