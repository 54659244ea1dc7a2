//! What `/metrics` shows beside the cells of `metrics`: the state of the parts, gathered when it is
//! asked for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::process::Process;
use super::survey::{self, PartitionNow, Sum};
use super::{Admin, Serving, health};
use crate::broker::Broker;
use crate::coordinator::telemetry::Pushed;
use crate::kernel::group::glance::Glance;
use crate::metrics::{Gather, Labels, Writer};

/// One scrape.
pub(super) struct Scrape(pub(super) Arc<Admin>);

impl Gather for Scrape {
    fn gather(&self, writer: &mut Writer<'_>) -> fmt::Result {
        self.0.metrics.gather(writer)?;
        if let Some(Serving { broker, .. }) = self.0.serving.get() {
            let series_max = self.0.series_max;
            partitions(broker, series_max, writer)?;
            groups(broker, series_max, writer)?;
            clients(broker, series_max, writer)?;
            let sessions = broker.fetch_sessions.lock().len();
            writer.gauges("felice_fetch_sessions", [([], sessions as u64)])?;
        }
        process(&self.0, writer)
    }
}

fn partitions(broker: &Broker, series_max: usize, writer: &mut Writer<'_>) -> fmt::Result {
    let all = survey::partitions(broker);
    let sum = survey::sum(&all);
    let listed = &all[..all.len().min(series_max)];
    let image = broker.control.image();
    let behind = image.topics().flat_map(|topic| topic.partitions.iter());
    let behind = behind.filter(|partition| partition.isr.len() < partition.replicas.len()).count();
    for (name, value) in [
        ("felice_topics", image.topic_count()),
        ("felice_partitions", sum.partitions),
        ("felice_partitions_offline", sum.offline),
        ("felice_log_directories_offline", usize::from(sum.offline > 0)),
        ("felice_disk_full", usize::from(broker.partitions.rocks().space().is_low())),
        ("felice_partitions_under_replicated", behind),
        ("felice_partitions_unlisted", all.len() - listed.len()),
        ("felice_producer_ids", sum.producers),
        ("felice_log_segments", sum.segments),
        ("felice_syncs_waiting", sum.syncs_waiting),
    ] {
        writer.gauges(name, [([], value as u64)])?;
    }
    writer.gauges("felice_log_size_bytes", [([], sum.size)])?;
    each_partition("felice_partition_size_bytes", listed, |one| one.size as i64, writer)?;
    each_partition("felice_partition_start_offset", listed, |one| one.start, writer)?;
    each_partition("felice_partition_end_offset", listed, |one| one.end, writer)?;
    each_partition("felice_partition_high_watermark", listed, |one| one.high_watermark, writer)?;
    let topics = survey::by_topic(&all);
    let topics: Vec<(&str, Sum)> = topics.into_iter().take(series_max).collect();
    let each_topic = |value: fn(&Sum) -> u64| {
        topics.iter().map(move |(topic, sum)| ([("topic", *topic)], value(sum)))
    };
    writer.counters("felice_topic_messages_in_total", each_topic(|sum| sum.messages_in))?;
    writer.counters("felice_topic_bytes_in_total", each_topic(|sum| sum.bytes_in))?;
    writer.counters("felice_topic_bytes_out_total", each_topic(|sum| sum.bytes_out))
}

fn each_partition(
    name: &'static str,
    partitions: &[PartitionNow],
    value: impl Fn(&PartitionNow) -> i64,
    writer: &mut Writer<'_>,
) -> fmt::Result {
    let named = partitions.iter().map(|one| (one, one.index.to_string())).collect::<Vec<_>>();
    let series = named
        .iter()
        .map(|(one, index)| ([("topic", &*one.topic), ("partition", index.as_str())], value(one)));
    writer.gauges(name, series)
}

fn offset_labels<'a>(group: &'a str, topic: &'a str, index: &'a str) -> Labels<'a, 3> {
    [("group", group), ("topic", topic), ("partition", index)]
}

