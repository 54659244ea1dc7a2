//! The felice binary as a child process with a data directory of its own. It is asked nothing
//! here; talking to it is the client's business.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;

/// Settings of every broker of the tests: what they do not concern is small, so that it is quick.
const SETTINGS: [&str; 3] =
    ["group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=3", "admin.listener="];

/// Makes the data directories of one test process different.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A broker that runs, or that has been stopped and may be started again.
pub struct Broker {
    child: Option<Child>,
    directory: PathBuf,
    address: SocketAddr,
    settings: Vec<String>,
}

impl Broker {
    /// Starts a broker on a free port with an empty data directory and settings `key=value`.
    pub fn start(settings: &[&str]) -> Broker {
        Broker::start_on([127, 0, 0, 1], settings)
    }

    /// Starts a broker on a free port that has nothing else set.
    pub fn start_bare() -> Broker {
        let mut broker = Broker::prepare([127, 0, 0, 1], &[]);
        broker.settings.clear();
        broker.restart();
        broker
    }

    /// The same as `start`, on another address of this machine; zeros stand for all of them.
    pub fn start_on(host: [u8; 4], settings: &[&str]) -> Broker {
        let mut broker = Broker::prepare(host, settings);
        broker.restart();
        broker
    }

    /// The same as `start`, with everything in a folder that is empty or not there yet.
    pub fn start_in(directory: &Path, settings: &[&str]) -> Broker {
        let mut broker = Broker::prepare([127, 0, 0, 1], settings);
        broker.directory = directory.to_owned();
        broker.restart();
        broker
    }

    fn prepare(host: [u8; 4], settings: &[&str]) -> Broker {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("felice-test-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        let settings = SETTINGS.iter().chain(settings).map(|text| text.to_string()).collect();
        let address = SocketAddr::from((host, 0));
        Broker { child: None, directory, address, settings }
    }

    /// Starts it again on its directory and port.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let mut command = Command::new(binary());
        command.arg("serve").arg("--listen").arg(self.address.to_string());
        command.arg("--data-dir").arg(&self.directory);
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(self.log_file());
        // SAFETY: prctl may be called between fork and exec. A test that is killed takes its
        // broker along.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        let output = child.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut line).expect("the broker says when it is ready");
        self.child = Some(child);
        self.address = ready_address(&line).unwrap_or_else(|| {
            panic!("not a ready line: {line:?}; the broker said:\n{}", self.log())
        });
    }

    fn log_path(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    fn log_file(&self) -> Stdio {
        let file = fs::OpenOptions::new().create(true).append(true).open(self.log_path());
        file.map_or_else(|_| Stdio::null(), Stdio::from)
    }

    /// What it has logged since the test began.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Where metrics and health are, if `admin.listener` is set.
    pub fn admin_address(&self) -> SocketAddr {
        let log = self.log();
        let told = log.lines().filter_map(|line| line.split_once(" on http://")).next_back();
        let address = told.and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        address.unwrap_or_else(|| panic!("the broker does not say where it is:\n{log}"))
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Where it keeps everything.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it keeps what can be rebuilt from the logs.
    pub fn rocksdb_directory(&self) -> PathBuf {
        self.directory.join("rocksdb")
    }

    /// Adds a setting `key=value` for the next start.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Stops it as an operator does and waits for its end.
    pub fn stop(&mut self) {
        let status = self.signal(libc::SIGTERM);
        assert!(status.success(), "the broker stopped with {status}");
    }

    /// Stops it at once: nothing in its memory is written any more.
    pub fn kill(&mut self) {
        let status = self.signal(libc::SIGKILL);
        assert_eq!(status.signal(), Some(libc::SIGKILL), "the broker had ended: {status}");
    }

    fn signal(&mut self, signal: i32) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let id = i32::try_from(child.id()).expect("process IDs are small");
        // SAFETY: the child has not been waited for, so the ID is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
        child.wait().expect("a child can be waited for")
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        child.wait().expect("a child can be waited for")
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().expect("a child can be waited for").is_none())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Memory it holds, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let id = self.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("Linux has /proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.expect("a process has memory").split_whitespace().next();
        words.expect("it has a size").parse::<u64>().expect("a number of KiB") * 1024
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() && !self.log().is_empty() {
            eprintln!("the broker's log:\n{}", self.log());
        }
        let _ = fs::remove_dir_all(&self.directory);
        let _ = fs::remove_file(self.log_path());
    }
}

/// The address in `felice ready on ADDRESS data DIRECTORY in N ms`.
fn ready_address(line: &str) -> Option<SocketAddr> {
    let (address, rest) = line.strip_prefix("felice ready on ")?.split_once(" data ")?;
    let (_, milliseconds) = rest.trim_end().strip_suffix(" ms")?.rsplit_once(" in ")?;
    milliseconds.parse::<u64>().ok()?;
    // The tests need one listener.
    address.split(',').next()?.parse().ok()
}

/// `FELICE_BIN`, or the newer of the release and debug binaries beside the test's own directory.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FELICE_BIN") {
        return PathBuf::from(path);
    }
    // A test executable lies in TARGET/PROFILE/deps.
    let own = std::env::current_exe().expect("a process knows its executable");
    let target = own.ancestors().nth(3).expect("a test lies in the target directory");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("felice"));
    let age = |path: &PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
    let newest = built.iter().filter(|path| path.exists()).max_by_key(|path| age(path));
    let missing = "there is no felice binary: run `cargo build --release`, or set FELICE_BIN";
    newest.unwrap_or_else(|| panic!("{missing}")).clone()
}

/// Runs the program to its end; a broker that starts after all is ended after ten seconds.
pub fn run(arguments: &[&str]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    // It fails if the process has ended, which is what is hoped for.
    let _ = child.kill();
    child.wait_with_output().unwrap()
}
