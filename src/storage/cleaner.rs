//! The thread that compacts logs: it takes the log with the largest dirty share, notes the newest
//! offset of every key in the dirty part, copies what is still wanted of the segments into new
//! ones, and has them swapped in. It runs at idle priority, within a bound on memory and bytes per
//! second, and decides nothing that the kernel does not.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cleaning::Cleaning;
use super::disk::{self, File};
use super::draft::Draft;
use super::epoch_history;
use super::flusher::sync_partition;
use super::janitor::{self, Condemned};
use super::partition::Partition;
use super::partitions::Partitions;
use super::rocks::Changes;
use super::schema;
use super::swap::{self, Swap};
use crate::clock::Clock;
use crate::kernel::batch::BatchHeader;
use crate::kernel::log::compaction::{self, Due, KeyMap};
use crate::kernel::log::rewrite::Round;
use crate::kernel::log::segment::Segment;
use crate::kernel::log::soundness::{Damage, Expected, Source, Step, Walk};
use crate::kernel::log::transactions::Outcomes;
use crate::kernel::records;
use crate::kernel::types::{Offset, TopicIdPartition};

/// Why a log was not cleaned.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// Its segments changed meanwhile, or the broker stops: a later round sees to it.
    #[error("overtaken by another change of the log")]
    Overtaken,
    /// A batch cannot be read.
    #[error("{} has a corrupt batch at {position}", file.display())]
    Corrupt { segment: Offset, file: PathBuf, position: u64 },
    /// One batch has more keys than the memory holds.
    #[error("a batch has {0} keys, more than log.cleaner.dedupe.buffer.size has room for")]
    TooManyKeys(i32),
    /// One transaction spans more aborted ones than are remembered.
    #[error("too many transactions were aborted during one that begins at offset {0}")]
    TooManyTransactions(Offset),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The running cleaner.
pub struct Cleaner {
    cleaning: Arc<Cleaning>,
    thread: Option<JoinHandle<()>>,
}

impl Cleaner {
    /// Starts the first thread, which sees to the others; limits are those of the partitions.
    /// Batches have at most `decompressed_max` bytes when they are decompressed. `secret` is
    /// random: it keeps clients from making keys that look equal.
    pub fn start(
        partitions: Arc<Partitions>,
        clock: Clock,
        decompressed_max: usize,
        secret: [u8; 16],
    ) -> io::Result<Cleaner> {
        let cleaning = Arc::clone(partitions.cleaning());
        let worker = Worker::new(0, partitions, clock, decompressed_max, secret);
        let _first = cleaning.missing();
        let thread = spawn(worker)?;
        Ok(Cleaner { cleaning, thread: Some(thread) })
    }

