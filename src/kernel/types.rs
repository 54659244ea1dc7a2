//! Small value types shared by every part of the broker. They carry no behaviour beyond parsing,
//! printing and hashing.

use std::fmt;

/// Position of a record in a partition, counted from 0.
pub type Offset = i64;

/// Milliseconds since the Unix epoch.
pub type TimestampMs = i64;

/// Number of a partition inside its topic, counted from 0.
pub type PartitionIndex = i32;

/// Leader epoch of a partition: at least 0, grows with each change of leader.
pub type LeaderEpoch = i32;

/// Broker ID, Kafka's `node.id`.
pub type NodeId = i32;

/// Stands for "no timestamp" in Kafka's messages.
pub const NO_TIMESTAMP: TimestampMs = -1;

/// A 128-bit identifier as Kafka uses for topics, directories and clusters. All zero means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// The absent identifier.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Whether this is the absent identifier.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Reads Kafka's text form: 22 characters of URL-safe base64 without padding.
    pub fn parse(text: &str) -> Option<Uuid> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (position, character) in text.bytes().enumerate() {
            let value = BASE64_URL.iter().position(|c| *c == character)? as u128;
            // 22 characters hold 132 bits: the last four must be zero.
            if position == 21 {
                if value & 0b1111 != 0 {
                    return None;
                }
                bits = (bits << 2) | (value >> 4);
            } else {
                bits = (bits << 6) | value;
            }
        }
        Some(Uuid(bits.to_be_bytes()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0u8; 22];
        for (position, character) in text.iter_mut().enumerate() {
            let value = if position == 21 {
                (bits & 0b11) << 4
            } else {
                (bits >> (122 - 6 * position)) & 0b11_1111
            };
            *character = BASE64_URL[value as usize];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A partition by the identifier of its topic: survives deletion and recreation of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicIdPartition {
    /// Topic ID.
    pub topic_id: Uuid,
    /// Partition number.
    pub partition: PartitionIndex,
}

impl fmt::Display for TopicIdPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.topic_id, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_text_form_round_trips() {
        for bytes in [[0u8; 16], [255u8; 16], *b"0123456789abcdef"] {
            let id = Uuid(bytes);
            assert_eq!(id.to_string().len(), 22);
            assert_eq!(Uuid::parse(&id.to_string()), Some(id));
        }
        assert_eq!(Uuid::parse("too short"), None);
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAB"), None);
    }
}
