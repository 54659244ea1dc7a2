//! What is counted and timed. Those who count hold the cells and touch nothing but relaxed atomics;
//! `/metrics` reads them. Deliberately knows no part of the broker: what can be asked of the parts
//! at a scrape is gathered by `admin`.
//!
//! To add a metric: a row in [`table::PARTS`], and either a cell that is registered under the row's
//! name with [`Metrics::register`], or a line in `admin::scrape`.

pub mod histogram;
pub mod listeners;
pub mod requests;
pub mod table;
pub mod traffic;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

use self::histogram::Histogram;
use self::listeners::ListenerCells;
use self::requests::Requests;
use self::table::{Kind, Row};
use self::traffic::Traffic;

/// Labels of an error: the API and Kafka's name of the code.
pub type ErrorLabels = [(&'static str, &'static str); 2];

/// All cells of one broker.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Counts and times of requests, by API.
    pub requests: Requests,
    /// Counts of the listeners, in the order of the configuration.
    pub listeners: Vec<ListenerCells>,
    /// Error codes in answers. There are no more pairs than APIs times codes.
    pub errors: Family<ErrorLabels, Counter>,
    /// Frames that closed their connection because they could not be understood.
    pub refused: Counter,
    /// Fetch requests that wait for more records.
    pub fetches_waiting: Gauge,
    /// Partitions of Produce requests that the broker itself failed.
    pub produce_failed: Counter,
    /// Partitions of Fetch requests that the broker itself failed.
    pub fetch_failed: Counter,
    /// Bytes of batches that were refused.
    pub bytes_rejected: Counter,
    /// Time of each sync of a segment file.
    pub flushes: Arc<Histogram>,
    /// What passes through all partitions of topics.
    pub traffic: Arc<Traffic>,
}

impl Metrics {
    /// Nothing counted yet. `apis` are the keys and names of all APIs, `listeners` the names of
    /// the listeners.
    pub fn new(
        apis: impl Iterator<Item = (i16, &'static str)>,
        listeners: impl Iterator<Item = String>,
    ) -> Metrics {
        let metrics = Metrics {
            registry: Mutex::default(),
            requests: Requests::new(apis),
            listeners: listeners.map(ListenerCells::new).collect(),
            errors: Family::default(),
            refused: Counter::default(),
            fetches_waiting: Gauge::default(),
            produce_failed: Counter::default(),
            fetch_failed: Counter::default(),
            bytes_rejected: Counter::default(),
            flushes: Arc::default(),
            traffic: Arc::default(),
        };
        metrics.register("felice_request_errors_total", metrics.errors.clone());
        metrics.register("felice_requests_refused_total", metrics.refused.clone());
        metrics.register("felice_fetches_waiting", metrics.fetches_waiting.clone());
        metrics.register("felice_produce_failed_total", metrics.produce_failed.clone());
        metrics.register("felice_fetch_failed_total", metrics.fetch_failed.clone());
        metrics.register("felice_bytes_rejected_total", metrics.bytes_rejected.clone());
        metrics
    }

    /// Registers a cell under the name of a row of the table.
    ///
    /// # Panics
    /// If the table has no such row, or one of another kind.
    pub fn register(&self, name: &'static str, metric: impl Metric) {
        let row = row(name);
        let kind = metric.metric_type();
        assert!(kind.as_str() == metric_type(row.kind).as_str(), "{name} is of another kind");
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // The crate adds a full stop.
        registry.register(exposed(row), row.help.trim_end_matches('.'), metric);
    }

    /// Everything in the text format of OpenMetrics, with what `gather` adds.
    ///
    /// # Errors
    /// Only what `gather` fails with.
    pub fn encode(&self, gather: impl Gather) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode_registry(&mut text, &registry)?;
        drop(registry);
        let mut gathered = Registry::default();
        gathered.register_collector(Box::new(Gathering(gather)));
        encode_registry(&mut text, &gathered)?;
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Writes the cells that are no metrics of the crate's.
    ///
    /// # Errors
    /// If the writer does not take it.
    pub fn gather(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let Metrics { traffic, .. } = self;
        writer.counters("felice_messages_in_total", [([], traffic.messages_in())])?;
        writer.counters("felice_bytes_in_total", [([], traffic.bytes_in())])?;
        writer.counters("felice_bytes_out_total", [([], traffic.bytes_out())])?;
        self.requests.gather(writer)?;
        listeners::gather(&self.listeners, writer)?;
        writer.histograms("felice_log_flush_time_seconds", [([], self.flushes.read())])
    }
}

/// What is gathered at each scrape.
pub trait Gather: Send + Sync + 'static {
    /// Writes it.
    ///
    /// # Errors
    /// If the writer does not take it.
    fn gather(&self, writer: &mut Writer<'_>) -> fmt::Result;
}

struct Gathering<G>(G);

impl<G> fmt::Debug for Gathering<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathering")
    }
}

impl<G: Gather> Collector for Gathering<G> {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.0.gather(&mut Writer(encoder))
    }
}

/// Labels of a series: names and values.
pub type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// Takes metrics of the table with all their series.
pub struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn begin(&mut self, name: &'static str, kind: Kind) -> Result<MetricEncoder<'_>, fmt::Error> {
        let row = row(name);
        assert!(row.kind == kind, "{name} is of another kind");
        self.0.encode_descriptor(exposed(row), row.help, None, metric_type(kind))
    }

    /// A counter with one series for each entry.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn counters<'a, const N: usize, V: EncodeCounterValue>(
        &mut self,
        name: &'static str,
        series: impl IntoIterator<Item = (Labels<'a, N>, V)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, Kind::Counter)?;
        for (labels, value) in series {
            write_one(&mut metric, &labels, |encoder| {
                encoder.encode_counter::<[(&str, &str); 0], _, f64>(&value, None)
            })?;
        }
        Ok(())
    }

    /// A gauge with one series for each entry.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn gauges<'a, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &'static str,
        series: impl IntoIterator<Item = (Labels<'a, N>, V)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, Kind::Gauge)?;
        for (labels, value) in series {
            write_one(&mut metric, &labels, |encoder| encoder.encode_gauge(&value))?;
        }
        Ok(())
    }

    /// A histogram with one series for each entry.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn histograms<'a, const N: usize>(
        &mut self,
        name: &'static str,
        series: impl IntoIterator<Item = (Labels<'a, N>, histogram::Reading)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, Kind::Histogram)?;
        for (labels, read) in series {
            let (sum, count) = (read.sum_seconds(), read.count());
            let buckets = read.buckets();
            write_one(&mut metric, &labels, |encoder| {
                encoder.encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
            })?;
        }
        Ok(())
    }
}

/// Writes one series; without labels there are no braces.
fn write_one<const N: usize>(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_, N>,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result
where
    for<'a> Labels<'a, N>: EncodeLabelSet,
{
    match N {
        0 => write(metric),
        _ => write(&mut metric.encode_family(labels)?),
    }
}

fn row(name: &str) -> &'static Row {
    let found = table::rows().find(|row| row.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the table of metrics"))
}

/// The name as the crate wants it: it adds the suffix of counters.
fn exposed(row: &Row) -> &'static str {
    row.name.strip_suffix("_total").unwrap_or(row.name)
}

fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

#[cfg(test)]
mod tests;
