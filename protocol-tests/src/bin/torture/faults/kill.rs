//! kill -9 under load: whatever was acknowledged or served is there afterwards, once. The page
//! cache survives, so what no sync covered does, too. Meanwhile the files may suffer what ends like
//! this explain: a torn tail behind a log, a second kill while the broker starts; and RocksDB may
//! be lost at any time.

use std::fs;
use std::time::Duration;

use super::life::{Life, Work};
use super::load::{TOPIC, on};
use super::{Fault, Tally, ask, judge, torn, under_load};

/// Kills of one broker, before the next one begins with nothing.
const EPOCH: usize = 20;
/// Longest time under load before a kill, in milliseconds.
const LOAD_MS_MAX: u64 = 400;
/// Longest time that a start has before it is killed, in milliseconds.
const START_MS_MAX: u64 = 60;
/// How long a start may take.
const READY_MAX: Duration = Duration::from_secs(2);
/// Logged by a start that cuts a torn tail.
const CUT: &str = "which is cut off";

pub const FAULT: Fault = Fault {
    name: "kill",
    about: "`kill -9` under load; torn tails, RocksDB lost, killed again while it starts",
    times: (200, 20),
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
    let work = Work::new("kill")?;
    let mut life = Life::new(&work.path().join("data"), work.path(), &[])?;
    let load = under_load(tally, &mut life)?;
    for _ in 0..times {
        load.wait_for_progress()?;
        let wait = tally.chance.below(LOAD_MS_MAX);
        std::thread::sleep(Duration::from_millis(wait));
        life.kill();
        load.pause();
        come_back(tally, &mut life)?;
        tally.count();
        judge(tally, &life, &load)?;
        if !tally.is_good() {
            return Ok(());
        }
        load.resume();
    }
    load.pause();
    tally.add_load(&load);
    life.stop()?;
    Ok(())
}

/// Lets the files suffer, or not, and starts the broker.
fn come_back(tally: &mut Tally, life: &mut Life) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut suffered = Vec::new();
    let tail = match tally.chance.coin() {
        true => Some(torn::tear(life.data(), &mut tally.chance).map_err(text)?),
        false => None,
    };
    suffered.extend(tail.is_some().then_some("torn tail"));
    if tally.chance.below(3) == 0 {
        fs::remove_dir_all(life.data().join("rocksdb")).map_err(text)?;
        suffered.push("RocksDB lost");
    }
    life.news();
    if tally.chance.below(3) == 0 {
        life.launch()?;
        std::thread::sleep(Duration::from_millis(tally.chance.below(START_MS_MAX)));
        life.kill();
        suffered.push("killed again");
    }
    let took = life.start()?;
    tally.ready(took);
    if took > READY_MAX {
        tally.wrong(format!("it was ready only after {took:?}, {suffered:?}"));
    }
    if let Some(tail) = tail
        && !life.news().contains(CUT)
    {
        tally.wrong(format!("the torn tail was not cut: {tail}"));
    }
    tally.say(match suffered.is_empty() {
        true => "started again".to_owned(),
        false => format!("{}: started again", suffered.join(", ")),
    });
    Ok(())
}

/// A broker that lost acknowledged batches must be found out: the files are cut for it.
fn must_find_lost_batches(tally: &mut Tally) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let work = Work::new("kill")?;
    let mut life = Life::new(&work.path().join("data"), work.path(), &[])?;
    let mut planted = Tally::new(0);
    let load = under_load(&mut planted, &mut life)?;
    // The last batch may not have been acknowledged when the load stops, those before it were.
    (0..3).try_for_each(|_| load.wait_for_progress())?;
    load.pause();
    life.kill();
    for topic in fs::read_dir(life.data().join("topics")).map_err(text)? {
        let segment = topic.map_err(text)?.path().join("0/00000000000000000000.log");
        let Ok(file) = fs::File::options().write(true).open(segment) else { continue };
        let length = file.metadata().map_err(text)?.len();
        file.set_len(length / 2).map_err(text)?;
    }
    life.start()?;
    judge(&mut planted, &life, &load)?;
    if planted.lost == 0 {
        let end = on(life.address(), async |wire| ask::offset(wire, TOPIC, 0, ask::LATEST).await)?;
        tally.wrong(format!("lost batches were not found; the log ends at {end}"));
    }
    Ok(())
}
