//! One connection: reads all frames that have arrived, runs their requests in order, and writes
//! the answers in the same order. Requests never change thread; those that wait (for a disk, for
//! records, for a group) hold up only the answers behind them, not the requests.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::dispatch::{self, ClientName, Dispatched};
use super::meter::Meter;
use super::output::Output;
use super::{Net, Reserved};
use crate::api::{self, API_VERSIONS_KEY, BoxFuture, Outcome};
use crate::broker::Broker;
use crate::wire::chunk::Frame;

/// Bytes read from the socket at a time, at most.
const READ_BYTES: usize = 64 * 1024;
/// Room for what a connection sends that sends little: most connections are quiet most of the time.
const QUIET_READ_BYTES: usize = 4 * 1024;
/// Room made at once for a frame whose length is known; beyond it room grows with what arrives.
const FRAME_ROOM_BYTES: usize = 512 * 1024;
/// Bytes of a frame that are not counted against the budget.
const UNCOUNTED_BYTES: usize = 64 * 1024;
/// Bytes read before requests are run: more do not make the batches of a drain better.
const DRAIN_BYTES: usize = 1024 * 1024;
/// Requests of one connection that may be unanswered before reading stops.
const UNANSWERED_MAX: usize = 256;
/// Bytes of answers that may wait for a slow reader before reading stops.
const OUTPUT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long a request may hold memory that others wait for without coming on.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How long requests that have begun may take when the broker stops; long polls are cut short.
const FINISH_MAX: Duration = Duration::from_millis(500);

/// Why a connection ended.
enum End {
    /// The client closed it, or sent what cannot be answered.
    Closed,
    /// The socket failed.
    Failed(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Failed(error)
    }
}

/// An answer in its place in the order.
enum Pending {
    Ready(Frame),
    Later(BoxFuture<Option<Frame>>),
    Unanswered(BoxFuture<bool>),
}

struct Serving {
    stream: TcpStream,
    facts: Arc<api::Connection>,
    net: Arc<Net>,
    broker: Arc<Broker>,
    client: ClientName,
    input: BytesMut,
    /// Room made for the next read, between the two bounds above: it follows what arrives.
    room: usize,
    reserved: Reserved,
    pending: VecDeque<Pending>,
    output: Output,
    /// Bytes of answers that are ready behind one that is not.
    held: usize,
    end_of_input: bool,
    timing: Timing,
    meter: Meter,
}

/// When something last happened.
struct Timing {
    /// How long a connection may be quiet.
    idle: Duration,
    /// When bytes last came or went.
    active: Instant,
    /// Whether the broker stops.
    leaving: bool,
    /// While memory is held for an unfinished request: how much of it had come, and when.
    progress: Option<(usize, Instant)>,
}

impl Timing {
    /// Follows a request that holds part of the budget. Answers whether one has just begun.
    fn follow(&mut self, reserved: &Reserved, arrived: usize) -> bool {
        if !reserved.is_held() {
            self.progress = None;
            return false;
        }
        match self.progress {
            Some((before, _)) if (before..before + READ_BYTES).contains(&arrived) => false,
            before => {
                self.progress = Some((arrived, Instant::now()));
                before.is_none()
            }
        }
    }

    /// How long such a request has not come on, zero if there is none.
    fn stalled_for(&self) -> Duration {
        self.progress.map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }
}

/// Serves a connection until it ends.
pub async fn serve(
    stream: TcpStream,
    facts: Arc<api::Connection>,
    net: Arc<Net>,
    broker: Arc<Broker>,
) {
    let (peer, idle) = (facts.peer, net.limits.idle);
    let meter = Meter::new(Arc::clone(&broker.metrics), facts.listener);
    let mut serving = Serving {
        stream,
        facts,
        net,
        broker,
        client: ClientName::default(),
        input: BytesMut::new(),
        room: QUIET_READ_BYTES,
        reserved: Reserved::default(),
        pending: VecDeque::new(),
        output: Output::default(),
        held: 0,
        end_of_input: false,
        timing: Timing { idle, active: Instant::now(), leaving: false, progress: None },
        meter,
    };
    match serving.run().await {
        Ok(()) | Err(End::Closed) => tracing::debug!(%peer, "connection closed"),
        Err(End::Failed(error)) => tracing::debug!(%peer, %error, "connection failed"),
    }
    let broker = &serving.broker;
    broker.fetch_sessions.lock().leave(broker.clock.elapsed(), serving.facts.id);
}

