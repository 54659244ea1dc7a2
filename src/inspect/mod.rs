//! `felice log check` and `felice log dump`: what lies in a data directory, a partition's folder or
//! a single segment file, whether it is sound, and what the next start would make of it. It only
//! looks: nothing is written, and no lock is taken for longer than a glance.

mod check;
mod dump;
mod place;
mod stored;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::place::Place;

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every batch is sound, and a start would change nothing.
    Sound,
    /// Something is damaged, or a start would cut it off or carry it out.
    Unsound,
}

/// Why there was nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path is nothing of a broker's.
    #[error("{0} is neither a data directory, nor a partition's folder, nor a segment file")]
    Unknown(PathBuf),
    /// A broker writes to it.
    #[error("{0} is in use by a running broker, whose files change while one looks: stop it first")]
    InUse(PathBuf),
    /// The operating system refused.
    #[error("{0} cannot be read: {1}")]
    Io(PathBuf, io::Error),
    /// The output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Checks every batch below `path` and prints what was found, for a person or as one JSON object.
pub fn check(path: &Path, json: bool, out: &mut dyn Write) -> Result<Verdict, Error> {
    let place = Place::find(path)?;
    if let Some(data) = place.in_use() {
        return Err(Error::InUse(data));
    }
    let report = check::check(&place)?;
    let text = if json { report.json() } else { report.text() };
    out.write_all(text.as_bytes()).map_err(Error::Output)?;
    Ok(if report.sound { Verdict::Sound } else { Verdict::Unsound })
}

/// Prints every batch below `path`, and its records if `records`, for a person or as one JSON
/// object a line. Of a running broker it prints what is there when it comes by.
pub fn dump(path: &Path, json: bool, records: bool, out: &mut dyn Write) -> Result<Verdict, Error> {
    let place = Place::find(path)?;
    let mut verdict = Verdict::Sound;
    for folder in &place.folders {
        for file in &folder.segments {
            if !dump::dump(file, json, records, out)? {
                verdict = Verdict::Unsound;
            }
        }
    }
    Ok(verdict)
}