fn groups(broker: &Broker, series_max: usize, writer: &mut Writer<'_>) -> fmt::Result {
    let waiting = broker.groups.requests_waiting();
    writer.gauges("felice_group_requests_waiting", [([], waiting as u64)])?;
    let seen = broker.groups.glance(Glance::new(series_max, series_max));
    let states = seen.states.iter().map(|(state, count)| ([("state", *state)], *count as u64));
    writer.gauges("felice_groups", states)?;
    writer.gauges("felice_groups_unlisted", [([], seen.unlisted as u64)])?;
    let members = seen.groups.iter().map(|one| ([("group", &*one.id)], one.member_count as u64));
    writer.gauges("felice_group_members", members)?;
    let all = seen.groups.iter().flat_map(|group| group.offsets.iter().map(|one| (&group.id, one)));
    let all: Vec<_> = all.map(|(id, one)| (id, one, one.1.to_string())).collect();
    let offsets = all.iter().map(|(id, one, index)| (offset_labels(id, &one.0, index), one.2));
    writer.gauges("felice_group_offset", offsets)?;
    let lags = all.iter().filter_map(|(id, one, index)| {
        let lag = survey::lag(broker, &one.0, one.1, one.2)?;
        Some((offset_labels(id, &one.0, index), lag))
    });
    writer.gauges("felice_group_lag", lags)
}

fn clients(broker: &Broker, series_max: usize, writer: &mut Writer<'_>) -> fmt::Result {
    let telemetry = &broker.telemetry;
    let instances = telemetry.instance_count();
    writer.gauges("felice_client_instances", [([], instances as u64)])?;
    let counts = &telemetry.counts;
    for (name, count) in [
        ("felice_client_pushes_total", &counts.pushes),
        ("felice_client_pushed_bytes_total", &counts.bytes),
        ("felice_client_telemetry_refused_total", &counts.refused),
        ("felice_client_series_dropped_total", &counts.dropped),
    ] {
        writer.counters(name, [([], count.load(Ordering::Relaxed))])?;
    }
    let (listed, count) = telemetry.values(series_max);
    let unlisted = count - listed.len();
    writer.gauges("felice_client_series_unlisted", [([], unlisted as u64)])?;
    let (sums, gauges): (Vec<_>, Vec<_>) = listed.iter().partition(|one| one.is_sum);
    writer.gauges("felice_client_metric", gauges.into_iter().map(client_series))?;
    writer.counters("felice_client_metric_sum_total", sums.into_iter().map(client_series))
}

fn client_series(one: &Pushed) -> (Labels<'_, 4>, f64) {
    let labels = [
        ("client_id", &*one.client_id),
        ("client_instance", one.instance.as_str()),
        ("metric", one.metric.as_str()),
        ("attributes", one.attributes.as_str()),
    ];
    (labels, one.value)
}

fn process(admin: &Admin, writer: &mut Writer<'_>) -> fmt::Result {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    writer.gauges("felice_build_info", [(version, 1u64)])?;
    let ready = u64::from(health::readiness(admin).is_ok());
    writer.gauges("felice_ready", [([], ready)])?;
    let uptime = admin.started.elapsed().as_secs_f64();
    writer.gauges("felice_uptime_seconds", [([], uptime)])?;
    let busy = busy_seconds();
    let busy = busy.iter().map(|(worker, seconds)| ([("worker", worker.as_str())], *seconds));
    writer.counters("felice_worker_busy_seconds_total", busy)?;
    let process = Process::read();
    writer.counters("process_cpu_seconds_total", [([], process.cpu_seconds)])?;
    writer.gauges("process_resident_memory_bytes", [([], process.resident_bytes)])?;
    writer.gauges("process_virtual_memory_bytes", [([], process.virtual_bytes)])?;
    writer.gauges("process_open_fds", [([], process.open_files)])?;
    let limit = process.open_files_max.map(|limit| ([], limit));
    writer.gauges("process_max_fds", limit)?;
    writer.gauges("process_threads", [([], process.threads)])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    writer.gauges("process_start_time_seconds", [([], now - uptime)])
}

/// Time that each thread of the runtime was busy.
fn busy_seconds() -> Vec<(String, f64)> {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Vec::new() };
    let metrics = runtime.metrics();
    let seconds = |worker| metrics.worker_total_busy_duration(worker).as_secs_f64();
    (0..metrics.num_workers()).map(|worker| (worker.to_string(), seconds(worker))).collect()
}
