//! The command line: what can be asked for, how it is explained, and how the log is set up from it.
//! Deliberately does nothing that was asked for: `main.rs` does.

use crate::config::Sources;
use crate::log_levels;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged unless `--log` says otherwise.
const DEFAULT_LOG: &str = "warn,felice=info";

/// A command line that could be read.
#[derive(Debug, Parser)]
#[command(name = "felice", version, about = ABOUT, long_about = None, after_help = AFTER_HELP)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const ABOUT: &str = "A broker that stock Kafka clients use unchanged, in one program.";

const AFTER_HELP: &str = "\
Examples:
  felice serve
      A broker on 127.0.0.1:9092 that keeps its data in ./felice-data.
  felice serve --listen 127.0.0.1:0 --data-dir /tmp/try
      A broker on a free port; the line it prints when ready names the port.
  felice serve --properties /etc/kafka/server.properties
      A broker with the configuration of a Kafka broker.
  felice config --defaults > felice.toml
      A configuration file with every key explained, to be edited.
  felice log check felice-data
      Whether every batch that a stopped broker has is sound.";

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the broker until SIGINT or SIGTERM
    Serve(Serve),
    /// Print the default configuration or its documentation
    Config(Config),
    /// Ask a running broker whether it answers; the exit code is 0 if it does
    Health(Health),
    /// Look into the files of a broker
    #[command(subcommand)]
    Log(Log),
    /// Print the version
    Version,
}

const AFTER_LOG_HELP: &str = "\
DIR is a data directory, the folder of one partition, or a single segment file. Nothing is changed.

Exit codes:
  0  everything is sound, and a start would change nothing
  1  something is damaged, or the next start would cut or complete something
  2  the command line is wrong
  4  it cannot be read, is nothing of a broker's, or a broker runs on it";

/// What `felice log` can be asked for.
#[derive(Debug, Subcommand)]
pub enum Log {
    /// Verify every batch of a stopped broker, and say what the next start would do
    #[command(after_help = AFTER_LOG_HELP)]
    Check(Check),
    /// Print every batch
    #[command(after_help = AFTER_LOG_HELP)]
    Dump(Dump),
}

/// Options of `felice log check`.
#[derive(Args, Debug)]
pub struct Check {
    /// What to verify
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `felice log dump`.
#[derive(Args, Debug)]
pub struct Dump {
    /// What to print
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Print the records too
    #[arg(long)]
    pub records: bool,
}

const AFTER_SERVE_HELP: &str = "\
A setting is taken from the first of these that has it: --listen and --data-dir, --set,
--properties, --config, the default. `felice config --defaults` lists all of them.

When the broker is ready it prints one line with its addresses and its data directory to
standard output. Everything else goes to standard error.

Exit codes:
  0  stopped as asked
  1  failed for another reason, which is printed
  2  the command line or the configuration is wrong
  3  an address is in use
  4  the data directory is in use, is not one or not whole, belongs to another cluster, or cannot
     be written

Examples:
  felice serve --set num.partitions=6 --set log.retention.hours=24
  felice serve --listen 0.0.0.0:9092 --set advertised.listeners=PLAINTEXT://localhost:9092
  felice serve --config felice.toml --log info,felice::net=debug";

/// Options of `felice serve`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_SERVE_HELP)]
pub struct Serve {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read settings from this properties file, such as Kafka's server.properties
    #[arg(long, value_name = "FILE")]
    properties: Option<PathBuf>,
    /// Keep everything in this directory; it is created if it does not exist
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Listen here, and nowhere else: HOST:PORT; port 0 takes any free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Make one setting; may be repeated, and the last one of a key wins
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What to log: error, warn, info, debug, trace or off, also for single modules
    #[arg(long, value_name = "FILTER", default_value = DEFAULT_LOG)]
    #[arg(value_parser = parse_filter)]
    log: Targets,
    /// How to write the log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// Options of `felice config`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true))]
pub struct Config {
    /// Print a configuration file with every key explained and its default
    #[arg(long, group = "what")]
    pub defaults: bool,
    /// Print the page docs/configuration.md
    #[arg(long, group = "what")]
    pub markdown: bool,
    /// Print the page docs/metrics.md
    #[arg(long, group = "what")]
    pub metrics: bool,
}

/// Options of `felice health`.
#[derive(Args, Debug)]
pub struct Health {
    /// Where the broker listens: HOST:PORT, or a list as in the key listeners
    #[arg(value_name = "LISTENERS", default_value = "127.0.0.1:9092")]
    pub listeners: String,