impl Serving {
    async fn run(&mut self) -> Result<(), End> {
        let mut stopping = self.net.stopping.clone();
        let mut timer: Pin<Box<Sleep>> = Box::pin(tokio::time::sleep(self.timing.idle));
        loop {
            let counted = self.counted();
            metered(counted.as_deref(), self.run_arrived()).await;
            self.collect().await;
            let written = self.output.write(&self.stream)?;
            if written > 0 {
                self.timing.active = Instant::now();
            }
            self.meter.write(written, self.timing.active);
            self.meter.pause();
            if self.has_runnable_frame() {
                // Others get a turn between the drains of a busy connection.
                tokio::task::yield_now().await;
                continue;
            }
            let muted_ms = self.muted_ms();
            let goes_on = muted_ms > 0 && !self.timing.leaving && self.has_whole_frame();
            if self.end_of_input && self.pending.is_empty() && self.output.is_empty() && !goes_on {
                return Ok(());
            }
            if self.timing.follow(&self.reserved, self.input.len()) {
                timer.as_mut().reset(Instant::now() + STALL_MAX);
            }
            let bytes = self.input.len();
            let waits_for_budget = bytes > UNCOUNTED_BYTES && !self.reserved.covers(bytes);
            let may_read = self.may_read() && !waits_for_budget;
            let (stream, front) = (&self.stream, self.pending.front_mut());
            let waits_for_answer = front.is_some();
            tokio::select! {
                // All arms are cancel-safe: readiness and the polled answer keep their state, and
                // permits that are not taken stay in the budget.
                ready = stream.readable(), if may_read => {
                    ready?;
                    self.read()?;
                }
                () = self.net.reserve(&mut self.reserved, bytes), if waits_for_budget => {}
                ready = stream.writable(), if !self.output.is_empty() => ready?,
                () = pause(muted_ms), if muted_ms > 0 => {}
                resolved = metered(counted.as_deref(), resolve(front)), if waits_for_answer => {
                    self.pending.pop_front();
                    self.accept(resolved);
                    self.meter.settle(self.output.size());
                }
                () = &mut timer => timer.as_mut().reset(Instant::now() + self.check_time()?),
                changed = stopping.changed(), if !self.timing.leaving => {
                    if changed.is_err() || *stopping.borrow() {
                        // Nothing is dropped from between: answers keep their order to the end.
                        self.end_of_input = true;
                        self.timing.leaving = true;
                        timer.as_mut().reset(Instant::now() + FINISH_MAX);
                    }
                }
            }
        }
    }

    /// Ends a connection that has been quiet for too long, and says when to look again.
    fn check_time(&self) -> Result<Duration, End> {
        let (idle, quiet) = (self.timing.idle, self.timing.active.elapsed());
        // A client that waits for an answer is not idle, one that takes none is. One that has
        // closed its side may be gone: nothing else would tell.
        let waits = !self.pending.is_empty() && self.output.is_empty() && !self.end_of_input;
        let stalled = self.timing.stalled_for() >= STALL_MAX;
        if self.timing.leaving || stalled || (quiet >= idle && !waits) {
            return Err(End::Closed);
        }
        let rest = idle.checked_sub(quiet).unwrap_or(idle);
        Ok(if self.reserved.is_held() { rest.min(STALL_MAX) } else { rest })
    }

    fn may_read(&self) -> bool {
        !self.end_of_input && self.may_run()
    }

