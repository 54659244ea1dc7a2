//! The program: reads the command line, does what it asks for and ends with an exit code that says
//! what went wrong. Deliberately builds no part of the broker: [`felice::broker`] does.

use clap::Parser;
use felice::broker;
use felice::cli::{Cli, Command, Log, Serve};
use felice::config::{DEFAULTS_TOML, NodeConfig, dynamic};
use felice::health;
use felice::inspect::{self, Error, Verdict};
use felice::metrics::table;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

/// The command line or the configuration is wrong. The other codes belong to [`broker::run`]'s
/// error.
const EXIT_USAGE: u8 = 2;
/// Files cannot be looked at, as `felice serve` ends if they cannot be used.
const EXIT_DATA: u8 = 4;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(serve) => run(serve),
        Command::Config(config) if config.markdown => print(&dynamic::markdown::markdown()),
        Command::Config(config) if config.metrics => print(&table::markdown()),
        Command::Config(_) => print(DEFAULTS_TOML),
        Command::Health(asked) => {
            let ready = |()| asked.ready.as_deref().map_or(Ok(()), health::check_ready);
            match health::check(&asked.listeners).and_then(ready) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("felice: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        Command::Log(asked) => look(&asked),
        Command::Version => print(concat!("felice ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn run(serve: Serve) -> ExitCode {
    serve.start_log();
    let config = match NodeConfig::load(&serve.sources()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("felice: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match broker::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("felice: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn look(asked: &Log) -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let looked = match asked {
        Log::Check(asked) => inspect::check(&asked.path, asked.json, &mut out),
        Log::Dump(asked) => inspect::dump(&asked.path, asked.json, asked.records, &mut out),
    };
    let looked = looked.and_then(|verdict| out.flush().map(|()| verdict).map_err(Error::Output));
    match looked {
        Ok(Verdict::Sound) => ExitCode::SUCCESS,
        Ok(Verdict::Unsound) => ExitCode::FAILURE,
        // A reader that has seen enough is no failure.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("felice: {error}");
            ExitCode::from(EXIT_DATA)
        }
    }
}

/// Prints to standard output. A reader that has seen enough (`felice config --defaults | head`) is
/// no failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("felice: cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}
