//! What the handlers of group APIs share: texts between the wire and the kernel. No rules.

use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;

/// A text of a request as the kernel keeps it: a copy that does not hold the frame in memory.
pub fn text(wire: &StrBytes) -> Arc<str> {
    Arc::from(wire.as_str())
}

/// A text of a request that may be null.
pub fn optional_text(wire: Option<&StrBytes>) -> Option<Arc<str>> {
    wire.map(text)
}

/// A text of the kernel as a response carries it.
pub fn wire(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A text of the kernel that may be null.
pub fn optional_wire(text: Option<&Arc<str>>) -> Option<StrBytes> {
    text.map(|text| wire(text))
}
