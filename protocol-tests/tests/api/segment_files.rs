//! What the settings of a topic do to its files: preallocation, the delay before an old segment
//! goes, the end of a topic under load; and that times are found to the record whatever happened to
//! the files since.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use felice::kernel::batch::Codec;
use kafka_protocol::messages::ProduceRequest;
use protocol_tests::batches::{self, at_times, one, time};
use protocol_tests::broker::Broker;

use super::config_requests::*;
use super::requests::*;

/// The files below a folder that end so, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map_while(Result::ok) {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path, ending)),
            path if path.to_string_lossy().ends_with(ending) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes of blocks that a file takes.
fn taken(path: &Path) -> u64 {
    fs::metadata(path).expect("it is there").blocks() * 512
}

#[test]
fn a_segment_is_preallocated_and_trimmed_and_a_restart_sees_nothing_of_it() {
    const SEGMENT: u64 = 4 << 20;
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    let settings = [("preallocate", "true"), ("segment.bytes", "4194304")];
    create(&mut client, "t", 1, &settings);
    produce(&mut client, "t", one(b"first"));
    let topics = broker.directory().join("topics");
    let first = files(&topics, ".log").remove(0);
    let size = fs::metadata(&first).unwrap().len();
    assert_eq!(size, one(b"first").len() as u64, "the size tells what was written");
    if taken(&first) < SEGMENT {
        eprintln!("SKIPPED: this file system cannot preallocate");
        return;
    }
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    let large = one(&vec![b'x'; 900_000]);
    for offset in 1..6 {
        assert_eq!(produce(&mut client, "t", large.clone()), offset);
    }
    let logs = files(&topics, ".log");
    assert_eq!(logs.len(), 2);
    let size = fs::metadata(&first).unwrap().len();
    assert!(taken(&first) < size + 65_536, "{} of {size}", taken(&first));
    assert!(taken(&logs[1]) >= SEGMENT);
    // Switched off it counts for the next segment.
    set(&mut client, TOPIC, "t", "preallocate", "false");
    for offset in 6..12 {
        assert_eq!(produce(&mut client, "t", large.clone()), offset);
    }
    let last = files(&topics, ".log").pop().expect("there are three");
    assert!(taken(&last) < SEGMENT);
    broker.stop();
    broker.restart();
    assert_eq!(list_offset(&mut broker.connect(), "t", -1).0, 12);
}

#[test]
fn an_old_segment_goes_after_its_delay() {
    let broker = Broker::start(&["log.retention.check.interval.ms=50"]);
    let mut client = broker.connect();
    let topics = broker.directory().join("topics");
    let old = |name: &str, delay: &str| {
        let mut client = broker.connect();
        let settings = [("file.delete.delay.ms", delay), ("retention.ms", "1000")];
        create(&mut client, name, 1, &settings);
        produce(&mut client, name, at_times(&[1]));
        eventually("it expires", || list_offset(&mut client, name, -2).0 == 1);
    };
    old("late", "3600000");
    eventually("it is renamed", || files(&topics, ".log.deleted").len() == 1);
    old("soon", "1");
    eventually("it is removed", || files(&topics, ".log.deleted").len() == 1);
    let kept = files(&topics, ".log.deleted").remove(0);
    assert!(fs::metadata(&kept).unwrap().len() > 0, "what waits is whole");
    delete(&mut client, "late");
    eventually("it goes with its topic", || !kept.exists());
}

#[test]
fn a_topic_that_is_deleted_under_load_leaves_no_files_and_no_handles() {
    let broker = Broker::start(&[]);
    create(&mut broker.connect(), "t", 4, &[("segment.bytes", "1048576")]);
    let (topics, stop) = (broker.directory().join("topics"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for partition in 0..4 {
            let (mut client, stop) = (broker.connect(), &stop);
            scope.spawn(move || {
                let batch = one(&[b'x'; 100_000]);
                while !stop.load(Ordering::Relaxed) {
                    let request = produce_request("t", partition, -1, batch.clone());
                    let answer = client.call::<ProduceRequest>(request, 9);
                    let code = answer.responses[0].partition_responses[0].error_code;
                    assert!([0, 3].contains(&code), "{code}");
                    client.call(fetch_request("t", partition, 0), 12);
                }
            });
        }
        eventually("it is busy", || files(&topics, ".log").len() > 12);
        delete(&mut broker.connect(), "t");
        eventually("the files go", || files(&topics, "").is_empty());
        stop.store(true, Ordering::Relaxed);
    });
    let handles = format!("/proc/{}/fd", broker.id());
    eventually("the handles go", || {
        let open = fs::read_dir(&handles).unwrap().map_while(Result::ok);
        let targets = open.filter_map(|handle| fs::read_link(handle.path()).ok());
        !targets.into_iter().any(|target| target.starts_with(&topics))
    });
}

#[test]
fn times_are_found_to_the_record_whatever_happened_since() {
    let mut broker = Broker::start(&[]);
    let codecs = [None, Some(Codec::Gzip), Some(Codec::Zstd)];
    let mut all = Vec::new();
    create(&mut broker.connect(), "t", 1, &[("segment.bytes", "1048576")]);
    // Times go up and down, within a batch and from one segment to the next.
    for batch in 0..60_i64 {
        let times: Vec<i64> = (0..20).map(|n| time() + (batch * 37 + n * 11) % 500).collect();
        let sent = at_times(&times);
        let codec = codecs[batch as usize % codecs.len()];
        let sent = codec.map_or(sent.clone(), |codec| batches::compressed(&sent, codec));
        produce(&mut broker.connect(), "t", sent);
        all.extend(times);
        if batch % 20 == 19 {
            let filler = vec![b'x'; 1_040_000];
            let at = time() - 1_000 + batch;
            let mut builder = felice::kernel::batch::BatchBuilder::new();
            builder.append(at, None, Some(&filler), &[]);
            produce(&mut broker.connect(), "t", builder.build());
            all.push(at);
        }
    }
    let newest = *all.iter().max().expect("there are some");
    let newest_at = all.iter().position(|time| *time == newest).expect("it is one of them");
    for round in 0..4 {
        let mut client = broker.connect();
        for wanted in (time() - 1_001..=newest + 1).step_by(7) {
            let first = all.iter().position(|found| *found >= wanted);
            let expected = first.map_or((-1, -1), |offset| (offset as i64, all[offset]));
            let found = list_offset(&mut client, "t", wanted);
            assert_eq!(found, expected, "round {round}, {}", wanted - time());
        }
        let ends = [-1, -2, -3, -4, -5].map(|special| list_offset(&mut client, "t", special));
        let expected = [(all.len() as i64, -1), (0, -1), (newest_at as i64, newest)];
        assert_eq!(ends[..3], expected);
        assert_eq!(ends[3..], [(0, -1), (-1, -1)]);
        match round {
            0 => broker.stop(),
            1 => broker.kill(),
            _ => {
                broker.kill();
                fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
            }
        }
        broker.restart();
    }
}
