//! One sync fails, the N-th since the load began: what it should have covered is not acknowledged,
//! its partition answers KAFKA_STORAGE_ERROR, is never synced again, and readiness is red; where
//! the broker itself lives on it (metadata, groups), the broker ends and says why. After a start
//! all that was acknowledged is there.

use std::time::Duration;

use protocol_tests::frail::{Faults, Frail};

use super::life::{END_MAX, Life, Work};
use super::load::{Load, TOPIC, on};
use super::{Fault, Tally, ask, judge};

/// KAFKA_STORAGE_ERROR.
const STORAGE_ERROR: i16 = 56;
/// How long the broker may take to find out, and clients to hear of it.
const TOLD_MAX: Duration = Duration::from_secs(10);

pub const FAULT: Fault = Fault {
    name: "eio",
    about: "EIO on the N-th sync, N from 1 on",
    times: (50, 5),
    mounts: true,
    run: |tally, times| {
        for count in 0..times {
            once(tally, count as u64)?;
        }
        Ok(())
    },
};

fn once(tally: &mut Tally, before: u64) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let work = Work::new("eio").map_err(text)?;
    let mut disk = Frail::mount(&work.path().join("disk")).map_err(text)?;
    let mut life = Life::new(&disk.place().join("data"), work.path(), &[]).map_err(text)?;
    tally.ready(life.start()?);
    let load = Load::begin(life.address())?;
    load.wait_for_progress()?;
    let folder = on(life.address(), async |wire| ask::topic_id(wire, TOPIC).await)?;
    disk.set(Faults { syncs_left: Some(before), ..Faults::default() });
    let failed = wait_for_failure(&disk)?;
    tally.count();
    let of_load = observe(tally, &mut life, &load, &failed, &folder)?;
    let again = disk.seen().again;
    if again > 0 {
        tally.wrong(format!("{failed} was synced {again} times after its sync had failed"));
    }
    life.kill();
    load.pause();
    tally.say(of_load);
    disk.restore().map_err(text)?;
    tally.ready(life.start()?);
    judge(tally, &life, &load)?;
    load.resume();
    load.wait_for_progress()?;
    load.pause();
    tally.add_load(&load);
    Ok(())
}

fn wait_for_failure(disk: &Frail) -> Result<String, String> {
    let begun = std::time::Instant::now();
    loop {
        if let Some(failed) = disk.seen().failed {
            return Ok(failed);
        }
        if begun.elapsed() > TOLD_MAX {
            return Err("nothing was synced".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the broker made of it.
fn observe(
    tally: &mut Tally,
    life: &mut Life,
    load: &Load,
    failed: &str,
    folder: &str,
) -> Result<String, String> {
    let internal = !failed.contains(folder);
    let begun = std::time::Instant::now();
    loop {
        if let Some(status) = life.ended() {
            let said = life.last_words();
            if status.success() || !said.contains("ERROR") {
                tally.wrong(format!("{failed}: ended with {status}: {said}"));
            }
            return Ok(format!("ended with {status}"));
        }
        let told = load.told().codes.contains_key(&("Produce", STORAGE_ERROR));
        let red = life.health("ready") == Some(503);
        if red && told && !internal {
            return Ok("storage error, not ready".to_owned());
        }
        if begun.elapsed() > END_MAX.min(TOLD_MAX) {
            let codes = load.told().codes.clone();
            tally.wrong(format!("{failed}: went on; red: {red}, codes {codes:?}"));
            return Ok("went on".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
