//! The power goes under load. The broker's directory lies on a file system of ours that forgets, at
//! a moment that is drawn, what no sync covers: all of it, or as much as chance wants. Only what
//! was acknowledged with acks=all has to be there.

use std::time::Duration;

use protocol_tests::frail::{Faults, Loss};

use super::load::Load;
use super::stand::Stand;
use super::{Fault, Tally, judge, under_load};

/// Cuts of one broker, before the next one begins with nothing.
const EPOCH: usize = 10;
/// Longest time under load before the power goes, in milliseconds.
const LOAD_MS_MAX: u64 = 300;

pub const FAULT: Fault = Fault {
    name: "power",
    about: "power cut: what was not synced is gone, or any part of it",
    times: (100, 5),
    mounts: true,
    run: |tally, times| {
        must_find_a_skipped_sync(tally)?;
        for done in (0..times).step_by(EPOCH) {
            epoch(tally, EPOCH.min(times - done))?;
        }
        Ok(())
    },
};

fn epoch(tally: &mut Tally, times: usize) -> Result<(), String> {
    let mut stand = Stand::new("power", &[])?;
    let load = under_load(tally, &mut stand.life)?;
    for _ in 0..times {
        load.wait_for_progress()?;
        let wait = tally.chance.below(LOAD_MS_MAX);
        std::thread::sleep(Duration::from_millis(wait));
        let loss = if tally.chance.coin() { Loss::All } else { Loss::Some };
        cut(tally, &mut stand, &load, loss)?;
        tally.count();
        judge(tally, &stand.life, &load)?;
        if !tally.is_good() {
            return Ok(());
        }
        tally.say(match loss {
            Loss::All => "all of it: started again",
            Loss::Some => "a part: started again",
        });
        load.resume();
    }
    load.pause();
    tally.add_load(&load);
    stand.life.stop().map(drop)
}

fn cut(tally: &mut Tally, stand: &mut Stand, load: &Load, loss: Loss) -> Result<(), String> {
    stand.disk.cut(loss, &mut tally.chance);
    stand.life.kill();
    load.pause();
    load.told().ledgers.iter_mut().for_each(|ledger| ledger.power_cut());
    stand.heal(tally)
}

/// A disk whose syncs do nothing must be found out, as a broker that does not sync would be.
fn must_find_a_skipped_sync(tally: &mut Tally) -> Result<(), String> {
    let mut planted = Tally::new(0);
    let mut stand = Stand::new("power", &[])?;
    let load = under_load(&mut planted, &mut stand.life)?;
    stand.disk.set(Faults { lies: true, ..Faults::default() });
    load.wait_for_progress()?;
    cut(&mut planted, &mut stand, &load, Loss::All)?;
    // Records may be lost, or the topic with them, or more than lets it answer at all.
    let judged = judge(&mut planted, &stand.life, &load);
    if judged.is_ok() && planted.is_good() {
        tally.wrong("skipped syncs were not found".to_owned());
    }
    Ok(())
}
