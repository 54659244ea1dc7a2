//! Who may import whom: the table of `docs/ARCHITECTURE.md`, with the arrows that
//! `docs/adr/0002-extra-arrows.md` adds. Test code is free to import what it likes.

use super::Fault;
use super::paths::{Segments, module_of, paths};
use super::shape::is_test_file;
use super::tokens::{tokens, without_tests};

/// What one top-level module may name.
struct Row {
    module: &'static str,
    /// Modules of this crate, as prefixes of a path behind `crate::`. Its own is always allowed.
    may_import: &'static [&'static str],
    /// Prefixes of outside paths that it must not name.
    never: &'static [&'static str],
    /// When given, the only outside crates beside `std`, `core` and `alloc`.
    only_crates: Option<&'static [&'static str]>,
}

const KAFKA: &str = "kafka_protocol";

const TABLE: &[Row] = &[
    Row {
        module: "kernel",
        may_import: &[],
        never: &[
            "std::fs",
            "std::os",
            "std::net",
            "std::time",
            "std::thread",
            "std::env",
            "std::process",
            "std::path",
            "std::io::Stdout",
        ],
        only_crates: Some(&[
            "bytes",
            "crc32c",
            "flate2",
            "lz4",
            "siphasher",
            "snap",
            "thiserror",
            "zstd",
        ]),
    },
    Row {
        module: "clock",
        may_import: &["kernel::types"],
        never: &["std::fs", "rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "random",
        may_import: &["kernel::types"],
        never: &["std::fs", "rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "metrics",
        may_import: &["kernel::types"],
        never: &["std::fs", "rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "config",
        may_import: &["kernel::types"],
        never: &["rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "storage",
        may_import: &["kernel", "clock", "random", "metrics", "config::dynamic", "config::node"],
        never: &[KAFKA, "std::net", "tokio::net", "tokio::fs"],
        only_crates: None,
    },
    Row {
        module: "coordinator",
        may_import: &[
            "kernel",
            "clock",
            "random",
            "metrics",
            "config",
            "storage::append",
            "storage::cleaning",
            "storage::error",
            "storage::metadata_log",
            "storage::partition",
            "storage::partitions",
            "storage::reader",
            "storage::rocks",
            "storage::schema",
        ],
        never: &[
            "std::fs",
            "std::os",
            "std::net",
            "tokio::fs",
            "tokio::net",
            "rustix",
            "rocksdb",
            KAFKA,
        ],
        only_crates: None,
    },
    Row {
        module: "wire",
        may_import: &["kernel::types", "kernel::batch", "storage::reader::Slice"],
        never: &["rocksdb", "tokio", "rustix"],
        only_crates: None,
    },
    Row {
        module: "api",
        may_import: &[
            "kernel",
            "coordinator",
            "wire",
            "clock",
            "random",
            "metrics",
            "config",
            "log_levels",
            "broker::Broker",
            "storage::append",
            "storage::error",
            "storage::partition",
            "storage::partitions",
            "storage::reader",
            "storage::waiters",
        ],
        never: &["std::fs", "std::os", "tokio::fs", "tokio::net", "rustix", "rocksdb"],
        only_crates: None,
    },
    Row {
        module: "net",
        may_import: &[
            "api",
            "wire",
            "clock",
            "random",
            "metrics",
            "config",
            "broker::Broker",
            "storage::append::Drain",
        ],
        never: &["std::fs", "tokio::fs", "rocksdb", KAFKA],
        only_crates: None,
    },
    // It only looks: at files, at those of this process in /proc.
    Row {
        module: "admin",
        may_import: &[
            "kernel",
            "coordinator",
            "clock",
            "metrics",
            "config",
            "broker::Broker",
            "net::Net",
            "net::stopped",
            "storage::error",
            "storage::partition",
            "storage::partitions",
        ],
        never: &["rocksdb", KAFKA],
        only_crates: None,
    },
    Row {
        module: "log_levels",
        may_import: &[],
        never: &["std::fs", "std::net", "rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "cli",
        may_import: &["config", "log_levels"],
        never: &["rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "health",
        may_import: &["config"],
        never: &["rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    // It only looks at files, by the rules that a start follows.
    Row {
        module: "inspect",
        may_import: &[
            "kernel",
            "storage::layout",
            "storage::metadata_log",
            "storage::rocks::Glance",
            "storage::schema",
        ],
        never: &["std::net", "rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    Row {
        module: "main",
        may_import: &["broker", "cli", "config", "health", "inspect", "metrics::table"],
        never: &["rocksdb", "tokio", KAFKA],
        only_crates: None,
    },
    // The composition root knows every part, but not what the parts are made of.
    Row {
        module: "broker",
        may_import: &[""],
        never: &["std::fs", "std::os", "tokio::fs", "rustix::fs", "rocksdb", KAFKA],
        only_crates: None,
    },
    Row {
        module: "lib",
        may_import: &[],
        never: &["std", "tokio", "rustix", "rocksdb", KAFKA],
        only_crates: Some(&[]),
    },
];

/// The files of storage that may reach the operating system's by themselves: the disk, the lock of
/// the data directory, and RocksDB, whose files are its own. All others go through the disk, so
/// that a simulated one sees everything.
const AT_THE_DISK: &[&str] = &[
    "src/storage/disk.rs",
    "src/storage/sim_disk.rs",
    "src/storage/data_dir.rs",
    "src/storage/rocks.rs",
];

/// What the other files of storage must not name.
const BEHIND_THE_DISK: &[&str] = &["std::fs", "std::os", "rustix", "libc", "File"];

/// Judges the imports of one file of `src`, named from the repository's root.
pub fn arrow_faults(file: &str, source: &str) -> Vec<Fault> {
    if is_test_file(file) {
        return Vec::new();
    }
    let part = file.strip_prefix("src/").unwrap_or(file);
    let part = part.split('/').next().unwrap_or(part).trim_end_matches(".rs");
    let Some(row) = TABLE.iter().find(|row| row.module == part) else {
        return vec![Fault::new(file, 1, format!("module {part} is not in the table of arrows"))];
    };
    let code = without_tests(&tokens(source));
    let mut faults: Vec<Fault> = paths(&code, &module_of(file))
        .into_iter()
        .filter(|(path, _)| !allowed(row, path) || passes_the_disk(file, path))
        .map(|(path, line)| {
            Fault::new(file, line, format!("{part} must not name {}", path.join("::")))
        })
        .collect();
    faults.dedup();
    faults
}

fn passes_the_disk(file: &str, path: &Segments) -> bool {
    let whole = path.join("::");
    file.starts_with("src/storage/")
        && !AT_THE_DISK.contains(&file)
        && BEHIND_THE_DISK.iter().any(|prefix| begins_with(&whole, prefix))
}

fn allowed(row: &Row, path: &Segments) -> bool {
    if path[0] == "crate" {
        let inner = path[1..].join("::");
        let own = path.len() == 1 || path[1] == row.module || row.module == "lib";
        return own || row.may_import.iter().any(|prefix| begins_with(&inner, prefix));
    }
    let whole = path.join("::");
    if row.never.iter().any(|prefix| begins_with(&whole, prefix)) {
        return false;
    }
    let standard = matches!(path[0].as_str(), "std" | "core" | "alloc");
    match row.only_crates {
        Some(crates) if !standard && is_dependency(&path[0]) => crates.contains(&path[0].as_str()),
        _ => true,
    }
}

/// A path's first name may also be a type or a module in scope; only dependencies are judged.
fn is_dependency(name: &str) -> bool {
    include_str!("../../../Cargo.toml")
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .filter_map(|line| line.split(" = ").next())
        .any(|dependency| dependency.replace('-', "_") == name)
}

fn begins_with(path: &str, prefix: &str) -> bool {
    prefix.is_empty()
        || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
