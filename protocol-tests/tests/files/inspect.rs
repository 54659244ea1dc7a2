//! `felice log check` and `felice log dump`: what they tell of sound and of damaged files, and that
//! a start then does what was foretold.

use std::fs;
use std::path::Path;

use protocol_tests::batches::{self, idempotent, records};
use protocol_tests::broker::{Broker, run};
use serde_json::Value;

use super::tree::{below, segments, snapshot};
use crate::requests::*;

/// Runs `felice log`, which must end with a code, and gives what it printed.
fn log(arguments: &[&str], code: i32) -> String {
    let output = run(&[&["log"], arguments].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}{told}");
    if code > 1 { told } else { text }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A broker that has been stopped, with three batches in one partition.
fn stopped() -> Broker {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    produce(&mut client, "t", idempotent(7, 0, 0, 2));
    produce(&mut client, "t", batches::one(&[0xff, 1]));
    broker.stop();
    broker
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_directory_is_told_to_be_sound() {
    let broker = stopped();
    let data = broker.directory().to_str().unwrap();
    let before = snapshot(broker.directory());
    let text = log(&["check", data], 0);
    assert!(
        text.contains("00000000000000000000.log: offsets 0 to 6, 3 batches, 6 records"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("sound"), "{text}");
    let told = json(&log(&["check", data, "--json"], 0));
    assert_eq!(told["sound"], true);
    let partitions = told["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2, "the metadata log and the topic");
    assert!(partitions.iter().all(|partition| partition["to_read"] == 0), "{told}");
    let segment = &partitions[1]["segments"][0];
    assert_eq!(segment["index_agrees"], true);
    assert_eq!((&segment["batches"], &segment["next_offset"]), (&3.into(), &6.into()));
    let file = segments(broker.directory()).remove(0);
    for path in [file.as_path(), file.parent().unwrap()] {
        let path = path.to_str().unwrap();
        assert!(log(&["check", path], 0).contains("1 segments, 3 batches, 6 records"));
        let dumped = log(&["dump", path, "--records"], 0);
        assert!(dumped.contains("offsets 3 to 4, 2 records"), "{dumped}");
        assert!(dumped.contains("producer 7 epoch 0 sequence 0"), "{dumped}");
        assert!(dumped.contains("key \"key\" value \"value 2\""), "{dumped}");
        assert!(dumped.contains("5 at ") && dumped.contains("value 0xff01"), "{dumped}");
        let lines = log(&["dump", path, "--json", "--records"], 0);
        let lines: Vec<Value> = lines.lines().map(json).collect();
        assert_eq!(lines.len(), 1 + 3 + 6);
        assert_eq!(lines[1]["batch"]["last_offset"], 2);
        assert_eq!(lines[2]["record"]["value"], "value 0");
        assert_eq!(lines[9]["record"]["value"]["hex"], "ff01");
    }
    assert!(snapshot(broker.directory()) == before, "something was changed");
}

#[test]
fn damage_is_placed_and_the_batches_around_it_are_told() {
    let broker = stopped();
    let file = segments(broker.directory()).remove(0);
    let heads = batches::heads(&fs::read(&file).unwrap());
    let second = heads[0].total_size();
    flip(&file, second + 70);
    let data = broker.directory().to_str().unwrap();
    let (from, to) = (second, second + heads[1].total_size());
    let text = log(&["check", data], 1);
    let told = format!("damaged from {from} to {to}, offsets 3 to 5: the CRC-32C");
    assert!(text.contains(&told), "{told} is not in {text}");
    assert!(text.trim_end().ends_with("1 damaged"), "{text}");
    let told = json(&log(&["check", data, "--json"], 1));
    let damage = &told["partitions"][1]["segments"][0]["damage"][0];
    assert_eq!((&damage["offset"], &damage["next_offset"]), (&3.into(), &5.into()));
    let dumped = log(&["dump", file.to_str().unwrap()], 1);
    assert!(dumped.contains(&format!("damaged from {from} to {to}")), "{dumped}");
    assert!(dumped.contains("offsets 0 to 2") && dumped.contains("offsets 5 to 5"), "{dumped}");
}

#[test]
fn a_start_does_what_was_foretold() {
    let mut broker = stopped();
    let file = segments(broker.directory()).remove(0);
    let size = fs::metadata(&file).unwrap().len();
    let garbage = [fs::read(&file).unwrap(), vec![9; 300]].concat();
    fs::write(&file, garbage).unwrap();
    let folder = file.parent().unwrap();
    fs::write(folder.join("00000000000000000006.log.cleaned"), "draft").unwrap();
    let data = broker.directory().to_str().unwrap().to_owned();
    let text = log(&["check", &data], 1);
    let cut = format!("the next start: 00000000000000000000.log: cuts 300 bytes at {size}");
    assert!(text.contains(&cut), "{text}");
    assert!(text.contains("00000000000000000006.log.cleaned: removes the draft"), "{text}");
    broker.restart();
    broker.stop();
    assert_eq!(fs::metadata(&file).unwrap().len(), size);
    assert!(!folder.join("00000000000000000006.log.cleaned").exists());
    let kept = folder.join("00000000000000000000.log.tail.cut");
    assert_eq!(fs::read(&kept).unwrap(), [9; 300]);
    log(&["check", &data], 0);
    log(&["dump", kept.to_str().unwrap()], 1);
}

#[test]
fn what_a_start_reads_is_told_with_and_without_rocksdb() {
    let mut broker = stopped();
    let size = fs::metadata(segments(broker.directory()).remove(0)).unwrap().len();
    let data = broker.directory().to_str().unwrap().to_owned();
    broker.restart();
    produce(&mut broker.connect(), "t", records(5));
    broker.kill();
    let file = segments(broker.directory()).remove(0);
    let more = fs::metadata(&file).unwrap().len() - size;
    let told = json(&log(&["check", &data, "--json"], 0));
    assert_eq!(told["partitions"][1]["to_read"], more);
    // What a checkpoint knows of is not cut.
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..size as usize - 1]).unwrap();
    let text = log(&["check", &data], 1);
    assert!(text.contains("goes on behind offset 6, for it was durable"), "{text}");
    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
    let text = log(&["check", &data], 1);
    assert!(text.contains(&format!("the next start: reads {} bytes", size - 1)), "{text}");
    assert!(text.contains("cuts"), "{text}");
}

#[test]
fn what_cannot_be_looked_at_is_said_with_code_4() {
    let broker = Broker::start(&[]);
    let data = broker.directory().to_str().unwrap();
    assert!(log(&["check", data], 4).contains("in use by a running broker"));
    // A dump tells what is there when it comes by.
    log(&["dump", data], 0);
    let told = log(&["check", "/nowhere/at/all"], 4);
    assert!(told.contains("/nowhere/at/all") && told.contains("No such file"), "{told}");
    let rocksdb = broker.rocksdb_directory();
    assert!(log(&["check", rocksdb.to_str().unwrap()], 4).contains("is neither a data directory"));
    let other = below(&rocksdb).into_iter().find(|path| path.is_file()).unwrap();
    assert!(log(&["dump", other.to_str().unwrap()], 4).contains("nor a segment file"));
    log(&["check"], 2);
    log(&[], 2);
}
