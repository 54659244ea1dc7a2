//! Counts of each listener: its connections and the bytes that pass through them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Metrics, Writer};

/// Counts of one listener.
#[derive(Debug, Default)]
pub struct ListenerCells {
    name: String,
    open: AtomicU64,
    opened: AtomicU64,
    refused: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl ListenerCells {
    /// Nothing counted yet.
    pub fn new(name: String) -> ListenerCells {
        ListenerCells { name, ..ListenerCells::default() }
    }

    /// The listener's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection was closed at once.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes were read.
    pub fn add_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes were written.
    pub fn add_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A connection that counts as open until this is dropped.
pub struct Open {
    metrics: Arc<Metrics>,
    listener: usize,
}

impl Open {
    /// Counts a connection of the listener with this number.
    pub fn count(metrics: &Arc<Metrics>, listener: usize) -> Open {
        let cells = &metrics.listeners[listener];
        cells.open.fetch_add(1, Ordering::Relaxed);
        cells.opened.fetch_add(1, Ordering::Relaxed);
        Open { metrics: Arc::clone(metrics), listener }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.listeners[self.listener].open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes the counts of all listeners.
pub(super) fn gather(listeners: &[ListenerCells], writer: &mut Writer<'_>) -> fmt::Result {
    let series = |cell: fn(&ListenerCells) -> &AtomicU64| {
        let read = move |listener| (labels(listener), cell(listener).load(Ordering::Relaxed));
        listeners.iter().map(read)
    };
    writer.gauges("felice_connections", series(|listener| &listener.open))?;
    writer.counters("felice_connections_opened_total", series(|listener| &listener.opened))?;
    writer.counters("felice_connections_refused_total", series(|listener| &listener.refused))?;
    writer.counters("felice_network_bytes_in_total", series(|listener| &listener.bytes_in))?;
    writer.counters("felice_network_bytes_out_total", series(|listener| &listener.bytes_out))
}

fn labels(listener: &ListenerCells) -> super::Labels<'_, 1> {
    [("listener", listener.name())]
}
