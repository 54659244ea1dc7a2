//! Loads and faults that a broker must bear, and what they do to others: scripts/torture runs this
//! and says how. Each has a broker of its own; the loads, the faults, the clients and the judgement
//! are in the modules below.

mod faults;
mod loads;
mod measure;
mod member;
mod probe;
mod process;
mod requests;
mod stage;
mod table;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use faults::{FAULTS, Outcome};
use loads::LOADS;
use measure::{Measured, Plan};
use protocol_tests::frail;

struct Asked {
    plan: Plan,
    markdown: bool,
    names: Vec<String>,
    seed: u64,
}

impl Asked {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|asked| asked == name)
    }
}

fn main() -> ExitCode {
    let asked = match read_arguments(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("torture: {error}");
            return ExitCode::from(2);
        }
    };
    // Before there is any thread. Without it mounts would be seen by all, and might stay.
    let mounts = frail::keep_mounts_private().and_then(|()| frail::is_possible());
    process::raise_open_files_limit();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let (mut measured, mut outcomes) = (Vec::new(), Vec::new());
    for load in LOADS.iter().filter(|load| asked.wants(load.name)) {
        eprintln!("torture: {}", load.name);
        let mut wrong = Vec::new();
        match Measured::take(load, asked.plan) {
            Ok(taken) => {
                wrong.extend(taken.leaks());
                // Times of a short look are told, but judge nothing.
                if !asked.plan.short {
                    wrong.extend(taken.slowness());
                }
                measured.push(taken);
            }
            Err(error) => wrong.push(error),
        }
        complain(load.name, &wrong);
        if wrong.is_empty() { passed += 1 } else { failed += 1 }
    }
    for fault in FAULTS.iter().filter(|fault| asked.wants(fault.name)) {
        if let (true, Err(error)) = (fault.mounts, &mounts) {
            eprintln!("torture: {} is skipped, nothing can be mounted: {error}", fault.name);
            skipped += 1;
            continue;
        }
        eprintln!("torture: {}, seed {}", fault.name, asked.seed);
        let outcome = Outcome::take(fault, asked.plan.short, asked.seed);
        complain(fault.name, outcome.wrong());
        if outcome.wrong().is_empty() {
            passed += 1
        } else {
            failed += 1
        }
        outcomes.push(outcome);
    }
    let mut text = String::new();
    if !measured.is_empty() {
        text.push_str(&table::markdown(&measured));
    }
    if !outcomes.is_empty() {
        text.push_str(&faults::markdown(&outcomes));
    }
    if asked.markdown {
        print!("{text}")
    } else {
        eprint!("{text}")
    }
    eprintln!("torture: {passed} passed, {failed} failed, {skipped} skipped");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

fn complain(name: &str, wrong: &[String]) {
    wrong.iter().for_each(|text| eprintln!("torture: {name}: {text}"));
}

fn read_arguments(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let plan = Plan { short: false, rounds: 3, look: Duration::from_secs(15) };
    let mut asked = Asked { plan, markdown: false, names: Vec::new(), seed: 1 };
    while let Some(word) = words.next() {
        let mut number = || {
            let number: Option<u32> = words.next().and_then(|word| word.parse().ok());
            number.filter(|number| *number > 0).ok_or_else(|| format!("{word} needs a number"))
        };
        match word.as_str() {
            "--markdown" => asked.markdown = true,
            "--short" => {
                asked.plan = Plan { short: true, rounds: 2, look: Duration::from_millis(1500) };
            }
            "--seed" => asked.seed = number()?.into(),
            "--rounds" => asked.plan.rounds = number()?.max(2) as usize,
            "--seconds" => asked.plan.look = Duration::from_secs(number()?.into()),
            name if LOADS.iter().any(|load| load.name == name)
                || FAULTS.iter().any(|fault| fault.name == name) =>
            {
                asked.names.push(word)
            }
            _ => return Err(format!("{word} is neither an option, a load nor a fault")),
        }
    }
    Ok(asked)
}
