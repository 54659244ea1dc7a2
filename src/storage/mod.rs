//! The only code that touches files and RocksDB. It carries out what the kernel's log decides and
//! knows nothing of the wire.

pub mod append;
pub mod checkpoint;
pub mod cleaner;
pub mod cleaning;
mod damage;
pub mod data_dir;
mod deleted;
pub mod disk;
mod draft;
mod epoch_history;
pub mod error;
pub mod flusher;
mod folders;
mod force;
pub mod index;
pub mod janitor;
pub mod layout;
mod log_start;
pub mod metadata_log;
mod open_files;
pub mod partition;
pub mod partitions;
pub mod reader;
pub mod recover;
pub mod rocks;
pub mod schema;
mod sealed_offset;
#[cfg(test)]
pub mod sim_disk;
pub mod space;
mod swap;
pub mod waiters;

#[cfg(test)]
mod power_tests;
#[cfg(test)]
pub mod tests;
