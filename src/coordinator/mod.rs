//! Async shells around the kernel's rules: they feed events in, carry out the effects, and wait
//! for durability before an answer leaves. No rules live here.

pub mod configs;
pub mod control;
pub mod fetch;
pub mod groups;
pub mod ids;
pub mod quotas;
pub mod telemetry;
