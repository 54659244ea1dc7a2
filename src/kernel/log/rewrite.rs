//! What compaction makes of a single batch: the records that are superseded go, tombstones go when
//! their time has come (KIP-534), everything else of the batch stays: offsets, sequence numbers,
//! timestamps, codec.

use super::compaction::{KeyMap, LastOffsets};
use crate::kernel::batch::{self, BatchHeader, Codec, HEADER_SIZE, TimestampType};
use crate::kernel::recompress::{self, Error};
use crate::kernel::records::{self, Piece};
use crate::kernel::types::{NO_TIMESTAMP, Offset, TimestampMs};

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;

/// One cleaning of a log.
pub struct Round<'a> {
    /// Newest offsets of the keys in the dirty part of the log.
    pub keys: &'a KeyMap,
    /// Last batches of the producers that are still remembered.
    pub last_offsets: &'a LastOffsets,
    /// Offset behind the last batch of the round. That batch stays, without its records if need
    /// be, so that the log does not lose an offset it gave away.
    pub end_offset: Offset,
    /// Time of the round.
    pub now: TimestampMs,
    /// How long a tombstone outlives its first cleaning.
    pub delete_retention_ms: i64,
    /// Bound on the decompressed records of a batch, in bytes.
    pub decompressed_max: usize,
    /// Whether no tombstone goes: an older segment cannot be cleaned, and what a tombstone deletes
    /// there would come back.
    pub keeps_tombstones: bool,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Cleaned {
    /// It stays byte for byte.
    Unchanged,
    /// This takes its place.
    Rewritten(Vec<u8>),
    /// Nothing of it is left.
    Dropped,
}

impl Round<'_> {
    /// Cleans one whole batch.
    pub fn clean(&self, header: &BatchHeader, batch: &[u8]) -> Result<Cleaned, Error> {
        if header.is_control() {
            return Ok(Cleaned::Unchanged);
        }
        let bytes = records::decompress(header, batch, self.decompressed_max)?;
        let mut kept = Kept { max_timestamp: NO_TIMESTAMP, pieces: Vec::new(), tombstones: false };
        records::for_each_piece(header, &bytes, |piece| {
            if self.keeps(header, &piece) {
                kept.add(header, piece);
            }
            Ok(())
        })?;
        if kept.pieces.is_empty() {
            return Ok(match self.keeps_empty(header) {
                true if header.record_count == 0 => Cleaned::Unchanged,
                true => Cleaned::Rewritten(empty(header, batch)),
                false => Cleaned::Dropped,
            });
        }
        let horizon = (kept.tombstones && !header.has_delete_horizon())
            .then(|| self.now.saturating_add(self.delete_retention_ms));
        if horizon.is_none() && kept.pieces.len() == header.record_count as usize {
            return Ok(Cleaned::Unchanged);
        }
        kept.encode(header, batch, horizon).map(Cleaned::Rewritten)
    }

    fn keeps(&self, header: &BatchHeader, piece: &Piece<'_>) -> bool {
        let offset = header.base_offset.saturating_add(i64::from(piece.offset_delta));
        if offset >= self.keys.end_offset() {
            return true;
        }
        // Produce refuses records without key; those from before the topic was compacted go.
        let Some(key) = piece.key else { return false };
        let is_newest = self.keys.get(key).is_none_or(|newest| offset >= newest);
        let is_past_horizon = header.has_delete_horizon() && self.now >= header.base_timestamp;
        is_newest && (piece.has_value || self.keeps_tombstones || !is_past_horizon)
    }

    fn keeps_empty(&self, header: &BatchHeader) -> bool {
        let is_last_of_producer = header.has_producer_id()
            && self.last_offsets.get(&header.producer_id) == Some(&header.last_offset());
        is_last_of_producer || header.next_offset() == self.end_offset
    }
}

/// The records of a batch that stay.
struct Kept<'a> {
    pieces: Vec<Piece<'a>>,
    max_timestamp: TimestampMs,
    tombstones: bool,
}

impl<'a> Kept<'a> {
    fn add(&mut self, header: &BatchHeader, piece: Piece<'a>) {
        let timestamp = header.base_timestamp.wrapping_add(piece.timestamp_delta);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.tombstones |= !piece.has_value;
        self.pieces.push(piece);
    }

    fn encode(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        horizon: Option<TimestampMs>,
    ) -> Result<Vec<u8>, Error> {
        let mut body = Vec::with_capacity(self.pieces.iter().map(|piece| piece.whole.len()).sum());
        for piece in &self.pieces {
            match horizon {
                None => body.extend_from_slice(piece.whole),
                Some(base) => {
                    let timestamp = header.base_timestamp.wrapping_add(piece.timestamp_delta);
                    piece.put_with_timestamp(&mut body, timestamp.wrapping_sub(base))?;
                }
            }
        }
        let mut head = [0; HEADER_SIZE];
        head.copy_from_slice(&batch[..HEADER_SIZE]);
        let max_timestamp = match header.timestamp_type() {
            TimestampType::CreateTime => self.max_timestamp,
            TimestampType::LogAppendTime => header.max_timestamp,
        };
        batch::set_records(&mut head, self.pieces.len() as i32, max_timestamp);
        if let Some(horizon) = horizon {
            batch::set_delete_horizon(&mut head, horizon);
        }
        let codec = header.codec().ok_or(records::Error::UnknownCodec)?;
        recompress::encode(&head, codec, None, &body)
    }
}

/// The head of a batch without records: it keeps the offsets and the producer's sequence.
fn empty(header: &BatchHeader, batch: &[u8]) -> Vec<u8> {
    let mut head = batch[..HEADER_SIZE].to_vec();
    batch::set_records(&mut head, 0, header.max_timestamp);
    batch::clear_base_timestamp(&mut head);
    batch::seal(&mut head, Codec::None);
    head
}
