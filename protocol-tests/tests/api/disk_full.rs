//! A full disk stops producers before anything is written, and nothing else: reading, committing
//! and administration go on, and producers do when there is room again. Nothing acknowledged is
//! lost, and what was refused is not there.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::CreateTopicsRequest;
use protocol_tests::batches::{self, idempotent, one};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};
use protocol_tests::volume::Volume;

use super::group_requests::*;
use super::init_producer_id::producer_id;
use super::requests::*;

/// How soon all must go on when there is room again.
const RESUME_WITHIN: Duration = Duration::from_secs(5);

/// Produces large records until one is refused. Answers how many were taken.
fn fill(client: &mut Client, topic: &str) -> i64 {
    let value = vec![b'x'; 300_000];
    for count in 0..1_000 {
        let answer = try_produce(client, topic, one(&value));
        if answer.error_code != 0 {
            assert_eq!(answer.error_code, KafkaStorageError.code());
            let message = answer.error_message.expect("it is told").to_string();
            assert!(message.contains("disk is full"), "{message}");
            assert_eq!(answer.base_offset, -1);
            return count;
        }
        assert_eq!(answer.base_offset, count);
    }
    panic!("the volume has room for everything");
}

/// The code of a commit with much metadata.
fn commit_much(client: &mut Client, offset: i64) -> i16 {
    let mut request = commit_request("g", NOBODY, -1, "t", offset);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"m".repeat(4_000)));
    commit(client, 8, request)
}

fn create_code(client: &mut Client, name: &str) -> i16 {
    let topics = (0..20).map(|n| new_topic(&format!("{name}-{n}"), 10, &[]));
    let request =
        CreateTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(30_000);
    let answer = client.call(request, 7).topics.remove(0);
    let message = answer.error_message.map(|message| message.to_string()).unwrap_or_default();
    assert_eq!(answer.error_code != 0, message.contains("disk is full"), "{message}");
    answer.error_code
}

/// Tries until it succeeds, which it must within the time.
fn eventually(mut attempt: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !attempt() {
        assert!(begun.elapsed() < RESUME_WITHIN, "it does not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn broker_on(volume: &Volume) -> Broker {
    Broker::start_in(&volume.folder().join("data"), &[])
}

#[test]
fn producers_wait_for_room_and_everything_else_goes_on() {
    let Some(volume) = Volume::mount(48) else { return };
    let mut broker = broker_on(&volume);
    let mut client = broker.connect();
    find_coordinator(&mut client);
    let producer = producer_id(&mut client);
    for topic in ["t", "u"] {
        create(&mut client, topic, 1, &[]);
    }
    assert_eq!(produce(&mut client, "u", idempotent(producer, 0, 0, 1)), 0);
    let taken = fill(&mut client, "t");
    assert!(taken > 50, "{taken}");
    // The sequence of a refused batch was not used up; everything but records finds room.
    let refused = try_produce(&mut client, "u", idempotent(producer, 0, 1, 1));
    assert_eq!(refused.error_code, KafkaStorageError.code());
    assert_eq!(list_offset(&mut client, "t", -1).0, taken);
    let last = fetch_records(&mut client, "t", taken - 1);
    assert_eq!(batches::heads(&last)[0].base_offset, taken - 1);
    commit_simple(&mut client, "g", "t", 7);
    create(&mut client, "v", 1, &[]);
    delete(&mut client, "t");
    eventually(|| {
        let answer = try_produce(&mut client, "u", idempotent(producer, 0, 1, 1));
        answer.error_code == 0 && answer.base_offset == 1
    });
    let taken = fill(&mut client, "v");
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(list_offset(&mut client, "v", -1).0, taken);
    assert_eq!(list_offset(&mut client, "u", -1).0, 2);
    assert_eq!(committed(&mut client, "g", "t"), -1, "its topic is gone");
}

/// Limits the files of a broker to so many bytes.
fn limit_files(broker: &Broker, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    let id = i32::try_from(broker.id()).expect("process IDs are small");
    // SAFETY: the limit is read during the call only, and nothing is written.
    let done = unsafe { libc::prlimit(id, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_file_at_its_limit_refuses_what_does_not_fit_and_stays_readable() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    // Not a whole number of records: the last one is written in part and taken back.
    limit_files(&broker, 5_000_000);
    let taken = fill(&mut client, "t");
    assert_eq!(taken, 16);
    let last = fetch_records(&mut client, "t", taken - 1);
    assert_eq!(batches::heads(&last)[0].base_offset, taken - 1);
    limit_files(&broker, libc::RLIM_INFINITY);
    eventually(|| try_produce(&mut client, "t", one(b"next")).base_offset == taken);
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(list_offset(&mut client, "t", -1).0, taken + 1);
    assert!(!broker.log().contains("is cut off"), "nothing of the refused one was there");
}

#[test]
fn a_disk_that_others_fill_to_the_last_byte_harms_nothing() {
    let Some(volume) = Volume::mount(48) else { return };
    let mut broker = broker_on(&volume);
    let mut client = broker.connect();
    find_coordinator(&mut client);
    create(&mut client, "t", 1, &[]);
    let first = produce(&mut client, "t", one(b"first"));
    commit_simple(&mut client, "g", "t", 1);
    volume.fill();
    let mut kept = 1;
    let refused = (2..2_000).find_map(|offset| match commit_much(&mut client, offset) {
        0 => {
            kept = offset;
            None
        }
        code => Some(code),
    });
    let retriable = [CoordinatorNotAvailable.code(), NotCoordinator.code()];
    assert!(refused.is_some_and(|code| retriable.contains(&code)), "{refused:?}");
    let refused = (0..200).map(|n| create_code(&mut client, &format!("n{n}"))).find(|c| *c != 0);
    assert_eq!(refused, Some(KafkaStorageError.code()));
    let value = vec![b'x'; 100_000];
    assert_eq!(try_produce(&mut client, "t", one(&value)).error_code, KafkaStorageError.code());
    assert!(broker.is_running());
    assert_eq!(fetch_records(&mut client, "t", first).len(), batches::one(b"first").len());
    volume.free();
    eventually(|| commit_much(&mut client, kept + 1) == 0);
    eventually(|| create_code(&mut client, "later") == 0);
    eventually(|| try_produce(&mut client, "t", one(b"second")).error_code == 0);
    assert_eq!(committed(&mut client, "g", "t"), kept + 1);
    for clean in [false, true] {
        if clean {
            broker.stop()
        } else {
            broker.kill()
        }
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(list_offset(&mut client, "t", -1).0, 2);
        assert_eq!(committed(&mut client, "g", "t"), kept + 1);
        assert_eq!(describe_topic(&mut client, "later-19").partitions.len(), 10);
    }
}
