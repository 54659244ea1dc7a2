//! What is left of deleted topics: first their partitions end, then their folders get a name that
//! a start removes, then they go. Their names must be gone for good before the metadata log forgets
//! the deletion: nobody could tell a folder that a power cut brings back from one that is wanted.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::checkpoint;
use super::layout;
use super::partitions::Partitions;
use crate::kernel::types::Uuid;

/// Deleted topics on their way out.
#[derive(Default)]
pub(super) struct Deleted {
    /// Those that nobody has turned to yet, which happens at once.
    noted: Mutex<Vec<Uuid>>,
    /// Held over work on the device.
    going: Mutex<Going>,
}

#[derive(Default)]
struct Going {
    /// Topics whose folders have their names.
    named: Vec<Uuid>,
    /// Folders that have the ending of removed ones.
    condemned: Vec<PathBuf>,
    /// No sync is known to have covered that the names are gone.
    is_unsynced: bool,
}

impl Deleted {
    /// What is going, with all that was noted so far. Waits while somebody else is at it.
    fn turn(&self) -> MutexGuard<'_, Going> {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        going.is_unsynced |= !noted.is_empty();
        going.named.extend(noted);
        going
    }
}

impl Partitions {
    /// Notes that a topic was deleted. Waits for nothing.
    pub fn note_deleted(&self, topic_id: Uuid) {
        self.deleted.noted.lock().unwrap_or_else(PoisonError::into_inner).push(topic_id);
    }

    /// Removes the partitions of all deleted topics and their files. Waits for the device.
    pub fn discard_deleted(&self) {
        let condemned = {
            let mut going = self.deleted.turn();
            self.condemn_topics(&mut going);
            std::mem::take(&mut going.condemned)
        };
        for folder in condemned {
            if let Err(error) = self.disk().remove_folder(&folder) {
                tracing::warn!(folder = %folder.display(), %error,
                    "the folder of a deleted topic cannot be removed; the next start removes it");
            }
        }
    }

    /// Makes sure that no crash brings back the folder of a topic whose deletion was noted. Waits
    /// for the device.
    pub fn settle_deleted(&self) -> io::Result<()> {
        let mut going = self.deleted.turn();
        self.condemn_topics(&mut going);
        if !going.named.is_empty() {
            return Err(io::Error::other("the folder of a deleted topic cannot be renamed"));
        }
        if going.is_unsynced {
            self.flusher().sync_shared(self.disk(), &self.data_folder().join(layout::TOPICS))?;
            going.is_unsynced = false;
        }
        Ok(())
    }

    fn condemn_topics(&self, going: &mut Going) {
        for topic_id in std::mem::take(&mut going.named) {
            match self.remove_topic(topic_id) {
                Ok(folder) => going.condemned.extend(folder),
                Err(error) => {
                    let folder = layout::topic_folder(self.data_folder(), topic_id);
                    tracing::warn!(folder = %folder.display(), %error,
                        "the folder of a deleted topic cannot be renamed; the next start removes \
                         it");
                    going.named.push(topic_id);
                }
            }
        }
    }

    /// Ends the partitions of a deleted topic: they can no longer be found, those who wait for
    /// them are answered, and the folder, if there is one, gets a name that the next start removes.
    pub(super) fn remove_topic(&self, topic_id: Uuid) -> io::Result<Option<PathBuf>> {
        let removed = self.take_out(topic_id);
        for partition in &removed {
            partition.mark_deleted();
            // A sync that has begun must not store a checkpoint after it was forgotten.
            drop(partition.sync_turn());
        }
        checkpoint::forget_topic(topic_id, self.rocks());
        let folder = layout::topic_folder(self.data_folder(), topic_id);
        let condemned = folder.with_extension(&layout::DELETED[1..]);
        match self.disk().rename(&folder, &condemned) {
            Ok(()) => Ok(Some(condemned)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
