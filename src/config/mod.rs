//! Configuration: the table of every key ([`dynamic`]), the settings of this node, fixed ([`node`])
//! and changing ([`live`]), and the files that they are read from. Deliberately applies nothing:
//! the parts of the broker take what concerns them out of [`NodeConfig`].

pub mod dynamic;
mod entry;
mod listeners;
pub mod live;
pub mod node;
mod properties;
mod settings;
mod suggest;
mod toml_file;

#[cfg(test)]
mod tests;

pub use listeners::{Address, Listener, Protocol};
pub use node::NodeConfig;
pub use settings::{Origin, Sources};

use std::path::PathBuf;

/// The commented default configuration, as `felice config --defaults` prints it.
pub const DEFAULTS_TOML: &str = include_str!("../../config/felice.toml");

/// Why the node's configuration is refused. Every text says where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: std::io::Error,
    },
    /// A file or option is not written as it should be.
    #[error("{origin}: {problem}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong.
        problem: String,
    },
    /// Neither Kafka nor Felice has such a key.
    #[error("{origin}: unknown key {key}{hint}")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The nearest known key, as the end of a sentence; may be empty.
        hint: String,
    },
    /// A key has a value that it cannot have.
    #[error("{origin}: {key}: {problem}")]
    Invalid {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}
