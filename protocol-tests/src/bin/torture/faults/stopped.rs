//! The directory of a broker that was stopped or killed under load, copies of it that are damaged,
//! and what a broker on such a copy answers. What kind of damage is not decided here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol_tests::ledger::Served;

use super::clients::GROUP;
use super::life::{Life, Work};
use super::load::{PARTITIONS, TOPIC, on};
use super::{Tally, ask, committed, under_load};
use crate::wire::Wire;

/// How long the load writes.
const LOAD: Duration = Duration::from_millis(1500);
/// Times that are looked up in each partition, evenly spread.
const TIMES: i64 = 8;

/// Start, end and records of a partition.
type Log = (i64, i64, Vec<Served>);

/// What a broker answers. Each part stands for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Of each partition start, end and records, or why it cannot be read.
    pub logs: Vec<Result<Log, String>>,
    /// Of each partition the offsets of some times, or why there are none.
    pub times: Vec<Result<Vec<i64>, String>>,
    /// Committed offsets.
    pub commits: Vec<Result<i64, String>>,
    /// Names of topics.
    pub topics: Vec<String>,
}

/// What a start on a damaged copy came to.
pub enum Came {
    /// The broker said why it does not start.
    Refused(String),
    /// It answers.
    Answered(Box<Answers>),
}

/// The directory, and what it answers as it is.
pub struct Stopped {
    life: Life,
    original: PathBuf,
    copy: PathBuf,
    since: i64,
    /// Answers of the undamaged directory.
    pub answers: Answers,
    /// Folder name of the load's topic.
    pub topic: String,
    _work: Work,
}

impl Stopped {
    /// Puts a load on a broker for a while, and stops or kills it.
    pub fn make(tally: &mut Tally, kill: bool) -> Result<Stopped, String> {
        let work = Work::new("stopped")?;
        let (original, copy) = (work.path().join("data"), work.path().join("copy"));
        let mut life = Life::new(&original, work.path(), &[])?;
        let since = super::load::now();
        let load = under_load(tally, &mut life)?;
        std::thread::sleep(LOAD);
        load.pause();
        let topic = on(life.address(), async |wire| ask::topic_id(wire, TOPIC).await)?;
        tally.add_load(&load);
        match kill {
            true => life.kill(),
            false => life.stop().map(drop)?,
        }
        life.set_data(&copy);
        let answers = Answers { logs: vec![], times: vec![], commits: vec![], topics: vec![] };
        let mut stopped = Stopped { life, original, copy, since, answers, topic, _work: work };
        match stopped.come_back(tally, &[], |_, _| Ok(()))? {
            Came::Answered(answers) if answers.is_whole() => stopped.answers = *answers,
            Came::Answered(answers) => return Err(format!("undamaged: {answers:?}")),
            Came::Refused(said) => return Err(format!("undamaged, it does not start: {said}")),
        }
        Ok(stopped)
    }

    /// All files, named from the directory.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![self.original.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.extend(path.strip_prefix(&self.original).map(Path::to_owned)),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Bytes of a file.
    pub fn size(&self, file: &Path) -> u64 {
        fs::metadata(self.original.join(file)).map_or(0, |found| found.len())
    }

    /// Damages files of a copy and starts a broker on it. A panic and a silent end are wrong.
    pub fn come_back(
        &mut self,
        tally: &mut Tally,
        files: &[PathBuf],
        mut damage: impl FnMut(&Path, &mut Tally) -> io::Result<()>,
    ) -> Result<Came, String> {
        let text = |error: io::Error| error.to_string();
        let _ = fs::remove_dir_all(&self.copy);
        copy_folder(&self.original, &self.copy).map_err(text)?;
        for file in files {
            damage(&self.copy.join(file), tally).map_err(text)?;
        }
        self.life.news();
        let came = match self.life.start() {
            Ok(time) => {
                tally.ready(time);
                let since = self.since;
                on(self.life.address(), async |wire| Ok(answers(wire, since).await))
                    .map(|answers| Came::Answered(Box::new(answers)))
            }
            Err(_) => Ok(Came::Refused(self.life.last_words())),
        };
        let ended = self.life.ended();
        self.life.kill();
        let news = self.life.news();
        if news.contains("panicked") {
            tally.wrong(format!("{files:?}: it panicked: {}", self.life.last_words()));
        } else if let (Some(status), Ok(Came::Answered(_)) | Err(_)) = (ended, &came) {
            tally.wrong(format!("{files:?}: ended with {status}: {}", self.life.last_words()));
        } else if let (Ok(Came::Refused(said)), false) = (&came, gives_a_reason(&news)) {
            tally.wrong(format!("{files:?}: refused without a reason: {said}"));
        }
        came.or_else(|error| Ok(Came::Refused(error)))
    }
}

impl Answers {
    fn is_whole(&self) -> bool {
        let logs = self.logs.iter().all(|log| log.as_ref().is_ok_and(|log| !log.2.is_empty()));
        let times = self.times.iter().all(Result::is_ok);
        logs && times && self.commits.iter().all(Result::is_ok)
    }
}

fn gives_a_reason(log: &str) -> bool {
    log.lines().any(|line| line.starts_with("felice: ") || line.contains(" ERROR "))
}

async fn answers(wire: &mut Wire, since: i64) -> Answers {
    let mut answers = Answers { logs: vec![], times: vec![], commits: vec![], topics: vec![] };
    for partition in 0..PARTITIONS {
        let log = ask::log(wire, TOPIC, partition as i32).await;
        answers.logs.push(log.map_err(|error| error.to_string()));
        let mut times = Ok(Vec::new());
        for step in 0..TIMES {
            let time = since + step * LOAD.as_millis() as i64 / TIMES;
            match (ask::offset(wire, TOPIC, partition as i32, time).await, &mut times) {
                (Ok(offset), Ok(all)) => all.push(offset),
                (Err(error), _) => times = Err(error.to_string()),
                (Ok(_), Err(_)) => {}
            }
        }
        answers.times.push(times);
        let offset = committed(wire, GROUP, partition).await;
        answers.commits.push(offset.map_err(|error| error.to_string()));
    }
    match ask::topics(wire).await {
        Ok(names) => answers.topics = names,
        Err(error) => answers.topics.push(error.to_string()),
    }
    answers.topics.sort();
    answers
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
