//! ListConfigResources: every version and every kind.

use kafka_protocol::ResponseError::UnsupportedVersion;
use kafka_protocol::messages::ListConfigResourcesRequest;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::config_requests::{BROKER, GROUP, LOGGER, METRICS, TOPIC, set, unset};
use super::requests::*;

/// Error code, and kind and name of each resource.
fn list(client: &mut Client, version: i16, types: &[i8]) -> (i16, Vec<(i8, String)>) {
    let request = ListConfigResourcesRequest::default().with_resource_types(types.to_vec());
    let response = client.call(request, version);
    assert_eq!(response.throttle_time_ms, 0);
    let resources = response.config_resources.iter();
    let named = resources.map(|r| (r.resource_type, r.resource_name.to_string()));
    (response.error_code, named.collect())
}

#[test]
fn every_version_names_what_has_configurations() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    set(&mut client, BROKER, "", "log.roll.ms", "60000");
    set(&mut client, GROUP, "g", "consumer.session.timeout.ms", "50000");
    for name in ["m", "gone"] {
        set(&mut client, METRICS, name, "metrics", "*");
    }
    unset(&mut client, METRICS, "gone", "metrics");
    let named = |pairs: &[(i8, &str)]| {
        (0, pairs.iter().map(|(kind, name)| (*kind, name.to_string())).collect::<Vec<_>>())
    };
    // Version 0 knows one kind and does not say it; the codec's default stands for it.
    assert_eq!(list(&mut client, 0, &[]), named(&[(METRICS, "m")]));
    let all = [(GROUP, "g"), (METRICS, "m"), (LOGGER, "1"), (BROKER, "1"), (TOPIC, "t")];
    assert_eq!(list(&mut client, 1, &[]), named(&all));
    for one in all {
        assert_eq!(list(&mut client, 1, &[one.0, one.0]), named(&[one]));
    }
    assert_eq!(list(&mut client, 1, &[TOPIC, GROUP]), named(&[all[0], all[4]]));
    for types in [&[3][..], &[0], &[TOPIC, 99]] {
        assert_eq!(list(&mut client, 1, types), (UnsupportedVersion.code(), Vec::new()));
    }
}
