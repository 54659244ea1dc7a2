//! Random identifiers. The kernel takes them as arguments, so that its rules stay deterministic.

use std::io;

use crate::kernel::types::Uuid;

/// A random identifier, as Kafka makes them.
///
/// # Errors
/// The operating system has no random numbers.
pub fn uuid() -> io::Result<Uuid> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // Version 4, variant 1. People paste IDs into command lines, where a leading dash would be
    // taken for an option.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    if bytes[0] >> 2 == 62 {
        bytes[0] &= 0x7f;
    }
    Ok(Uuid(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn identifiers_differ_and_never_begin_with_a_dash() {
        let ids: Vec<_> = (0..2000).map(|_| super::uuid().unwrap()).collect();
        assert!(ids.iter().all(|id| !id.to_string().starts_with('-')));
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
