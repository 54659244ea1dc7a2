//! The faults that are put upon a broker under load, one file each, and what all of them share: how
//! the broker is judged when it is back, and the row of the table that comes out.

mod ask;
mod bitflips;
mod clients;
mod clock;
mod eio;
mod enospc;
mod index;
mod kill;
mod life;
mod load;
mod nofile;
mod power;
mod sigterm;
mod stand;
mod stopped;
mod torn;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use protocol_tests::chance::Chance;
use protocol_tests::ledger::{Fault as Found, Kind};

use life::Life;
use load::{Load, TOPIC, on};

/// Of one kind of fault so many are kept as text.
const SHOWN_MAX: usize = 5;

/// One fault.
pub struct Fault {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// How often, and how often in the short form.
    pub times: (usize, usize),
    /// Whether it needs file systems that only root may mount.
    pub mounts: bool,
    /// Puts it upon brokers so many times. An error means that it could not be done.
    pub run: fn(&mut Tally, usize) -> Result<(), String>,
}

/// All faults.
pub const FAULTS: [Fault; 9] = [
    kill::FAULT,
    power::FAULT,
    eio::FAULT,
    enospc::FAULT,
    nofile::FAULT,
    clock::FAULT,
    sigterm::FAULT,
    bitflips::FAULT,
    index::FAULT,
];

/// What came out.
pub struct Tally {
    /// Draws the plan.
    pub chance: Chance,
    times: usize,
    acknowledged: u64,
    lost: usize,
    duplicates: usize,
    slowest: Duration,
    said: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

impl Tally {
    fn new(seed: u64) -> Tally {
        Tally {
            chance: Chance::new(seed),
            times: 0,
            acknowledged: 0,
            lost: 0,
            duplicates: 0,
            slowest: Duration::ZERO,
            said: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Counts a fault that was put upon the broker.
    pub fn count(&mut self) {
        self.times += 1;
    }

    /// Takes down how long a start took.
    pub fn ready(&mut self, time: Duration) {
        self.slowest = self.slowest.max(time);
    }

    /// Takes down what the broker did.
    pub fn say(&mut self, what: impl Into<String>) {
        *self.said.entry(what.into()).or_default() += 1;
    }

    /// Takes down something that must not be.
    pub fn wrong(&mut self, text: String) {
        self.wrong.push(text);
    }

    /// Whether nothing is wrong so far.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    /// What is wrong, with what could not be said of too many.
    fn faults(&mut self, found: &[Found]) {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for fault in found {
            let count = kinds.entry(fault.kind).or_default();
            *count += 1;
            if *count <= SHOWN_MAX {
                self.wrong.push(format!("{:?}: {}", fault.kind, fault.text));
            }
        }
        self.lost += kinds.get(&Kind::Lost).copied().unwrap_or(0);
        self.duplicates += kinds.get(&Kind::Duplicate).copied().unwrap_or(0);
    }

    /// Takes in what a load was told, when it is over.
    pub fn add_load(&mut self, load: &Load) {
        let told = load.told();
        self.acknowledged +=
            told.ledgers.iter().map(|ledger| ledger.acknowledged() as u64).sum::<u64>();
    }
}

/// Starts a broker and puts the load on it; returns when every client gets on.
pub fn under_load(tally: &mut Tally, life: &mut Life) -> Result<Load, String> {
    tally.ready(life.start()?);
    let load = Load::begin(life.address())?;
    load.wait_for_progress()?;
    Ok(load)
}

/// Holds all that a broker has against what its clients were told, while they stand still.
pub fn judge(tally: &mut Tally, life: &Life, load: &Load) -> Result<(), String> {
    let mut told = load.told();
    let told = &mut *told;
    for (partition, ledger) in (0..).zip(&mut told.ledgers) {
        match on(life.address(), async |wire| ask::log(wire, TOPIC, partition).await) {
            // Nothing was ever deleted, so it begins at 0.
            Ok((_, end, log)) => tally.faults(&ledger.judge(0, end, &log)),
            Err(error) => tally.wrong(format!("partition {partition} cannot be read: {error}")),
        }
    }
    let (commits, created, deleted) = (&told.commits, &told.created, &told.deleted);
    let given = &mut told.producer_ids;
    on(life.address(), async |wire| {
        let fresh = ask::producer_id(wire).await?;
        if !given.insert(fresh) {
            tally.wrong(format!("producer ID {fresh} was given twice"));
        }
        for ((group, partition), acknowledged) in commits {
            let stored = committed(wire, group, *partition).await?;
            if stored < *acknowledged {
                let text = format!("{group}, partition {partition}: {acknowledged} was committed");
                tally.wrong(format!("{text}, and is {stored}"));
            }
        }
        let names = ask::topics(wire).await?;
        for name in created.iter().filter(|name| !names.contains(name)) {
            tally.wrong(format!("topic {name} was created and is gone"));
        }
        for name in names.iter().filter(|name| deleted.contains(*name)) {
            tally.wrong(format!("topic {name} was deleted and is back"));
        }
        Ok(())
    })?;
    tally.wrong.append(&mut told.wrong);
    Ok(())
}

/// The committed offset, once the group is loaded.
async fn committed(
    wire: &mut crate::wire::Wire,
    group: &str,
    partition: u32,
) -> std::io::Result<i64> {
    let mut tries = 0;
    loop {
        match ask::committed(wire, group, TOPIC, partition as i32).await {
            Err(error) if tries == 100 => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(offset) => return Ok(offset),
        }
        tries += 1;
    }
}

/// A fault with what came out.
pub struct Outcome {
    fault: &'static Fault,
    tally: Tally,
}

impl Outcome {
    /// Puts a fault upon brokers, in its long or its short form.
    pub fn take(fault: &'static Fault, short: bool, seed: u64) -> Outcome {
        let mut tally = Tally::new(seed);
        let times = if short { fault.times.1 } else { fault.times.0 };
        if let Err(error) = (fault.run)(&mut tally, times) {
            tally.wrong(error);
        }
        if tally.times < times && tally.is_good() {
            tally.wrong(format!("only {} of {times} were done", tally.times));
        }
        Outcome { fault, tally }
    }

    /// What is wrong.
    pub fn wrong(&self) -> &[String] {
        &self.tally.wrong
    }
}

/// A row for each.
pub fn markdown(all: &[Outcome]) -> String {
    let mut text = String::from(
        "| fault | times | acknowledged | lost | duplicates | what the broker did \
         | slowest start, ms | verdict |\n|---|--:|--:|--:|--:|---|--:|---|\n",
    );
    for Outcome { fault, tally } in all {
        let said: Vec<String> =
            tally.said.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        let wrong = match tally.wrong.len() {
            0 => "held".to_owned(),
            count => format!("{count} wrong"),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {wrong} |",
            fault.about,
            tally.times,
            tally.acknowledged,
            tally.lost,
            tally.duplicates,
            said.join("; "),
            tally.slowest.as_millis(),
        );
    }
    text
}
