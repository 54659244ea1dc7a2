//! DescribeClientQuotas: every version, and what each filter takes. The expected answers are
//! Kafka's own.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::alter_client_quotas::{Part, alter};

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

type Wanted<'a> = (&'a str, i8, Option<&'a str>);

fn request(wanted: &[Wanted<'_>], strict: bool) -> DescribeClientQuotasRequest {
    let components = wanted.iter().map(|(kind, how, name)| {
        ComponentData::default()
            .with_entity_type(text(kind))
            .with_match_type(*how)
            .with_match(name.map(text))
    });
    DescribeClientQuotasRequest::default().with_components(components.collect()).with_strict(strict)
}

/// The values found, which tell the entities below apart.
fn values(response: &DescribeClientQuotasResponse) -> Vec<i64> {
    let entries = response.entries.iter().flatten();
    let mut values: Vec<i64> =
        entries.flat_map(|entry| entry.values.iter().map(|value| value.value as i64)).collect();
    values.sort_unstable();
    values
}

fn with_quotas(client: &mut Client) {
    let entities: &[&[Part<'_>]] = &[
        &[("user", Some("u"))],
        &[("user", None)],
        &[("client-id", Some("c"))],
        &[("client-id", None)],
        &[("user", Some("u")), ("client-id", Some("c"))],
        &[("user", Some("u")), ("client-id", None)],
        &[("user", None), ("client-id", Some("c"))],
        &[("user", None), ("client-id", None)],
    ];
    for (entity, value) in entities.iter().zip(1..) {
        let ops = [("producer_byte_rate", Some(f64::from(value)))];
        assert_eq!(alter(client, entity, &ops), 0);
    }
    for (ip, value) in [(Some("10.0.0.1"), 9.0), (None, 10.0)] {
        assert_eq!(alter(client, &[("ip", ip)], &[("connection_creation_rate", Some(value))]), 0);
    }
}

#[test]
fn filters_take_what_they_name() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    with_quotas(&mut client);
    let cases: &[(&[Wanted<'_>], bool, &[i64])] = &[
        (&[], false, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&[], true, &[]),
        (&[("user", EXACT, Some("u"))], false, &[1, 5, 6]),
        (&[("user", EXACT, Some("u"))], true, &[1]),
        (&[("user", EXACT, Some("nobody"))], false, &[]),
        (&[("user", DEFAULT, None)], false, &[2, 7, 8]),
        (&[("user", DEFAULT, None)], true, &[2]),
        (&[("user", ANY, None)], false, &[1, 2, 5, 6, 7, 8]),
        (&[("user", ANY, None)], true, &[1, 2]),
        (&[("client-id", ANY, None)], true, &[3, 4]),
        (&[("user", ANY, None), ("client-id", ANY, None)], true, &[5, 6, 7, 8]),
        (&[("user", EXACT, Some("u")), ("client-id", DEFAULT, None)], false, &[6]),
        (&[("user", DEFAULT, None), ("client-id", EXACT, Some("c"))], true, &[7]),
        (&[("ip", ANY, None)], false, &[9, 10]),
        (&[("ip", EXACT, Some("10.0.0.1"))], true, &[9]),
        (&[("ip", DEFAULT, None)], true, &[10]),
    ];
    for version in 0..=1 {
        for (wanted, strict, expected) in cases {
            let response = client.call(request(wanted, *strict), version);
            // Kafka sends an empty text where there is no error.
            assert_eq!((response.error_code, &response.error_message), (0, &Some(text(""))));
            assert_eq!(values(&response), *expected, "{wanted:?} strict: {strict}");
        }
    }
}

#[test]
fn filters_that_make_no_sense_are_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let cases: &[(&[Wanted<'_>], i16)] = &[
        (&[("group", ANY, None)], UnsupportedVersion.code()),
        (&[("", ANY, None)], InvalidRequest.code()),
        (&[("user", EXACT, None)], InvalidRequest.code()),
        (&[("user", DEFAULT, Some("u"))], InvalidRequest.code()),
        (&[("user", ANY, Some("u"))], InvalidRequest.code()),
        (&[("user", 3, None)], InvalidRequest.code()),
        (&[("user", -1, None)], InvalidRequest.code()),
        (&[("user", ANY, None), ("user", DEFAULT, None)], InvalidRequest.code()),
        (&[("ip", ANY, None), ("user", ANY, None)], InvalidRequest.code()),
    ];
    for version in 0..=1 {
        for (wanted, code) in cases {
            let response = client.call(request(wanted, false), version);
            assert_eq!(response.error_code, *code, "{wanted:?}");
            assert!(response.error_message.is_some() && response.entries.is_none());
        }
    }
}
