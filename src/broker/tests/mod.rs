//! The data path of one broker on a simulated disk: histories drawn from a seed, with crashes and
//! failing calls, and what must be true after each start. One thread, a clock that is moved by
//! hand: a seed gives the same run again.
//!
//! FELICE_SIM_SEEDS says how many seeds are run, FELICE_SIM_FROM which is the first, and
//! FELICE_SIM_TRACE shows what the first one does.

mod commits;
mod crowd;
mod driver;
mod house;
mod model;

use self::driver::{Driver, Report};
use crate::storage::sim_disk::Plant;

fn added(one: [u64; 3], other: [u64; 3]) -> [u64; 3] {
    std::array::from_fn(|at| one[at] + other[at])
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A mistake built in above the disk, to see that it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mistake {
    /// None.
    #[default]
    Sound,
    /// Members of older generations are taken for those of the newest.
    Unfenced,
    /// Members are told of a generation before theirs.
    GenerationBack,
    /// Members are given what is another's.
    SameForAll,
    /// The view of the groups tells what no record says.
    ViewSpoiled,
    /// Checkpoints tell what the log does not.
    CheckpointSpoiled,
    /// A failed read takes a partition offline.
    ReadPoisons,
    /// The process goes on without what is vital to it.
    LivesOn,
}

fn run_with(seed: u64, plant: Plant, mistake: Mistake) -> Report {
    let mut driver = Driver::new(seed, plant, mistake);
    driver.run();
    driver.report()
}

fn run(seed: u64, plant: Plant) -> Report {
    run_with(seed, plant, Mistake::Sound)
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
    let (mut starts, mut calls, mut heard) = (0, 0, [0; 3]);
    std::thread::scope(|scope| {
        let lane = || {
            let mut sums = (0, 0, [0; 3]);
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
                sums.2 = added(sums.2, report.heard);
                sums = (sums.0 + report.starts, sums.1 + report.calls, sums.2);
            }
        };
        let lanes: Vec<_> = (0..2).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            match lane.join() {
                Ok(sums) => {
                    (starts, calls) = (starts + sums.0, calls + sums.1);
                    heard = added(heard, sums.2);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let [assigned, committed, beats] = heard;
    println!(
        "simulation: {count} seeds from {from}, {starts} starts, {calls} calls of the disk, \
         {assigned} assignments, {committed} commits and {beats} heartbeats of members"
    );
    assert!(starts > 2 * count && calls > 100 * count, "the histories do something");
    assert!(count < 100 || heard.iter().all(|times| *times > count), "and so do groups");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in (1..=40).step_by(3) {
        let (one, two) = (run(seed, Plant::Sound), run(seed, Plant::Sound));
        assert_eq!(one.trace, two.trace);
        assert_eq!((one.starts, one.calls), (two.starts, two.calls));
    }
}

/// Of thirty seeds, how many notice what was planted, and all that they say.
fn noticed(plant: impl Fn(u64) -> Plant) -> (usize, String) {
    said((1..=30).map(|seed| run(seed, plant(seed))))
}

fn said(reports: impl Iterator<Item = Report>) -> (usize, String) {
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

#[test]
fn a_mistake_in_what_groups_are_told_or_kept_is_noticed() {
    let mistakes = [
        (Mistake::Unfenced, "was taken from"),
        (Mistake::GenerationBack, "went back"),
        (Mistake::SameForAll, "gave"),
        (Mistake::ViewSpoiled, "has committed"),
        (Mistake::ViewSpoiled, "groups restored"),
    ];
    for (mistake, words) in mistakes {
        let (count, said) = said((1..=20).map(|seed| run_with(seed, Plant::Sound, mistake)));
        assert!(count >= 2 && said.contains(words), "{mistake:?}: {count}: {said}");
    }
}

#[test]
fn a_mistake_in_checkpoints_or_in_what_failures_mean_is_noticed() {
    let mistakes = [
        (Mistake::CheckpointSpoiled, "restored"),
        (Mistake::ReadPoisons, "a failed read took"),
        (Mistake::LivesOn, "the process goes on without"),
    ];
    for (mistake, words) in mistakes {
        let (count, said) = said((1..=20).map(|seed| run_with(seed, Plant::Sound, mistake)));
        assert!(count >= 2 && said.contains(words), "{mistake:?}: {count}: {said}");
    }
}

#[test]
fn an_acknowledged_commit_that_is_dropped_is_noticed() {
    let dropped = |seed| run(seed, Plant::WriteSwallowed(seed as u32 % 40));
    let (_, said) = said((1..=60).map(dropped));
    assert!(said.contains("has committed"), "{said}");
}
