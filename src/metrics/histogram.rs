//! A histogram of times that costs two relaxed additions, and none at all for those who only look.
//! The bounds are the same for all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in nanoseconds; a last bucket takes what is longer.
const BOUNDS: [u64; 17] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Buckets of a histogram.
const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts of times by their length.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Counts `count` times of one length.
    pub fn observe(&self, time: Duration, count: u64) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // Most parts of a request's life are shorter than the first bound.
        let is_short = ns <= BOUNDS[0];
        let bucket = if is_short { 0 } else { BOUNDS.partition_point(|bound| *bound < ns) };
        self.buckets[bucket].fetch_add(count, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns.wrapping_mul(count), Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Reading {
        let mut read = Reading::default();
        read.add(self);
        read
    }
}

/// What one histogram or several showed at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Reading {
    /// Adds what another histogram shows.
    pub fn add(&mut self, histogram: &Histogram) {
        for (count, bucket) in self.counts.iter_mut().zip(&histogram.buckets) {
            *count += bucket.load(Ordering::Relaxed);
        }
        self.sum_ns = self.sum_ns.wrapping_add(histogram.sum_ns.load(Ordering::Relaxed));
    }

    /// How many times there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long they are in all, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// Upper bound in seconds and count of each bucket, not cumulative.
    pub fn buckets(&self) -> [(f64, u64); BUCKETS] {
        let bounds = BOUNDS.iter().map(|ns| *ns as f64 / 1e9).chain([f64::INFINITY]);
        let mut buckets = [(0.0, 0); BUCKETS];
        for (bucket, pair) in buckets.iter_mut().zip(bounds.zip(self.counts)) {
            *bucket = pair;
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::default();
        histogram.observe(Duration::ZERO, 1);
        histogram.observe(Duration::from_micros(50), 2);
        histogram.observe(Duration::from_nanos(50_001), 4);
        histogram.observe(Duration::from_secs(3600), 8);
        let read = histogram.read();
        let counts: Vec<u64> = read.buckets().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..3], [3, 4, 0]);
        assert_eq!(counts[BUCKETS - 1], 8);
        assert_eq!(read.buckets()[1].0, 0.0001);
        assert!(read.buckets()[BUCKETS - 1].0.is_infinite());
        assert_eq!(read.count(), 15);
        assert!((read.sum_seconds() - 28_800.000_300_004).abs() < 1e-6);
    }

    #[test]
    fn readings_of_several_histograms_add_up() {
        let (one, two) = (Histogram::default(), Histogram::default());
        one.observe(Duration::from_millis(1), 1);
        two.observe(Duration::from_millis(2), 1);
        let mut read = one.read();
        read.add(&two);
        assert_eq!(read.count(), 2);
        assert!((read.sum_seconds() - 0.003).abs() < 1e-9);
    }
}
