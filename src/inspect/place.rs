//! What a path on the command line stands for: the folders of partitions below it, and the files in
//! each that matter.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::Error;
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};
use crate::storage::{layout, metadata_log};

/// What there is to look at.
pub struct Place {
    /// The path as it was given.
    pub path: PathBuf,
    /// Folders of partitions, with the files in them.
    pub folders: Vec<Folder>,
}

/// The files of one partition.
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Segments in order of their offsets, then snapshots of metadata.
    pub segments: Vec<SegmentFile>,
    /// Files with other names, in order.
    pub others: Vec<String>,
    /// Whether only some of the files were asked for: nothing can be said of the whole.
    pub is_part: bool,
}

/// One file of batches.
pub struct SegmentFile {
    /// Its path.
    pub path: PathBuf,
    /// The offset in its name; a snapshot's batches count from 0.
    pub base_offset: Offset,
    /// Whether it is a snapshot of metadata.
    pub is_snapshot: bool,
}

impl SegmentFile {
    /// The last part of its path.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What a file holds, by its name.
    fn of(path: PathBuf) -> Option<SegmentFile> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        if name.ends_with(layout::SNAPSHOT) {
            return Some(SegmentFile { path, base_offset: 0, is_snapshot: true });
        }
        // What was set aside, or waits for its end, is a segment still.
        let end = name.find(".log")? + ".log".len();
        let base_offset = layout::segment_base(&name[..end])?;
        Some(SegmentFile { path, base_offset, is_snapshot: false })
    }
}

impl Place {
    /// Finds out what a path stands for.
    pub fn find(path: &Path) -> Result<Place, Error> {
        let io = |error| Error::Io(path.to_owned(), error);
        let kind = fs::metadata(path).map_err(io)?;
        let unknown = || Error::Unknown(path.to_owned());
        let folders = if kind.is_file() {
            let file = SegmentFile::of(path.to_owned()).ok_or_else(unknown)?;
            let parent = path.parent().unwrap_or(Path::new("")).to_owned();
            vec![Folder { path: parent, segments: vec![file], others: vec![], is_part: true }]
        } else if path.join(layout::META_PROPERTIES).is_file() {
            data_directory(path).map_err(io)?
        } else {
            let folder = folder(path).map_err(io)?;
            if folder.segments.is_empty() {
                return Err(unknown());
            }
            vec![folder]
        };
        Ok(Place { path: path.to_owned(), folders })
    }

    /// The data directory that it is, or lies in.
    pub fn data(&self) -> Option<PathBuf> {
        let path = std::path::absolute(&self.path).ok()?;
        let is_data = |at: &&Path| at.join(layout::META_PROPERTIES).is_file();
        path.ancestors().find(is_data).map(Path::to_owned)
    }

    /// The data directory around it, if a broker runs on that.
    pub fn in_use(&self) -> Option<PathBuf> {
        let data = self.data()?;
        let lock = File::open(data.join(layout::LOCK)).ok()?;
        let held = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared);
        (held == Err(rustix::io::Errno::AGAIN)).then_some(data)
    }
}

impl Folder {
    /// Which partition the folder is of, by its name and that of the folder around it.
    pub fn id(&self) -> Option<TopicIdPartition> {
        let path = std::path::absolute(&self.path).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        if name == layout::METADATA_LOG {
            return Some(TopicIdPartition { topic_id: metadata_log::TOPIC_ID, partition: 0 });
        }
        let topic = path.parent()?.file_name()?.to_string_lossy().into_owned();
        let (topic_id, partition) = (Uuid::parse(&topic)?, name.parse().ok()?);
        Some(TopicIdPartition { topic_id, partition })
    }
}

/// The metadata log and all partitions of a data directory.
fn data_directory(data: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = Vec::new();
    let metadata = data.join(layout::METADATA_LOG);
    if metadata.is_dir() {
        folders.push(folder(&metadata)?);
    }
    for topic in entries(&data.join(layout::TOPICS))? {
        if topic.is_dir() && !topic.to_string_lossy().ends_with(layout::DELETED) {
            let partitions = entries(&topic)?.into_iter().filter(|path| path.is_dir());
            let read: io::Result<Vec<Folder>> = partitions.map(|path| folder(&path)).collect();
            folders.extend(read?);
        }
    }
    Ok(folders)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = found.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

fn folder(path: &Path) -> io::Result<Folder> {
    let (mut segments, mut snapshots, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries(path)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match layout::segment_base(&name) {
            Some(base_offset) => {
                segments.push(SegmentFile { path: entry, base_offset, is_snapshot: false });
            }
            None if name.ends_with(layout::SNAPSHOT) => snapshots.extend(SegmentFile::of(entry)),
            None => others.push(name),
        }
    }
    segments.append(&mut snapshots);
    Ok(Folder { path: path.to_owned(), segments, others, is_part: false })
}
