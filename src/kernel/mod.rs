//! The rules of the broker, pure: plain structs that take the time and an event and return their
//! effects as data. No runtime, files, clock, randomness or codec crate in here, so every rule is
//! tested without sockets or sleeps.

pub mod batch;
pub mod group;
pub mod log;
pub mod meta;
pub mod quota;
pub mod recompress;
pub mod records;
pub mod session;
pub mod telemetry;
pub mod types;
pub mod validate;
