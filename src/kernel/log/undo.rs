//! Taking back an append whose bytes never reached the file, so that the log says again what it
//! said before. Deliberately knows no file: whoever cuts the file back asks for this.

use super::Log;
use super::epochs::LeaderEpochs;
use super::producers::Producer;
use super::segment::Segment;
use crate::kernel::batch::BatchHeader;
use crate::kernel::types::Offset;

/// Producers that memory is kept for between two appends.
const PRODUCERS_KEPT: usize = 4;

/// What a log was before an append. Kept from one append to the next, for its memory.
#[derive(Debug, Default)]
pub struct Undo {
    segments: usize,
    /// The active segment without its index, which only grows.
    active: Option<Segment>,
    epochs: Option<LeaderEpochs>,
    producers: Vec<(i64, Option<Producer>)>,
}

impl Undo {
    /// Remembers what the log is now.
    pub fn begin(&mut self, log: &Log) {
        self.segments = log.segments.len();
        self.active = Some(Segment { index: None, ..*log.active() });
        self.epochs = None;
        self.producers.clear();
        self.producers.shrink_to(PRODUCERS_KEPT);
    }

    /// Remembers what taking in this batch, with its offset and epoch, would change.
    pub fn note(&mut self, log: &Log, header: &BatchHeader) {
        if header.has_producer_id() {
            let producer_id = header.producer_id;
            self.producers.push((producer_id, log.producers.state(producer_id)));
        }
        if self.epochs.is_none() && log.epochs.latest() != Some(header.leader_epoch) {
            self.epochs = Some(log.epochs.clone());
        }
    }

    /// Base offset and size of the segment that was active at the beginning.
    pub fn active(&self) -> (Offset, u64) {
        self.active.as_ref().map_or((0, 0), |active| (active.base_offset, active.size))
    }

    /// Puts the log back. Answers the base offsets of segments that are gone again.
    pub fn apply(&mut self, log: &mut Log) -> Vec<Offset> {
        let Some(active) = self.active.take() else { return Vec::new() };
        let gone = log.segments.drain(self.segments..).map(|segment| segment.base_offset);
        let gone = gone.collect();
        if let Some(last) = log.segments.last_mut() {
            let mut index = last.index.take();
            if let (Some(index), Ok(end)) = (&mut index, u32::try_from(active.size)) {
                index.truncate(end);
            }
            *last = Segment { index, ..active };
        }
        if let Some(epochs) = self.epochs.take() {
            log.epochs = epochs;
        }
        // Backwards: a producer that came twice is what it was before the first time.
        for (producer_id, state) in self.producers.drain(..).rev() {
            log.producers.put_back(producer_id, state);
        }
        gone
    }
}
