//! SIGTERM under load: the broker ends well and in time, everything acknowledged is there, and the
//! next start has nothing to read.

use std::time::Duration;

use super::life::{Life, Work};
use super::load::Load;
use super::{Fault, Tally, judge, under_load};

/// Longest time that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Logged by a start that had to read a log.
const READ: &str = "read what no checkpoint covered";

pub const FAULT: Fault = Fault {
    name: "sigterm",
    about: "SIGTERM under load",
    times: (50, 3),
    mounts: false,
    run: |tally, times| {
        let work = Work::new("sigterm")?;
        let mut life = Life::new(&work.path().join("data"), work.path(), &[])?;
        let load = under_load(tally, &mut life)?;
        for _ in 0..times {
            once(tally, &mut life, &load)?;
        }
        load.pause();
        tally.add_load(&load);
        life.stop().map(drop)
    },
};

fn once(tally: &mut Tally, life: &mut Life, load: &Load) -> Result<(), String> {
    load.wait_for_progress()?;
    std::thread::sleep(Duration::from_millis(tally.chance.below(100)));
    let took = life.stop()?;
    tally.count();
    load.pause();
    if took > STOP_MAX {
        tally.wrong(format!("the stop took {took:?}"));
    }
    life.news();
    tally.ready(life.start()?);
    if life.news().contains(READ) {
        tally.wrong("the start after a stop read a log".to_owned());
    }
    judge(tally, life, load)?;
    tally.say("ended with 0 in time");
    load.resume();
    Ok(())
}
