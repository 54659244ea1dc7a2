//! Client telemetry (KIP-714): matches clients with the subscriptions of the newest metadata, holds
//! them to what they were told, and keeps the newest values of what they push.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use regex::Regex;

use super::control::Control;
use crate::clock::Clock;
use crate::config::dynamic::{MatchField, match_patterns};
use crate::kernel::batch::Codec;
use crate::kernel::meta::image::Configs;
use crate::kernel::meta::{Image, ResourceKind};
use crate::kernel::records;
use crate::kernel::telemetry::instances::{
    Error, INTERVAL_MS_DEFAULT, Instances, Push, Subscription,
};
use crate::kernel::telemetry::otlp;
use crate::kernel::telemetry::values::Values;
use crate::kernel::types::{Offset, Uuid};

/// Largest push when decompressed.
const DECOMPRESSED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Pushes above this are read off the network thread.
const INLINE_BYTES_MAX: usize = 8 * 1024;
/// Milliseconds between two looks for instances that have gone silent.
const EXPIRY_INTERVAL_MS: i64 = 10_000;

/// What subscriptions ask about a client.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's own name for itself.
    pub id: Arc<str>,
    /// Name and version of its software, empty if it did not tell.
    pub software: (String, String),
    /// Address and port it connects from.
    pub source: (String, u16),
}

impl Client {
    fn matches(&self, instance: &Uuid, (field, pattern): &(MatchField, Regex)) -> bool {
        match field {
            MatchField::ClientInstanceId => pattern.is_match(&instance.to_string()),
            MatchField::ClientId => pattern.is_match(&self.id),
            MatchField::SoftwareName => pattern.is_match(&self.software.0),
            MatchField::SoftwareVersion => pattern.is_match(&self.software.1),
            MatchField::SourceAddress => pattern.is_match(&self.source.0),
            MatchField::SourcePort => pattern.is_match(&self.source.1.to_string()),
        }
    }
}

/// A subscription, ready to be matched.
struct Wanted {
    metrics: Vec<Arc<str>>,
    interval_ms: i32,
    patterns: Vec<(MatchField, Regex)>,
}

impl Wanted {
    fn new(configs: &Configs) -> Wanted {
        let text = |key: &str| configs.get(key).map_or("", |value| value);
        let metrics = text("metrics").split(',').map(str::trim).filter(|name| !name.is_empty());
        Wanted {
            metrics: metrics.map(Arc::from).collect(),
            interval_ms: text("interval.ms").trim().parse().unwrap_or(INTERVAL_MS_DEFAULT),
            // What does not parse was refused when it was set.
            patterns: match_patterns(text("match")).unwrap_or_default(),
        }
    }
}

#[derive(Default)]
struct State {
    /// The subscriptions as they were when they were compiled.
    sources: Vec<Arc<Configs>>,
    /// Revision of the metadata they were taken from.
    revision: Option<Offset>,
    wanted: Vec<Wanted>,
    version: u64,
    instances: Instances,
    values: Values,
    /// When silent instances were last looked for.
    expired: i64,
}

impl State {
    /// Compiles the subscriptions anew if they have changed.
    fn follow(&mut self, image: &Image) {
        if self.revision.replace(image.revision) == Some(image.revision) {
            return;
        }
        let configured = || {
            let all = image.configured();
            all.filter(|(resource, _)| resource.kind == ResourceKind::ClientMetrics)
                .map(|(_, configs)| configs)
        };
        let same = configured().count() == self.sources.len()
            && configured().zip(&self.sources).all(|(now, then)| Arc::ptr_eq(now, then));
        if !same {
            self.sources = configured().cloned().collect();
            self.wanted = self.sources.iter().map(|configs| Wanted::new(configs)).collect();
            self.version += 1;
        }
    }

    fn expire(&mut self, now: i64) {
        if now.saturating_sub(self.expired).abs() >= EXPIRY_INTERVAL_MS {
            self.expired = now;
            let is_there = self.instances.expire(now);
            self.values.retain(is_there);
        }
    }
}

fn subscribe(wanted: &[Wanted], instance: &Uuid, client: &Client) -> Subscription {
    let matching = wanted
        .iter()
        .filter(|wanted| wanted.patterns.iter().all(|pattern| client.matches(instance, pattern)));
    Subscription::of(instance, matching.map(|wanted| (&wanted.metrics[..], wanted.interval_ms)))
}

