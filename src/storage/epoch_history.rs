//! Where the leader epochs of a log began: kept in a file beside the segments once compaction may
//! have dropped the batches that tell. Other logs need no such file.
//!
//! The file `leader-epochs` holds the history as `kernel::log::epochs` encodes it, with version and
//! checksum. It is replaced as a whole, before the compaction that it is needed for.

use std::io;
use std::path::Path;

use super::disk::Disk;
use super::layout;
use super::partition::Partition;
use crate::kernel::log::epochs::LeaderEpochs;

/// The history kept in a partition's folder, if there is one. A damaged file is told and counts for
/// nothing: epochs then begin with the first batch that is left of them.
pub fn read(disk: &Disk, folder: &Path) -> io::Result<Option<LeaderEpochs>> {
    let path = folder.join(layout::LEADER_EPOCHS);
    let bytes = match disk.read_file(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match LeaderEpochs::decode(&bytes) {
        Ok(epochs) => Ok(Some(epochs)),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error,
                "the file is damaged; leader epochs may seem to begin later than they did");
            Ok(None)
        }
    }
}

/// Keeps the history of a partition, if the file does not tell it yet. Waits for the device. A
/// failed write takes the partition offline: where a sync failed, a later one tells nothing.
pub fn keep(partition: &Partition) -> io::Result<()> {
    let epochs = partition.state().log.epochs.clone();
    if read(&partition.disk, &partition.folder)?.as_ref() == Some(&epochs) {
        return Ok(());
    }
    let path = partition.folder.join(layout::LEADER_EPOCHS);
    let kept = partition.disk.replace_file(&path, &epochs.encode());
    kept.inspect_err(|error| partition.poison_unless_it_passes(error))
}
