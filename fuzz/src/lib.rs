//! The broker's modules that read what strangers send, compiled without the rest of the broker.
//!
//! They are the very files of the broker, taken in by path; there is no code of its own here.

/// The pure rules on record batches.
#[path = "../../src/kernel"]
pub mod kernel {
    pub mod batch;
    pub mod recompress;
    pub mod records;
    pub mod types;
    pub mod validate;
}

/// The guard and its shapes, and the messages that the codec crate lacks.
#[path = "../../src/wire"]
pub mod wire {
    pub mod codec;
    pub mod guard;
    pub mod messages;
    pub mod shapes;
}

/// Every request type of the codecs, shared with the guard's own tests.
#[path = "../../protocol-tests/src/codecs.rs"]
pub mod codecs;