    fn may_run(&self) -> bool {
        self.pending.len() < UNANSWERED_MAX
            && self.output.size() + self.held < OUTPUT_BYTES_MAX
            && self.muted_ms() == 0
    }

    /// For how long no request is taken, because the client is above a quota.
    fn muted_ms(&self) -> u64 {
        self.facts.muted_ms(|| self.broker.clock.elapsed())
    }

    /// The place where the time spent here is counted, if it is.
    fn counted(&self) -> Option<Arc<api::Connection>> {
        self.broker.quotas.counts_time().then(|| Arc::clone(&self.facts))
    }

    fn has_runnable_frame(&self) -> bool {
        self.may_run() && self.has_whole_frame()
    }

    fn has_whole_frame(&self) -> bool {
        matches!(self.frame_length(), Ok(Some(_)))
    }

    /// Length of the frame at the beginning of the input, if all of it has arrived.
    fn frame_length(&self) -> Result<Option<usize>, End> {
        let Some(announced) = self.announced()? else { return Ok(None) };
        Ok((self.input.len() >= 4 + announced).then_some(announced))
    }

    fn announced(&self) -> Result<Option<usize>, End> {
        let Some(prefix) = self.input.first_chunk::<4>() else { return Ok(None) };
        match usize::try_from(i32::from_be_bytes(*prefix)) {
            Ok(length) if length <= self.net.limits.frame_bytes_max => Ok(Some(length)),
            _ => {
                tracing::debug!(peer = %self.facts.peer, "frame length out of range");
                Err(End::Closed)
            }
        }
    }

