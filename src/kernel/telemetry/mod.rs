//! Client telemetry (KIP-714): which client may push what and when ([`instances`]), how a push is
//! read ([`otlp`]), and the newest values of what was pushed ([`values`]). Pure; which subscription
//! matches which client, and who may look at the values, is told elsewhere.

pub mod instances;
pub mod otlp;
pub mod values;

#[cfg(test)]
mod tests;
