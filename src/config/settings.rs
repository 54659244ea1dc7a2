//! Collects settings from the command line and the files, in the order in which they win, and
//! checks each against the table. Deliberately gives them no meaning: [`super::node`] does that.

use super::dynamic::{self, Key, Reason, Value, accepted_prefix, broker_key};
use super::entry::{Entry, SyntaxError};
use super::{Error, properties, suggest, toml_file};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the settings come from. Later fields win over earlier ones, all win over the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file: `--config`.
    pub config: Option<PathBuf>,
    /// A properties file, as Kafka reads it: `--properties`.
    pub properties: Option<PathBuf>,
    /// Single settings, each `KEY=VALUE`: `--set`. Of a repeated key the last one wins.
    pub set: Vec<String>,
    /// `host:port` of the one listener: `--listen`.
    pub listen: Option<String>,
    /// The data directory: `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On this line, counted from 1, of this file.
    File(PathBuf, usize),
    /// By this option on the command line.
    Option(&'static str),
    /// Nowhere: the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Option(option) => f.write_str(option),
            Origin::Default => f.write_str("default"),
        }
    }
}

#[derive(Clone, Debug)]
struct Setting {
    value: String,
    origin: Origin,
}

/// All settings that were made, checked one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    made: BTreeMap<String, Setting>,
    /// Keys without effect, and those of them that would protect something.
    without_effect: BTreeSet<String>,
    not_protecting: BTreeSet<String>,
}

impl Settings {
    /// Reads and checks all sources.
    pub fn read(sources: &Sources) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        if let Some(path) = &sources.config {
            settings.read_toml(path)?;
        }
        if let Some(path) = &sources.properties {
            settings.read_properties(path)?;
        }
        for text in &sources.set {
            let origin = Origin::Option("--set");
            let Some((key, value)) = text.split_once('=') else {
                let problem = format!("{text:?} is not KEY=VALUE");
                return Err(Error::Syntax { origin, problem });
            };
            settings.make(key.trim(), value, origin)?;
        }
        Ok(settings)
    }

    fn read_toml(&mut self, path: &Path) -> Result<(), Error> {
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        self.make_all(path, toml_file::parse(&text))
    }

    fn read_properties(&mut self, path: &Path) -> Result<(), Error> {
        let bytes = std::fs::read(path).map_err(unreadable(path))?;
        self.make_all(path, properties::parse(&bytes))
    }

    /// Makes all settings of a file; the first mistake is its line's.
    fn make_all(
        &mut self,
        path: &Path,
        entries: Result<Vec<Entry>, SyntaxError>,
    ) -> Result<(), Error> {
        let at = |line| Origin::File(path.to_owned(), line);
        let entries = entries
            .map_err(|error| Error::Syntax { origin: at(error.line), problem: error.problem })?;
        let mut entries = entries.into_iter();
        entries.try_for_each(|entry| self.make(&entry.key, &entry.value, at(entry.line)))
    }

    /// Makes one setting; it replaces an earlier one of the same key.
    pub fn make(&mut self, key: &str, value: &str, origin: Origin) -> Result<(), Error> {
        let known = broker_key(key);
        let reason = match known {
            Some(known) => known.without_effect,
            None => match accepted_prefix(key) {
                Some(reason) => Some(reason),
                None if dynamic::removed_before_kafka_4(key) => Some(Reason::Internals),
                None => {
                    let hint = suggest::hint(key);
                    return Err(Error::UnknownKey { origin, key: key.to_owned(), hint });
                }
            },
        };
        let value = match (known, reason) {
            (Some(known), None) => checked(known, value, &origin)?,
            // What has no effect cannot be wrong, and old files must be taken as they are.
            _ => value.trim().to_owned(),
        };
        match reason {
            Some(Reason::Security) => self.not_protecting.insert(key.to_owned()),
            Some(_) => self.without_effect.insert(key.to_owned()),
            None => false,
        };
        self.made.insert(key.to_owned(), Setting { value, origin });
        Ok(())
    }

    /// Replaces a setting by the text of a command line option, which was checked elsewhere.
    pub fn replace(&mut self, key: &str, value: String, option: &'static str) {
        let origin = Origin::Option(option);
        self.made.insert(key.to_owned(), Setting { value, origin });
    }

    /// Where a key was set.
    pub fn origin(&self, key: &str) -> Origin {
        self.made.get(key).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// An error about a key, at the place where it was set.
    pub fn invalid(&self, key: &str, problem: impl Into<String>) -> Error {
        Error::Invalid { origin: self.origin(key), key: key.to_owned(), problem: problem.into() }
    }

    /// The text of a key if it was set.
    pub fn set_text(&self, key: &str) -> Option<&str> {
        self.made.get(key).map(|setting| &*setting.value)
    }

    /// The text of a key, or its default; `None` if it has neither, or is empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        let default = || broker_key(key).and_then(|known| known.default);
        self.set_text(key).or_else(default).filter(|text| !text.is_empty())
    }

    /// The entries of a list key or of its default.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let entries = self.text(key).unwrap_or_default().split(',').map(str::trim);
        entries.filter(|entry| !entry.is_empty()).collect()
    }

    /// The number of a key that has an effect and a default.
    pub fn number(&self, key: &str) -> i64 {
        let number = self.text(key).and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("{key} was checked and has a number as default"))
    }

    /// [`Settings::number`] as a count: negative numbers become 0, large ones the largest.
    pub fn count(&self, key: &str) -> u32 {
        u32::try_from(self.number(key).max(0)).unwrap_or(u32::MAX)
    }

    /// [`Settings::number`] as a count of bytes in memory: negative numbers become 0.
    pub fn bytes(&self, key: &str) -> usize {
        usize::try_from(self.number(key).max(0)).unwrap_or(usize::MAX)
    }

    /// The truth of a key that has an effect and a default.
    pub fn truth(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    /// Everything that was set, by key.
    pub fn into_made(self) -> BTreeMap<String, String> {
        self.made.into_iter().map(|(key, setting)| (key, setting.value)).collect()
    }

    /// One sentence or more that names the keys without effect; `None` if there are none.
    pub fn warning(&self) -> Option<String> {
        let names = |keys: &BTreeSet<String>| {
            keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let mut sentences = Vec::new();
        if !self.without_effect.is_empty() {
            let names = names(&self.without_effect);
            sentences.push(format!("These settings of Kafka's have no effect here: {names}."));
        }
        if !self.not_protecting.is_empty() {
            let names = names(&self.not_protecting);
            sentences.push(format!(
                "Encryption, authentication and authorization are not there yet, so these settings \
                 protect nothing: {names}."
            ));
        }
        if sentences.is_empty() { None } else { Some(sentences.join(" ")) }
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    |reason| Error::Unreadable { path: path.to_owned(), reason }
}

/// The canonical text of a value.
fn checked(key: &Key, value: &str, origin: &Origin) -> Result<String, Error> {
    let invalid = |problem: String| Error::Invalid {
        origin: origin.clone(),
        key: key.name.to_owned(),
        problem,
    };
    match key.parse(value) {
        Ok(Value::List(entries)) => Ok(entries.join(",")),
        Ok(value) => Ok(value.to_string()),
        Err(dynamic::Error::Invalid { value, rule, .. }) => {
            Err(invalid(format!("{value:?} is not allowed: {rule}")))
        }
        Err(other) => Err(invalid(other.to_string())),
    }
}
