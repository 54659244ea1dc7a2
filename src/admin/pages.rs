//! The web pages: what there is and how it goes, for people. A table shows a bounded number of
//! rows; programs ask `/metrics`. Deliberately nothing can be changed here.

use super::html::{Cell, Html, bytes, duration, number, words};
use super::survey::{self, PartitionNow};
use super::{Admin, Serving, health};
use crate::kernel::group::glance::{Glance, GroupGlance};

/// Rows of one table.
const ROWS_MAX: usize = 200;
/// Committed offsets that are looked at for the lags of one page.
const OFFSETS_MAX: usize = 20_000;

/// The first page.
pub(super) fn overview(admin: &Admin) -> String {
    let mut page = head(admin);
    if let Some(serving) = admin.serving.get() {
        let partitions = survey::partitions(&serving.broker);
        tiles(serving, &partitions, &mut page);
        topics(&partitions, &mut page);
        groups(serving, &mut page);
        clients(serving, &mut page);
    }
    page.into_page("Felice")
}

/// The page of a topic, if there is such a topic.
pub(super) fn topic(admin: &Admin, name: &str) -> Option<String> {
    let serving = admin.serving.get()?;
    let mut partitions = survey::partitions(&serving.broker);
    partitions.retain(|partition| &*partition.topic == name);
    partitions.first()?;
    let mut page = head(admin);
    page.push_element("h2", &Html::text(&format!("Topic {name}")));
    let heads = ["partition", "start", "end", "records", "size", "segments", "producers", "state"];
    let rows = partitions.iter().take(ROWS_MAX).map(|one| {
        let state = match one.is_offline {
            true => Html::marked("bad", "offline"),
            false => Html::marked("good", "online"),
        };
        vec![
            number(one.index),
            number(one.start),
            number(one.high_watermark),
            number((one.high_watermark - one.start).max(0)),
            number(bytes(one.size)),
            number(one.segments),
            number(one.producers),
            Cell::Words(state),
        ]
    });
    page.push_table("Partitions", &heads, rows, partitions.len());
    Some(page.into_page(name))
}

/// The page of a group, if there is such a group.
pub(super) fn group(admin: &Admin, id: &str) -> Option<String> {
    let serving = admin.serving.get()?;
    let seen = serving.broker.groups.glance(Glance::of(id, OFFSETS_MAX));
    let group = seen.groups.first()?;
    let mut page = head(admin);
    page.push_element("h2", &Html::text(&format!("Group {id}")));
    let facts = format!("{}, {} members", group.state, group.member_count);
    page.push_element("p", &Html::text(&facts));
    let heads = ["topic", "partition", "committed", "lag"];
    let rows = group.offsets.iter().take(ROWS_MAX).map(|(topic, index, offset)| {
        let lag = survey::lag(&serving.broker, topic, *index, *offset);
        let lag = lag.map_or("no such partition".to_owned(), |lag| lag.to_string());
        vec![Cell::Words(Html::link("topics", topic)), number(index), number(offset), number(lag)]
    });
    page.push_table("Committed offsets", &heads, rows, group.offsets.len());
    Some(page.into_page(id))
}

fn head(admin: &Admin) -> Html {
    let mut inner = Html::default();
    inner.push_element("h1", &Html::home());
    inner.push_element("span", &Html::text(env!("CARGO_PKG_VERSION")));
    if let Some(Serving { broker, .. }) = admin.serving.get() {
        let addresses: Vec<String> = broker.bound.iter().map(ToString::to_string).collect();
        for fact in [
            format!("broker {} of cluster {}", broker.config.node_id, broker.cluster_id),
            format!("on {}", addresses.join(", ")),
            format!("up {}", duration(admin.started.elapsed().as_secs())),
        ] {
            inner.push_element("span", &Html::text(&fact));
        }
    }
    inner.push(&match health::readiness(admin) {
        Ok(()) => Html::state("good", "ready"),
        Err(reason) => Html::state("bad", &format!("not ready: {reason}")),
    });
    let mut page = Html::default();
    page.push_element("header", &inner);
    page
}

fn tiles(serving: &Serving, partitions: &[PartitionNow], page: &mut Html) {
    let Serving { broker, net } = serving;
    let traffic = &broker.metrics.traffic;
    let sum = survey::sum(partitions);
    page.push_tiles(&[
        ("records in", traffic.messages_in().to_string()),
        ("bytes in", bytes(traffic.bytes_in())),
        ("bytes out", bytes(traffic.bytes_out())),
        ("stored", bytes(sum.size)),
        ("partitions", sum.partitions.to_string()),
        ("offline", sum.offline.to_string()),
        ("connections", net.connections(0).1.to_string()),
    ]);
}

fn topics(partitions: &[PartitionNow], page: &mut Html) {
    let topics = survey::by_topic(partitions);
    let heads = ["topic", "partitions", "records", "size", "records in", "bytes in", "bytes out"];
    let rows = topics.iter().take(ROWS_MAX).map(|(name, sum)| {
        let mut name = Html::link("topics", name);
        if sum.offline > 0 {
            name.push(&Html::marked("bad", &format!(" {} offline", sum.offline)));
        }
        vec![
            Cell::Words(name),
            number(sum.partitions),
            number(sum.records),
            number(bytes(sum.size)),
            number(sum.messages_in),
            number(bytes(sum.bytes_in)),
            number(bytes(sum.bytes_out)),
        ]
    });
    page.push_table("Topics", &heads, rows, topics.len());
}

fn groups(serving: &Serving, page: &mut Html) {
    let broker = &serving.broker;
    let seen = broker.groups.glance(Glance::new(ROWS_MAX, OFFSETS_MAX));
    let total_lag = |group: &GroupGlance| -> u64 {
        let offsets = group.offsets.iter();
        offsets.filter_map(|(topic, index, at)| survey::lag(broker, topic, *index, *at)).sum()
    };
    let rows = seen.groups.iter().map(|group| {
        vec![
            Cell::Words(Html::link("groups", &group.id)),
            words(group.state),
            number(group.member_count),
            number(group.offsets.len()),
            number(total_lag(group)),
        ]
    });
    let count = seen.states.values().sum();
    page.push_table("Groups", &["group", "state", "members", "offsets", "lag"], rows, count);
}

fn clients(serving: &Serving, page: &mut Html) {
    let (connections, count) = serving.net.connections(ROWS_MAX);
    let rows = connections.iter().map(|connection| {
        let told = connection.client.told();
        vec![
            words(&told.id),
            words(&format!("{} {}", told.software_name, told.software_version)),
            words(&connection.peer.to_string()),
            words(serving.broker.metrics.listeners[connection.listener].name()),
            number(connection.id),
        ]
    });
    let heads = ["client ID", "library", "address", "listener", "connection"];
    page.push_table("Clients", &heads, rows, count);
}