    /// Ends the threads; a cleaning that has begun is given up without trace.
    pub fn stop(&mut self) {
        self.cleaning.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Cleans the dirtiest log, if there is one, on this thread.
#[cfg(test)]
pub fn clean_once(partitions: &Arc<Partitions>, clock: &Clock) -> bool {
    use super::cleaning::Settings;
    partitions.cleaning().change(Settings { key_bytes_max: 1 << 20, ..Settings::default() });
    Worker::new(0, Arc::clone(partitions), clock.clone(), 1 << 20, [3; 16]).clean_dirtiest()
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(mut worker: Worker) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("felice-cleaner".into()).spawn(move || {
        disk::lower_priority();
        worker.run();
    })
}

/// Bytes moved since a moment.
struct Pace {
    since: Instant,
    bytes: u64,
}

struct Worker {
    number: usize,
    cleaning: Arc<Cleaning>,
    partitions: Arc<Partitions>,
    clock: Clock,
    decompressed_max: usize,
    secret: [u8; 16],
    pace: Pace,
}

impl Worker {
    fn new(
        number: usize,
        partitions: Arc<Partitions>,
        clock: Clock,
        decompressed_max: usize,
        secret: [u8; 16],
    ) -> Worker {
        let cleaning = Arc::clone(partitions.cleaning());
        let pace = Pace { since: Instant::now(), bytes: 0 };
        Worker { number, cleaning, partitions, clock, decompressed_max, secret, pace }
    }

    fn run(&mut self) {
        let mut others = Vec::new();
        while !self.cleaning.dismiss(self.number) {
            if self.number == 0 {
                others.retain(|other: &JoinHandle<()>| !other.is_finished());
                others.extend(self.spawn_missing());
            }
            let settings = self.cleaning.settings();
            if settings.threads == 0 || !self.clean_dirtiest() {
                let now = self.clock.now();
                let due = janitor::remove_condemned(&self.partitions, now);
                let wait = due.map_or(settings.backoff, |due| janitor::wait_ms(due, now));
                self.cleaning.sleep(wait.min(settings.backoff));
            }
        }
        for other in others {
            // A thread that failed has said so.
            let _ = other.join();
        }
    }

    /// Starts the threads that are wanted beside the first.
    fn spawn_missing(&self) -> Vec<JoinHandle<()>> {
        let missing = self.cleaning.missing().into_iter();
        let spawned = missing.filter_map(|number| {
            let (partitions, clock) = (Arc::clone(&self.partitions), self.clock.clone());
            spawn(Worker::new(number, partitions, clock, self.decompressed_max, self.secret)).ok()
        });
        spawned.collect()
    }

    /// Cleans one log. Says whether to look for another one at once.
    fn clean_dirtiest(&mut self) -> bool {
        let cleaning = Arc::clone(&self.cleaning);
        let taken = cleaning.take(|is_free| {
            let (partition, due) = self.dirtiest(is_free)?;
            Some((partition.id, (partition, due)))
        });
        let Some((partition, due)) = taken else { return false };
        self.pace = Pace { since: Instant::now(), bytes: 0 };
        let cleaned = self.clean(&partition, &due);
        self.cleaning.release(&partition.id);
        match cleaned {
            Ok(()) => true,
            Err(Error::Overtaken) => false,
            Err(Error::Io(error)) => {
                tracing::warn!(topic = %partition.topic, partition = partition.id.partition,
                    %error, "compaction failed; tried again later");
                false
            }
            Err(Error::Corrupt { segment, file, position }) => {
                tracing::error!(topic = %partition.topic, partition = partition.id.partition,
                    file = %file.display(), position,
                    "compaction leaves a segment as it is, for a batch in it is damaged");
                partition.damages.leave_alone(segment);
                true
            }
            Err(error) => {
                tracing::error!(topic = %partition.topic, partition = partition.id.partition,
                    %error, "the log cannot be compacted; not tried again before a restart");
                self.cleaning.refuse(partition.id);
                true
            }
        }
    }

    /// The log that needs cleaning most: those that waited too long first.
    fn dirtiest(
        &self,
        is_free: &dyn Fn(&TopicIdPartition) -> bool,
    ) -> Option<(Arc<Partition>, Due)> {
        let mut found: Option<(Arc<Partition>, Due)> = None;
        let free = self.partitions.all().into_iter().filter(|partition| is_free(&partition.id));
        for partition in free {
            let Some(due) = self.due(&partition) else { continue };
            let urgency = |due: &Due| (due.is_overdue, due.dirty_ratio);
            if found.as_ref().is_none_or(|(_, other)| urgency(&due) > urgency(other)) {
                found = Some((partition, due));
            }
        }
        found
    }

    fn due(&self, partition: &Partition) -> Option<Due> {
        let config = partition.config();
        if !config.cleanup_compact || partition.check_online().is_err() {
            return None;
        }
        if partition.state().log.segments.len() < 2 {
            return None;
        }
        let key = schema::cleaned_to::key(partition.id);
        let stored = self.partitions.rocks().get(&key);
        let cleaned_to = stored.and_then(|value| schema::cleaned_to::decode(&value)).unwrap_or(0);
        let limits = compaction::Limits {
            lag_ms_min: config.min_compaction_lag_ms,
            lag_ms_max: config.max_compaction_lag_ms,
            dirty_ratio_min: config.min_cleanable_dirty_ratio,
            delete_retention_ms: config.delete_retention_ms,
        };
        let stable_to = partition.last_stable_offset();
        let state = partition.state();
        compaction::due(&state.log, cleaned_to, stable_to, &limits, self.clock.now())
    }

    fn clean(&mut self, partition: &Arc<Partition>, due: &Due) -> Result<(), Error> {
        let (segments, last_offsets, last_markers) = {
            let log = &partition.state().log;
            let segments = log.segments.iter().map(Segment::without_index);
            let segments: Vec<Segment> = segments.collect();
            (segments, log.producers.last_offsets(), log.producers.last_markers())
        };
        // What takes the place of a durable record must be durable too, or a crash takes both. And
        // no crash may bring a checkpoint back in which a segment was shorter than it is now: read
        // from there on, the new file would look torn.
        partition.state().checkpoint_due = true;
        sync_partition(partition, self.partitions.rocks());
        partition.check_online().map_err(|_| Error::Overtaken)?;
        self.partitions.rocks().sync()?;
        let Noted { keys, outcomes, .. } = self.note_keys(partition, &segments, due)?;
        let count = segments.iter().take_while(|s| s.base_offset < keys.end_offset()).count();
        let segments = &segments[..count];
        let mut round = Round {
            keys: &keys,
            outcomes: &outcomes.unwrap_or_default(),
            last_offsets: &last_offsets,
            last_markers: &last_markers,
            end_offset: keys.end_offset(),
            now: self.clock.now(),
            delete_retention_ms: partition.config().delete_retention_ms,
            decompressed_max: self.decompressed_max,
            keeps_deletions: segments.iter().any(|s| is_damaged(partition, s)),
            traversed: HashSet::new(),
        };
        let before: u64 = segments.iter().map(|segment| segment.size).sum();
        let (mut rest, mut after) = (segments, 0);
        // The batches that tell where leader epochs began may go.
        epoch_history::keep(partition)?;
        while let Some(first) = rest.first() {
            let sound = rest.iter().take_while(|s| !is_damaged(partition, s)).count();
            if sound == 0 {
                after += first.size;
                rest = &rest[1..];
                continue;
            }
            let group = &rest[..sound];
            let (count, bytes) = self.clean_group(partition, group, &mut round)?;
            rest = &rest[count..];
            after += bytes;
        }
        sync_partition(partition, self.partitions.rocks());
        partition.check_online().map_err(|_| Error::Overtaken)?;
        let mut changes = Changes::default();
        let cleaned_to = schema::cleaned_to::encode(keys.end_offset());
        changes.put(&schema::cleaned_to::key(partition.id), &cleaned_to);
        self.partitions.rocks().commit(changes);
        tracing::info!(topic = %partition.topic, partition = partition.id.partition,
            cleaned_to = keys.end_offset(), keys = keys.len(), bytes_before = before,
            bytes_after = after, "compacted");
        Ok(())
    }

    /// The newest offsets of the keys of the dirty part, as many as fit in memory. `segments` are
    /// all there are.
    fn note_keys(
        &mut self,
        partition: &Partition,
        segments: &[Segment],
        due: &Due,
    ) -> Result<Noted, Error> {
        let from = due.dirty_from;
        let mut keys = KeyMap::new(self.cleaning.settings().key_bytes_of_one(), self.secret);
        keys.advance(from);
        let mut noted = Noted { keys, outcomes: None, from };
        let end = segments.partition_point(|segment| segment.base_offset < due.dirty_to);
        for at in segments.partition_point(|segment| segment.end_offset <= from)..end {
            let segment = &segments[at];
            if is_damaged(partition, segment) {
                noted.keys.advance(segment.end_offset);
                continue;
            }
            let mut stopped = self.note_segment(partition, segment, &mut noted)?;
            if matches!(stopped, Some(Stop::Undecided)) {
                // Once, and only for logs with transactions.
                let outcomes = self.read_outcomes(partition, &segments[at..], due.dirty_to)?;
                noted.outcomes = Some(outcomes);
                stopped = self.note_segment(partition, segment, &mut noted)?;
            }
            match stopped {
                Some(Stop::Full(error)) if noted.keys.end_offset() <= from => return Err(error),
                Some(_) => break,
                None => noted.keys.advance(segment.end_offset),
            }
        }
        Ok(noted)
    }

    /// Notes the keys of one segment. Answers why it did not get to its end.
    fn note_segment(
        &mut self,
        partition: &Partition,
        segment: &Segment,
        noted: &mut Noted,
    ) -> Result<Option<Stop>, Error> {
        let decompressed_max = self.decompressed_max;
        let mut stopped = None;
        let source = open(partition, segment)?;
        self.scan(partition, &source, segment, |header, batch| {
            stopped = stopped.take().or_else(|| noted.stop_before(header));
            if stopped.is_some() || header.next_offset() <= noted.from {
                return Ok(true);
            }
            Ok(noted.batch(header, batch, decompressed_max).is_ok())
        })?;
        Ok(stopped)
    }

    /// What became of the transactions that begin in `segments`, which go on to the log's end,
    /// before offset `to`.
    fn read_outcomes(
        &mut self,
        partition: &Partition,
        segments: &[Segment],
        to: Offset,
    ) -> Result<Outcomes, Error> {
        let mut outcomes = Outcomes::default();
        for segment in segments {
            if segment.base_offset >= to && outcomes.is_decided_to(to) {
                break;
            }
            if is_damaged(partition, segment) {
                outcomes.pass_over(segment.end_offset);
                continue;
            }
            let source = open(partition, segment)?;
            self.scan(partition, &source, segment, |header, batch| {
                outcomes.note(header, batch);
                Ok(true)
            })?;
        }
        Ok(outcomes)
    }

    /// Makes one segment of as many of `segments` as fit into it, and swaps it in. Answers how many
    /// they were and the bytes that are left of them.
    fn clean_group(
        &mut self,
        partition: &Arc<Partition>,
        segments: &[Segment],
        round: &mut Round<'_>,
    ) -> Result<(usize, u64), Error> {
        let limits = partition.state().log.limits;
        let interval = limits.index_interval_bytes;
        let base_offset = segments[0].base_offset;
        let path = swap::draft_file(&partition.folder, base_offset);
        let mut draft = Draft::create(&partition.disk, &path, base_offset, interval)?;
        let copied = self.copy(partition, segments, limits.segment_bytes, round, &mut draft);
        let finished = copied.and_then(|count| Ok(draft.finish().map(|()| count)?));
        let group = match finished {
            Ok(count) => &segments[..count],
            Err(error) => {
                // What remains is worth nothing, and the next start removes it too.
                let _ = partition.disk.remove_file(&path);
                return Err(error);
            }
        };
        let size = draft.segment.size;
        self.throttle(size);
        if group.len() == 1 && !draft.changed {
            partition.disk.remove_file(&path)?;
        } else {
            match swap::install(partition, group, draft.segment)? {
                Swap::Done(old) => {
                    self.forget_indexes(partition, &group[1..]);
                    let now = self.clock.now();
                    let due = now.saturating_add(partition.config().file_delete_delay_ms);
                    let old = old.into_iter().map(|path| Condemned { path, due });
                    self.partitions.condemn(old);
                    janitor::remove_condemned(&self.partitions, now);
                }
                Swap::Overtaken => return Err(Error::Overtaken),
            }
        }
        Ok((group.len(), size))
    }

    /// Copies what is left of one segment after the other, until the next might not fit. Answers
    /// how many they were.
    fn copy(
        &mut self,
        partition: &Partition,
        segments: &[Segment],
        segment_bytes: u64,
        round: &mut Round<'_>,
        draft: &mut Draft,
    ) -> Result<usize, Error> {
        for (count, segment) in segments.iter().enumerate() {
            if count > 0 && !compaction::joins(&draft.segment, segment, segment_bytes) {
                return Ok(count);
            }
            let source = open(partition, segment)?;
            self.scan(partition, &source, segment, |header, batch| {
                match round.clean(header, batch) {
                    Ok(cleaned) => draft.add(header, batch, cleaned).map(|()| true),
                    Err(_) => Ok(false),
                }
            })?;
        }
        Ok(segments.len())
    }

    fn forget_indexes(&self, partition: &Partition, gone: &[Segment]) {
        let mut changes = Changes::default();
        for segment in gone {
            changes.delete(&schema::segment_index::key(partition.id, segment.base_offset));
        }
        self.partitions.rocks().commit(changes);
    }

    /// Shows every batch of a segment to `visit`, which answers whether it could read it.
    fn scan(
        &mut self,
        partition: &Partition,
        file: &File,
        segment: &Segment,
        mut visit: impl FnMut(&BatchHeader, &[u8]) -> io::Result<bool>,
    ) -> Result<(), Error> {
        let corrupt = |position| Error::Corrupt {
            segment: segment.base_offset,
            file: super::layout::segment_file(&partition.folder, segment.base_offset),
            position,
        };
        let read = |buffer: &mut [u8], at| partition.disk.read_at(file, buffer, at);
        let expected = Expected {
            least_offset: segment.base_offset,
            most_offset: segment.end_offset,
            least_epoch: -1,
        };
        let mut walk = Walk::new(Source::new(segment.size, read), 0, expected);
        loop {
            let (position, header) = match walk.step()? {
                Step::Batch { position, header } => (position, header),
                Step::Damage(Damage { position, .. }) | Step::Tail { position, .. } => {
                    return Err(corrupt(position));
                }
                Step::End => return Ok(()),
            };
            if !visit(&header, walk.batch(position, &header)?)? {
                return Err(corrupt(position));
            }
            self.throttle(header.total_size() as u64);
            if self.cleaning.is_stopping() || partition.check_online().is_err() {
                return Err(Error::Overtaken);
            }
        }
    }

    /// Counts bytes that were moved and waits until they are within the bound, which may change
    /// meanwhile.
    fn throttle(&mut self, bytes: u64) {
        self.pace.bytes += bytes;
        while !self.cleaning.is_stopping() {
            let most = self.cleaning.settings().bytes_per_second_of_one().max(1);
            let least = self.pace.bytes as f64 / most as f64;
            let ahead = least - self.pace.since.elapsed().as_secs_f64();
            if ahead <= 0.001 {
                return;
            }
            self.cleaning.sleep(Duration::from_secs_f64(ahead.min(60.0)));
        }
    }
}

/// What is known of the dirty part of a log.
struct Noted {
    keys: KeyMap,
    /// What became of its transactions; not read before there is one.
    outcomes: Option<Outcomes>,
    /// Where it begins.
    from: Offset,
}

/// Why no more keys are noted.
enum Stop {
    /// There is no room. The error if it is so from the beginning.
    Full(Error),
    /// There are transactions, and nobody has looked for their ends.
    Undecided,
}

impl Noted {
    /// Whether to stop before a batch.
    fn stop_before(&self, header: &BatchHeader) -> Option<Stop> {
        if header.next_offset() <= self.from {
            return None;
        }
        match &self.outcomes {
            None if header.is_transactional() => return Some(Stop::Undecided),
            Some(outcomes) if header.base_offset >= outcomes.complete_to() => {
                return Some(Stop::Full(Error::TooManyTransactions(header.base_offset)));
            }
            _ => {}
        }
        let has_room = self.keys.has_room(header.record_count.max(0) as usize);
        (!has_room).then_some(Stop::Full(Error::TooManyKeys(header.record_count)))
    }

    fn batch(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        decompressed_max: usize,
    ) -> Result<(), records::Error> {
        compaction::note_keys(
            &mut self.keys,
            self.outcomes.as_ref(),
            header,
            batch,
            self.from,
            decompressed_max,
        )
    }
}

/// Whether a segment is left as it is.
fn is_damaged(partition: &Partition, segment: &Segment) -> bool {
    partition.damages.is_left_alone(segment.base_offset)
}

/// Opens a segment if it is still the one that was looked at.
fn open(partition: &Partition, segment: &Segment) -> Result<Arc<File>, Error> {
    let found = partition.locate(|log| log.place_of_segment(segment.base_offset))?;
    match found {
        Some((place, file)) if place.generation == segment.generation => Ok(file),
        _ => Err(Error::Overtaken),
    }
}

#[cfg(test)]
#[path = "cleaner_tests.rs"]
mod tests;
