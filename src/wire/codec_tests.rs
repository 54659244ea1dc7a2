//! What the reader and the writer refuse, and that they agree with the codec crate where both know
//! a message. All messages in all versions are swept by `scripts/check-messages`.

use bytes::BytesMut;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::*;
use crate::wire::messages::{self as ours, api_versions_response, offset_commit_request};

fn read<T: Field>(bytes: &[u8], flexible: bool) -> Result<T, Error> {
    T::read(&mut Reader::new(&mut Bytes::copy_from_slice(bytes), 0, flexible))
}

fn write<T: Field>(value: &T, flexible: bool) -> Result<Vec<u8>, Error> {
    let mut bytes = BytesMut::new();
    value.write(&mut Writer::new(&mut bytes, 0, flexible))?;
    Ok(bytes.to_vec())
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

#[test]
fn lengths_longer_than_what_is_left_are_refused() {
    let too_long = |length, left| Err(Error::Length { length, left });
    assert_eq!(read::<StrBytes>(b"\x00\x03ab", false).map(|_| ()), too_long(3, 2));
    assert_eq!(read::<Bytes>(b"\x7f\xff\xff\xff", false).map(|_| ()), too_long(0x7fff_ffff, 0));
    assert_eq!(
        read::<Vec<i8>>(b"\xff\xff\xff\xff\x0f", true).map(|_| ()),
        too_long(0xffff_fffe, 0)
    );
    // So many bytes are there, but not so many elements.
    let mut bytes = vec![0, 0, 0x10, 0];
    bytes.resize(4 + 0x1000, 0);
    assert_eq!(read::<Vec<i64>>(&bytes, false).map(|_| ()), too_long(0x8000, 0x1000));
    assert_eq!(read::<Vec<StrBytes>>(&bytes, false), Err(Error::Truncated));
}

#[test]
fn variable_length_integers_end_after_five_bytes() {
    assert_eq!(read::<StrBytes>(b"\x83\x80\x80\x80\x00ab", true), Ok(text("ab")));
    assert_eq!(read::<StrBytes>(b"\x83\x80\x80\x80\x80\x00ab", true), Err(Error::Varint));
    assert_eq!(read::<StrBytes>(b"\x83", true), Err(Error::Truncated));
}

#[test]
fn null_is_read_and_written_only_where_it_may_be() {
    for (flexible, null) in [(false, b"\xff\xff".as_slice()), (true, b"\x00")] {
        assert_eq!(read::<Option<StrBytes>>(null, flexible), Ok(None));
        assert_eq!(read::<StrBytes>(null, flexible), Err(Error::Null));
        assert_eq!(write(&None::<StrBytes>, flexible).as_deref(), Ok(null));
    }
    let mut bytes = BytesMut::new();
    let mut to = Writer::new(&mut bytes, 0, false);
    assert_eq!(to.put_some(&None::<StrBytes>), Err(Error::Null));
}

#[test]
fn texts_are_utf8_and_not_too_long() {
    assert_eq!(read::<StrBytes>(b"\x00\x01\xff", false), Err(Error::Utf8));
    let longest = StrBytes::from_string("x".repeat(32_767));
    assert_eq!(write(&longest, false).map(|bytes| bytes.len()), Ok(2 + 32_767));
    let longer = StrBytes::from_string("x".repeat(32_768));
    for flexible in [false, true] {
        assert_eq!(write(&longer, flexible), Err(Error::TooLong(32_768)));
    }
}

#[test]
fn unknown_tags_are_passed_over_and_known_ones_must_have_their_size() {
    let decode = |tags: &[u8]| {
        // No error, no APIs, no throttling.
        let mut bytes = Bytes::from([b"\x00\x00\x01\x00\x00\x00\x00", tags].concat());
        ours::ApiVersionsResponse::decode(&mut bytes, 4).map_err(|error| error.to_string())
    };
    let epoch = b"\x01\x08\x00\x00\x00\x00\x00\x00\x00\x07";
    let known = decode(&[b"\x02\x01\x08".as_slice(), &epoch[2..], b"\x63\x02ab"].concat());
    assert_eq!(known.map(|answer| answer.finalized_features_epoch), Ok(7));
    let wrong = decode(&[b"\x01\x01\x09".as_slice(), &epoch[2..], b"\x00"].concat());
    let size = Error::TagSize { size: 9, read: 8 };
    assert_eq!(wrong, Err(size.to_string()));
    let long = decode(b"\x01\x63\x7f");
    assert_eq!(long, Err(Error::Length { length: 0x7f, left: 0 }.to_string()));
}

#[test]
fn a_tag_that_holds_its_default_is_not_sent() {
    let encode = |answer: &ours::ApiVersionsResponse| {
        let mut bytes = BytesMut::new();
        answer.encode(&mut bytes, 4).unwrap();
        bytes.to_vec()
    };
    let mut answer = ours::ApiVersionsResponse::default();
    assert_eq!(encode(&answer), b"\x00\x00\x01\x00\x00\x00\x00\x00");
    answer.zk_migration_ready = true;
    answer.finalized_features_epoch = 7;
    let tags = b"\x02\x01\x08\x00\x00\x00\x00\x00\x00\x00\x07\x03\x01\x01";
    assert_eq!(encode(&answer)[7..], tags[..]);
}

#[test]
fn what_a_version_cannot_carry_is_refused_unless_it_may_be_lost() {
    let encode = |request: &ours::OffsetCommitRequest, version| {
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes, version).map_err(|error| error.to_string())
    };
    let mut request =
        ours::OffsetCommitRequest { retention_time_ms: 7, ..ours::OffsetCommitRequest::default() };
    assert_eq!(encode(&request, 9), Ok(()));
    request.group_instance_id = Some(text("i"));
    assert_eq!(encode(&request, 7), Ok(()));
    assert_eq!(encode(&request, 6), Err(Error::Absent("GroupInstanceId").to_string()));
    for version in [1, 11, -1] {
        assert_eq!(encode(&request, version), Err(Error::Version(version).to_string()));
        let decoded = ours::OffsetCommitRequest::decode(&mut Bytes::new(), version);
        assert!(decoded.is_err(), "v{version}");
    }
}

