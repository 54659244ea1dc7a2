//! Where a load takes place: how its clients learn where the broker is, say that they are in, and
//! hear that they are to leave. It knows nothing of what they do in between.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long all clients together may take to get in.
const ENTRY_MAX: Duration = Duration::from_secs(120);

/// What one client does, from its connection to its end.
pub type Act = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// What the clients of a load share. Cheap to clone.
#[derive(Clone)]
pub struct Stage {
    /// Where the broker listens.
    pub address: SocketAddr,
    leave: watch::Receiver<bool>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    arrived: AtomicUsize,
    requests: AtomicU64,
    failed: AtomicUsize,
    first_failure: Mutex<Option<String>>,
}

impl Stage {
    /// Says that a client is in.
    pub fn arrive(&self) {
        self.counts.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was answered.
    pub fn count(&self) {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for a while; false if the client is to leave.
    pub async fn stay(&self, time: Duration) -> bool {
        self.unless_leaving(tokio::time::sleep(time)).await.is_some()
    }

    /// Waits for something, or for the word to leave, which gives none.
    pub async fn unless_leaving<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut leave = self.leave.clone();
        tokio::select! {
            // Whatever is cut off, the client that did it leaves with its connection.
            _ = leave.wait_for(|leave| *leave) => None,
            result = work => Some(result),
        }
    }
}

/// A load that is on the broker.
pub struct Playing {
    leave: watch::Sender<bool>,
    counts: Arc<Counts>,
    thread: JoinHandle<()>,
}

impl Playing {
    /// Puts clients on a broker, one each millisecond, and waits until `parties` are in.
    pub fn begin(
        address: SocketAddr,
        parties: usize,
        acts: impl FnOnce(&Stage) -> Vec<Act> + Send + 'static,
    ) -> Result<Playing, String> {
        let (leave, left) = watch::channel(false);
        let counts = Arc::<Counts>::default();
        let stage = Stage { address, leave: left, counts: Arc::clone(&counts) };
        let thread = std::thread::spawn(move || play(stage, acts));
        let playing = Playing { leave, counts, thread };
        let started = Instant::now();
        while playing.counts.arrived.load(Ordering::Relaxed) < parties {
            let late = started.elapsed() > ENTRY_MAX;
            if playing.failures() > 0 || late || playing.thread.is_finished() {
                let arrived = playing.counts.arrived.load(Ordering::Relaxed);
                let text = format!("{arrived} of {parties} got in");
                let told = playing.end().err();
                return Err(format!("{text}: {}", told.unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(playing)
    }

    /// Requests that were answered so far.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    fn failures(&self) -> usize {
        self.counts.failed.load(Ordering::Relaxed)
    }

    /// Lets all clients leave, and tells if one of them failed.
    pub fn end(self) -> Result<(), String> {
        // A receiver that is gone means that all have left.
        let _ = self.leave.send(true);
        let ended = self.thread.join();
        let failed = self.counts.failed.load(Ordering::Relaxed);
        let first = self.counts.first_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (ended, first) {
            (Err(_), _) => Err("the load broke down".to_owned()),
            (Ok(()), Some(first)) => Err(format!("{failed} clients failed, the first: {first}")),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// All clients live on one thread, so that the load leaves a core to the broker, and it runs only
/// while nobody else needs its own.
fn play(stage: Stage, acts: impl FnOnce(&Stage) -> Vec<Act>) {
    give_way();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = tokio::task::LocalSet::new();
    let all = async {
        let mut clients = JoinSet::new();
        for (index, act) in acts(&stage).into_iter().enumerate() {
            let stage = stage.clone();
            clients.spawn_local(async move {
                if !stage.stay(Duration::from_millis(index as u64)).await {
                    return;
                }
                if let Err(error) = act.await {
                    stage.counts.failed.fetch_add(1, Ordering::Relaxed);
                    let mut first =
                        stage.counts.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert_with(|| error.to_string());
                }
            });
        }
        while clients.join_next().await.is_some() {}
    };
    local.block_on(&runtime.expect("a runtime can be started"), all);
}

/// Lets this thread run only where nothing else would. Thousands of clients on the broker's own
/// machine take its time of themselves; the question is what its work for them costs others.
fn give_way() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: it reads a valid struct; 0 is this thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) };
    assert_eq!(result, 0, "every thread may lower its priority");
}
