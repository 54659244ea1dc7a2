//! The program: reads the command line, does what it asks for and ends with an exit code that says
//! what went wrong. Deliberately builds no part of the broker: [`felice::broker`] does.

use clap::Parser;
use felice::broker;
use felice::cli::{Cli, Command, Serve};
use felice::config::{DEFAULTS_TOML, NodeConfig, dynamic};
use felice::health;
use felice::metrics::table;
use std::io::Write;
use std::process::ExitCode;

/// The command line or the configuration is wrong. The other codes belong to [`broker::run`]'s
/// error.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(serve) => run(serve),
        Command::Config(config) if config.markdown => print(&dynamic::markdown::markdown()),
        Command::Config(config) if config.metrics => print(&table::markdown()),
        Command::Config(_) => print(DEFAULTS_TOML),
        Command::Health(asked) => match health::check(&asked.listeners) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("felice: {error}");
                ExitCode::FAILURE
            }
        },
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
