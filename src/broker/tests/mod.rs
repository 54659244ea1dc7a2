//! The data path of one broker on a simulated disk: histories drawn from a seed, with crashes and
//! failing calls, and what must be true after each start. One thread, a clock that is moved by
//! hand: a seed gives the same run again.
//!
//! FELICE_SIM_SEEDS says how many seeds are run, FELICE_SIM_FROM which is the first, and
//! FELICE_SIM_TRACE shows what the first one does.

mod driver;
mod house;
mod model;

use self::driver::{Driver, Report};
use crate::storage::sim_disk::Plant;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn run(seed: u64, plant: Plant) -> Report {
    let mut driver = Driver::new(seed, plant);
    driver.run();
    driver.report()
}

fn tell(seed: u64, report: &Report, failure: &str) -> ! {
    let trace = report.trace.join("\n");
    panic!("seed {seed}: {failure}\n{trace}\nagain: FELICE_SIM_FROM={seed} FELICE_SIM_SEEDS=1");
}

#[test]
fn no_seed_breaks_a_promise() {
    let (from, count) = (setting("FELICE_SIM_FROM", 1), setting("FELICE_SIM_SEEDS", 500));
    let show = std::env::var_os("FELICE_SIM_TRACE").is_some();
    let next = std::sync::atomic::AtomicU64::new(from);
    let (mut starts, mut calls) = (0, 0);
    std::thread::scope(|scope| {
        let lane = || {
            let mut sums = (0, 0);
            loop {
                let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if seed >= from + count {
                    return sums;
                }
                let report = run(seed, Plant::Sound);
                if show {
                    eprintln!("{}", report.trace.join("\n"));
                }
                if let Some(failure) = &report.failure {
                    tell(seed, &report, failure);
                }
                sums = (sums.0 + report.starts, sums.1 + report.calls);
            }
        };
        let lanes: Vec<_> = (0..2).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            match lane.join() {
                Ok(sums) => (starts, calls) = (starts + sums.0, calls + sums.1),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    println!("simulation: {count} seeds from {from}, {starts} starts, {calls} calls of the disk");
    assert!(starts > 2 * count && calls > 100 * count, "the histories do something");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 11, 42] {
        let (one, two) = (run(seed, Plant::Sound), run(seed, Plant::Sound));
        assert_eq!(one.trace, two.trace);
        assert_eq!((one.starts, one.calls), (two.starts, two.calls));
    }
}

/// Of twenty seeds, how many notice what was planted, and all that they say.
fn noticed(plant: impl Fn(u64) -> Plant) -> (usize, String) {
    let reports = (1..=20).map(|seed| run(seed, plant(seed)));
    let failures: Vec<String> = reports.filter_map(|report| report.failure).collect();
    (failures.len(), failures.join("\n"))
}

#[test]
fn a_sync_that_is_skipped_is_noticed() {
    let (count, said) = noticed(|_| Plant::SyncSkipped);
    assert!(count >= 15 && said.contains("was acknowledged"), "{count}: {said}");
}

#[test]
fn an_acknowledged_batch_that_is_dropped_is_noticed() {
    let (count, said) = noticed(|seed| Plant::WriteSwallowed(seed as u32));
    assert!(count >= 10, "{count}: {said}");
}

#[test]
fn an_offset_that_is_given_twice_is_noticed() {
    let (count, said) = noticed(|seed| Plant::OffsetReused(seed as u32));
    assert!(count >= 10, "{count}: {said}");
}

#[test]
fn a_failing_seed_fails_the_same_way_again() {
    let failing = |seed| run(seed, Plant::SyncSkipped);
    let one = (1..).map(failing).find(|report| report.failure.is_some()).unwrap();
    let two = failing(one.seed);
    assert_eq!(one.failure, two.failure);
    assert_eq!(one.trace, two.trace);
}
