//! The command behind `scripts/differential`: plays the cases against Felice and against Apache
//! Kafka or its recorded answers, and fails on a difference without a reason.

use std::process::ExitCode;

use protocol_tests::differential::compare::{Reasons, judge, matches};
use protocol_tests::differential::player::Seen;
use protocol_tests::differential::recording::Recording;
use protocol_tests::differential::schema::Schema;
use protocol_tests::differential::script::Scenario;
use protocol_tests::differential::{apis, play_felice, play_kafka, scenarios};

const USAGE: &str = "\
usage: differential [--list] [--only NAME,NAME…] [--replay | --record] [--show CASE]
  --list          names the scenarios and the APIs in them
  --only NAMES    only scenarios with such a name, or that call such an API; * stands for anything
  --replay        compares with Kafka's recorded answers and starts no Kafka
  --record        writes down Kafka's answers
  --show CASE     prints both brokers' answers to cases with such a name";

#[derive(Default)]
struct Options {
    list: bool,
    only: Vec<String>,
    replay: bool,
    record: bool,
    show: Option<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--list" => options.list = true,
            "--replay" => options.replay = true,
            "--record" => options.record = true,
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            "--show" => options.show = Some(value()?),
            "--help" | "-h" => return Err(USAGE.to_owned()),
            _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool, String> {
    let mut scenarios = scenarios()?;
    let wanted = |scenario: &Scenario| {
        options.only.is_empty()
            || options.only.iter().any(|only| {
                matches(only, &scenario.name) || apis(scenario).iter().any(|api| matches(only, api))
            })
    };
    scenarios.retain(wanted);
    if options.list {
        for scenario in &scenarios {
            println!("{:28} {}", scenario.name, apis(scenario).join(" "));
        }
        return Ok(true);
    }
    if scenarios.is_empty() {
        return Err("no such scenario".to_owned());
    }
    let schema = Schema::load();
    let mut recording = match options.only.is_empty() && !options.replay {
        true => Recording::default(),
        false => Recording::load()?,
    };
    if !options.replay {
        play_kafka(&schema, &scenarios, &mut recording)?;
    }
    if options.record {
        recording.save()?;
    }
    let felice = play_felice(&schema, &scenarios, &recording.served)?;
    if let Some(pattern) = &options.show {
        for (scenario, felice) in scenarios.iter().zip(&felice) {
            show(pattern, "kafka ", recording.seen(scenario).unwrap_or(&[]));
            show(pattern, "felice", felice);
        }
    }
    let reasons = Reasons::load()?;
    let verdict = judge(&scenarios, &recording, &felice, &reasons)?;
    let unused = if options.only.is_empty() { reasons.unused(&verdict) } else { Vec::new() };
    unused.iter().for_each(|line| println!("a reason without a difference: {line}"));
    print!("{verdict}");
    println!("differential: {} differences have a reason", reasons.allowed_count());
    Ok(verdict.differences.is_empty() && unused.is_empty())
}

fn show(pattern: &str, who: &str, seen: &[Seen]) {
    for answer in seen.iter().filter(|answer| matches(pattern, &answer.case)) {
        println!("{who} {} v{} {}", answer.case, answer.version, answer.outcome);
    }
}
