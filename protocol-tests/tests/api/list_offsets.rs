//! ListOffsets: every version, the special times, and times inside batches of every codec.

use felice::kernel::batch::Codec;
use felice::wire::messages;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use protocol_tests::batches::{self, at_times, records, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// The codec crate ends at version 10; 11 has no other fields.
fn call(client: &mut Client, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    match version {
        11 => client.call_newer::<messages::ListOffsetsRequest, _>(request, 10, version),
        _ => client.call(request, version),
    }
}

fn ask(client: &mut Client, version: i16, topic: &str, time: i64) -> ListOffsetsPartitionResponse {
    let response = call(client, version, list_offsets_request(topic, 0, time));
    assert_eq!(response.throttle_time_ms, 0);
    assert_eq!(&*response.topics[0].name.0, topic);
    response.topics[0].partitions[0].clone()
}

#[test]
fn every_version_finds_both_ends_and_times() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", at_times(&[time(), time() + 10, time() + 20]));
    for version in 1..=11 {
        for (wanted, offset, found) in [
            (-1, 3, -1),
            (-2, 0, -1),
            (0, 0, time()),
            (time() + 1, 1, time() + 10),
            (time() + 20, 2, time() + 20),
        ] {
            let answer = ask(&mut client, version, "t", wanted);
            assert_eq!((answer.partition_index, answer.error_code), (0, 0), "v{version}");
            assert_eq!((answer.offset, answer.timestamp), (offset, found), "v{version} {wanted}");
            assert_eq!(answer.leader_epoch, if version >= 4 { 0 } else { -1 }, "v{version}");
        }
        let nothing = ask(&mut client, version, "t", time() + 21);
        assert_eq!((nothing.error_code, nothing.offset, nothing.timestamp), (0, -1, -1));
        assert_eq!(nothing.leader_epoch, -1);
    }
}

#[test]
fn special_times_need_their_versions() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", at_times(&[time(), time() + 10, time() + 5]));
    for version in 1..=11 {
        for (wanted, least, offset, found) in [
            (-3, 7, 1, time() + 10),
            (-4, 8, 0, -1),
            (-5, 9, -1, -1),
            (-6, 11, -1, -1),
            (-7, i16::MAX, -1, -1),
            (i64::MIN, i16::MAX, -1, -1),
        ] {
            let answer = ask(&mut client, version, "t", wanted);
            let what = format!("v{version} {wanted}");
            if version < least {
                assert_eq!(answer.error_code, UnsupportedVersion.code(), "{what}");
                assert_eq!((answer.offset, answer.timestamp), (-1, -1), "{what}");
            } else {
                assert_eq!(answer.error_code, 0, "{what}");
                assert_eq!((answer.offset, answer.timestamp), (offset, found), "{what}");
            }
        }
    }
}

#[test]
fn trap_08_times_are_exact_inside_batches_of_every_codec() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for codec in CODECS {
        let topic = codec.name();
        create(&mut client, topic, 1, &[]);
        // Times do not rise, neither in a batch nor from one batch to the next.
        let times = [[10, 30, 20], [15, 5, 25], [40, 40, 35]];
        for batch in times {
            let batch = at_times(&batch.map(|later| time() + later));
            produce(&mut client, topic, batches::compressed(&batch, codec));
        }
        let all: Vec<i64> = times.concat().iter().map(|later| time() + later).collect();
        for wanted in time()..time() + 45 {
            let first = all.iter().position(|found| *found >= wanted);
            let expected = first.map_or((-1, -1), |offset| (offset as i64, all[offset]));
            let found = list_offset(&mut client, topic, wanted);
            assert_eq!(found, expected, "{topic} {}", wanted - time());
        }
        // Of several records with the largest time it is the first.
        assert_eq!(list_offset(&mut client, topic, -3), (6, time() + 40), "{topic}");
    }
}

#[test]
fn the_largest_time_may_lie_anywhere() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for batch in [[1, 2], [9, 3], [4, 9], [5, 6]] {
        produce(&mut client, "t", at_times(&batch.map(|later| time() + later)));
    }
    assert_eq!(list_offset(&mut client, "t", -3), (2, time() + 9));
}

