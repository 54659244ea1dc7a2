//! The data directory as a whole: who may use it, and which cluster and node it belongs to. The
//! identity is kept in Kafka's own `meta.properties`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::disk::Disk;
use super::layout;
use crate::kernel::types::{NodeId, Uuid};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the lock.
    #[error(
        "data directory {0} is in use by another process: stop it or choose another with --data-dir"
    )]
    InUse(PathBuf),
    /// It was made for another cluster.
    #[error(
        "data directory {folder} belongs to cluster {found}, but cluster.id is {wanted}: \
         choose another directory or remove cluster.id from the configuration"
    )]
    ForeignCluster {
        /// The directory.
        folder: PathBuf,
        /// Cluster ID in its meta.properties.
        found: String,
        /// Cluster ID in the configuration.
        wanted: String,
    },
    /// It was made for another node.
    #[error(
        "data directory {folder} belongs to node {found}, but node.id is {wanted}: choose \
         another directory or set node.id={found}"
    )]
    ForeignNode {
        /// The directory.
        folder: PathBuf,
        /// Node ID in its meta.properties.
        found: String,
        /// Node ID in the configuration.
        wanted: NodeId,
    },
    /// There are files in it that no broker of this kind made.
    #[error(
        "{folder} is not empty and no data directory: it holds {found}. Choose an empty folder, \
         or one that does not exist, with --data-dir"
    )]
    NotEmpty {
        /// The directory.
        folder: PathBuf,
        /// A name in it.
        found: String,
    },
    /// It was made by Apache Kafka.
    #[error(
        "{folder} is a log directory of Apache Kafka: it holds {found}. Choose another folder with \
         --data-dir; mirror the topics to take them over"
    )]
    Kafkas {
        /// The directory.
        folder: PathBuf,
        /// A name in it.
        found: String,
    },
    /// A part of it is gone.
    #[error(
        "data directory {folder} is incomplete: {missing} is missing, but {found} is there. \
         Restore it from a copy, or choose another folder with --data-dir"
    )]
    Incomplete {
        /// The directory.
        folder: PathBuf,
        /// What is missing.
        missing: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Its identity cannot be read.
    #[error("{0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// The operating system refused.
    #[error("data directory {0} cannot be used: {1}")]
    Io(PathBuf, io::Error),
}

/// A data directory that this process owns.
pub struct DataDir {
    /// Its absolute path.
    pub folder: PathBuf,
    /// Cluster it belongs to.
    pub cluster_id: String,
    /// Its own identifier.
    pub directory_id: Uuid,
    /// Whether it was made just now.
    pub is_new: bool,
    _lock: File,
}

impl DataDir {
    /// Opens or makes a data directory and locks it for this process. `fresh_ids` are random
    /// identifiers for a new cluster and directory.
    pub fn open(
        folder: &Path,
        cluster_id: Option<&str>,
        node_id: NodeId,
        fresh_ids: [Uuid; 2],
    ) -> Result<DataDir, Error> {
        let io = |error| Error::Io(folder.to_owned(), error);
        // Before anything is touched: what is not ours stays as it is.
        refuse_foreign(folder)?;
        // Clients are told the path, and name it.
        let absolute = std::path::absolute(folder).map_err(io)?;
        for changed in Disk::Os.create_folder(&absolute).map_err(io)? {
            Disk::Os.sync_folder(&changed).map_err(io)?;
        }
        let lock = lock(folder)?;
        let path = folder.join(layout::META_PROPERTIES);
        let known = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io(error)),
        };
        let is_new = known.is_none();
        let identity = match known {
            Some(text) => check(folder, &path, &text, cluster_id, node_id)?,
            None => {
                let identity = Identity {
                    cluster_id: cluster_id.map_or_else(|| fresh_ids[0].to_string(), str::to_owned),
                    directory_id: fresh_ids[1],
                };
                // It is there from the first start on, so that its absence tells of a loss.
                fs::create_dir_all(folder.join(layout::TOPICS)).map_err(io)?;
                Disk::Os.replace_file(&path, identity.text(node_id).as_bytes()).map_err(io)?;
                identity
            }
        };
        Ok(DataDir {
            folder: absolute.components().collect(),
            cluster_id: identity.cluster_id,
            directory_id: identity.directory_id,
            is_new,
            _lock: lock,
        })
    }
}

/// Names of files that every log directory of Kafka's has, and none of ours.
const KAFKAS: [&str; 5] = [
    "bootstrap.checkpoint",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "cleaner-offset-checkpoint",
];

