//! The load under faults: on each partition an idempotent producer, one without, and a consumer;
//! beside them commits of a group, and topics that come and go. Each notes in a ledger what it was
//! told before it does the next thing. Between the broker's lives all of them stand still.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use felice::kernel::batch::BatchBuilder;
use kafka_protocol::messages::{ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;
use protocol_tests::ledger::{Ledger, Name, value};
use tokio::sync::watch;

use super::ask;
use crate::requests::{self, FETCH, PRODUCE};
use crate::wire::Wire;

/// The topic that is written.
pub const TOPIC: &str = "faults";
/// Its partitions.
pub const PARTITIONS: u32 = 3;
/// The group that commits.
pub const GROUP: &str = "faults";
/// How long an answer may take before the client gives up on the connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause of a producer between two batches.
const PACE: Duration = Duration::from_millis(4);
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
    /// Acknowledged commits.
    pub commits: BTreeMap<u32, i64>,
    /// Topics that were created, and those that may be gone.
    pub created: BTreeSet<String>,
    /// Producer IDs that were given.
    pub producer_ids: BTreeSet<i64>,
    /// Error codes, how often each came from which API.
    pub codes: BTreeMap<(&'static str, i16), u64>,
    /// What no fault excuses.
    pub wrong: Vec<String>,
    /// Acknowledged batches of each producer, and commits.
    progress: BTreeMap<String, u64>,
}

/// What the load's clients and its owner share.
pub struct Shared {
    address: SocketAddr,
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

    fn count(&self, api: &'static str, code: i16) {
        *self.told().codes.entry((api, code)).or_default() += 1;
    }

    fn progress(&self, who: String) {
        *self.told().progress.entry(who).or_default() += 1;
    }
}

impl Load {
    /// Puts the load on a broker, whose topic it makes.
    pub fn begin(address: SocketAddr) -> Result<Load, String> {
        on(address, async |wire| {
            ask::create(wire, TOPIC, PARTITIONS as i32, &[("segment.ms", "300")]).await?;
            ask::coordinator(wire, GROUP).await
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

    /// Waits until every producer was acknowledged something, and a commit, since now.
    pub fn wait_for_progress(&self) -> Result<(), String> {
        let before = self.told().progress.clone();
        self.until("the load gets on", |told| {
            told.progress.len() == 2 * PARTITIONS as usize + 1
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
    for partition in 0..PARTITIONS {
        for idempotent in [true, false] {
            let producer = Producer::new(partition, idempotent);
            local.spawn_local(live(Arc::clone(shared), Client::Producer(producer)));
        }
        local.spawn_local(live(Arc::clone(shared), Client::Consumer(Consumer::new(partition))));
    }
    local.spawn_local(live(Arc::clone(shared), Client::Group(1)));
    local.spawn_local(live(Arc::clone(shared), Client::Topics(0)));
    runtime.expect("a runtime can be started").block_on(local);
}

/// A client over all connections.
enum Client {
    Producer(Producer),
    Consumer(Consumer),
    Group(i64),
    Topics(u64),
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
            _ = visit(&shared, &mut client) => {}
        }
        shared.running.fetch_sub(1, Ordering::AcqRel);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One connection, until it breaks.
async fn visit(shared: &Shared, client: &mut Client) -> io::Result<()> {
    let mut wire = Wire::connect(shared.address).await?;
    loop {
        let step = async {
            match client {
                Client::Producer(producer) => producer.step(shared, &mut wire).await,
                Client::Consumer(consumer) => consumer.step(shared, &mut wire).await,
                Client::Group(next) => commit(shared, &mut wire, next).await,
                Client::Topics(next) => churn(shared, &mut wire, next).await,
            }
        };
        match tokio::time::timeout(PATIENCE, step).await {
            Ok(done) => done?,
            Err(late) => {
                shared.told().wrong.push("an answer did not come within 10 s".to_owned());
                return Err(late.into());
            }
        }
    }
}

struct Producer {
    partition: u32,
    idempotent: bool,
    id: Option<i64>,
    next: u64,
    count: u64,
}

impl Producer {
    fn new(partition: u32, idempotent: bool) -> Producer {
        Producer { partition, idempotent, id: None, next: 0, count: 1 }
    }

    fn name(&self) -> Name {
        Name { producer: u32::from(self.idempotent), sequence: self.next }
    }

    /// One batch. The idempotent producer sends it until it is acknowledged, the other one once.
    async fn step(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<()> {
        if self.idempotent && self.id.is_none() {
            let id = ask::producer_id(wire).await?;
            if !shared.told().producer_ids.insert(id) {
                shared.told().wrong.push(format!("producer ID {id} was given twice"));
            }
            self.id = Some(id);
        }
        let first = self.name();
        let frame = self.frame();
        let ledger = self.partition as usize;
        shared.told().ledgers[ledger].send(first.producer, first.sequence + self.count);
        let count = self.count;
        if !self.idempotent {
            self.advance();
        }
        let mut answer = wire.exchange(&frame).await?;
        let decoded = ResponseHeader::decode(&mut answer, 1)
            .and_then(|_| ProduceResponse::decode(&mut answer, PRODUCE));
        let answer = decoded.map_err(|error| io::Error::other(error.to_string()))?;
        let answer = &answer.responses[0].partition_responses[0];
        if answer.error_code != 0 {
            shared.count("Produce", answer.error_code);
            // Sequence and epoch errors: nothing was lost that could excuse them.
            if [45, 46, 47, 59].contains(&answer.error_code) {
                let text = format!("{first:?} was refused with error {}", answer.error_code);
                shared.told().wrong.push(text);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Ok(());
        }
        shared.told().ledgers[ledger].acknowledge(answer.base_offset, first, count);
        if self.idempotent {
            self.advance();
        }
        shared.progress(format!("producer {ledger} {}", self.idempotent));
        tokio::time::sleep(PACE).await;
        Ok(())
    }

    fn advance(&mut self) {
        self.next += self.count;
        self.count = 1 + self.next % 13;
    }

    fn frame(&self) -> Vec<u8> {
        let mut batch = BatchBuilder::new();
        if let Some(id) = self.id {
            batch = batch.producer(id, 0, i32::try_from(self.next).expect("runs are short"));
        }
        for index in 0..self.count {
            let name = Name { sequence: self.next + index, ..self.name() };
            batch.append(now(), None, Some(&value(self.partition, name)), &[]);
        }
        requests::produce(TOPIC, [self.partition as i32].into_iter(), -1, &batch.build())
    }
}

struct Consumer {
    partition: u32,
    next: i64,
}

impl Consumer {
    fn new(partition: u32) -> Consumer {
        Consumer { partition, next: 0 }
    }

    async fn step(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<()> {
        let from = [(self.partition as i32, self.next)].into_iter();
        let asked = requests::fetch(TOPIC, from, (0, -1), 100, 1 << 20);
        let mut answer = wire.call(&asked, FETCH).await?;
        let answer = answer.responses.remove(0).partitions.remove(0);
        const OUT_OF_RANGE: i16 = 1;
        match answer.error_code {
            0 => {}
            OUT_OF_RANGE => self.next = answer.high_watermark.max(0),
            code => {
                shared.count("Fetch", code);
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(());
            }
        }
        let served = ask::served(&answer.records.unwrap_or_default(), self.next);
        let mut told = shared.told();
        let ledger = &mut told.ledgers[self.partition as usize];
        if answer.high_watermark >= 0 {
            ledger.watermark(answer.high_watermark);
        }
        match served {
            Ok(all) => {
                all.iter().for_each(|served| ledger.see(served));
                self.next = all.last().map_or(self.next, |last| last.offset + 1);
            }
            Err(error) => {
                told.wrong.push(format!("a batch was served that is broken {error}"));
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn commit(shared: &Shared, wire: &mut Wire, next: &mut i64) -> io::Result<()> {
    let partition = (*next % i64::from(PARTITIONS)) as u32;
    let offset = *next;
    *next += 1;
    match ask::commit(wire, GROUP, TOPIC, partition as i32, offset).await? {
        0 => {
            shared.told().commits.insert(partition, offset);
            shared.progress("group".to_owned());
        }
        code => shared.count("OffsetCommit", code),
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(())
}

/// Creates a topic and deletes the one before the last.
async fn churn(shared: &Shared, wire: &mut Wire, next: &mut u64) -> io::Result<()> {
    let (new, old) = (format!("churn-{next}"), format!("churn-{}", next.saturating_sub(2)));
    *next += 1;
    if let Err(error) = ask::create(wire, &new, 2, &[]).await {
        shared.count("CreateTopics", -1);
        return Err(error);
    }
    shared.told().created.insert(new);
    // From here on it may be gone.
    if *next > 2 && shared.told().created.remove(&old) {
        requests::delete(wire, &old).await?;
    }
    tokio::time::sleep(Duration::from_millis(40)).await;
    Ok(())
}
