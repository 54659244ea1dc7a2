//! Counts and times of requests by API. Each thread adds to a shard of its own, so that threads do
//! not fight for a cache line; a scrape adds the shards up.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Writer;
use super::histogram::{Histogram, Reading};

/// Most shards; more threads than that share.
const SHARDS: usize = 8;

/// Part of the life of a request, after Kafka's RequestMetrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the arrival of its last byte to its handler.
    Queue,
    /// In the handler, with what else was appended in the same drain.
    Local,
    /// Until its answer may leave: the disk, new records, other members, earlier answers.
    Remote,
    /// Until the last byte of the answer has gone to the system.
    Send,
    /// All of it.
    Total,
}

const PHASES: [(Phase, &str); 5] = [
    (Phase::Queue, "queue"),
    (Phase::Local, "local"),
    (Phase::Remote, "remote"),
    (Phase::Send, "send"),
    (Phase::Total, "total"),
];

type Times = [Histogram; PHASES.len()];

/// Counts and times of the requests of all APIs.
pub struct Requests {
    shards: [OnceLock<Box<[Times]>>; SHARDS],
    /// Names by API key, empty where there is no such API.
    names: Vec<&'static str>,
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The shard of this thread.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let known = SHARD.get();
    if known < SHARDS {
        return known;
    }
    let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    SHARD.set(shard);
    shard
}

impl Requests {
    /// Nothing counted yet.
    pub fn new(apis: impl Iterator<Item = (i16, &'static str)>) -> Requests {
        let mut names = Vec::new();
        for (key, name) in apis {
            let key = usize::try_from(key).expect("API keys are not negative");
            names.resize(names.len().max(key + 1), "");
            names[key] = name;
        }
        Requests { shards: Default::default(), names }
    }

    /// Counts `count` requests of an API whose phase took `time`.
    pub fn observe(&self, key: i16, phase: Phase, time: Duration, count: u64) {
        let allocate = || self.names.iter().map(|_| Times::default()).collect();
        let times = self.shards[shard()].get_or_init(allocate);
        if let Some(times) = usize::try_from(key).ok().and_then(|key| times.get(key)) {
            times[phase as usize].observe(time, count);
        }
    }

    /// Name of an API.
    pub fn name(&self, key: i16) -> &'static str {
        usize::try_from(key).ok().and_then(|key| self.names.get(key)).copied().unwrap_or("")
    }

    fn read(&self, key: usize, phase: Phase) -> Reading {
        let mut read = Reading::default();
        for times in self.shards.iter().filter_map(OnceLock::get) {
            read.add(&times[key][phase as usize]);
        }
        read
    }

    /// Writes everything; of APIs that were asked at least once.
    pub(super) fn gather(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let counted = |key: usize| self.read(key, Phase::Local).count();
        let counts = (0..self.names.len()).map(|key| (key, counted(key)));
        let asked: Vec<(usize, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        let counts = asked.iter().map(|(key, count)| ([("api", self.names[*key])], *count));
        writer.counters("felice_requests_total", counts)?;
        let times = asked.iter().flat_map(|(key, _)| {
            let of_phase = |(phase, phase_name): &(Phase, &'static str)| {
                ([("api", self.names[*key]), ("phase", *phase_name)], self.read(*key, *phase))
            };
            PHASES.iter().map(of_phase)
        });
        writer.histograms("felice_request_time_seconds", times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn threads_add_up() {
        let requests = Arc::new(Requests::new([(0, "Produce"), (3, "Metadata")].into_iter()));
        let threads: Vec<_> = (0..2 * SHARDS)
            .map(|_| {
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || {
                    requests.observe(3, Phase::Local, Duration::from_millis(1), 2);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(requests.read(3, Phase::Local).count(), 4 * SHARDS as u64);
        assert_eq!(requests.read(3, Phase::Total).count(), 0);
        assert_eq!(requests.read(0, Phase::Local).count(), 0);
        requests.observe(-1, Phase::Local, Duration::ZERO, 1);
        requests.observe(4, Phase::Local, Duration::ZERO, 1);
        assert_eq!((requests.name(3), requests.name(4), requests.name(-1)), ("Metadata", "", ""));
    }

    #[test]
    fn phases_are_in_the_order_of_their_numbers() {
        for (index, (phase, _)) in PHASES.iter().enumerate() {
            assert_eq!(*phase as usize, index);
        }
    }
}
