//! The load under faults: clients that run, stand still between the broker's lives, or leave, and
//! all that they have been told. What each of them does is in [`super::clients`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol_tests::ledger::Ledger;
use tokio::sync::watch;

use super::ask;
use super::clients::{self, Client};
use crate::wire::Wire;

/// The topic that is written.
pub const TOPIC: &str = "faults";
/// Its partitions.
pub const PARTITIONS: u32 = 3;
/// How long an answer may take before the client gives up on the connection.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long the load may take to be under way again.
const PROGRESS_MAX: Duration = Duration::from_secs(15);

/// What the clients are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Run,
    Pause,
    Leave,
}

/// What the clients have been told.
#[derive(Default)]
pub struct Told {
    /// One for each partition.
    pub ledgers: Vec<Ledger>,
    /// Acknowledged commits of groups for partitions.
    pub commits: BTreeMap<(&'static str, u32), i64>,
    /// Topics that were created and must be there.
    pub created: BTreeSet<String>,
    /// Topics that were deleted and must not be there.
    pub deleted: BTreeSet<String>,
    /// Producer IDs that were given.
    pub producer_ids: BTreeSet<i64>,
    /// Error codes, how often each came from which API.
    pub codes: BTreeMap<(&'static str, i16), u64>,
    /// What no fault excuses.
    pub wrong: Vec<String>,
    /// What each client has got done.
    progress: BTreeMap<String, u64>,
}

/// What the load's clients and its owner share.
pub struct Shared {
    /// Where the broker listens.
    pub address: SocketAddr,
    gate: watch::Receiver<Gate>,
    running: AtomicUsize,
    told: Mutex<Told>,
}

/// A load that runs.
pub struct Load {
    gate: watch::Sender<Gate>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    /// What the clients have been told so far.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down an error code.
    pub fn count(&self, api: &'static str, code: i16) {
        *self.told().codes.entry((api, code)).or_default() += 1;
    }

    /// Takes down that a client gets on.
    pub fn progress(&self, who: String) {
        *self.told().progress.entry(who).or_default() += 1;
    }
}

impl Load {
    /// Puts the load on a broker, whose topic it makes.
    pub fn begin(address: SocketAddr) -> Result<Load, String> {
        on(address, async |wire| {
            ask::create(wire, TOPIC, PARTITIONS as i32, &[("segment.ms", "300")]).await?;
            ask::coordinator(wire, clients::GROUP).await
        })?;
        let (gate, watched) = watch::channel(Gate::Run);
        let ledgers = (0..PARTITIONS).map(Ledger::new).collect();
        let shared = Arc::new(Shared {
            address,
            gate: watched,
            running: AtomicUsize::new(0),
            told: Mutex::new(Told { ledgers, ..Told::default() }),
        });
        let playing = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || play(&playing)));
        Ok(Load { gate, shared, thread })
    }

    /// What the clients have been told so far.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.shared.told()
    }

    /// Waits until every producer was acknowledged something, every consumer was served something
    /// and every group has committed, since now.
    pub fn wait_for_progress(&self) -> Result<(), String> {
        let before = self.told().progress.clone();
        self.until("the load gets on", |told| {
            told.progress.len() == clients::WITH_PROGRESS
                && told.progress.iter().all(|(who, now)| before.get(who) < Some(now))
        })
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn(&Told) -> bool) -> Result<(), String> {
        let begun = Instant::now();
        while !holds(&self.told()) {
            if begun.elapsed() > PROGRESS_MAX {
                let told = self.told();
                let text = format!("not within {PROGRESS_MAX:?}: {what}; {:?}", told.codes);
                return Err(format!("{text}, {:?}, {:?}", told.progress, told.wrong));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Lets all clients leave their connections and stand still.
    pub fn pause(&self) {
        self.turn(Gate::Pause);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        let _ = self.gate.send(Gate::Run);
    }

    fn turn(&self, gate: Gate) {
        let _ = self.gate.send(gate);
        while self.shared.running.load(Ordering::Acquire) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.gate.send(Gate::Leave);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The time, in milliseconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Does something on a new connection, with a runtime of its own.
pub fn on<T>(
    address: SocketAddr,
    work: impl AsyncFnOnce(&mut Wire) -> io::Result<T>,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let all = async {
        let work = async { work(&mut Wire::connect(address).await?).await };
        tokio::time::timeout(6 * PATIENCE, work).await.map_err(io::Error::other)?
    };
    runtime.block_on(all).map_err(|error| error.to_string())
}

fn play(shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = tokio::task::LocalSet::new();
    for client in Client::all() {
        local.spawn_local(live(Arc::clone(shared), client));
    }
    runtime.expect("a runtime can be started").block_on(local);
}

async fn live(shared: Arc<Shared>, mut client: Client) {
    let mut gate = shared.gate.clone();
    loop {
        if gate.wait_for(|gate| *gate != Gate::Pause).await.is_err()
            || *gate.borrow() == Gate::Leave
        {
            return;
        }
        shared.running.fetch_add(1, Ordering::AcqRel);
        tokio::select! {
            // A request that is cut off is one whose answer was lost.
            _ = gate.wait_for(|gate| *gate != Gate::Run) => {}
            _ = client.visit(&shared) => {}
        }
        shared.running.fetch_sub(1, Ordering::AcqRel);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
