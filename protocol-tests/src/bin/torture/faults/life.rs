//! One broker and its directory over all its lives: started, killed, stopped, started again on the
//! same port. Whatever it does is told, nothing is judged.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use protocol_tests::broker::binary;

/// How long a start may take before it counts as none.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a stop may take, and an end that must come by itself.
pub const END_MAX: Duration = Duration::from_secs(30);
/// Settings of every broker here: what the faults do not concern is small, so that it is quick.
const SETTINGS: [&str; 3] = [
    "group.initial.rebalance.delay.ms=0",
    "offsets.topic.num.partitions=3",
    "admin.listener=127.0.0.1:0",
];

/// A folder that goes when it is dropped.
pub struct Work(PathBuf);

impl Work {
    /// Makes one.
    pub fn new(name: &str) -> Result<Work, String> {
        let path = std::env::temp_dir().join(format!("felice-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        Ok(Work(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The broker.
pub struct Life {
    child: Option<Child>,
    data: PathBuf,
    output: PathBuf,
    log: PathBuf,
    log_read: usize,
    address: SocketAddr,
    settings: Vec<String>,
    /// Most open files that it may have.
    pub files_max: Option<u64>,
    /// Library that is loaded before all others, and a variable for it.
    pub preload: Option<(PathBuf, &'static str, String)>,
}

impl Life {
    /// A broker that keeps its data in one folder and what it says in another.
    pub fn new(data: &Path, work: &Path, settings: &[&str]) -> Result<Life, String> {
        let settings = SETTINGS.iter().chain(settings).map(|text| (*text).to_owned()).collect();
        Ok(Life {
            child: None,
            data: data.to_owned(),
            output: work.join("out"),
            log: work.join("log"),
            log_read: 0,
            address: free_address().map_err(|error| error.to_string())?,
            settings,
            files_max: None,
            preload: None,
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it keeps everything.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Lets it keep everything elsewhere from the next start on.
    pub fn set_data(&mut self, data: &Path) {
        self.data = data.to_owned();
    }

    /// Starts it; the time until it said that it is ready, or why it is not.
    pub fn start(&mut self) -> Result<Duration, String> {
        let begun = Instant::now();
        self.launch()?;
        while !fs::read(&self.output).is_ok_and(|output| output.ends_with(b"ms\n")) {
            if let Some(status) = self.ended() {
                let said = self.last_words();
                return Err(format!("it ended with {status} instead of starting: {said}"));
            }
            if begun.elapsed() > START_MAX {
                self.kill();
                let said = self.last_words();
                return Err(format!("it was not ready after {START_MAX:?}: {said}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(begun.elapsed())
    }

    /// Starts it and does not wait.
    pub fn launch(&mut self) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        let log = File::options().create(true).append(true).open(&self.log).map_err(text)?;
        let mut command = Command::new(binary());
        command.arg("serve").arg("--listen").arg(self.address.to_string());
        command.arg("--data-dir").arg(&self.data);
        self.settings.iter().for_each(|setting| {
            command.arg("--set").arg(setting);
        });
        if let Some((library, name, value)) = &self.preload {
            command.env("LD_PRELOAD", library).env(name, value);
        }
        command.stdin(Stdio::null()).stderr(log);
        command.stdout(File::create(&self.output).map_err(text)?);
        let files_max = self.files_max;
        // SAFETY: both calls may be made between fork and exec. A test that is killed takes its
        // broker along.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if let Some(files) = files_max {
                    let limit = libc::rlimit { rlim_cur: files, rlim_max: files };
                    libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
                }
                Ok(())
            });
        }
        self.child = Some(command.spawn().map_err(text)?);
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) -> Result<(), String> {
        let Some(child) = &self.child else { return Err("it does not run".to_owned()) };
        // SAFETY: the child has not been waited for, so the ID is still its own.
        unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
        Ok(())
    }

    /// Asks it to stop and waits; how long it took.
    pub fn stop(&mut self) -> Result<Duration, String> {
        let begun = Instant::now();
        self.ask_to_stop()?;
        match self.wait(END_MAX) {
            Some(status) if status.success() => Ok(begun.elapsed()),
            Some(status) => Err(format!("asked to stop it ended with {status}")),
            None => Err(format!("it did not stop within {END_MAX:?}")),
        }
    }

    /// Waits for it to end by itself; none if it does not.
    pub fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// How it ended, if it did and nobody asked before.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }

    /// What it logged since the last call.
    pub fn news(&mut self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let news = String::from_utf8_lossy(&bytes[self.log_read.min(bytes.len())..]).into_owned();
        self.log_read = bytes.len();
        news
    }

    /// The end of what it logged.
    pub fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let from = text.lines().count().saturating_sub(3);
        text.lines().skip(from).collect::<Vec<_>>().join(" / ")
    }

    /// The status code of a health page, `live` or `ready`; none if the broker ends meanwhile.
    pub fn health(&self, page: &str) -> Option<u16> {
        let log = fs::read_to_string(&self.log).ok()?;
        let told = log.lines().filter_map(|line| line.split_once(" on http://")).next_back()?;
        let mut stream = TcpStream::connect(told.1.split('/').next()?).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /health/{page} HTTP/1.1\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port below those that the system gives to clients: one that tries in vain to reach a stopped
/// broker could otherwise be given that very port, and connect to itself.
fn free_address() -> io::Result<SocketAddr> {
    let from = 20_000 + (std::process::id() % 10_000) as u16;
    for port in from..32_000 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::other("no port is free"))
}
