//! The time of day jumps by up to two days, forth and back, under load: nothing hangs, no group
//! expires, no record goes that retention does not name, and new records bear the time that the
//! broker's clock shows. A library between the broker and the system tells the time.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use protocol_tests::batches;

use super::life::{Life, Work};
use super::load::{Load, now, on};
use super::{Fault, Tally, ask, judge, under_load};
use crate::requests::{self, check_produced, expect_none};
use crate::wire::Wire;

const DAY_S: i64 = 86_400;
/// The library.
const SOURCE: &str = include_str!("clock.c");
/// A topic whose records get the broker's time.
const STAMPED: &str = "stamped";
/// How long the load may need to get on after a jump.
const PROGRESS_MAX: Duration = Duration::from_secs(5);
/// Jumps of one broker before it is killed and started.
const JUMPS: usize = 5;

pub const FAULT: Fault = Fault {
    name: "clock",
    about: "wall clock a day ahead or behind, changed under load",
    times: (40, 6),
    mounts: false,
    run: |tally, times| {
        let text = |error: io::Error| error.to_string();
        let work = Work::new("clock")?;
        let library = build(work.path())?;
        let clock = work.path().join("clock");
        fs::write(&clock, 0i64.to_ne_bytes()).map_err(text)?;
        // Clients whose clock is right must not be refused by a broker whose clock is behind.
        let settings = ["log.message.timestamp.after.max.ms=9223372036854775807"];
        let mut life = Life::new(&work.path().join("data"), work.path(), &settings)?;
        life.preload = Some((library, "FAULT_CLOCK", clock.to_string_lossy().into_owned()));
        let load = under_load(tally, &mut life)?;
        on(life.address(), async |wire| {
            let configs = [("message.timestamp.type", "LogAppendTime")];
            ask::create(wire, STAMPED, 1, &configs).await
        })?;
        for done in (0..times).step_by(JUMPS) {
            epoch(tally, &mut life, &load, &clock, JUMPS.min(times - done))?;
        }
        tally.add_load(&load);
        Ok(())
    },
};

fn build(folder: &Path) -> Result<PathBuf, String> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SOURCE).map_err(|error| error.to_string())?;
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    match command.status() {
        Ok(status) if status.success() => Ok(library),
        other => Err(format!("the clock's library cannot be built: {other:?}")),
    }
}

/// Some jumps, a kill and a start, which sees yet another time.
fn epoch(
    tally: &mut Tally,
    life: &mut Life,
    load: &Load,
    clock: &Path,
    times: usize,
) -> Result<(), String> {
    // In place: the broker has the file in its memory.
    let file = fs::File::options().write(true).open(clock).map_err(|error| error.to_string())?;
    let jump = |days: i64| file.write_all_at(&(days * DAY_S).to_ne_bytes(), 0);
    let text = |error: io::Error| error.to_string();
    for _ in 0..times {
        let days = tally.chance.below(3) as i64 - 1;
        jump(days).map_err(text)?;
        let begun = Instant::now();
        load.wait_for_progress().map_err(|error| {
            format!("clock {days} days: {error}; ended: {:?}: {}", life.ended(), life.last_words())
        })?;
        if begun.elapsed() > PROGRESS_MAX {
            tally.wrong(format!("the load got on only after {:?}", begun.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(300));
        let stamp = on(life.address(), async |wire| stamp(wire).await)?;
        let off = (stamp - now() - days * DAY_S * 1000).abs();
        if off > 60_000 {
            tally.wrong(format!("a record was stamped {off} ms off, the clock {days} days"));
        }
        tally.count();
        tally.say(match days {
            0 => "back to the right time: went on",
            1 => "a day ahead: went on",
            _ => "a day behind: went on",
        });
    }
    life.kill();
    load.pause();
    jump(tally.chance.below(3) as i64 - 1).map_err(text)?;
    tally.ready(life.start()?);
    judge(tally, life, load)?;
    load.resume();
    Ok(())
}

/// The time that the broker gives to a record.
async fn stamp(wire: &mut Wire) -> io::Result<i64> {
    let frame = requests::produce(STAMPED, [0].into_iter(), -1, &batches::one(b"x"));
    check_produced(wire.exchange(&frame).await?)?;
    let end = ask::offset(wire, STAMPED, 0, ask::LATEST).await?;
    let asked = requests::fetch(STAMPED, [(0, end - 1)].into_iter(), (0, -1), 0, 1 << 20);
    let mut answer = wire.call(&asked, requests::FETCH).await?;
    let answer = answer.responses.remove(0).partitions.remove(0);
    expect_none("Fetch", answer.error_code)?;
    let heads = batches::heads(&answer.records.unwrap_or_default());
    heads.last().map(|head| head.max_timestamp).ok_or_else(|| io::Error::other("no record"))
}
