//! The levels at which the parts of Felice log: given at the start by `--log`, changed at run time
//! as Kafka's broker loggers (KIP-412). A change lasts until the broker stops. Deliberately writes
//! nothing to the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Registry, reload};

/// What is logged where no other name fits.
pub const ROOT: &str = "root";

/// The names that have a level of their own, in order: modules of Felice and what lies in them. A
/// dot stands for the two colons that Kafka's tools do not take.
const LOGGERS: [&str; 9] = [
    "felice",
    "felice.admin",
    "felice.api",
    "felice.broker",
    "felice.config",
    "felice.coordinator",
    "felice.net",
    "felice.storage",
    ROOT,
];

/// Names of levels, as Kafka has them, by what they let through.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("DEBUG", LevelFilter::DEBUG),
    ("ERROR", LevelFilter::ERROR),
    ("FATAL", LevelFilter::OFF),
    ("INFO", LevelFilter::INFO),
    ("TRACE", LevelFilter::TRACE),
    ("WARN", LevelFilter::WARN),
];

/// Why a change is refused. The texts are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing logs under this name.
    #[error("Logger {0} does not exist!")]
    UnknownLogger(String),
    /// There is no such level.
    #[error(
        "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid \
         log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN"
    )]
    UnknownLevel {
        /// The logger.
        logger: String,
        /// The level as sent.
        level: String,
    },
    /// The root logger always has a level.
    #[error("Removing the log level of the root logger is not allowed")]
    RootNeedsLevel,
}

/// The levels in force.
struct Levels {
    given: Targets,
    changed: BTreeMap<&'static str, LevelFilter>,
    handle: Option<reload::Handle<Targets, Registry>>,
}

fn levels() -> &'static Mutex<Levels> {
    // The log is the whole process's, and so are its levels.
    static LEVELS: OnceLock<Mutex<Levels>> = OnceLock::new();
    let none = || Levels { given: Targets::new(), changed: BTreeMap::new(), handle: None };
    LEVELS.get_or_init(|| Mutex::new(none()))
}

/// The filter of the log, which follows the changes made here from now on.
pub fn filter(given: Targets) -> reload::Layer<Targets, Registry> {
    let (layer, handle) = reload::Layer::new(given.clone());
    let mut levels = levels().lock().unwrap_or_else(PoisonError::into_inner);
    *levels = Levels { given, changed: BTreeMap::new(), handle: Some(handle) };
    layer
}

/// Every logger with the name of the level that is in force for it.
pub fn list() -> Vec<(&'static str, &'static str)> {
    let levels = levels().lock().unwrap_or_else(PoisonError::into_inner);
    let targets = levels.targets();
    let level = |logger: &str| {
        let fits = |target: &str| {
            logger == target || logger.strip_prefix(target).is_some_and(|r| r.starts_with(MODULE))
        };
        let named = targets.iter().filter(|(target, _)| fits(target));
        let longest = named.max_by_key(|(target, _)| target.len()).map(|(_, level)| level);
        longest.or(targets.default_level()).unwrap_or(LevelFilter::OFF)
    };
    LOGGERS.map(|logger| (logger, name(level(&module(logger))))).to_vec()
}

const MODULE: &str = "::";

fn module(logger: &str) -> String {
    logger.replace('.', MODULE)
}

fn name(level: LevelFilter) -> &'static str {
    let found = LEVELS.iter().find(|(_, other)| *other == level);
    found.map(|(name, _)| *name).expect("every level has a name")
}

/// One change: a level for a logger, or `None` to let it have the level that it had at the start.
pub type Change<'a> = (&'a str, Option<&'a str>);

/// Makes all changes or none; `validate_only` makes none in any case.
///
/// # Errors
/// The first change that cannot be.
pub fn change(changes: &[Change<'_>], validate_only: bool) -> Result<(), Error> {
    let judged = changes.iter().map(judge).collect::<Result<Vec<_>, Error>>()?;
    if validate_only {
        return Ok(());
    }
    let mut levels = levels().lock().unwrap_or_else(PoisonError::into_inner);
    for (logger, level) in judged {
        match level {
            Some(level) => levels.changed.insert(logger, level),
            None => levels.changed.remove(logger),
        };
    }
    let targets = levels.targets();
    if let Some(handle) = &levels.handle
        && let Err(error) = handle.reload(targets)
    {
        tracing::warn!(%error, "the levels of the log cannot be changed");
    }
    Ok(())
}

fn judge(change: &Change<'_>) -> Result<(&'static str, Option<LevelFilter>), Error> {
    let known = LOGGERS.iter().find(|logger| **logger == change.0);
    let logger = known.ok_or_else(|| Error::UnknownLogger(change.0.to_owned()))?;
    let Some(level) = change.1 else {
        return if *logger == ROOT { Err(Error::RootNeedsLevel) } else { Ok((logger, None)) };
    };
    match LEVELS.iter().find(|(name, _)| *name == level) {
        Some((_, level)) => Ok((logger, Some(*level))),
        None => Err(Error::UnknownLevel { logger: change.0.to_owned(), level: level.to_owned() }),
    }
}

impl Levels {
    fn targets(&self) -> Targets {
        let mut targets = self.given.clone();
        for (logger, level) in &self.changed {
            targets = match *logger {
                ROOT => targets.with_default(*level),
                logger => targets.with_target(module(logger), *level),
            };
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_holds_for_what_lies_below() {
        let _layer = filter("warn,felice=info,felice::net=debug".parse().expect("a filter"));
        let level = |name: &str| {
            let found = list().into_iter().find(|(logger, _)| *logger == name);
            found.map(|(_, level)| level).expect("the logger is listed")
        };
        assert_eq!((level(ROOT), level("felice"), level("felice.api")), ("WARN", "INFO", "INFO"));
        assert_eq!(level("felice.net"), "DEBUG");
        let changes = [("felice", Some("ERROR")), ("felice.api", Some("FATAL"))];
        assert_eq!(change(&changes, true), Ok(()));
        assert_eq!(level("felice"), "INFO");
        assert_eq!(change(&changes, false), Ok(()));
        assert_eq!((level("felice"), level("felice.storage")), ("ERROR", "ERROR"));
        assert_eq!((level("felice.api"), level("felice.net")), ("FATAL", "DEBUG"));
        assert_eq!(change(&[("felice", None), (ROOT, Some("TRACE"))], false), Ok(()));
        assert_eq!((level("felice"), level(ROOT)), ("INFO", "TRACE"));
        let unknown = change(&[("felice", Some("WARN")), ("nobody", None)], false);
        assert_eq!(unknown, Err(Error::UnknownLogger("nobody".into())));
        assert_eq!(level("felice"), "INFO", "all or none");
        assert_eq!(change(&[(ROOT, None)], false), Err(Error::RootNeedsLevel));
        let unknown = change(&[(ROOT, Some("info"))], false);
        assert!(matches!(unknown, Err(Error::UnknownLevel { .. })));
    }
}
