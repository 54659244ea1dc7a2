//! One connection: reads all frames that have arrived, runs their requests in order, and writes
//! the answers in the same order. Requests never change thread; those that wait (for a disk, for
//! records, for a group) hold up only the answers behind them, not the requests.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::dispatch::{self, ClientName, Dispatched};
use super::output::Output;
use super::{Net, Reserved};
use crate::api::{self, BoxFuture, Outcome};
use crate::broker::Broker;
use crate::wire::chunk::Frame;

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 64 * 1024;
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
    reserved: Reserved,
    pending: VecDeque<Pending>,
    output: Output,
    /// Bytes of answers that are ready behind one that is not.
    held: usize,
    end_of_input: bool,
}

/// Serves a connection until it ends.
pub async fn serve(
    stream: TcpStream,
    facts: Arc<api::Connection>,
    net: Arc<Net>,
    broker: Arc<Broker>,
) {
    let peer = facts.peer;
    let mut serving = Serving {
        stream,
        facts,
        net,
        broker,
        client: ClientName::default(),
        input: BytesMut::new(),
        reserved: Reserved::default(),
        pending: VecDeque::new(),
        output: Output::default(),
        held: 0,
        end_of_input: false,
    };
    match serving.run().await {
        Ok(()) | Err(End::Closed) => tracing::debug!(%peer, "connection closed"),
        Err(End::Failed(error)) => tracing::debug!(%peer, %error, "connection failed"),
    }
}

impl Serving {
    async fn run(&mut self) -> Result<(), End> {
        let mut stopping = self.net.stopping.clone();
        let idle = self.net.limits.idle;
        let mut idle_timer: Pin<Box<Sleep>> = Box::pin(tokio::time::sleep(idle));
        let mut active = Instant::now();
        let mut leaving = false;
        loop {
            self.run_arrived().await;
            self.collect().await;
            let written = self.output.write(&self.stream)?;
            if written > 0 {
                active = Instant::now();
            }
            if self.has_runnable_frame() {
                // Others get a turn between the drains of a busy connection.
                tokio::task::yield_now().await;
                continue;
            }
            if self.end_of_input && self.pending.is_empty() && self.output.is_empty() {
                return Ok(());
            }
            let may_read = self.may_read();
            let (stream, front) = (&self.stream, self.pending.front_mut());
            let waits_for_answer = front.is_some();
            tokio::select! {
                // All arms are cancel-safe: readiness and the polled answer keep their state.
                ready = stream.readable(), if may_read => {
                    ready?;
                    if self.read().await? > 0 {
                        active = Instant::now();
                    }
                }
                ready = stream.writable(), if !self.output.is_empty() => ready?,
                resolved = resolve(front), if waits_for_answer => {
                    self.pending.pop_front();
                    self.accept(resolved);
                }
                () = &mut idle_timer => {
                    // A client that waits for an answer is not idle, one that takes none is. One
                    // that has closed its side may be gone: nothing else would tell.
                    let quiet = active.elapsed();
                    let waits = waits_for_answer && self.output.is_empty() && !self.end_of_input;
                    if leaving || (quiet >= idle && !waits) {
                        return Err(End::Closed);
                    }
                    let rest = idle.checked_sub(quiet).unwrap_or(idle);
                    idle_timer.as_mut().reset(Instant::now() + rest);
                }
                changed = stopping.changed(), if !leaving => {
                    if changed.is_err() || *stopping.borrow() {
                        // Nothing is dropped from between: answers keep their order to the end.
                        self.end_of_input = true;
                        leaving = true;
                        idle_timer.as_mut().reset(Instant::now() + FINISH_MAX);
                    }
                }
            }
        }
    }

    fn may_read(&self) -> bool {
        !self.end_of_input && self.may_run()
    }

    fn may_run(&self) -> bool {
        self.pending.len() < UNANSWERED_MAX && self.output.size() + self.held < OUTPUT_BYTES_MAX
    }

    fn has_runnable_frame(&self) -> bool {
        self.may_run() && matches!(self.frame_length(), Ok(Some(_)))
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
    async fn read(&mut self) -> Result<usize, End> {
        let mut total = 0;
        while total < DRAIN_BYTES {
            let missing = match self.announced() {
                Ok(Some(length)) => (4 + length).saturating_sub(self.input.len()),
                Ok(None) => 0,
                // Ends the connection when it is looked at in its turn.
                Err(_) => break,
            };
            if self.input.capacity() - self.input.len() < READ_BYTES / 4 {
                let room = missing.min(FRAME_ROOM_BYTES.max(self.input.len()));
                self.input.reserve(room.max(READ_BYTES));
            }
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => {
                    self.end_of_input = true;
                    break;
                }
                Ok(read) => total += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
            if self.input.len() > UNCOUNTED_BYTES {
                let bytes = self.input.len();
                self.net.reserve(&mut self.reserved, bytes).await;
            }
        }
        Ok(total)
    }

    /// Runs every whole request that has arrived, in order. Batches of consecutive Produce
    /// requests are written together; anything else first sees them written.
    async fn run_arrived(&mut self) {
        while self.may_run() {
            let length = match self.frame_length() {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(_) => {
                    self.finish();
                    break;
                }
            };
            self.input.advance(4);
            let frame = self.input.split_to(length).freeze();
            let limits = &self.net.limits.guard;
            let outcome = match dispatch::admit(frame, limits, &mut self.client) {
                Dispatched::Answer(outcome) => outcome,
                Dispatched::Run(request) => {
                    if !request.is_produce() {
                        self.commit();
                    }
                    request.run(&self.broker, &self.facts).await
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
        if self.input.is_empty() && self.input.capacity() > READ_BYTES {
            self.input = BytesMut::new();
        }
    }

    fn commit(&self) {
        self.facts.drain.commit(self.broker.clock.now());
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
                self.output.push(frame);
            }
        }
    }

    fn accept(&mut self, resolved: Resolved) {
        match resolved {
            Resolved::Answer(frame) => self.output.push(frame),
            Resolved::NoAnswer => {}
            Resolved::Close => {
                self.finish();
                self.pending.clear();
                self.held = 0;
            }
        }
    }
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
