//! What every disk must do, shown on that of the operating system and on the simulated one, and
//! what the simulated one keeps and loses when the power goes.

use std::sync::Arc;

use super::*;
use crate::storage::sim_disk::{Faults, Plant};
use crate::storage::tests::place::Place;

impl Place {
    fn simulated(&self, seed: u64, faults: Faults) -> (Disk, Arc<SimDisk>) {
        let disk = Arc::new(SimDisk::new(&self.folder, seed, faults, Plant::Sound));
        (Disk::Simulated(Arc::clone(&disk)), disk)
    }
}

/// Runs a test on each disk; the simulated one is interrupted and cuts calls short.
fn on_each_disk(test: impl Fn(&Disk, &Path)) {
    let place = Place::empty();
    test(&Disk::Os, &place.folder);
    for seed in 0..20 {
        let place = Place::empty();
        let faults = Faults { short: 4_000, interrupted: 3_000, ..Faults::default() };
        test(&place.simulated(seed, faults).0, &place.folder);
    }
}

#[test]
fn many_pieces_are_written_in_order() {
    on_each_disk(|disk, folder| {
        let file = disk.open_segment(&folder.join("pieces")).unwrap();
        let owned: Vec<Vec<u8>> = (0..3000u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let pieces: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
        disk.write_all_at(&file, &pieces, 5).unwrap();
        let mut read = vec![0; 12100];
        let length = disk.read_at(&file, &mut read, 5).unwrap();
        assert_eq!(&read[..length], owned.concat());
        assert_eq!(disk.file_size(&file).unwrap(), 12005);
    });
}

#[test]
fn files_keep_their_contents_under_another_name() {
    on_each_disk(|disk, folder| {
        let inner = folder.join("a/b");
        let mut changed = disk.create_folder(&inner).unwrap();
        changed.sort();
        assert_eq!(changed, [folder.to_owned(), folder.join("a")]);
        assert_eq!(disk.create_folder(&inner).unwrap(), Vec::<PathBuf>::new());
        let (one, two) = (inner.join("one"), inner.join("two"));
        let file = disk.create_file(&one).unwrap();
        disk.write_all_at(&file, &[b"first"], 0).unwrap();
        disk.sync_data(&file).unwrap();
        disk.rename(&one, &two).unwrap();
        disk.replace_file(&one, b"second").unwrap();
        disk.replace_file(&one, b"third").unwrap();
        disk.set_size(&file, 3).unwrap();
        disk.sync_all(&file).unwrap();
        assert_eq!(disk.read_file(&two).unwrap(), b"fir");
        assert_eq!(disk.read_file(&one).unwrap(), b"third");
        let names = |folder| -> Vec<String> {
            disk.list(folder).unwrap().into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(&inner), ["one", "two"]);
        disk.remove_file(&one).unwrap();
        assert_eq!(names(&inner), ["two"]);
        assert_eq!(disk.remove_file(&one).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(disk.open_readonly(&one).unwrap_err().kind(), io::ErrorKind::NotFound);
        disk.remove_folder(&folder.join("a")).unwrap();
        assert_eq!(names(&inner), Vec::<String>::new());
    });
}

#[test]
fn what_was_synced_survives_a_power_cut() {
    for seed in 0..50 {
        let place = Place::empty();
        let (disk, simulation) = place.simulated(seed, Faults::default());
        let inner = place.folder.join("inner");
        for folder in disk.create_folder(&inner).unwrap() {
            disk.sync_folder(&folder).unwrap();
        }
        let path = inner.join("file");
        let file = disk.open_segment(&path).unwrap();
        disk.write_all_at(&file, &[b"kept"], 0).unwrap();
        disk.sync_data(&file).unwrap();
        disk.sync_folder(&inner).unwrap();
        disk.write_all_at(&file, &[b"perhaps"], 4).unwrap();
        drop(file);
        simulation.crash();
        let bytes = disk.read_file(&path).unwrap();
        assert!(bytes.starts_with(b"kept"), "{bytes:?}");
        simulation.crash();
        assert_eq!(disk.read_file(&path).unwrap(), bytes, "what survived is durable");
    }
}

/// What a file may hold after a power cut, over many seeds.
fn outcomes(prepare: impl Fn(&Disk, &Path)) -> Vec<Option<Vec<u8>>> {
    let mut outcomes: Vec<_> = (0..60)
        .map(|seed| {
            let place = Place::empty();
            let (disk, simulation) = place.simulated(seed, Faults::default());
            let path = place.folder.join("file");
            prepare(&disk, &path);
            simulation.crash();
            disk.read_file(&path).ok()
        })
        .collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

#[test]
fn what_was_not_synced_may_be_whole_torn_or_gone() {
    let folder_of = |path: &Path| path.parent().unwrap().to_owned();
    let written = outcomes(|disk, path| {
        let file = disk.open_segment(path).unwrap();
        disk.sync_folder(&folder_of(path)).unwrap();
        disk.write_all_at(&file, &[b"abc"], 0).unwrap();
    });
    for outcome in [&b""[..], b"abc", b"a", b"\0\0\0"] {
        assert!(written.contains(&Some(outcome.to_vec())), "{outcome:?} of {written:?}");
    }
    let named = outcomes(|disk, path| {
        let file = disk.open_segment(path).unwrap();
        disk.write_all_at(&file, &[b"abc"], 0).unwrap();
        disk.sync_data(&file).unwrap();
    });
    assert_eq!(named, [None, Some(b"abc".to_vec())]);
    let replaced = outcomes(|disk, path| {
        disk.replace_file(path, b"old").unwrap();
        disk.replace_file(path, b"new").unwrap();
    });
    assert_eq!(replaced, [Some(b"new".to_vec())]);
    let removed = outcomes(|disk, path| {
        disk.replace_file(path, b"old").unwrap();
        disk.remove_file(path).unwrap();
    });
    assert_eq!(removed, [None, Some(b"old".to_vec())]);
}

#[test]
fn a_failed_sync_loses_what_later_ones_report_as_written() {
    let mut lost = 0;
    for seed in 0..40 {
        let place = Place::empty();
        let (disk, simulation) = place.simulated(seed, Faults::default());
        let path = place.folder.join("file");
        let file = disk.open_segment(&path).unwrap();
        disk.sync_folder(&place.folder).unwrap();
        disk.write_all_at(&file, &[b"abc"], 0).unwrap();
        simulation.set_faults(Faults { sync_fails: 10_000, ..Faults::default() });
        assert!(disk.sync_data(&file).is_err());
        simulation.set_faults(Faults::default());
        assert_eq!(simulation.violations(), Vec::<String>::new());
        disk.sync_data(&file).unwrap();
        assert_eq!(simulation.violations().len(), 1, "nobody may sync again");
        assert_eq!(disk.read_file(&path).unwrap(), b"abc", "the page cache still has it");
        disk.forget_cached(&file, 0);
        let found = disk.read_file(&path).unwrap();
        drop(file);
        simulation.crash();
        assert_eq!(disk.read_file(&path).unwrap(), found, "it showed what there is");
        lost += usize::from(found != b"abc");
    }
    assert!((10..40).contains(&lost), "{lost}");
}

#[test]
fn writes_fail_as_often_as_they_are_told_to() {
    let place = Place::empty();
    let (disk, simulation) = place.simulated(3, Faults::default());
    let file = disk.open_segment(&place.folder.join("file")).unwrap();
    simulation.set_faults(Faults { write_full: 10_000, ..Faults::default() });
    let full = disk.write_all_at(&file, &[b"abc"], 0).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    simulation.set_faults(Faults { write_fails: 10_000, ..Faults::default() });
    assert!(disk.write_all_at(&file, &[b"abc"], 0).is_err());
    assert_eq!(disk.file_size(&file).unwrap(), 0);
}

#[test]
fn what_can_be_read_renamed_made_or_named_fails_where_it_should_and_a_folder_is_synced_once() {
    let always = |faults: Faults| {
        let place = Place::empty();
        let (disk, simulation) = place.simulated(1, Faults::default());
        let path = place.folder.join("file");
        let file = disk.open_segment(&path).unwrap();
        disk.write_all_at(&file, &[b"abc"], 0).unwrap();
        simulation.set_faults(faults);
        let failed = [
            disk.read_at(&file, &mut [0; 3], 0).is_err(),
            disk.read_file(&path).is_err() && disk.list(&place.folder).is_err(),
            disk.rename(&path, &place.folder.join("other")).is_err(),
            disk.create_file(&place.folder.join("new")).is_err(),
            disk.sync_folder(&place.folder).is_err(),
        ];
        assert_eq!(simulation.violations(), Vec::<String>::new());
        let _ = disk.sync_folder(&place.folder);
        (failed, simulation.violations().len())
    };
    let none = Faults::default();
    assert_eq!(always(none), ([false; 5], 0));
    let reads = Faults { read_fails: 10_000, ..none };
    assert_eq!(always(reads), ([true, true, false, false, false], 0));
    let renames = Faults { rename_fails: 10_000, ..none };
    assert_eq!(always(renames), ([false, false, true, false, false], 0));
    let creates = Faults { create_fails: 10_000, ..none };
    assert_eq!(always(creates), ([false, false, false, true, false], 0));
    let folders = Faults { folder_sync_fails: 10_000, ..none };
    assert_eq!(always(folders), ([false, false, false, false, true], 1));
}
