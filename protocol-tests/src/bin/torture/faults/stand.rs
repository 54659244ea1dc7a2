//! A broker on a file system of ours that breaks, for the faults of disks. What is to break is
//! theirs to say.

use protocol_tests::frail::Frail;

use super::Tally;
use super::life::{Life, Work};

/// A broker, and what it stands on.
pub struct Stand {
    // Dropped in this order: the broker before its file system.
    /// The broker.
    pub life: Life,
    /// The file system that its data lies on.
    pub disk: Frail,
    _work: Work,
}

impl Stand {
    /// Makes one that has not been started.
    pub fn new(name: &str, settings: &[&str]) -> Result<Stand, String> {
        let work = Work::new(name)?;
        let disk = Frail::mount(&work.path().join("disk")).map_err(|error| error.to_string())?;
        let life = Life::new(&disk.place().join("data"), work.path(), settings)?;
        Ok(Stand { life, disk, _work: work })
    }

    /// Starts the broker, which has ended, on a file system that is well again.
    pub fn heal(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.disk.restore().map_err(|error| error.to_string())?;
        tally.ready(self.life.start()?);
        Ok(())
    }
}