    /// Reads what the socket has, up to a drain's worth. Memory is taken only for bytes that
    /// really arrive: a length prefix alone reserves next to nothing.
    fn read(&mut self) -> Result<(), End> {
        let mut total = 0;
        while total < DRAIN_BYTES {
            let missing = match self.announced() {
                Ok(Some(length)) => (4 + length).saturating_sub(self.input.len()),
                Ok(None) => 0,
                // Ends the connection when it is looked at in its turn.
                Err(_) => break,
            };
            if self.input.capacity() - self.input.len() < self.room / 4 {
                let room = missing.min(FRAME_ROOM_BYTES.max(self.input.len()));
                self.input.reserve(room.max(self.room));
            }
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => {
                    self.end_of_input = true;
                    break;
                }
                Ok(read) => {
                    total += read;
                    if self.input.len() == self.input.capacity() {
                        self.room = (2 * self.room).min(READ_BYTES);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
            let bytes = self.input.len();
            if bytes > UNCOUNTED_BYTES && !self.net.try_reserve(&mut self.reserved, bytes) {
                break;
            }
        }
        if total > 0 {
            self.timing.active = Instant::now();
            self.meter.arrive(total, self.timing.active);
        }
        if total < self.room / 4 {
            self.room = (self.room / 2).max(QUIET_READ_BYTES);
        }
        Ok(())
    }

    /// Runs every whole request that has arrived, in order. Batches of consecutive Produce
    /// requests are written together; anything else first sees them written.
    async fn run_arrived(&mut self) {
        while self.may_run() {
            let length = match self.frame_length() {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(_) => {
                    self.meter.refuse();
                    self.finish();
                    break;
                }
            };
            self.input.advance(4);
            let frame = self.input.split_to(length).freeze();
            let limits = &self.net.limits.guard;
            let outcome = match dispatch::admit(frame, limits, &mut self.client) {
                Dispatched::Answer(Outcome::Close) => {
                    self.meter.refuse();
                    Outcome::Close
                }
                Dispatched::Answer(outcome) => {
                    self.commit();
                    self.meter.begin(API_VERSIONS_KEY);
                    self.meter.end();
                    outcome
                }
                Dispatched::Run(request) => {
                    if let Some(name) = self.client.take_news() {
                        self.facts.client.rename(name);
                    }
                    // Only batches of requests that follow each other are gathered.
                    if !request.is_produce() {
                        self.commit();
                    }
                    self.meter.begin(request.key());
                    let is_produce = request.is_produce();
                    let outcome = request.run(&self.broker, &self.facts).await;
                    if !is_produce {
                        self.meter.end();
                    }
                    outcome
                }
            };
            match outcome {
                Outcome::Now(frame) => {
                    self.held += frame.size();
                    self.pending.push_back(Pending::Ready(frame));
                }
                Outcome::Later(answer) => self.pending.push_back(Pending::Later(answer)),
                Outcome::Unanswered(done) => self.pending.push_back(Pending::Unanswered(done)),
                Outcome::Close => self.finish(),
            }
        }
        self.commit();
        if self.input.len() <= UNCOUNTED_BYTES {
            self.reserved = Reserved::default();
        }
        if self.input.is_empty() && self.input.capacity() > 2 * self.room {
            self.input = BytesMut::new();
        }
    }

    fn commit(&mut self) {
        self.facts.drain.commit(self.broker.clock.now());
        self.meter.end();
    }

    /// Takes nothing more: the connection ends when the answers to what came before have left.
    fn finish(&mut self) {
        self.input.clear();
        self.end_of_input = true;
    }

    /// Moves the answers that are ready, from the front on, to the output.
    async fn collect(&mut self) {
        while let Some(front) = self.pending.front_mut() {
            let ready = match front {
                Pending::Ready(_) => true,
                other => {
                    let polled = poll_fn(|context| Poll::Ready(poll_once(other, context))).await;
                    match polled {
                        Poll::Ready(resolved) => {
                            self.pending.pop_front();
                            self.accept(resolved);
                            continue;
                        }
                        Poll::Pending => false,
                    }
                }
            };
            if !ready {
                break;
            }
            if let Some(Pending::Ready(frame)) = self.pending.pop_front() {
                self.held -= frame.size();
                self.emit(frame);
            }
        }
        self.meter.settle(self.output.size());
    }

    fn emit(&mut self, frame: Frame) {
        self.meter.answer(frame.errors.as_deref());
        self.output.push(frame);
    }

    fn accept(&mut self, resolved: Resolved) {
        match resolved {
            Resolved::Answer(frame) => self.emit(frame),
            Resolved::NoAnswer => self.meter.answer(None),
            Resolved::Close => {
                self.finish();
                self.pending.clear();
                self.held = 0;
            }
        }
    }
}

/// Runs something to its end, and counts how long it kept a core busy.
async fn metered<T>(counted: Option<&api::Connection>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let Some(connection) = counted else { return work.await };
    poll_fn(|context| {
        let started = Instant::now();
        let polled = work.as_mut().poll(context);
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        connection.spent_nanos.fetch_add(nanos, Ordering::Relaxed);
        polled
    })
    .await
}

async fn pause(time_ms: u64) {
    tokio::time::sleep(Duration::from_millis(time_ms)).await;
}

enum Resolved {
    Answer(Frame),
    NoAnswer,
    Close,
}

fn poll_once(pending: &mut Pending, context: &mut Context<'_>) -> Poll<Resolved> {
    match pending {
        Pending::Ready(frame) => {
            let frame = std::mem::replace(frame, Frame::begin(0, false));
            Poll::Ready(Resolved::Answer(frame))
        }
        Pending::Later(answer) => answer.as_mut().poll(context).map(|answer| match answer {
            Some(frame) => Resolved::Answer(frame),
            None => Resolved::Close,
        }),
        Pending::Unanswered(done) => done.as_mut().poll(context).map(|accepted| match accepted {
            true => Resolved::NoAnswer,
            false => Resolved::Close,
        }),
    }
}

async fn resolve(front: Option<&mut Pending>) -> Resolved {
    match front {
        Some(pending) => poll_fn(|context| poll_once(pending, context)).await,
        None => std::future::pending().await,
    }
}
