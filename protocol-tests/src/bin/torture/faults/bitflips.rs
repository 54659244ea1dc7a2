//! One bit of a stopped or killed broker's files is another: it starts or says why not, never
//! panics, and serves no record that was not sent. Partitions and topics whose files are as they
//! were answer as before, and so does all if only what can be rebuilt was hit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::load::PARTITIONS;
use super::stopped::{Answers, Came, Stopped};
use super::{Fault, Tally};

/// Flips in copies of one directory, before another one is made.
const EPOCH: usize = 100;

pub const FAULT: Fault = Fault {
    name: "bitflips",
    about: "one bit flipped in the files of a stopped or killed broker",
    times: (1000, 40),
    mounts: false,
    run: |tally, times| {
        for done in (0..times).step_by(EPOCH) {
            let mut stopped = Stopped::make(tally, done / EPOCH % 2 == 1)?;
            let kinds = kinds(&stopped).map_err(|error| error.to_string())?;
            for _ in done..times.min(done + EPOCH) {
                once(tally, &mut stopped, &kinds)?;
            }
        }
        Ok(())
    },
};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Records of the load's topic, in this partition.
    Records(u32),
    /// Records of groups.
    Groups,
    Metadata,
    /// RocksDB: can be rebuilt.
    View,
    /// Identity.
    Identity,
}

type Kinds = Vec<(Kind, Vec<PathBuf>)>;

fn kinds(stopped: &Stopped) -> io::Result<Kinds> {
    let mut kinds: Kinds = Vec::new();
    for file in stopped.files()? {
        let text = file.to_string_lossy().into_owned();
        let name = text.rsplit('/').next().unwrap_or_default();
        let kind = match text.split('/').next() {
            // RocksDB's own diary is for people.
            Some("rocksdb") if name.starts_with("LOG") || name == "LOCK" => continue,
            Some("rocksdb") => Kind::View,
            Some("topics") if text.contains(&stopped.topic) => {
                let partition = text.split('/').nth(2).and_then(|text| text.parse().ok());
                Kind::Records(partition.unwrap_or(PARTITIONS))
            }
            Some("topics") => Kind::Groups,
            Some("__cluster_metadata-0") => Kind::Metadata,
            Some(".lock") => continue,
            _ => Kind::Identity,
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, files)) => files.push(file),
            None => kinds.push((kind, vec![file])),
        }
    }
    Ok(kinds)
}

fn once(tally: &mut Tally, stopped: &mut Stopped, kinds: &Kinds) -> Result<(), String> {
    // Each kind as often as any other; in it larger files more often than small ones.
    let (kind, files) = &kinds[tally.chance.below(kinds.len() as u64) as usize];
    let Some(file) = draw(tally, stopped, files) else { return Err("no file".to_owned()) };
    let mut at = 0;
    let flip = |path: &Path, tally: &mut Tally| {
        let mut bytes = fs::read(path)?;
        let bit = tally.chance.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        at = bit;
        fs::write(path, bytes)
    };
    let came = stopped.come_back(tally, std::slice::from_ref(&file), flip)?;
    tally.count();
    let name = match kind {
        Kind::Records(_) => "records",
        Kind::Groups => "groups",
        Kind::Metadata => "metadata",
        Kind::View => "RocksDB",
        Kind::Identity => "identity",
    };
    match came {
        Came::Refused(said) => {
            if *kind == Kind::View {
                tally.wrong(format!("{file:?} bit {at}: does not start: {said}"));
            }
            tally.say(format!("{name}: refused to start"));
        }
        Came::Answered(answers) if *answers == stopped.answers => {
            tally.say(format!("{name}: same answers"));
        }
        Came::Answered(answers) => {
            let differs = compare(&stopped.answers, &answers, *kind);
            for text in &differs {
                tally.wrong(format!("{file:?} bit {at}: {text}"));
            }
            tally.say(format!("{name}: less was served, nothing else"));
        }
    }
    Ok(())
}

fn draw(tally: &mut Tally, stopped: &Stopped, files: &[PathBuf]) -> Option<PathBuf> {
    let sizes: Vec<u64> = files.iter().map(|file| stopped.size(file)).collect();
    let mut at = tally.chance.below(sizes.iter().sum());
    let found = files.iter().zip(sizes).find(|(_, size)| match at.checked_sub(*size) {
        Some(rest) => {
            at = rest;
            false
        }
        None => true,
    });
    found.map(|(file, _)| file.clone())
}

/// What no flip in a file of this kind excuses.
fn compare(before: &Answers, after: &Answers, kind: Kind) -> Vec<String> {
    let mut wrong = Vec::new();
    for partition in 0..PARTITIONS {
        let at = partition as usize;
        let (whole, now) = (&before.logs[at], &after.logs[at]);
        if kind != Kind::Records(partition) {
            if whole != now || before.times[at] != after.times[at] {
                let text = now.as_ref().map(|log| (log.0, log.1, log.2.len()));
                wrong.push(format!("partition {partition} was not hit, but is {text:?}"));
            }
            if before.commits[at] != after.commits[at] && kind != Kind::Groups {
                let (one, other) = (&before.commits[at], &after.commits[at]);
                wrong.push(format!("partition {partition}: {one:?} was committed, is {other:?}"));
            }
            continue;
        }
        // Of the partition that was hit less may be served, but nothing else.
        if let (Ok(whole), Ok(now)) = (whole, now)
            && let Some(served) = now.2.iter().find(|served| !whole.2.contains(served))
        {
            wrong.push(format!("partition {partition}: offset {} is altered", served.offset));
        }
    }
    if before.topics != after.topics {
        wrong.push(format!("topics were {:?}, are {:?}", before.topics, after.topics));
    }
    wrong
}
