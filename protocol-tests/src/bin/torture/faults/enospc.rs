//! Somebody else fills the volume under load: producers are refused with an error that clients
//! repeat, everything else goes on, and when there is room again so do they, without a restart. A
//! kill and a start afterwards show that nothing acknowledged was lost.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol_tests::frail::{self, Faults, Frail};

use super::life::{Life, Work};
use super::load::{TOPIC, on};
use super::{Fault, Tally, ask, judge, under_load};

/// KAFKA_STORAGE_ERROR, which clients repeat.
const STORAGE_ERROR: i16 = 56;
/// Bytes of the volume.
const VOLUME: u64 = 64 << 20;
/// How long clients may wait for room that is there again.
const RESUME_MAX: Duration = Duration::from_secs(5);
/// How long the volume stays full once producers are refused.
const FULL: Duration = Duration::from_millis(700);

pub const FAULT: Fault = Fault {
    name: "enospc",
    about: "no space left under load, until there is again",
    times: (20, 3),
    mounts: true,
    run: |tally, times| {
        for count in 0..times {
            // Files of the system's own in memory; every third time ours, whose writes fall short.
            match count % 3 {
                0 => once(tally, &mut Memory::new()?, 3 << 20)?,
                1 => once(tally, &mut Memory::new()?, 0)?,
                _ => once(tally, &mut Short::new()?, 4096)?,
            }
            tally.count();
        }
        Ok(())
    },
};

/// A volume that can be filled.
trait Volume {
    fn work(&self) -> &Path;
    fn place(&self) -> PathBuf;
    /// Leaves so many bytes, or makes room.
    fn fill(&mut self, left: Option<u64>) -> std::io::Result<()>;
}

struct Memory(Work);

impl Memory {
    fn new() -> Result<Memory, String> {
        let text = |error: std::io::Error| error.to_string();
        let work = Work::new("enospc")?;
        let memory = Memory(work);
        fs::create_dir_all(memory.place()).map_err(text)?;
        frail::mount_memory(&memory.place(), VOLUME).map_err(text)?;
        Ok(memory)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = frail::unmount(&self.place());
    }
}

impl Volume for Memory {
    fn work(&self) -> &Path {
        self.0.path()
    }

    fn place(&self) -> PathBuf {
        self.0.path().join("disk")
    }

    fn fill(&mut self, left: Option<u64>) -> std::io::Result<()> {
        let path = self.place().join("of-somebody-else");
        let Some(left) = left else { return fs::remove_file(path) };
        let mut file = File::create(path)?;
        let page = [1; 4096];
        // Until there is no room at all, and then back.
        while file.write_all(&page).is_ok() {}
        let length = file.metadata()?.len();
        file.set_len(length.saturating_sub(left))
    }
}

struct Short(Frail, Work);

impl Short {
    fn new() -> Result<Short, String> {
        let work = Work::new("enospc")?;
        let disk = Frail::mount(&work.path().join("disk")).map_err(|error| error.to_string())?;
        disk.set(Faults { room: Some(VOLUME), ..Faults::default() });
        Ok(Short(disk, work))
    }
}

impl Volume for Short {
    fn work(&self) -> &Path {
        self.1.path()
    }

    fn place(&self) -> PathBuf {
        self.0.place().to_owned()
    }

    fn fill(&mut self, left: Option<u64>) -> std::io::Result<()> {
        let room = left.map_or(VOLUME, |left| self.0.size() + left);
        self.0.set(Faults { room: Some(room), ..Faults::default() });
        Ok(())
    }
}

fn once(tally: &mut Tally, volume: &mut dyn Volume, left: u64) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut life = Life::new(&volume.place().join("data"), volume.work(), &[])?;
    let load = under_load(tally, &mut life)?;
    volume.fill(Some(left)).map_err(text)?;
    load.until("producers are refused", |told| {
        told.codes.contains_key(&("Produce", STORAGE_ERROR))
    })?;
    std::thread::sleep(FULL);
    others_go_on(tally, &mut life)?;
    let begun = Instant::now();
    volume.fill(None).map_err(text)?;
    load.wait_for_progress()
        .map_err(|error| format!("{left} bytes were left: {error}: {}", life.last_words()))?;
    let took = begun.elapsed();
    if took > RESUME_MAX {
        tally.wrong(format!("producers went on only {took:?} after there was room"));
    }
    life.kill();
    load.pause();
    tally.ready(life.start()?);
    judge(tally, &life, &load)?;
    let codes: Vec<i16> = load.told().codes.keys().map(|(_, code)| *code).collect();
    if codes.iter().any(|code| !RETRIED.contains(code)) {
        tally.wrong(format!("a client was told what it does not repeat: {codes:?}"));
    }
    tally.say(match left {
        0 => "not one byte: refused, went on",
        1..=4096 => "short writes: refused, went on",
        _ => "little: refused, went on",
    });
    tally.add_load(&load);
    Ok(())
}

/// Errors that clients repeat: the storage error, and those of coordinators. -1 is a topic that
/// was not created.
const RETRIED: [i16; 5] = [STORAGE_ERROR, 14, 15, 16, -1];

fn others_go_on(tally: &mut Tally, life: &mut Life) -> Result<(), String> {
    if let Some(status) = life.ended() {
        return Err(format!("it ended with {status}: {}", life.last_words()));
    }
    let read = on(life.address(), async |wire| {
        let (_, _, log) = ask::log(wire, TOPIC, 0).await?;
        ask::topics(wire).await?;
        Ok(log.len())
    });
    if !matches!(read, Ok(1..)) {
        tally.wrong(format!("on a full volume nothing can be read: {read:?}"));
    }
    if life.health("live") != Some(200) {
        tally.wrong("on a full volume the admin listener is silent".to_owned());
    }
    Ok(())
}
