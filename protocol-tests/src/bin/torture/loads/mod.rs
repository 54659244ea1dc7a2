//! The loads, one file each: what is put on the broker, in what number, and what the broker may
//! need for it. How it is measured is not their business.

mod connections;
mod groups;
mod partitions;
mod polls;
mod slow;

use std::net::SocketAddr;

use crate::stage::{Act, Stage};

/// One load.
pub struct Load {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, with `{}` for its size.
    pub about: &'static str,
    /// Its size, and that of its short form.
    pub size: Size,
    /// Settings of the broker.
    pub settings: &'static [&'static str],
    /// Prepares the broker, once: topics that are there before anything is measured.
    pub prepare: fn(SocketAddr, usize) -> Result<(), String>,
    /// Its clients.
    pub acts: fn(&Stage, usize) -> Vec<Act>,
    /// Arrivals that mean that all of it is there.
    pub parties: fn(usize) -> usize,
    /// Most memory, in KiB, by which the broker may grow under it.
    pub memory_max: fn(usize) -> u64,
}

/// How many of whatever a load has many of.
pub struct Size {
    /// As the broker must bear it.
    pub full: usize,
    /// For a run of a minute.
    pub short: usize,
}

/// `queued.max.request.bytes`, in KiB.
const QUEUED_REQUESTS_MAX: u64 = 256 * 1024;

/// What a connection may hold beside the budget of all requests, in KiB: one read's room.
const CONNECTION_MAX: u64 = 64;

/// All loads.
pub const LOADS: [Load; 5] =
    [connections::LOAD, groups::LOAD, partitions::LOAD, polls::LOAD, slow::LOAD];

/// Runs something against the broker to its end.
fn block_on<T>(work: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(work).map_err(|error| error.to_string())
}
