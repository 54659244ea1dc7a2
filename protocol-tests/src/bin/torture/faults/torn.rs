//! What a write that was cut short may leave behind a log: random bytes, zeros, a part of the batch
//! that would have come next, or all of it with pages that never came. When to leave it, and what
//! the broker must make of it, is not decided here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use felice::kernel::batch::{BatchHeader, HEADER_SIZE, batches, set_base_offset};
use felice::storage::layout;
use protocol_tests::chance::Chance;

/// Most random bytes, and most zeros.
const BYTES_MAX: u64 = 500;
const ZEROS_MAX: u64 = 8192;

/// Leaves a torn tail behind one of a broker's logs, behind that of the metadata more often than
/// behind others; says what it did.
pub fn tear(data: &Path, chance: &mut Chance) -> io::Result<String> {
    let mut segments = vec![newest_segment(&data.join(layout::METADATA_LOG))?];
    for topic in fs::read_dir(data.join(layout::TOPICS))? {
        for partition in fs::read_dir(topic?.path())? {
            segments.push(newest_segment(&partition?.path())?);
        }
    }
    let segments: Vec<PathBuf> = segments.into_iter().flatten().collect();
    let drawn = chance.below(segments.len() as u64 * 3 / 2) as usize;
    let Some(path) = segments.get(drawn).or(segments.first()) else {
        return Err(io::Error::other("there is no segment"));
    };
    let (kind, tail) = tail(&fs::read(path)?, chance);
    File::options().append(true).open(path)?.write_all(&tail)?;
    Ok(format!("{kind}, {} bytes behind {}", tail.len(), path.display()))
}

/// The file that a log is written to.
fn newest_segment(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(base) = layout::segment_base(&entry.file_name().to_string_lossy()) {
            newest = newest.max(Some((base, entry.path())));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn tail(segment: &[u8], chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let last = batches(segment).map_while(Result::ok).last();
    match (chance.below(4), last) {
        (0, Some(last)) => {
            let mut next = next(last);
            next.truncate(1 + chance.below(next.len() as u64 - 1) as usize);
            ("a part of a batch", next)
        }
        (1, Some(last)) => {
            let mut next = next(last);
            let from = chance.below(next.len() as u64 - 1) as usize;
            next[from..].fill(0);
            ("a batch with pages that never came", next)
        }
        (2, _) => ("zeros", vec![0; 1 + chance.below(ZEROS_MAX) as usize]),
        _ => {
            let count = 1 + chance.below(BYTES_MAX);
            ("random bytes", (0..count).map(|_| chance.any() as u8).collect())
        }
    }
}

/// The last batch once more, with the offsets that it would have if it were written again.
fn next((header, bytes): (BatchHeader, &[u8])) -> Vec<u8> {
    assert!(bytes.len() > HEADER_SIZE, "a batch has records");
    let mut next = bytes.to_vec();
    set_base_offset(&mut next, header.next_offset());
    next
}
