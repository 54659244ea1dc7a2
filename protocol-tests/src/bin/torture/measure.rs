//! One load against one broker of its own: alone, beside it, after it, and the same again. What
//! was seen is judged here; how it is told is the table's business.

use std::time::{Duration, Instant};

use protocol_tests::broker::Broker;

use crate::loads::Load;
use crate::probe::{Probe, Probed};
use crate::process::{Held, Process};
use crate::stage::Playing;

/// How long the broker may take to let go of what a load leaves behind: it does so once a minute.
const SETTLE_MAX: Duration = Duration::from_secs(75);
/// The same where the looks are short, and memory is not waited for.
const SHORT_SETTLE_MAX: Duration = Duration::from_secs(15);
/// KiB that a short look may be wrong by: RocksDB's buffers fill, up to their limits.
const SHORT_SLACK: u64 = 2 * 1024;
/// A load is in for so long before anybody looks.
const WARM: Duration = Duration::from_secs(1);
/// Share of what was there before that may be there in addition after all have left.
const LEAK_MAX: f64 = 0.05;
/// How much slower others may be beside a load.
pub const RATIO_MAX: f64 = 2.0;

/// One time through.
pub struct Round {
    /// Times without the load.
    pub alone: Probed,
    /// Times beside it.
    pub beside: Probed,
    /// Before the load came.
    pub before: Held,
    /// At the end of the time beside it.
    pub with: Held,
    /// After all have left.
    pub after: Held,
    /// The broker's CPU beside the load, in shares of a core.
    pub cpu: f64,
    /// Requests of the load in a second.
    pub rate: f64,
}

/// How a load is measured.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Whether its short form is meant.
    pub short: bool,
    /// Times through: two at least, for what is left behind is told by comparing them.
    pub rounds: usize,
    /// How long each look takes.
    pub look: Duration,
}

/// What was seen of a load.
pub struct Measured {
    /// The load.
    pub load: &'static Load,
    /// Its size.
    pub size: usize,
    /// Whether the broker was given the time to let go of memory.
    pub patient: bool,
    /// Times through.
    pub rounds: Vec<Round>,
}

impl Measured {
    /// Measures a load.
    pub fn take(load: &'static Load, plan: Plan) -> Result<Measured, String> {
        let size = if plan.short { load.size.short } else { load.size.full };
        let broker = Broker::start(load.settings);
        (load.prepare)(broker.address(), size)?;
        let mut probe = Probe::new(broker.address());
        probe.measure(WARM);
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            rounds.push(round(load, size, plan, &broker, &mut probe)?);
        }
        Ok(Measured { load, size, patient: !plan.short, rounds })
    }

    /// Of the rounds, the middle ratio of a quantile beside the load to that without it.
    pub fn ratio(&self, quantile: impl Fn(&Probed) -> f64) -> f64 {
        let ratios = self.rounds.iter().map(|r| quantile(&r.beside) / quantile(&r.alone));
        middle(ratios.collect())
    }

    /// KiB by which the broker grew under the load, at most.
    pub fn grown(&self) -> u64 {
        let grown = self.rounds.iter().map(|r| r.with.memory_peak.saturating_sub(r.before.memory));
        grown.max().unwrap_or(0)
    }

    /// What is wrong, whatever the machine does.
    pub fn leaks(&self) -> Vec<String> {
        let (first, last) = (&self.rounds[0], &self.rounds[self.rounds.len() - 1]);
        let mut wrong = Vec::new();
        let mut judge = |what: &str, before: u64, after: u64| {
            if after > allowed(before) {
                wrong.push(format!("{what}: {before} before, {after} after"));
            }
        };
        judge("files", last.before.files, last.after.files);
        judge("threads", last.before.threads, last.after.threads);
        match self.patient {
            true => judge("KiB of memory", last.before.memory, last.after.memory),
            // The broker gives free memory back once a minute. Where there is no time for that,
            // what grows from round to round is lost.
            false => {
                let slack = first.after.memory + SHORT_SLACK;
                judge("KiB of memory", slack, last.after.memory);
            }
        }
        let (grown, most) = (self.grown(), (self.load.memory_max)(self.size));
        if grown > most {
            wrong.push(format!("memory: {grown} KiB more under the load, {most} allowed"));
        }
        wrong
    }

    /// What is too slow.
    pub fn slowness(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (what, ratio) in [
            ("ack", self.ratio(|probed| probed.ack.quantile(0.99))),
            ("tail", self.ratio(|probed| probed.tail.quantile(0.99))),
            ("ack on disk", self.ratio(|probed| probed.durable.quantile(0.99))),
        ] {
            if ratio.is_nan() || ratio > RATIO_MAX {
                wrong.push(format!("{what}: p99 is {ratio:.2} times that without the load"));
            }
        }
        wrong
    }
}

/// The middle of some numbers.
pub fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn round(
    load: &'static Load,
    size: usize,
    plan: Plan,
    broker: &Broker,
    probe: &mut Probe,
) -> Result<Round, String> {
    let process = Process::new(broker.id());
    let alone = probe.measure(plan.look);
    process.reset_peak();
    let before = process.held();
    let acts = load.acts;
    let playing =
        Playing::begin(broker.address(), (load.parties)(size), move |stage| acts(stage, size))?;
    std::thread::sleep(WARM);
    let (cpu, requests, since) = (process.held().cpu, playing.requests(), Instant::now());
    let beside = probe.measure(plan.look);
    let with = process.held();
    let seconds = since.elapsed().as_secs_f64();
    let rate = (playing.requests() - requests) as f64 / seconds;
    let cpu = (with.cpu - cpu).as_secs_f64() / seconds;
    playing.end()?;
    settle(&process, &before, plan);
    let after = process.held();
    Ok(Round { alone, beside, before, with, after, cpu, rate })
}

/// Waits until everything is as before the load, or for as long as that may take.
fn settle(process: &Process, before: &Held, plan: Plan) {
    let most = if plan.short { SHORT_SETTLE_MAX } else { SETTLE_MAX };
    let memory_max = if plan.short { u64::MAX } else { allowed(before.memory) };
    let begun = Instant::now();
    loop {
        // The view of groups is written once a second.
        std::thread::sleep(Duration::from_millis(1500));
        let held = process.held();
        let is_back = held.files <= before.files
            && held.threads <= before.threads
            && held.memory <= memory_max;
        if is_back || begun.elapsed() > most {
            break;
        }
    }
}

/// What may be there after a load of what was there before it.
fn allowed(before: u64) -> u64 {
    before + (before as f64 * LEAK_MAX) as u64
}
