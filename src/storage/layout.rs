//! Names of files and folders in the data directory. Nothing in here touches the disk.

use std::path::{Path, PathBuf};

use crate::kernel::types::{Offset, TopicIdPartition, Uuid};

/// Folder of the metadata log, as Kafka names it.
pub const METADATA_LOG: &str = "__cluster_metadata-0";
/// Folder that holds one folder per topic ID.
pub const TOPICS: &str = "topics";
/// Folder of RocksDB.
pub const ROCKS: &str = "rocksdb";
/// Ending of a RocksDB folder that was set aside.
pub const DAMAGED: &str = "damaged";
/// File that the running broker holds a lock on.
pub const LOCK: &str = ".lock";
/// File whose blocks RocksDB gets when the disk is full. It may be removed at any time.
pub const BALLAST: &str = ".ballast";
/// File with cluster ID, node ID and directory ID, in Kafka's own form.
pub const META_PROPERTIES: &str = "meta.properties";
/// File in a partition's folder that tells where its log starts, once a client deleted records.
pub const LOG_START_OFFSET: &str = "log-start-offset";
/// File in a partition's folder that tells where leader epochs began, once it was compacted.
pub const LEADER_EPOCHS: &str = "leader-epochs";
/// Ending of files and folders that are about to be removed.
pub const DELETED: &str = ".deleted";

/// Ending of a compacted segment that is being written; worth nothing after a crash.
pub const CLEANED: &str = ".cleaned";
/// Ending of a compacted segment that is complete and about to take its place.
pub const SWAP: &str = ".swap";

/// Ending of a snapshot of the metadata, as Kafka names it.
pub const SNAPSHOT: &str = ".checkpoint";

/// Folder of a topic's partitions.
pub fn topic_folder(data: &Path, topic_id: Uuid) -> PathBuf {
    data.join(TOPICS).join(topic_id.to_string())
}

/// Folder of one partition.
pub fn partition_folder(data: &Path, id: TopicIdPartition) -> PathBuf {
    topic_folder(data, id.topic_id).join(id.partition.to_string())
}

/// The folders that lead to a partition, its own first, the data directory last. A new file needs
/// all of them synced: a neighbour may have made one of them and not synced it yet. So does one
/// that was found at start and had to be read.
pub fn folders_to(folder: &Path) -> Vec<PathBuf> {
    let depth = if folder.ends_with(METADATA_LOG) { 2 } else { 4 };
    folder.ancestors().take(depth).map(Path::to_owned).collect()
}

/// File of a segment: 20 digits of its base offset, as in Kafka.
pub fn segment_file(folder: &Path, base_offset: Offset) -> PathBuf {
    folder.join(format!("{base_offset:020}.log"))
}

/// The base offset that a segment's file name tells, if it is one.
pub fn segment_base(file_name: &str) -> Option<Offset> {
    let digits = file_name.strip_suffix(".log")?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_that_leads_to_a_partition_is_named_up_to_the_data_directory() {
        let data = Path::new("/d/data");
        let id = TopicIdPartition { topic_id: Uuid([7; 16]), partition: 3 };
        let folder = partition_folder(data, id);
        let expected = [&folder, &topic_folder(data, id.topic_id), &data.join(TOPICS), data];
        assert_eq!(folders_to(&folder), expected);
        assert_eq!(folders_to(&data.join(METADATA_LOG)), [&data.join(METADATA_LOG), data]);
    }

    #[test]
    fn segment_names_round_trip() {
        let file = segment_file(Path::new("x"), 1234);
        assert_eq!(file, Path::new("x/00000000000000001234.log"));
        assert_eq!(segment_base("00000000000000001234.log"), Some(1234));
        for other in ["1234.log", "0000000000000000123x.log", "00000000000000001234.log.deleted"] {
            assert_eq!(segment_base(other), None);
        }
    }
}
