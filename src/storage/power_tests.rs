//! What the simulation once found, each by itself: logs on a disk that loses its power, over enough
//! seeds that the loss which did the harm is among them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::append::Prepared;
use super::disk::Disk;
use super::error::StorageError;
use super::flusher::Flusher;
use super::partition::{Durability, Partition};
use super::partitions::Partitions;
use super::reader::{self, Patience, Read};
use super::rocks::Rocks;
use super::sim_disk::{Faults, Plant, SimDisk};
use super::space::Space;
use super::tests::place::Place;
use super::{cleaner, janitor, layout};
use crate::clock::{Clock, Manual};
use crate::config::dynamic::{BrokerDefaults, TopicConfig};
use crate::kernel::batch::{BatchBuilder, BatchHeader};
use crate::kernel::records::read_records;
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};

const ID: TopicIdPartition = TopicIdPartition { topic_id: Uuid([5; 16]), partition: 0 };
const NOW: i64 = 1_000_000;

/// A folder, and the disk that it seems to lie on.
struct Stand {
    place: Place,
    disk: Arc<SimDisk>,
}

/// A broker's storage, as long as it runs.
struct Life {
    rocks: Arc<Rocks>,
    flusher: Flusher,
    partitions: Arc<Partitions>,
    partition: Arc<Partition>,
}

impl Stand {
    fn new(seed: u64) -> Stand {
        let place = Place::empty();
        let disk = Arc::new(SimDisk::new(&place.folder, seed, Faults::default(), Plant::Sound));
        Stand { place, disk }
    }

    fn rocks(&self) -> PathBuf {
        self.place.folder.join(layout::ROCKS)
    }

    fn synced_rocks(&self) -> PathBuf {
        self.rocks().with_extension("synced")
    }

    fn start(&self, is_compacted: bool) -> Life {
        let space = Space::unlimited();
        let rocks = Arc::new(Rocks::open(&self.rocks(), Arc::clone(&space)).unwrap());
        let flusher = Flusher::stepped(space);
        let partitions = Partitions::new(
            Disk::Simulated(Arc::clone(&self.disk)),
            self.place.folder.clone(),
            Arc::clone(&rocks),
            flusher.handle(),
            Durability::Fsync,
            Arc::default(),
        );
        let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
        config.segment_bytes = 1024;
        config.retention_ms = Some(1_000);
        config.cleanup_compact = is_compacted;
        config.cleanup_delete = !is_compacted;
        config.min_cleanable_dirty_ratio = 0.0;
        partitions.open(ID, &Arc::from("t"), Arc::new(config), 0, NOW).unwrap();
        let partition = partitions.get(&ID).unwrap();
        let life = Life { rocks, flusher, partitions: Arc::new(partitions), partition };
        life.sync();
        life
    }
}

impl Life {
    /// Appends a record; a segment has room for one large one and some small ones.
    fn put(&self, key: &str, is_large: bool) -> Offset {
        self.put_at(NOW, key, is_large)
    }

    fn put_at(&self, timestamp: i64, key: &str, is_large: bool) -> Offset {
        let mut builder = BatchBuilder::new();
        let value = vec![7; if is_large { 500 } else { 10 }];
        builder.append(timestamp, Some(key.as_bytes()), Some(&value), &[]);
        let bytes = builder.build();
        let batch = Prepared::new(BatchHeader::parse(&bytes).unwrap(), bytes);
        self.partition.append(&mut [batch], NOW).pop().unwrap().unwrap().base_offset
    }

    fn sync(&self) {
        self.partition.ask_sync();
        self.flusher.step(&self.rocks);
    }

