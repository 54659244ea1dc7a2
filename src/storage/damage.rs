//! What is known to be damaged in the segments of a partition, and what of them has been read and
//! found sound since the start. Damage stays where it is: reads of its offsets are refused, reads
//! of all others pass it by. Nothing in here is stored: a start finds it anew.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::layout;
use crate::kernel::log::soundness::Damage;
use crate::kernel::types::Offset;

/// Most damaged places that are remembered of a partition. Reads behind any more are refused.
const PLACES_MAX: usize = 1024;

/// Most separate ranges that are remembered as sound of a segment. Any more are read again.
const RANGES_MAX: usize = 64;

/// Base offset and generation of a segment.
pub type Key = (Offset, u32);

/// The damage and the soundness of one partition.
#[derive(Default)]
pub struct Damages {
    /// Whether there is any: sound partitions ask no further.
    any: AtomicBool,
    known: Mutex<Vec<(Key, Damage)>>,
    sound: Mutex<HashMap<Key, Vec<(u64, u64)>>>,
    /// Base offsets of segments that compaction leaves as they are.
    left_alone: Mutex<HashSet<Offset>>,
}

impl Damages {
    /// What recovery found, by base offset of the segments.
    pub fn new(found: Vec<(Offset, Damage)>) -> Damages {
        let known: Vec<_> = found.into_iter().map(|(base, damage)| ((base, 0), damage)).collect();
        Damages {
            any: AtomicBool::new(!known.is_empty()),
            known: Mutex::new(known),
            sound: Mutex::default(),
            left_alone: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<(Key, Damage)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The damage known in a segment.
    pub fn of(&self, key: Key) -> Vec<Damage> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let known = self.known();
        known.iter().filter(|(other, _)| *other == key).map(|(_, damage)| *damage).collect()
    }

    /// Remembers damage and tells of it. Says whether it was new.
    pub fn note(&self, folder: &Path, key: Key, damage: Damage) -> bool {
        let mut known = self.known();
        let again = |(other, old): &(Key, Damage)| *other == key && old.position == damage.position;
        if known.iter().any(again) || known.len() >= PLACES_MAX {
            return false;
        }
        tell(folder, key.0, &damage);
        known.push((key, damage));
        self.any.store(true, Ordering::Release);
        true
    }

    /// Whether the bytes from `from` to `to` of a segment were found sound since the start.
    pub fn is_sound(&self, key: Key, from: u64, to: u64) -> bool {
        let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        let ranges = sound.get(&key).map_or(&[][..], Vec::as_slice);
        ranges.iter().any(|range| range.0 <= from && to <= range.1)
    }

    /// Remembers that the bytes from `from` to `to` of a segment were found sound.
    pub fn note_sound(&self, key: Key, from: u64, to: u64) {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        let ranges = sound.entry(key).or_default();
        let (mut from, mut to) = (from, to);
        ranges.retain(|range| {
            let touches = range.0 <= to && from <= range.1;
            if touches {
                (from, to) = (from.min(range.0), to.max(range.1));
            }
            !touches
        });
        if ranges.len() >= RANGES_MAX
            && let Some(least) = (0..ranges.len()).min_by_key(|at| ranges[*at].1 - ranges[*at].0)
        {
            ranges.swap_remove(least);
        }
        ranges.push((from, to));
    }

    /// Lets compaction leave a segment as it is.
    pub fn leave_alone(&self, base_offset: Offset) {
        self.left_alone.lock().unwrap_or_else(PoisonError::into_inner).insert(base_offset);
    }

    /// Whether compaction leaves a segment as it is.
    pub fn is_left_alone(&self, base_offset: Offset) -> bool {
        let left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        left_alone.contains(&base_offset)
    }

    /// Forgets a segment that is gone.
    pub fn forget(&self, base_offset: Offset) {
        self.left_alone.lock().unwrap_or_else(PoisonError::into_inner).remove(&base_offset);
        self.sound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(base, _), _| *base != base_offset);
        if self.any.load(Ordering::Acquire) {
            self.known().retain(|((base, _), _)| *base != base_offset);
        }
    }
}

/// Tells of damage in a segment, once.
pub fn tell(folder: &Path, base_offset: Offset, damage: &Damage) {
    let file = layout::segment_file(folder, base_offset);
    tracing::error!(file = %file.display(), position = damage.position, end = damage.end,
        offset = damage.offset, next_offset = damage.next_offset, reason = %damage.fault,
        "the segment is damaged: these offsets cannot be read, all others can");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::log::soundness::Fault;

    #[test]
    fn sound_ranges_grow_together_and_stay_few() {
        let damages = Damages::default();
        let key = (0, 0);
        damages.note_sound(key, 10, 20);
        damages.note_sound(key, 30, 40);
        assert!(damages.is_sound(key, 12, 20) && !damages.is_sound(key, 12, 31));
        damages.note_sound(key, 20, 30);
        assert!(damages.is_sound(key, 10, 40) && !damages.is_sound((0, 1), 10, 40));
        for n in 0..1000 {
            damages.note_sound(key, 100 + n * 10, 105 + n * 10);
        }
        assert!(damages.is_sound(key, 10, 40), "the largest stays");
        assert!(damages.sound.lock().unwrap()[&key].len() <= RANGES_MAX);
        damages.forget(0);
        assert!(!damages.is_sound(key, 10, 40));
    }

    #[test]
    fn damage_is_noted_once_and_within_a_bound() {
        let damages = Damages::default();
        let damage = |position| Damage {
            position,
            end: 9,
            offset: 3,
            next_offset: 7,
            fault: Fault::Crc,
            unwritten: false,
        };
        assert!(damages.note(Path::new("x"), (0, 0), damage(1)));
        assert!(!damages.note(Path::new("x"), (0, 0), damage(1)));
        assert_eq!((damages.of((0, 0)).len(), damages.of((0, 1)).len()), (1, 0));
        for position in 0..5000 {
            damages.note(Path::new("x"), (8, 0), damage(position));
        }
        assert!(damages.known().len() <= PLACES_MAX);
    }
}
