//! Which part of a segment file is good: a walk over its batches that stops at the first torn or
//! corrupt one. The caller feeds it bytes; it keeps no buffer of its own.

use super::Log;
use crate::kernel::batch::{self, BatchHeader, HEADER_SIZE};
use crate::kernel::types::{Offset, TimestampMs};

/// What became of a piece of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Bytes of whole, valid batches at the beginning of the piece.
    pub valid: usize,
    /// Why the walk ended.
    pub end: End,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The piece is used up, or ends within a batch of `needed` bytes (at least a header).
    NeedsMore {
        /// Bytes that must be there, counted from the end of the valid part, to go on.
        needed: usize,
    },
    /// The next bytes are not a valid batch.
    Corrupt,
}

/// The largest offset that may follow a segment's last record.
pub fn offset_max(base_offset: Offset) -> Offset {
    base_offset.saturating_add(i64::from(i32::MAX)).saturating_add(1)
}

/// Takes every whole batch at the beginning of `bytes` into the active segment of `log`.
pub fn walk(log: &mut Log, bytes: &[u8], now: TimestampMs) -> Walked {
    let mut valid = 0;
    loop {
        let rest = &bytes[valid..];
        if rest.len() < HEADER_SIZE {
            return Walked { valid, end: End::NeedsMore { needed: HEADER_SIZE } };
        }
        let Ok(header) = BatchHeader::parse(rest) else {
            return Walked { valid, end: End::Corrupt };
        };
        let size = header.total_size();
        let active = log.active();
        // The base offset lies outside the CRC: this is all there is to tell a damaged one.
        let too_far = header.last_offset().saturating_sub(active.base_offset) > i64::from(i32::MAX);
        if header.base_offset < active.end_offset || header.last_offset_delta < 0 || too_far {
            return Walked { valid, end: End::Corrupt };
        }
        if rest.len() < size {
            return Walked { valid, end: End::NeedsMore { needed: size } };
        }
        if batch::check_crc(&header, rest).is_err() {
            return Walked { valid, end: End::Corrupt };
        }
        // What was appended once is taken as it stands. Producers count as active now: expiring
        // them by their records' own timestamps would forget those that send old data.
        log.append(&header, now);
        valid += size;
    }
}
