//! Bytes on the wire: the guard in front of the codec, encoded answers, and the messages that the
//! codec crate encodes too slowly or lacks.

pub mod chunk;
pub mod fetch;
pub mod guard;
pub mod shapes;