#[test]
fn the_codec_crate_reads_what_is_written_here() {
    let row = api_versions_response::ApiVersion { api_key: 8, min_version: 2, max_version: 10 };
    let feature = api_versions_response::SupportedFeatureKey {
        name: text("group.version"),
        min_version: 0,
        max_version: 1,
    };
    let answer = ours::ApiVersionsResponse {
        error_code: 35,
        api_keys: vec![row],
        supported_features: vec![feature],
        ..ours::ApiVersionsResponse::default()
    };
    let mut bytes = BytesMut::new();
    answer.encode(&mut bytes, 4).unwrap();
    let read = theirs::ApiVersionsResponse::decode(&mut bytes.clone().freeze(), 4).unwrap();
    assert_eq!((read.error_code, read.api_keys[0].max_version), (35, 10));
    assert_eq!(read.supported_features[0].max_version, 1);
    let mut again = BytesMut::new();
    read.encode(&mut again, 4).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn the_newest_version_has_topic_ids_in_place_of_names() {
    let id = Uuid::from_u128(7);
    let topic = offset_commit_request::OffsetCommitRequestTopic {
        name: text("t"),
        topic_id: id,
        partitions: Vec::new(),
    };
    let request =
        ours::OffsetCommitRequest { topics: vec![topic], ..ours::OffsetCommitRequest::default() };
    for (version, name, topic_id) in [(9, "t", Uuid::nil()), (10, "", id)] {
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes, version).unwrap();
        assert_eq!(request.compute_size(version).unwrap(), bytes.len());
        let read = ours::OffsetCommitRequest::decode(&mut bytes.freeze(), version).unwrap();
        assert_eq!((&*read.topics[0].name, read.topics[0].topic_id), (name, topic_id));
    }
}
