//! What the system says of the broker's process: memory, files, threads, CPU. It asks Linux's
//! /proc and never the broker.

use std::fs;
use std::time::Duration;

/// The process.
#[derive(Clone, Copy)]
pub struct Process {
    id: u32,
}

/// What it held at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Resident memory, in KiB.
    pub memory: u64,
    /// Most memory since the peak was last reset, in KiB.
    pub memory_peak: u64,
    /// Open files and sockets.
    pub files: u64,
    /// Threads.
    pub threads: u64,
    /// CPU time it has used.
    pub cpu: Duration,
}

impl Process {
    /// A process that runs.
    pub fn new(id: u32) -> Process {
        Process { id }
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        let status = self.read("status");
        let of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {key} in status"))
        };
        let files = fs::read_dir(self.path("fd")).expect("the process runs").count() as u64;
        Held {
            memory: of("VmRSS:"),
            memory_peak: of("VmHWM:"),
            files,
            threads: of("Threads:"),
            cpu: self.cpu(),
        }
    }

    /// Lets the peak begin anew.
    pub fn reset_peak(&self) {
        // Where the system does not allow it the peak is that since the start.
        let _ = fs::write(self.path("clear_refs"), "5");
    }

    fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // Behind the name, which may hold anything, in parentheses; the state is the first field.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = |at| fields.split_whitespace().nth(at).and_then(|t| t.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).map_or(0, |(user, system)| user + system);
        // SAFETY: sysconf only reads.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Duration::from_secs_f64(ticks as f64 / per_second as f64)
    }

    fn path(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.id)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the process runs")
    }
}

/// Lets this process open as many files as it may.
pub fn raise_open_files_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid struct.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
    limit.rlim_cur
}