    /// Where its metrics are (admin.listener): asks whether it is ready, too, and why not
    #[arg(long, value_name = "HOST:PORT")]
    pub ready: Option<String>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

fn parse_filter(text: &str) -> Result<Targets, String> {
    let explain = |_| "a filter is LEVEL or MODULE=LEVEL, several separated by commas".to_owned();
    text.parse().map_err(explain)
}

impl Serve {
    /// Sends the log to standard error from here on.
    pub fn start_log(&self) {
        let to_stderr = layer().with_writer(std::io::stderr);
        let to_stderr = match self.log_format {
            LogFormat::Text => to_stderr.with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => to_stderr.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry()
            .with(to_stderr.with_filter(log_levels::filter(self.log.clone())))
            .init();
    }

    /// Where the settings come from.
    pub fn sources(self) -> Sources {
        Sources {
            config: self.config,
            properties: self.properties,
            set: self.set,
            listen: self.listen,
            data_dir: self.data_dir,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use tracing::Level;

    fn serve(arguments: &[&str]) -> Serve {
        let all = ["felice", "serve"].iter().chain(arguments);
        match Cli::try_parse_from(all).expect("the command line is valid").command {
            Command::Serve(serve) => serve,
            other => panic!("not serve: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_become_sources() {
        let arguments = "--config a.toml --properties b.properties --data-dir c --listen :0 \
                         --set x=1 --set y=2=3";
        let sources = serve(&arguments.split_whitespace().collect::<Vec<_>>()).sources();
        assert_eq!(sources.config, Some("a.toml".into()));
        assert_eq!(sources.properties, Some("b.properties".into()));
        assert_eq!(sources.data_dir, Some("c".into()));
        assert_eq!(sources.listen.as_deref(), Some(":0"));
        assert_eq!(sources.set, ["x=1", "y=2=3"]);
        let nothing = serve(&[]).sources();
        assert!(nothing.config.is_none() && nothing.listen.is_none() && nothing.set.is_empty());
    }

    #[test]
    fn the_log_is_filtered_by_module() {
        let by_default = serve(&[]).log;
        assert!(by_default.would_enable("felice::net", &Level::INFO));
        assert!(!by_default.would_enable("felice::net", &Level::DEBUG));
        assert!(by_default.would_enable("other", &Level::WARN));
        assert!(!by_default.would_enable("other", &Level::INFO));
        let chosen = serve(&["--log", "info,felice::net=debug"]).log;
        assert!(chosen.would_enable("felice::net::connection", &Level::DEBUG));
        assert!(!chosen.would_enable("felice::storage", &Level::DEBUG));
        assert!(chosen.would_enable("other", &Level::INFO));
        assert_eq!(serve(&["--log-format", "json"]).log_format, LogFormat::Json);
    }

    #[test]
    fn mistakes_are_refused() {
        for arguments in [
            vec!["felice"],
            vec!["felice", "sirve"],
            vec!["felice", "config"],
            vec!["felice", "config", "--defaults", "--markdown"],
            vec!["felice", "serve", "--log", "felice=loud"],
            vec!["felice", "serve", "--log-format", "xml"],
            vec!["felice", "serve", "extra"],
        ] {
            let error = Cli::try_parse_from(&arguments).expect_err("refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
