//! Syncs of the folders that lead to partitions, which many of them share: within one round of the
//! flusher or one start, a sync that began after a name was made serves all who wait for that name.
//! It knows neither which names there are nor what follows from a failure.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts names that were made and syncs that began: which was first.
static MOMENTS: AtomicU64 = AtomicU64::new(1);

/// A moment in the order of names and syncs. The default lies before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The next one: after all that this thread has done so far, before all that it does next.
    pub fn next() -> Moment {
        Moment(MOMENTS.fetch_add(1, Ordering::AcqRel))
    }
}

/// The syncs of one round, as many as there are folders.
#[derive(Default)]
pub struct Round {
    /// When the last sync began that succeeded. Held over a sync.
    begun: Mutex<HashMap<PathBuf, Arc<Mutex<Moment>>>>,
}

impl Round {
    /// Returns when a sync that began after `made` has made the names in a folder durable, which
    /// is this one if there was none.
    pub fn cover(
        &self,
        folder: &Path,
        made: Moment,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Arc::clone(all.entry(folder.to_owned()).or_default());
        drop(all);
        let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
        if *begun > made {
            return Ok(());
        }
        let now = Moment::next();
        sync()?;
        *begun = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_serves_those_whose_names_it_found_and_nobody_else() {
        let (round, mut syncs) = (Round::default(), 0);
        let mut cover = |made| {
            let sync = || {
                syncs += 1;
                Ok(())
            };
            round.cover(Path::new("/f"), made, sync).unwrap();
            syncs
        };
        assert_eq!(cover(Moment::default()), 1);
        assert_eq!(cover(Moment::default()), 1);
        let late = Moment::next();
        assert_eq!(cover(late), 2);
        assert_eq!(cover(late), 2);
    }

    #[test]
    fn a_failed_sync_serves_nobody() {
        let round = Round::default();
        let failing = || Err(io::Error::other("no"));
        round.cover(Path::new("/f"), Moment::default(), failing).unwrap_err();
        let mut is_asked = false;
        let asked = || {
            is_asked = true;
            Ok(())
        };
        round.cover(Path::new("/f"), Moment::default(), asked).unwrap();
        assert!(is_asked);
    }
}
