//! Felice: a broker that speaks Kafka's wire protocol over a partitioned segment log.

pub mod admin;
pub mod api;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod coordinator;
pub mod health;
pub mod inspect;
pub mod kernel;
pub mod log_levels;
pub mod metrics;
pub mod net;
pub mod random;
pub mod storage;
pub mod wire;
