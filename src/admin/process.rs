//! What the system says of this process, from `/proc`.

use std::fs;

/// Figures of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    /// `None` for no limit.
    pub(super) open_files_max: Option<u64>,
}

impl Process {
    /// Reads them. What cannot be read is 0.
    pub(super) fn read() -> Process {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Process {
            // The listing itself holds one open.
            open_files: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count).saturating_sub(1)
                as u64,
            open_files_max: limit.current,
            ..parse(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size())
        }
    }
}

/// Reads the line of proc(5). The name in it may hold spaces and parentheses.
fn parse(stat: &str, ticks_per_second: u64, page_bytes: usize) -> Process {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // The third field of the manual's, the state, is the first here.
    let field = |number: usize| -> u64 {
        fields.get(number - 3).and_then(|field| field.parse().ok()).unwrap_or(0)
    };
    Process {
        cpu_seconds: (field(14) + field(15)) as f64 / ticks_per_second.max(1) as f64,
        threads: field(20),
        virtual_bytes: field(23),
        resident_bytes: field(24) * page_bytes as u64,
        ..Process::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_system_is_read() {
        let line =
            "12 (fe) l (x) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 999 4096000 10 18446744";
        let read = parse(line, 100, 4096);
        assert_eq!(read.cpu_seconds, 2.0);
        assert_eq!((read.threads, read.virtual_bytes), (7, 4_096_000));
        assert_eq!(read.resident_bytes, 40_960);
        assert_eq!(parse("", 0, 4096), Process::default());
    }

    #[test]
    fn this_process_has_figures() {
        let read = Process::read();
        assert!(read.resident_bytes > 1_000_000 && read.virtual_bytes >= read.resident_bytes);
        assert!(read.threads >= 1 && read.open_files >= 3, "{read:?}");
    }
}