    /// The keys of all records, up to what a power cut tore.
    fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let _ = reader::replay(&self.partition, self.partitions.indexes(), 0, |_, batch| {
            for record in read_records(batch, 1 << 20).map(Result::unwrap) {
                keys.push(String::from_utf8(record.key.unwrap().to_vec()).unwrap());
            }
            Ok(())
        });
        keys
    }

    fn clean(&self) -> bool {
        let clock = Clock::Manual(Arc::new(Manual::at(NOW)));
        cleaner::clean_once(&self.partitions, &clock)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn compaction_lets_nothing_durable_go_for_what_a_power_cut_may_take() {
    for seed in 0..60 {
        let stand = Stand::new(seed);
        let life = stand.start(true);
        life.put("key", false);
        life.put("large", true);
        life.sync();
        life.put("larger", true);
        life.put("key", false);
        life.put("active", true);
        // Some syncs of the cleaning fail, and in some seeds only the last.
        stand.disk.set_faults(Faults { sync_fails: 3_000, ..Faults::default() });
        life.clean();
        drop(life);
        stand.disk.set_faults(Faults::default());
        stand.disk.crash();
        assert!(stand.start(true).keys().contains(&"key".to_owned()), "seed {seed}");
    }
}

#[test]
fn no_checkpoint_from_before_a_compaction_comes_back() {
    let stand = Stand::new(1);
    let life = stand.start(true);
    life.put("first", false);
    janitor::checkpoint_grown(&life.partitions);
    copy(&stand.rocks(), &stand.synced_rocks());
    life.put("second", true);
    life.put("first", true);
    life.put("third", true);
    life.sync();
    assert!(life.clean());
    drop(life);
    stand.disk.crash();
    // What RocksDB had not synced is gone.
    fs::remove_dir_all(stand.rocks()).unwrap();
    fs::rename(stand.synced_rocks(), stand.rocks()).unwrap();
    assert_eq!(stand.start(true).keys(), ["second", "first", "third"]);
}

#[test]
fn segments_that_retention_removed_do_not_come_back() {
    for seed in 0..20 {
        let stand = Stand::new(seed);
        let life = stand.start(false);
        for _ in 0..6 {
            life.put("key", true);
        }
        life.put_at(NOW + 2_000, "key", true);
        life.sync();
        janitor::retain(&life.partitions, NOW + 2_000);
        let (start, folder) = (life.partition.log_start_offset(), life.partition.folder.clone());
        assert_eq!(start, 6);
        drop(life);
        stand.disk.crash();
        let _life = stand.start(false);
        let files = Disk::Os.list(&folder).unwrap();
        let bases: Vec<_> = files.iter().filter_map(|e| layout::segment_base(&e.name)).collect();
        assert_eq!(bases, [start], "seed {seed}");
    }
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_does_not_pass_for_durable() {
    for seed in 0..20 {
        let stand = Stand::new(seed);
        let life = stand.start(false);
        life.put("kept", false);
        life.sync();
        stand.disk.set_faults(Faults { sync_fails: 10_000, ..Faults::default() });
        life.put("doubtful", false);
        life.sync();
        let online = life.partition.check_online();
        assert!(matches!(online, Err(StorageError::Poisoned)), "{online:?}");
        drop(life);
        // The process is started again; the machine went on all the time.
        stand.disk.restart();
        stand.disk.set_faults(Faults::default());
        let life = stand.start(false);
        let offset = life.put("acknowledged", false);
        life.sync();
        assert!(life.partition.synced_offset() > offset);
        drop(life);
        stand.disk.crash();
        fs::remove_dir_all(stand.rocks()).unwrap();
        let keys = stand.start(false).keys();
        assert_eq!(keys.first().unwrap(), "kept", "seed {seed}");
        assert_eq!(keys.last().unwrap(), "acknowledged", "seed {seed}");
    }
}

#[test]
fn a_reader_waits_at_the_end_of_a_log_whose_last_records_are_lost() {
    let stand = Stand::new(1);
    let life = stand.start(false);
    life.put("kept", false);
    let size = life.partition.state().log.size();
    life.put("lost", false);
    life.partition.roll(&mut life.partition.state()).unwrap();
    let file = layout::segment_file(&life.partition.folder, 0);
    drop(life);
    fs::remove_dir_all(stand.rocks()).unwrap();
    let disk = Disk::Simulated(Arc::clone(&stand.disk));
    disk.set_size(&disk.open_segment(&file).unwrap(), size).unwrap();
    let life = stand.start(false);
    let read = |offset| {
        let indexes = life.partitions.indexes();
        reader::read(&life.partition, indexes, offset, 1 << 20, true, Patience::Wait)
    };
    assert!(matches!(read(0), Ok(Read::Slice(_))));
    assert!(matches!(read(1), Ok(Read::Empty)), "{:?}", read(1));
    assert_eq!(life.put("next", false), 2);
    assert!(matches!(read(1), Ok(Read::Slice(_))));
}

/// Base offsets of the segment files of the partition.
fn segment_files(stand: &Stand) -> Vec<Offset> {
    let folder = layout::partition_folder(&stand.place.folder, ID);
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let bases = names.filter_map(|name| layout::segment_base(name.to_str().unwrap()));
    let mut bases: Vec<_> = bases.collect();
    bases.sort_unstable();
    bases
}

#[test]
fn a_segment_that_cannot_be_renamed_stays_in_the_log_with_all_behind_it() {
    let mut stayed = 0;
    for seed in 0..20 {
        let stand = Stand::new(seed);
        let life = stand.start(false);
        for timestamp in 0..5 {
            life.put_at(timestamp, "old", true);
        }
        life.put_at(NOW, "new", true);
        life.sync();
        stand.disk.set_faults(Faults { rename_fails: 3_000, ..Faults::default() });
        janitor::retain(&life.partitions, NOW);
        let segments = || -> Vec<_> {
            life.partition.state().log.segments.iter().map(|s| s.base_offset).collect()
        };
        assert_eq!(segments(), segment_files(&stand), "seed {seed}");
        stayed += segments().len() - 1;
        stand.disk.set_faults(Faults::default());
        janitor::retain(&life.partitions, NOW);
        assert_eq!((segments(), segment_files(&stand)), (vec![5], vec![5]), "seed {seed}");
    }
    assert!((20..80).contains(&stayed), "{stayed}");
}

#[test]
fn no_folder_is_synced_again_for_the_history_of_epochs() {
    let stand = Stand::new(1);
    let life = stand.start(true);
    for _ in 0..3 {
        life.put("key", true);
    }
    life.sync();
    stand.disk.set_faults(Faults { folder_sync_fails: 10_000, ..Faults::default() });
    assert!(!life.clean());
    stand.disk.set_faults(Faults::default());
    assert!(matches!(life.partition.check_online(), Err(StorageError::Poisoned)));
    assert!(!life.clean());
    assert_eq!(stand.disk.violations(), Vec::<String>::new());
}

#[test]
fn a_file_is_as_long_as_it_is_without_what_no_sync_wrote() {
    let mut cut = 0;
    for seed in 0..20 {
        let stand = Stand::new(seed);
        let life = stand.start(false);
        life.put("kept", true);
        life.sync();
        stand.disk.set_faults(Faults { sync_fails: 10_000, ..Faults::default() });
        life.put("doubtful", false);
        // The next segment holds something sound.
        life.put("sound", true);
        life.sync();
        drop(life);
        stand.disk.restart();
        stand.disk.set_faults(Faults::default());
        let life = stand.start(false);
        let state = life.partition.state();
        for segment in &state.log.segments {
            let path = layout::segment_file(&life.partition.folder, segment.base_offset);
            let size = fs::metadata(path).map_or(0, |file| file.len());
            assert_eq!(segment.size, size, "seed {seed}");
            cut += usize::from(segment.base_offset == 0 && segment.end_offset == 1);
        }
    }
    assert!(cut > 2, "{cut}");
}
