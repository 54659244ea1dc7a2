//! The cluster's metadata as a fold over the metadata log: [`Image`] is the state, [`Record`] a
//! step of it, [`decide`] turns a [`Command`] into the records that carry it out.
//!
//! Pure: who appends the records, makes them durable, and hands the new image to its readers is
//! decided by the asynchronous shell. What other keys a log may hold, and how its files look, is
//! written in `docs/formats/metadata-log.md`.

mod codec;
pub mod command;
mod configs;
pub mod election;
pub mod features;
pub mod image;
mod message;
pub mod placement;
mod quotas;
pub mod reassignment;
pub mod record;
pub mod sorted;
pub mod topics;

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod configs_tests;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod record_tests;

pub use command::{Command, Decision, Error, Outcome, decide};
pub use image::{Image, Mismatch, Partition, Resource, ResourceKind, Topic};
pub use record::Record;