#[test]
fn times_are_found_among_many_batches() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576")]);
    // Some segments, each with many index entries.
    for index in 0..60 {
        let mut batch = felice::kernel::batch::BatchBuilder::new();
        for record in 0..10 {
            let at = time() + index * 100 + record * 10;
            batch.append(at, None, Some(&[7; 6000]), &[]);
        }
        produce(&mut client, "t", batch.build());
    }
    for wanted in (0..5_991).step_by(37) {
        let offset = (wanted + 9) / 10;
        let found = list_offset(&mut client, "t", time() + wanted);
        assert_eq!(found, (offset, time() + offset * 10), "{wanted}");
    }
    assert_eq!(list_offset(&mut client, "t", time() + 5_991), (-1, -1));
    assert_eq!(list_offset(&mut client, "t", -3), (599, time() + 5_990));
}

#[test]
fn an_empty_log_has_no_times() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for wanted in [0, time(), -3, -5] {
        assert_eq!(list_offset(&mut client, "t", wanted), (-1, -1));
    }
    for wanted in [-1, -2, -4] {
        assert_eq!(list_offset(&mut client, "t", wanted), (0, -1));
    }
}

#[test]
fn append_times_count_where_the_topic_has_them() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let appended = try_produce(&mut client, "t", records(3)).log_append_time_ms;
    assert_eq!(list_offset(&mut client, "t", appended), (0, appended));
    assert_eq!(list_offset(&mut client, "t", -3), (0, appended));
    assert_eq!(list_offset(&mut client, "t", appended + 1), (-1, -1));
}

#[test]
fn a_partition_given_twice_is_an_error() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    for version in [1, 10] {
        let mut request = list_offsets_request("t", 0, -1);
        for (index, wanted) in [(1, -1), (0, -2)] {
            let mut partition = request.topics[0].partitions[0].clone();
            partition.partition_index = index;
            partition.timestamp = wanted;
            request.topics[0].partitions.push(partition);
        }
        let response = client.call(request, version);
        for answer in &response.topics[0].partitions {
            let code = if answer.partition_index == 0 { InvalidRequest.code() } else { 0 };
            assert_eq!(answer.error_code, code, "v{version}");
        }
    }
}

#[test]
fn errors_are_told_by_partition() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 1..=11 {
        let nobody = ask(&mut client, version, "nobody", -1);
        assert_eq!(nobody.error_code, UnknownTopicOrPartition.code());
        assert_eq!((nobody.offset, nobody.timestamp), (-1, -1));
        let code = call(&mut client, version, list_offsets_request("t", 1, -1)).topics[0]
            .partitions[0]
            .error_code;
        assert_eq!(code, UnknownTopicOrPartition.code());
    }
    for (epoch, code) in [(0, 0), (1, UnknownLeaderEpoch.code()), (-2, FencedLeaderEpoch.code())] {
        let mut request = list_offsets_request("t", 0, -1);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        assert_eq!(client.call(request, 4).topics[0].partitions[0].error_code, code, "{epoch}");
    }
    for isolation in [-1, 2] {
        let request = list_offsets_request("t", 0, -1).with_isolation_level(isolation);
        let code = client.call(request, 2).topics[0].partitions[0].error_code;
        assert_eq!(code, InvalidRequest.code());
    }
}

#[test]
fn trap_07_latest_heeds_isolation_and_never_passes_the_high_watermark() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(4));
    for isolation in [0, 1] {
        let request = list_offsets_request("t", 0, -1).with_isolation_level(isolation);
        let answer = client.call(request, 2).topics[0].partitions[0].clone();
        assert_eq!((answer.error_code, answer.offset), (0, 4));
        let data = client.call(fetch_request("t", 0, 4).with_isolation_level(isolation), 12);
        let data = &data.responses[0].partitions[0];
        assert_eq!((data.high_watermark, data.last_stable_offset), (4, 4));
    }
}