/// What may lie in a folder that is about to become a data directory: what a first start that was
/// interrupted leaves, and what file systems put there.
const HARMLESS: [&str; 4] = [layout::LOCK, "meta.tmp", layout::TOPICS, "lost+found"];

/// Refuses a folder that is not ours, or that a part is missing of. Changes nothing.
fn refuse_foreign(folder: &Path) -> Result<(), Error> {
    let io = |error| Error::Io(folder.to_owned(), error);
    let owned = || folder.to_owned();
    let has = |name: &str| folder.join(name).exists();
    let is_filled =
        |name: &str| fs::read_dir(folder.join(name)).is_ok_and(|mut names| names.next().is_some());
    let names: Vec<String> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()
            .map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if let Some(found) = KAFKAS.into_iter().find(|name| has(name)) {
        return Err(Error::Kafkas { folder: owned(), found: found.to_owned() });
    }
    let incomplete = |missing, found| Err(Error::Incomplete { folder: owned(), missing, found });
    let (metadata, topics) = (is_filled(layout::METADATA_LOG), is_filled(layout::TOPICS));
    if has(layout::META_PROPERTIES) {
        return match (metadata, topics) {
            (false, true) => incomplete("the metadata log", layout::TOPICS),
            (true, false) if !has(layout::TOPICS) => {
                incomplete("the folder topics", layout::METADATA_LOG)
            }
            _ => Ok(()),
        };
    }
    match (metadata, topics) {
        (true, _) => return incomplete(layout::META_PROPERTIES, layout::METADATA_LOG),
        (_, true) => return incomplete(layout::META_PROPERTIES, layout::TOPICS),
        (false, false) => {}
    }
    match names.into_iter().find(|name| !HARMLESS.contains(&name.as_str())) {
        Some(found) => Err(Error::NotEmpty { folder: owned(), found }),
        None => Ok(()),
    }
}

struct Identity {
    cluster_id: String,
    directory_id: Uuid,
}

impl Identity {
    fn text(&self, node_id: NodeId) -> String {
        format!(
            "#\nversion=1\ncluster.id={}\nnode.id={node_id}\ndirectory.id={}\n",
            self.cluster_id, self.directory_id
        )
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(layout::LOCK))
        .map_err(|error| Error::Io(folder.to_owned(), error))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::AGAIN) => Err(Error::InUse(folder.to_owned())),
        Err(error) => Err(Error::Io(folder.to_owned(), error.into())),
    }
}

fn check(
    folder: &Path,
    path: &Path,
    text: &str,
    cluster_id: Option<&str>,
    node_id: NodeId,
) -> Result<Identity, Error> {
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .ok_or_else(|| Error::Damaged(path.to_owned(), format!("{name} is missing")))
    };
    let version = value("version")?;
    if version != "1" {
        return Err(Error::Damaged(path.to_owned(), format!("version {version} is unknown")));
    }
    let found = value("cluster.id")?;
    if let Some(wanted) = cluster_id.filter(|wanted| *wanted != found) {
        let (folder, wanted) = (folder.to_owned(), wanted.to_owned());
        return Err(Error::ForeignCluster { folder, found, wanted });
    }
    let found_node = value("node.id")?;
    if found_node != node_id.to_string() {
        let folder = folder.to_owned();
        return Err(Error::ForeignNode { folder, found: found_node, wanted: node_id });
    }
    let directory_id = Uuid::parse(&value("directory.id")?)
        .ok_or_else(|| Error::Damaged(path.to_owned(), "directory.id is not an ID".to_owned()))?;
    Ok(Identity { cluster_id: found, directory_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_kept_and_guarded() {
        let folder = std::env::temp_dir().join(format!("felice-dir-{}", std::process::id()));
        let ids = [Uuid([1; 16]), Uuid([2; 16])];
        let first = DataDir::open(&folder, None, 1, ids).unwrap();
        assert!(first.is_new);
        assert!(matches!(DataDir::open(&folder, None, 1, ids), Err(Error::InUse(_))));
        let cluster_id = first.cluster_id.clone();
        drop(first);
        let again = DataDir::open(&folder, None, 1, [Uuid([3; 16]), Uuid([4; 16])]).unwrap();
        assert_eq!((again.is_new, &again.cluster_id), (false, &cluster_id));
        drop(again);
        let foreign = DataDir::open(&folder, Some("other"), 1, ids);
        assert!(matches!(foreign, Err(Error::ForeignCluster { .. })));
        assert!(matches!(DataDir::open(&folder, None, 2, ids), Err(Error::ForeignNode { .. })));
        fs::remove_dir_all(&folder).unwrap();
    }
}
