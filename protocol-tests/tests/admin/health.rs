//! Health: live while the process answers, ready while it can do its work.

use std::process::{Command, Output};

use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest};
use protocol_tests::batches::one;
use protocol_tests::broker::{Broker, binary};
use protocol_tests::client::text;
use protocol_tests::http::{get, series};

use crate::group_requests::{NOBODY, commit_request, commit_simple};
use crate::requests::{create, produce, try_produce};
use crate::start;

#[test]
fn a_broker_that_serves_is_live_and_ready() {
    let broker = start(&[]);
    let address = broker.admin_address();
    assert_eq!(get(address, "/health/live").status, 200);
    let ready = get(address, "/health/ready");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    assert_eq!(series(&get(address, "/metrics").body, "felice_ready"), Some(1.0));
}

#[test]
fn a_partition_whose_write_failed_makes_the_broker_unready() {
    let mut broker = start(&[]);
    let address = broker.admin_address();
    let mut client = broker.connect();
    create(&mut client, "good", 1, &[]);
    produce(&mut client, "good", one(b"x"));
    let id = create(&mut client, "bad", 2, &[]);
    // A file where the folder of the topic must be: the first write fails.
    let folder = felice::kernel::types::Uuid(*id.as_bytes()).to_string();
    std::fs::write(broker.directory().join("topics").join(&folder), b"in the way").unwrap();
    assert_eq!(try_produce(&mut client, "bad", one(b"x")).error_code, 56);
    let ready = get(address, "/health/ready");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("bad-0") && !ready.body.contains("bad-1"), "{}", ready.body);
    assert_eq!(get(address, "/health/live").status, 200);
    let metrics = get(address, "/metrics").body;
    assert_eq!(series(&metrics, "felice_ready"), Some(0.0));
    assert_eq!(series(&metrics, "felice_partitions_offline"), Some(1.0));
    assert_eq!(series(&metrics, "felice_produce_failed_total"), Some(1.0));
    let errors = "felice_request_errors_total{api=\"Produce\",error=\"KAFKA_STORAGE_ERROR\"}";
    assert_eq!(series(&metrics, errors), Some(1.0), "{metrics}");
    for name in ["felice_log_directories_offline", "felice_disk_full"] {
        let expected = f64::from(u8::from(name.contains("offline")));
        assert_eq!(series(&metrics, name), Some(expected), "{name}");
    }
    let output = health(&broker);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("bad-0"), "{said}");
    produce(&mut client, "good", one(b"y"));
    drop(client);
    broker.kill();
}

/// Asks as a script does, whether it serves and is ready.
fn health(broker: &Broker) -> Output {
    let (listener, admin) = (broker.address().to_string(), broker.admin_address().to_string());
    let asked = Command::new(binary()).args(["health", &listener, "--ready", &admin]).output();
    asked.expect("the program runs")
}

#[test]
fn a_broker_that_cannot_keep_its_own_state_ends_at_once_and_says_why() {
    let mut broker = start(&[]);
    let address = broker.admin_address();
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let request = FindCoordinatorRequest::default().with_key(text("g"));
    assert_eq!(client.call(request, 3).error_code, 0);
    assert!(health(&broker).status.success());
    assert_eq!(series(&get(address, "/metrics").body, "felice_log_directories_offline"), Some(0.0));
    let metadata = client.call(MetadataRequest::default().with_topics(None), 12);
    let offsets = metadata.topics.iter().find(|topic| topic.is_internal).expect("it is there");
    let folder = felice::kernel::types::Uuid(*offsets.topic_id.as_bytes()).to_string();
    let folder = broker.directory().join("topics").join(&folder);
    // A file where the folder of the topic must be: the first write fails.
    std::fs::create_dir_all(folder.parent().expect("it lies in topics")).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    client.send(&commit_request("g", NOBODY, -1, "t", 1), 8);
    assert_eq!(broker.wait().code(), Some(1));
    let log = broker.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(told.len(), 1, "{log}");
    for part in ["__consumer_offsets-", "cannot be written", "the broker stops"] {
        assert!(told[0].contains(part), "{}", told[0]);
    }
    std::fs::remove_file(folder).unwrap();
    broker.restart();
    commit_simple(&mut broker.connect(), "g", "t", 1);
}
