//! kill -9 under load: whatever was acknowledged or served is there afterwards, once. The page
//! cache survives, so what no sync covered does, too.

use std::fs;
use std::time::Duration;

use super::life::{Life, Work};
use super::load::{Load, TOPIC, on};
use super::{Fault, Tally, ask, judge};

/// Kills of one broker, before the next one begins with nothing.
const EPOCH: usize = 20;
/// Longest time under load before a kill, in milliseconds.
const LOAD_MS_MAX: u64 = 400;

pub const FAULT: Fault = Fault {
    name: "kill",
    about: "`kill -9` under load",
    times: (200, 10),
    mounts: false,
    run: |tally, times| {
        must_find_lost_batches(tally)?;
        for done in (0..times).step_by(EPOCH) {
            epoch(tally, EPOCH.min(times - done))?;
        }
        Ok(())
    },
};

fn epoch(tally: &mut Tally, times: usize) -> Result<(), String> {
    let work = Work::new("kill").map_err(|error| error.to_string())?;
    let mut life = Life::new(&work.path().join("data"), work.path(), &[])
        .map_err(|error| error.to_string())?;
    tally.ready(life.start()?);
    let load = Load::begin(life.address())?;
    for _ in 0..times {
        load.wait_for_progress()?;
        let wait = tally.chance.below(LOAD_MS_MAX);
        std::thread::sleep(Duration::from_millis(wait));
        life.kill();
        load.pause();
        tally.ready(life.start()?);
        tally.count();
        judge(tally, &life, &load)?;
        if !tally.is_good() {
            return Ok(());
        }
        tally.say("started again");
        load.resume();
    }
    load.pause();
    tally.add_load(&load);
    life.stop()?;
    Ok(())
}

/// A broker that lost acknowledged batches must be found out: the files are cut for it.
fn must_find_lost_batches(tally: &mut Tally) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let work = Work::new("kill").map_err(text)?;
    let mut life = Life::new(&work.path().join("data"), work.path(), &[]).map_err(text)?;
    life.start()?;
    let load = Load::begin(life.address())?;
    // The last batch may not have been acknowledged when the load stops, those before it were.
    (0..4).try_for_each(|_| load.wait_for_progress())?;
    load.pause();
    life.kill();
    for topic in fs::read_dir(life.data().join("topics")).map_err(text)? {
        let segment = topic.map_err(text)?.path().join("0/00000000000000000000.log");
        let Ok(file) = fs::File::options().write(true).open(segment) else { continue };
        let length = file.metadata().map_err(text)?.len();
        file.set_len(length / 2).map_err(text)?;
    }
    life.start()?;
    let mut planted = Tally::new(0);
    judge(&mut planted, &life, &load)?;
    if planted.lost == 0 {
        let end = on(life.address(), async |wire| ask::offset(wire, TOPIC, 0, ask::LATEST).await)?;
        tally.wrong(format!("lost batches were not found; the log ends at {end}"));
    }
    Ok(())
}
