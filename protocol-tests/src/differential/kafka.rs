//! Apache Kafka as a child process, through `clients/real-kafka`, which gives it Felice's command
//! line. Fetching its jars is the business of `scripts/clients --prepare java`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Kafka that runs until this is dropped.
pub struct Kafka {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Kafka {
    /// Starts it on a free port with an empty data directory.
    pub fn start(settings: &[&str]) -> Result<Kafka, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/real-kafka");
        let name = format!("felice-differential-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        let mut command = Command::new(script);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&directory);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: prctl may be called between fork and exec. A test that is killed takes its
        // broker along.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let output = child.stdout.take().ok_or("the output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.trim().strip_prefix("ready on ").and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| format!("Kafka does not start: {line:?}"))?;
        Ok(Kafka { child, address, directory })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
