//! What compaction makes of a single batch: the records that are superseded or were aborted go,
//! tombstones, and markers of transactions without records, go when their time has come (KIP-534),
//! everything else of the batch stays: offsets, sequence numbers, timestamps, codec.

use std::collections::HashSet;

use super::compaction::{KeyMap, LastMarkers, LastOffsets};
use super::transactions::{self, Outcome, Outcomes};
use crate::kernel::batch::{self, BatchHeader, Codec, HEADER_SIZE, TimestampType};
use crate::kernel::recompress::{self, Error};
use crate::kernel::records::{self, Piece};
use crate::kernel::types::{NO_TIMESTAMP, Offset, TimestampMs};

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;

/// One cleaning of a log. It is shown all batches from the log's first on, in order.
pub struct Round<'a> {
    /// Newest offsets of the keys in the dirty part of the log.
    pub keys: &'a KeyMap,
    /// Transactions of the dirty part that were not committed.
    pub outcomes: &'a Outcomes,
    /// Last batches of the producers that are still remembered.
    pub last_offsets: &'a LastOffsets,
    /// Producers that are remembered by a marker alone.
    pub last_markers: &'a LastMarkers,
    /// Offset behind the last batch of the round. That batch stays, without its records if need
    /// be, so that the log does not lose an offset it gave away.
    pub end_offset: Offset,
    /// Time of the round.
    pub now: TimestampMs,
    /// How long a tombstone outlives its first cleaning, and a marker its last record.
    pub delete_retention_ms: i64,
    /// Bound on the decompressed records of a batch, in bytes.
    pub decompressed_max: usize,
    /// Whether no tombstone and no marker goes: an older segment cannot be cleaned, and what they
    /// delete or decide there would come back.
    pub keeps_deletions: bool,
    /// Producers whose transaction has a batch before this point that no marker has ended. Empty at
    /// the beginning.
    pub traversed: HashSet<i64>,
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
    pub fn clean(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<Cleaned, Error> {
        if header.is_control() {
            return self.clean_control(header, batch);
        }
        if header.is_transactional() {
            self.traversed.insert(header.producer_id);
        }
        match self.outcomes.of(header) {
            Outcome::Committed => {}
            Outcome::Aborted => return Ok(self.without_records(header, batch)),
            Outcome::Unknown => return Ok(Cleaned::Unchanged),
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
            return Ok(self.without_records(header, batch));
        }
        let is_first = kept.tombstones && !header.has_delete_horizon();
        let horizon = is_first.then(|| self.new_horizon());
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
        is_newest && (piece.has_value || self.keeps_deletions || !self.is_past_horizon(header))
    }

    /// Cleans a marker, which has nothing to say once every batch of its transaction is gone. All
    /// other control batches stay.
    fn clean_control(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<Cleaned, Error> {
        if transactions::marker(header, batch).is_none() {
            return Ok(Cleaned::Unchanged);
        }
        let has_batches = self.traversed.remove(&header.producer_id);
        if has_batches || self.keeps_deletions {
            return Ok(Cleaned::Unchanged);
        }
        if header.record_count == 0 || self.is_past_horizon(header) {
            return Ok(self.without_records(header, batch));
        }
        if header.has_delete_horizon() {
            return Ok(Cleaned::Unchanged);
        }
        let bytes = records::decompress(header, batch, self.decompressed_max)?;
        let mut kept = Kept { max_timestamp: NO_TIMESTAMP, pieces: Vec::new(), tombstones: false };
        records::for_each_piece(header, &bytes, |piece| {
            kept.add(header, piece);
            Ok(())
        })?;
        kept.encode(header, batch, Some(self.new_horizon())).map(Cleaned::Rewritten)
    }

    /// What is left of a batch none of whose records stay.
    fn without_records(&self, header: &BatchHeader, batch: &[u8]) -> Cleaned {
        match self.keeps_empty(header) {
            true if header.record_count == 0 => Cleaned::Unchanged,
            true => Cleaned::Rewritten(empty(header, batch)),
            false => Cleaned::Dropped,
        }
    }

    fn new_horizon(&self) -> TimestampMs {
        self.now.saturating_add(self.delete_retention_ms)
    }

    fn is_past_horizon(&self, header: &BatchHeader) -> bool {
        header.has_delete_horizon() && self.now >= header.base_timestamp
    }

    fn keeps_empty(&self, header: &BatchHeader) -> bool {
        let id = &header.producer_id;
        let is_last_of_producer = header.has_producer_id()
            && match self.last_offsets.get(id) {
                Some(last_offset) => *last_offset == header.last_offset(),
                None => {
                    header.is_control() && self.last_markers.get(id) == Some(&header.producer_epoch)
                }
            };
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