/// Counts of pushes since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Pushes taken.
    pub pushes: AtomicU64,
    /// Their bytes as they came.
    pub bytes: AtomicU64,
    /// Requests that were refused.
    pub refused: AtomicU64,
    /// Series that found no place.
    pub dropped: AtomicU64,
}

/// Clients that push metrics.
pub struct Telemetry {
    clock: Clock,
    control: Control,
    bytes_max: usize,
    state: Mutex<State>,
    /// What was pushed.
    pub counts: Counts,
}

/// A value that a client pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The instance.
    pub instance: String,
    /// Its name for itself.
    pub client_id: Arc<str>,
    /// Name of the metric.
    pub metric: String,
    /// What else names the series, as `key=value,…`.
    pub attributes: String,
    /// Whether it is a sum.
    pub is_sum: bool,
    /// The value.
    pub value: f64,
}

impl Telemetry {
    /// No instances yet. A push has at most `bytes_max` bytes (`telemetry.max.bytes`).
    pub fn new(clock: Clock, control: Control, bytes_max: usize) -> Telemetry {
        let (state, counts) = Default::default();
        Telemetry { clock, control, bytes_max, state, counts }
    }

    /// `telemetry.max.bytes`.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.follow(&self.control.image());
        state.expire(self.clock.elapsed());
        state
    }

    /// Tells an instance what to push.
    ///
    /// # Errors
    /// [`Error::TooSoon`].
    pub fn ask(&self, instance: Uuid, client: &Client) -> Result<Subscription, Error> {
        let mut state = self.state();
        let State { wanted, version, instances, .. } = &mut *state;
        let subscribe = || subscribe(wanted, &instance, client);
        let answer = instances.ask(self.clock.elapsed(), instance, *version, subscribe);
        self.count_refused(answer)
    }

    /// Takes a push.
    ///
    /// # Errors
    /// All of [`Error`].
    pub async fn push(
        &self,
        push: Push,
        codec: Option<Codec>,
        metrics: Bytes,
        client: &Client,
    ) -> Result<(), Error> {
        self.count_refused(self.judge(&push, client))?;
        let Some(codec) = codec.filter(|_| !metrics.is_empty()) else { return Ok(()) };
        let points = self.count_refused(read_aside(codec, metrics).await)?;
        self.counts.pushes.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(push.bytes as u64, Ordering::Relaxed);
        let dropped = self.state().values.push(push.instance, &client.id, points);
        self.counts.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        Ok(())
    }

    fn judge(&self, push: &Push, client: &Client) -> Result<(), Error> {
        let mut state = self.state();
        let State { wanted, version, instances, .. } = &mut *state;
        let subscribe = || subscribe(wanted, &push.instance, client);
        instances.push(self.clock.elapsed(), push, self.bytes_max, *version, subscribe)
    }

    fn count_refused<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Number of instances.
    pub fn instance_count(&self) -> usize {
        self.state().instances.len()
    }

    /// The newest values, at most `count` of them, and how many there are in all.
    pub fn values(&self, count: usize) -> (Vec<Pushed>, usize) {
        let state = self.state();
        let all = state.values.iter().flat_map(|(instance, pushed)| {
            let instance = instance.to_string();
            pushed.series.iter().map(move |((metric, attributes), value)| Pushed {
                instance: instance.clone(),
                client_id: Arc::clone(&pushed.client_id),
                metric: metric.clone(),
                attributes: attributes.clone(),
                is_sum: value.is_sum,
                value: value.value,
            })
        });
        (all.take(count).collect(), state.values.len())
    }
}

/// Reads a push, off the network thread if that may take long.
async fn read_aside(codec: Codec, metrics: Bytes) -> Result<Vec<otlp::Point>, Error> {
    let inline = codec == Codec::None && metrics.len() <= INLINE_BYTES_MAX;
    let read = move || {
        let bytes = records::decompress_bytes(codec, &metrics, DECOMPRESSED_BYTES_MAX);
        let bytes = bytes.map_err(|_| Error::Malformed)?;
        otlp::read(&bytes).map_err(|_| Error::Malformed)
    };
    if inline {
        return read();
    }
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(Error::Malformed))
}
