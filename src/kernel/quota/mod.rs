//! Client quotas: who has which ([`entity`], [`limits`]), which may be set ([`change`]), and how
//! their use is measured ([`meter`], [`sensors`]). Pure; who is delayed how is the shell's matter.

pub mod change;
pub mod entity;
pub mod limits;
pub mod meter;
pub mod sensors;

#[cfg(test)]
mod tests;

pub use entity::{Entity, EntityType, Key, Name};
pub use limits::Limits;
