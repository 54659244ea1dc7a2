//! What can be rebuilt from the logs is gone, cut off or empty: the broker starts and answers as
//! before, however it had ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::stopped::{Came, Stopped};
use super::{Fault, Tally};

/// Variants on copies of one directory, before another one is made.
const EPOCH: usize = 25;

pub const FAULT: Fault = Fault {
    name: "index",
    about: "indexes and checkpoints (RocksDB) removed, truncated or zeroed",
    times: (100, 12),
    mounts: false,
    run: |tally, times| {
        for done in (0..times).step_by(EPOCH) {
            let mut stopped = Stopped::make(tally, done / EPOCH % 2 == 1)?;
            let files = stopped.files().map_err(|error| error.to_string())?;
            let files: Vec<PathBuf> =
                files.into_iter().filter(|file| file.starts_with("rocksdb")).collect();
            for variant in done..times.min(done + EPOCH) {
                once(tally, &mut stopped, &files, variant)?;
            }
        }
        Ok(())
    },
};

/// What is done to a file.
#[derive(Clone, Copy)]
enum How {
    Removed,
    Truncated,
    Zeroed,
}

fn once(
    tally: &mut Tally,
    stopped: &mut Stopped,
    all: &[PathBuf],
    variant: usize,
) -> Result<(), String> {
    let how = [How::Removed, How::Truncated, How::Zeroed][variant % 3];
    // All files, one of them, or some.
    let hit: Vec<PathBuf> = match variant / 3 % 4 {
        0 => all.to_vec(),
        1 | 2 => vec![all[tally.chance.below(all.len() as u64) as usize].clone()],
        _ => all.iter().filter(|_| tally.chance.coin()).cloned().collect(),
    };
    let came = stopped.come_back(tally, &hit, |path, tally| damage(path, how, tally))?;
    tally.count();
    let what = match how {
        How::Removed => "removed",
        How::Truncated => "truncated",
        How::Zeroed => "zeroed",
    };
    match came {
        Came::Answered(answers) if *answers == stopped.answers => {
            tally.say(format!("{what}: same answers"));
        }
        Came::Answered(_) => tally.wrong(format!("{what} {hit:?}: other answers")),
        Came::Refused(said) => tally.wrong(format!("{what} {hit:?}: does not start: {said}")),
    }
    Ok(())
}

fn damage(path: &Path, how: How, tally: &mut Tally) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    match how {
        How::Removed => fs::remove_file(path),
        How::Truncated => {
            fs::File::options().write(true).open(path)?.set_len(tally.chance.below(length))
        }
        How::Zeroed => fs::write(path, vec![0; length as usize]),
    }
}
