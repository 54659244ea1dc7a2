//! The settings of this broker that may change while it runs. Deliberately judges nothing: the
//! table in [`super::dynamic`] does, before anything is kept.

use super::dynamic::{BrokerDefaults, Value, address_counts};
use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};

/// All of them, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Everything that was set: the defaults of topics and groups, and what DescribeConfigs tells.
    pub defaults: BrokerDefaults,
    /// Connections that are let in.
    pub connections: Connections,
    /// Silence after which a partition forgets a producer (`producer.id.expiration.ms`).
    pub producer_id_expiration_ms: i64,
    /// Limits of compaction.
    pub cleaner: Cleaner,
}

/// Limits of compaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaner {
    /// Logs that are compacted at the same time (`log.cleaner.threads`).
    pub threads: usize,
    /// Wait between two looks for work (`log.cleaner.backoff.ms`).
    pub backoff_ms: u64,
    /// Memory for keys, of all threads (`log.cleaner.dedupe.buffer.size`).
    pub key_bytes_max: usize,
    /// Bytes read and written in a second, by all threads (`log.cleaner.io.max.bytes.per.second`).
    pub bytes_per_second_max: u64,
}

/// Connections that are let in.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    /// At one time (`max.connections`).
    pub count_max: usize,
    /// At one time from one address (`max.connections.per.ip`).
    pub per_ip_max: usize,
    /// Other limits, by canonical address (`max.connections.per.ip.overrides`).
    pub per_ip_overrides: HashMap<IpAddr, usize>,
    /// New ones in a second (`max.connection.creation.rate`).
    pub per_second: i64,
}

impl Live {
    /// What follows from the broker's settings. Host names are looked up, which may wait for the
    /// network; a name that is not found is logged and counts for nothing.
    pub fn resolve(defaults: BrokerDefaults) -> Live {
        let count = |name: &str| usize::try_from(defaults.number(name)).unwrap_or(usize::MAX);
        let overrides = defaults.value("max.connections.per.ip.overrides");
        let overrides = overrides.map(|text| text.to_string()).unwrap_or_default();
        let connections = Connections {
            count_max: count("max.connections"),
            per_ip_max: count("max.connections.per.ip"),
            per_ip_overrides: per_ip_overrides(&overrides),
            per_second: defaults.number("max.connection.creation.rate"),
        };
        let producer_id_expiration_ms = defaults.number("producer.id.expiration.ms");
        let cleaner = cleaner(&defaults);
        Live { connections, producer_id_expiration_ms, cleaner, defaults }
    }
}

fn cleaner(defaults: &BrokerDefaults) -> Cleaner {
    let number = |name: &str| defaults.number(name).max(0).unsigned_abs();
    let bytes_per_second_max = match defaults.value("log.cleaner.io.max.bytes.per.second") {
        // Larger than any number is no limit; what is no number or negative, the least.
        Some(Value::Double(bytes)) => bytes as u64,
        _ => u64::MAX,
    };
    Cleaner {
        threads: usize::try_from(number("log.cleaner.threads")).unwrap_or(usize::MAX),
        backoff_ms: number("log.cleaner.backoff.ms"),
        key_bytes_max: usize::try_from(number("log.cleaner.dedupe.buffer.size"))
            .unwrap_or(usize::MAX),
        bytes_per_second_max,
    }
}

fn per_ip_overrides(text: &str) -> HashMap<IpAddr, usize> {
    let mut overrides = HashMap::new();
    for (host, count) in address_counts(text).flatten() {
        match (host, 0).to_socket_addrs() {
            Ok(found) => overrides.extend(found.map(|a| (a.ip().to_canonical(), count as usize))),
            Err(error) => {
                tracing::warn!(host, %error, "max.connections.per.ip.overrides names no address");
            }
        }
    }
    overrides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_last_counts() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
        };
        let fixed = map(&[("max.connections", "7"), ("max.connections.per.ip", "6")]);
        let all = map(&[("max.connections.per.ip", "5"), ("producer.id.expiration.ms", "1")]);
        let own = map(&[("max.connections.per.ip.overrides", "[::1]:3, 127.0.0.2:4")]);
        let live = Live::resolve(BrokerDefaults::new(fixed).with_dynamic(all, own));
        assert_eq!((live.connections.count_max, live.connections.per_ip_max), (7, 5));
        assert_eq!(live.producer_id_expiration_ms, 1);
        let mut overrides: Vec<_> = live.connections.per_ip_overrides.into_iter().collect();
        overrides.sort_unstable();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(overrides, [(address("127.0.0.2"), 4), (address("::1"), 3)]);
    }
}
