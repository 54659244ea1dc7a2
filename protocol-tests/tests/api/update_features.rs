//! UpdateFeatures: every version, what is refused, and what ApiVersions then tells.

use kafka_protocol::ResponseError::InvalidUpdateVersion;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{ApiVersionsRequest, UpdateFeaturesRequest};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::requests::*;

const METADATA: &str = "metadata.version";
const LEVEL: i16 = 30;

fn update(name: &str, level: i16) -> FeatureUpdateKey {
    FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(level)
}

/// The request with an upgrade type, as the version can say it.
fn request(version: i16, kind: i8, mut updates: Vec<FeatureUpdateKey>) -> UpdateFeaturesRequest {
    for update in &mut updates {
        match version {
            0 => update.allow_downgrade = kind > 1,
            _ => update.upgrade_type = kind,
        }
    }
    UpdateFeaturesRequest::default().with_feature_updates(updates).with_timeout_ms(TIMEOUT_MS)
}

type Levels = Vec<(String, i16, i16)>;

/// Supported and finalized features, and the epoch.
fn told(client: &mut Client, version: i16) -> (Levels, Levels, i64) {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(text("protocol-tests"))
        .with_client_software_version(text("1.0"));
    let response = client.call(request, version);
    let supported = response.supported_features.iter();
    let finalized = response.finalized_features.iter();
    (
        supported.map(|f| (f.name.to_string(), f.min_version, f.max_version)).collect(),
        finalized.map(|f| (f.name.to_string(), f.min_version_level, f.max_version_level)).collect(),
        response.finalized_features_epoch,
    )
}

#[test]
fn every_version_grants_the_level_in_force() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=2 {
        for kind in 1..=if version == 0 { 2 } else { 3 } {
            for updates in [vec![update(METADATA, LEVEL)], vec![update(METADATA, LEVEL); 2]] {
                let count = if version < 2 { updates.len() } else { 0 };
                let response = client.call(request(version, kind, updates), version);
                let answer = (response.throttle_time_ms, response.error_code);
                assert_eq!((answer, response.error_message), ((0, 0), None), "v{version}");
                assert_eq!(response.results.len(), count);
                for result in response.results {
                    assert_eq!((&*result.feature, result.error_code), (METADATA, 0));
                }
            }
        }
        let nothing = client.call(request(version, 1, Vec::new()), version);
        assert_eq!((nothing.error_code, nothing.results.len()), (0, 0));
    }
}

#[test]
fn other_levels_and_features_are_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let before = told(&mut client, 4);
    for version in 0..=2 {
        for (name, level, kind) in [
            (METADATA, LEVEL + 1, 1),
            (METADATA, LEVEL - 1, 1),
            (METADATA, LEVEL - 1, 2),
            (METADATA, 6, 2),
            (METADATA, 0, 2),
            (METADATA, -1, 1),
            ("nope", 1, 1),
            ("", 1, 1),
        ] {
            let updates = vec![update(METADATA, LEVEL), update(name, level)];
            let response = client.call(request(version, kind, updates), version);
            assert_eq!(response.error_code, InvalidUpdateVersion.code(), "{name} {level}");
            assert!(response.error_message.is_some_and(|text| text.contains(name)));
            assert!(response.results.is_empty());
        }
        if version > 0 {
            for kind in [0, 4, -1] {
                let response =
                    client.call(request(version, kind, vec![update(METADATA, LEVEL)]), version);
                assert_eq!(response.error_code, InvalidUpdateVersion.code(), "type {kind}");
            }
            let only = request(version, 1, vec![update(METADATA, LEVEL)]).with_validate_only(true);
            assert_eq!(client.call(only, version).error_code, 0);
        }
    }
    assert_eq!(told(&mut client, 4), before);
}

#[test]
fn features_are_told_and_stay() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    let level = vec![(METADATA.to_owned(), LEVEL, LEVEL)];
    assert_eq!(told(&mut client, 2), (vec![], vec![], -1));
    let mut epochs = Vec::new();
    for way in ["new", "stop", "kill"] {
        match way {
            "stop" => broker.stop(),
            "kill" => broker.kill(),
            _ => {}
        }
        if way != "new" {
            broker.restart();
        }
        let mut client = broker.connect();
        for version in 3..=4 {
            let (supported, finalized, epoch) = told(&mut client, version);
            assert_eq!((&supported, &finalized), (&level, &level), "{way} v{version}");
            epochs.push(epoch);
        }
        create(&mut client, way, 1, &[]);
    }
    assert!(epochs.is_sorted() && epochs[0] >= 0, "{epochs:?}");
}
