//! Health: live while the process answers, ready while it can do its work.

use protocol_tests::batches::one;
use protocol_tests::http::{get, series};

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
    produce(&mut client, "good", one(b"y"));
    drop(client);
    broker.kill();
}
