//! Bytes on the wire: the guard in front of the codec, encoded answers, and the messages that the
//! codec crate encodes too slowly or lacks.

pub mod chunk;
pub mod codec;
pub mod fetch;
pub mod guard;
pub mod messages;
pub mod shapes;
