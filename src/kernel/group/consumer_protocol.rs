//! Reads the topics out of a consumer's subscription, the metadata that members of type
//! `consumer` send with JoinGroup. Only what version 0 holds is read, which every later version
//! begins with. Assignments and user data stay opaque.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a subscription could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before the list of topics does, as empty metadata does. Kafka lets such a member
    /// in and does not know what it subscribes to.
    #[error("the subscription is cut short")]
    CutShort,
    /// A length in it cannot be right.
    #[error("the subscription is corrupt")]
    Corrupt,
}

/// Adds the subscribed topics to `topics`.
pub fn read_topics(metadata: &[u8], topics: &mut BTreeSet<Arc<str>>) -> Result<(), Error> {
    let mut rest = metadata;
    let version = i16::from_be_bytes(take(&mut rest)?);
    if version < 0 {
        return Err(Error::CutShort);
    }
    let count = i32::from_be_bytes(take(&mut rest)?);
    let count = usize::try_from(count).map_err(|_| Error::Corrupt)?;
    // Each topic takes at least its two length bytes.
    if count > rest.len() / 2 {
        return Err(Error::Corrupt);
    }
    for _ in 0..count {
        let length = i16::from_be_bytes(take(&mut rest)?);
        let length = usize::try_from(length).map_err(|_| Error::Corrupt)?;
        let (name, after) = rest.split_at_checked(length).ok_or(Error::Corrupt)?;
        topics.insert(Arc::from(std::str::from_utf8(name).map_err(|_| Error::Corrupt)?));
        rest = after;
    }
    let length = i32::from_be_bytes(take(&mut rest)?);
    // The user data may be null, which is the length -1.
    if length < -1 || usize::try_from(length).is_ok_and(|length| length > rest.len()) {
        return Err(Error::Corrupt);
    }
    Ok(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Error> {
    let (bytes, after) = rest.split_first_chunk::<N>().ok_or(Error::CutShort)?;
    *rest = after;
    Ok(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(metadata: &[u8]) -> Result<Vec<String>, Error> {
        let mut topics = BTreeSet::new();
        read_topics(metadata, &mut topics)?;
        Ok(topics.iter().map(|topic| topic.to_string()).collect())
    }

    #[test]
    fn reads_the_topics_of_any_version() {
        let v0 = b"\0\0\0\0\0\x02\0\x01b\0\x01a\xff\xff\xff\xff";
        assert_eq!(topics(v0), Ok(vec!["a".into(), "b".into()]));
        let mut v9 = v0.to_vec();
        v9[1] = 9;
        v9.extend_from_slice(b"whatever a later version adds");
        assert_eq!(topics(&v9), Ok(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn tells_short_from_corrupt() {
        for short in [&b""[..], b"\0", b"\0\0\0", b"\0\0\0\0\0\0", b"\xff\xff\0\0\0\0"] {
            assert_eq!(topics(short), Err(Error::CutShort), "{short:?}");
        }
        for corrupt in [
            &b"\0\0\x7f\xff\xff\xff"[..],
            b"\0\0\xff\xff\xff\xff",
            b"\0\0\0\0\0\x01\0\x05ab",
            b"\0\0\0\0\0\x01\xff\xffab",
            b"\0\0\0\0\0\x01\0\x01\xff\0\0\0\0",
            b"\0\0\0\0\0\0\0\0\0\x01",
            b"\0\0\0\0\0\0\xff\xff\xff\xfe",
        ] {
            assert_eq!(topics(corrupt), Err(Error::Corrupt), "{corrupt:?}");
        }
    }
}
