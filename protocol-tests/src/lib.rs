//! Test support for the felice broker: the binary as a child process, a raw client, record
//! batches, and what the sweeps over requests and the scripts for groups are made of.

pub mod batches;
pub mod broker;
pub mod chance;
pub mod client;
pub mod codecs;
pub mod differential;
pub mod frail;
pub mod frames;
pub mod group_script;
pub mod http;
pub mod ledger;
pub mod volume;

/// The wire module of the broker, under the name that it has in the package of fuzz targets too.
pub use felice::wire;
