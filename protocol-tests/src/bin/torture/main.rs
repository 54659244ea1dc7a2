//! Loads that a broker must bear, and what they do to others: scripts/torture runs this and says
//! how. Each load has a broker of its own; the loads, the clients and the judgement are in the
//! modules below.

mod loads;
mod measure;
mod probe;
mod process;
mod requests;
mod stage;
mod table;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use loads::LOADS;
use measure::{Measured, Plan};

struct Asked {
    plan: Plan,
    markdown: bool,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let asked = match read_arguments(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("torture: {error}");
            return ExitCode::from(2);
        }
    };
    process::raise_open_files_limit();
    let (mut passed, mut failed) = (0, 0);
    let mut all = Vec::new();
    for load in &LOADS {
        if !asked.names.is_empty() && !asked.names.iter().any(|name| name == load.name) {
            continue;
        }
        eprintln!("torture: {}", load.name);
        let mut wrong = Vec::new();
        match Measured::take(load, asked.plan) {
            Ok(measured) => {
                wrong.extend(measured.leaks());
                // Times of a short look are told, but judge nothing.
                if !asked.plan.short {
                    wrong.extend(measured.slowness());
                }
                all.push(measured);
            }
            Err(error) => wrong.push(error),
        }
        for text in &wrong {
            eprintln!("torture: {}: {text}", load.name);
        }
        if wrong.is_empty() { passed += 1 } else { failed += 1 }
    }
    let text = table::markdown(&all);
    if asked.markdown {
        print!("{text}")
    } else {
        eprint!("{text}")
    }
    eprintln!("torture: {passed} passed, {failed} failed, 0 skipped");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

fn read_arguments(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let plan = Plan { short: false, rounds: 3, look: Duration::from_secs(15) };
    let mut asked = Asked { plan, markdown: false, names: Vec::new() };
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
            "--rounds" => asked.plan.rounds = number()?.max(2) as usize,
            "--seconds" => asked.plan.look = Duration::from_secs(number()?.into()),
            name if LOADS.iter().any(|load| load.name == name) => asked.names.push(word),
            _ => return Err(format!("{word} is neither an option nor a load")),
        }
    }
    Ok(asked)
}
