//! Folders that are not ours or not whole: a clear message, exit code 4, and nothing is changed.

use std::fs;
use std::path::Path;

use protocol_tests::batches::records;
use protocol_tests::broker::{Broker, run};

use super::tree::{Folder, copy, snapshot};
use crate::requests::{create, produce};

/// Starts a broker on a folder that it must refuse with a text that names every part.
fn refused(folder: &Path, parts: &[&str]) {
    let before = snapshot(folder);
    let path = folder.to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", path];
    let output = run(&[&arguments[..], &["--set", "admin.listener="]].concat());
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{parts:?}: {text}");
    for part in parts.iter().chain(&[path, "--data-dir"]) {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(snapshot(folder) == before, "{parts:?}: something was changed");
}

#[test]
fn folders_of_others_are_left_alone() {
    let home = Folder::new();
    fs::write(home.path().join("letter.txt"), "Dear Franz").unwrap();
    fs::create_dir(home.path().join("pictures")).unwrap();
    refused(home.path(), &["is not empty", "holds"]);
    let kafka = Folder::new();
    let properties = "#\nversion=1\ncluster.id=AAAAAAAAQACAAAAAAAAAAQ\nnode.id=1\n\
                      directory.id=hPsbV8IyTJC5nVEPxtOz6g\n";
    fs::write(kafka.path().join("meta.properties"), properties).unwrap();
    fs::write(kafka.path().join("bootstrap.checkpoint"), [0; 200]).unwrap();
    fs::create_dir_all(kafka.path().join("__cluster_metadata-0")).unwrap();
    fs::create_dir_all(kafka.path().join("t-0")).unwrap();
    fs::write(kafka.path().join("t-0/00000000000000000000.log"), records(1)).unwrap();
    refused(kafka.path(), &["Apache Kafka", "bootstrap.checkpoint"]);
}

#[test]
fn a_directory_that_lost_a_part_is_left_as_it_is() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    broker.stop();
    type Loss = (&'static str, fn(&Path), &'static [&'static str]);
    let losses: [Loss; 4] = [
        (
            "identity",
            |data| fs::remove_file(data.join("meta.properties")).unwrap(),
            &["incomplete", "meta.properties is missing"],
        ),
        (
            "metadata log",
            |data| fs::remove_dir_all(data.join("__cluster_metadata-0")).unwrap(),
            &["incomplete", "metadata log is missing", "topics is there"],
        ),
        (
            "topics",
            |data| fs::remove_dir_all(data.join("topics")).unwrap(),
            &["incomplete", "topics is missing"],
        ),
        (
            "a later version",
            |data| {
                let path = data.join("meta.properties");
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replace("version=1", "version=2")).unwrap();
            },
            &["meta.properties", "version 2"],
        ),
    ];
    for (what, lose, parts) in losses {
        let damaged = Folder::new();
        copy(broker.directory(), damaged.path());
        lose(damaged.path());
        if what == "a later version" {
            let before = snapshot(damaged.path());
            let path = damaged.text();
            let output = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", path]);
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(4), "{text}");
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            assert!(snapshot(damaged.path()) == before);
        } else {
            refused(damaged.path(), parts);
        }
    }
    broker.restart();
}

#[test]
fn a_first_start_that_was_interrupted_can_be_repeated() {
    let folder = Folder::new();
    for name in [".lock", "meta.tmp"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir_all(folder.path().join("topics")).unwrap();
    let mut broker = Broker::start(&[]);
    broker.stop();
    fs::remove_dir_all(broker.directory()).unwrap();
    copy(folder.path(), broker.directory());
    broker.restart();
}
