//! Test support for the felice broker: raw protocol client, broker process handling.

pub mod codecs;
pub mod frames;
pub mod group_script;
