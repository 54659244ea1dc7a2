//! Fetch: reads record batches, waiting for more if asked to.
//!
//! Behaviour: partitions are read in request or session order; the first one with records gives at
//! least a whole batch even above both limits, later ones obey. An answer leaves at once with
//! enough bytes, with any error, or when nothing is to be waited for; otherwise when enough bytes
//! have come or the time is up. Records leave from the page cache; what is on the device only is
//! read on a thread that may wait.
//!
//! Version notes: 5+ log start offset; 7+ sessions (KIP-227); 9+ leader epochs (KIP-320); 12+
//! flexible and diverging epochs (KIP-595); 13+ topic IDs (KIP-516); 15+ no replica ID.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::FetchTopic;
use tokio::time::Instant;

use super::{Api, Cx, EncodeError, Reply, Respond, error, topics};
use crate::broker::Broker;
use crate::kernel::session::{self, Answered, FINAL_EPOCH, Opened, TopicKey, Wanted};
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};
use crate::storage::partition::Partition;
use crate::storage::reader::{self, Patience, Read};
use crate::storage::waiters::FetchWaiter;
use crate::wire::chunk::Frame;
use crate::wire::fetch::{self, FetchResponse, FetchedPartition, FetchedTopic};

/// Partitions that are looked up or read before others get the thread: some fifty microseconds.
const TURN: usize = 128;

/// The API.
pub struct Fetch;

impl Api for Fetch {
    type Request = FetchRequest;
    type Response = FetchResponse;
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    const NAME: &'static str = "Fetch";

    async fn handle(cx: Cx, request: FetchRequest) -> Reply<FetchResponse> {
        let Some(limits) = Limits::of(&cx, &request) else {
            return Reply::Now(refuse(&cx, request, Code::InvalidRequest.code()));
        };
        let is_replica = request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0;
        let opened = match open(&cx, request) {
            Ok(opened) => opened,
            Err(error) => {
                let error_code = error::session_code(&error);
                return Reply::Now(FetchResponse { error_code, ..FetchResponse::default() });
            }
        };
        if opened.wanted.len() > TURN {
            return Reply::Later(Box::pin(async move {
                Some(Plan::of_many(&cx, opened, limits, is_replica).await.answer_in_turns().await)
            }));
        }
        let mut plan = Plan::new(&cx, opened, limits);
        if is_replica {
            plan.refuse_replica();
        }
        match plan.read(Patience::Resident) {
            Attempt::Read(fetched) if plan.is_enough(&fetched) => {
                Reply::Now(plan.finish(fetched))
            }
            _ => Reply::Later(Box::pin(async move { Some(plan.wait().await) })),
        }
    }
}

impl Respond for FetchResponse {
    fn respond(self, version: i16, frame: &mut Frame) -> Result<(), EncodeError> {
        fetch::encode(self, version, frame);
        Ok(())
    }
}

/// Limits of one request.
#[derive(Clone, Copy)]
struct Limits {
    bytes_max: u64,
    bytes_min: u64,
    deadline: Option<Instant>,
    is_read_committed: bool,
}

impl Limits {
    /// `None` for values that make no sense.
    fn of(cx: &Cx, request: &FetchRequest) -> Option<Limits> {
        let bytes_max = u64::try_from(request.max_bytes).ok()?;
        let bytes_max = bytes_max.min(cx.broker.config.fetch.bytes_max as u64);
        let bytes_max = bytes_max.min(cx.fetch_bytes_max());
        if !(0..=1).contains(&request.isolation_level) {
            return None;
        }
        let wait = u64::try_from(request.max_wait_ms).unwrap_or(0);
        Some(Limits {
            bytes_max,
            bytes_min: u64::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
            deadline: (wait > 0).then(|| Instant::now() + Duration::from_millis(wait)),
            is_read_committed: request.isolation_level == 1,
        })
    }
}

fn wanted(topic: &FetchTopic, by_id: bool) -> impl Iterator<Item = Wanted> + '_ {
    let key = if by_id {
        TopicKey::Id(topics::id_from_wire(topic.topic_id))
    } else {
        TopicKey::Name(Arc::from(&*topic.topic.0))
    };
    topic.partitions.iter().map(move |partition| Wanted {
        topic: key.clone(),
        partition: partition.partition,
        offset: partition.fetch_offset,
        bytes_max: partition.partition_max_bytes,
        leader_epoch: partition.current_leader_epoch,
        last_fetched_epoch: partition.last_fetched_epoch,
    })
}

fn open(cx: &Cx, request: FetchRequest) -> Result<Opened, session::Error> {
    let by_id = cx.version >= 13;
    let epoch = if cx.version >= 7 { request.session_epoch } else { FINAL_EPOCH };
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let key = if by_id {
            TopicKey::Id(topics::id_from_wire(topic.topic_id))
        } else {
            TopicKey::Name(Arc::from(&*topic.topic.0))
        };
        topic.partitions.iter().map(move |partition| (key.clone(), *partition))
    });
    let sessions = &cx.broker.fetch_sessions;
    let new_id = if epoch == session::INITIAL_EPOCH { sessions.fresh_id() } else { 0 };
    let forgotten = forgotten.collect();
    let id = if cx.version >= 7 { request.session_id } else { session::NO_SESSION };
    let connection = cx.connection.id;
    let wanted = request.topics.iter().flat_map(|topic| wanted(topic, by_id)).collect();
    let request = session::Request { id, epoch, by_id, wanted, forgotten, new_id, connection };
    sessions.lock().open(cx.broker.clock.elapsed(), request)
}

/// Before sessions there was no place for an error of the whole request.
fn refuse(cx: &Cx, request: FetchRequest, code: i16) -> FetchResponse {
    if cx.version >= 7 {
        return FetchResponse { error_code: code, ..FetchResponse::default() };
    }
    let refused = request.topics.into_iter().map(|topic| FetchedTopic {
        name: Arc::from(&*topic.topic.0),
        id: Uuid::ZERO,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| FetchedPartition::error(partition.partition, code))
            .collect(),
    });
    FetchResponse { topics: refused.collect(), ..FetchResponse::default() }
}

/// Finds partitions; those of a topic mostly follow each other, and it is looked up once.
fn find<'a>(
    cx: &'a Cx,
    wanted: &'a [Wanted],
) -> impl Iterator<Item = Result<Arc<Partition>, i16>> + 'a {
    let mut known: Option<(&TopicKey, Result<Uuid, i16>)> = None;
    wanted.iter().map(move |wanted| {
        let topic_id = match known {
            Some((topic, found)) if *topic == wanted.topic => found,
            _ => known.insert((&wanted.topic, find_topic(cx, &wanted.topic))).1,
        };
        let id = TopicIdPartition { topic_id: topic_id?, partition: wanted.partition };
        cx.broker.partitions.get(&id).ok_or(Code::UnknownTopicOrPartition.code())
    })
}

fn find_topic(cx: &Cx, topic: &TopicKey) -> Result<Uuid, i16> {
    match topic {
        TopicKey::Name(name) => topics::resolve_topic(cx, uuid::Uuid::nil(), name),
        TopicKey::Id(id) => topics::resolve_topic(cx, topics::id_to_wire(*id), ""),
    }
}

/// A request with everything looked up.
struct Plan {
    broker: Arc<Broker>,
    opened: Opened,
    partitions: Vec<Result<Arc<Partition>, i16>>,
    limits: Limits,
    /// Set if a quota is to be asked before the answer leaves.
    counted: Option<Cx>,
}

enum Attempt {
    Read(Vec<FetchedPartition>),
    Cold,
}

/// How far a pass over the partitions has come.
struct Progress {
    left: u64,
    found_any: bool,
    fetched: Vec<FetchedPartition>,
}

impl Progress {
    fn new(plan: &Plan) -> Progress {
        let fetched = Vec::with_capacity(plan.opened.wanted.len());
        Progress { left: plan.limits.bytes_max, found_any: false, fetched }
    }
}

impl Plan {
    fn new(cx: &Cx, opened: Opened, limits: Limits) -> Plan {
        let partitions = find(cx, &opened.wanted).collect();
        let counted = cx.counted_fetch();
        Plan { broker: Arc::clone(&cx.broker), opened, partitions, limits, counted }
    }

    /// The same for more partitions than fit a turn.
    async fn of_many(cx: &Cx, opened: Opened, limits: Limits, is_replica: bool) -> Plan {
        let mut partitions = Vec::with_capacity(opened.wanted.len());
        for turn in opened.wanted.chunks(TURN) {
            partitions.extend(find(cx, turn));
            tokio::task::yield_now().await;
        }
        let counted = cx.counted_fetch();
        let mut plan =
            Plan { broker: Arc::clone(&cx.broker), opened, partitions, limits, counted };
        if is_replica {
            plan.refuse_replica();
        }
        plan
    }

    /// A broker that says it follows these partitions is no replica of them.
    fn refuse_replica(&mut self) {
        for partition in self.partitions.iter_mut().filter(|partition| partition.is_ok()) {
            *partition = Err(Code::NotLeaderOrFollower.code());
        }
    }

    /// Reads every partition once.
    fn read(&self, patience: Patience) -> Attempt {
        let mut progress = Progress::new(self);
        match self.read_some(&mut progress, usize::MAX, patience) {
            true => Attempt::Read(progress.fetched),
            false => Attempt::Cold,
        }
    }

    /// The same on a thread that others wait for.
    async fn read_in_turns(&self) -> Attempt {
        let mut progress = Progress::new(self);
        loop {
            if !self.read_some(&mut progress, TURN, Patience::Resident) {
                return Attempt::Cold;
            }
            if progress.fetched.len() >= self.partitions.len() {
                return Attempt::Read(progress.fetched);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads some more partitions; false if the device would have to be asked.
    fn read_some(&self, progress: &mut Progress, count: usize, patience: Patience) -> bool {
        let all = self.opened.wanted.iter().zip(&self.partitions);
        for (wanted, partition) in all.skip(progress.fetched.len()).take(count) {
            let partition = match partition {
                Ok(partition) => partition,
                Err(code) => {
                    progress.fetched.push(FetchedPartition::error(wanted.partition, *code));
                    continue;
                }
            };
            let (left, whole_batch) = (progress.left, !progress.found_any);
            let Some(one) = self.read_one(wanted, partition, left, whole_batch, patience) else {
                return false;
            };
            progress.found_any |= one.records.is_some();
            progress.left = left.saturating_sub(one.record_bytes());
            progress.fetched.push(one);
        }
        true
    }

    /// `None` if the device would have to be asked.
    fn read_one(
        &self,
        wanted: &Wanted,
        partition: &Partition,
        left: u64,
        whole_batch: bool,
        patience: Patience,
    ) -> Option<FetchedPartition> {
        let index = wanted.partition;
        let epoch = partition.leader_epoch();
        if wanted.leader_epoch >= 0 && wanted.leader_epoch != epoch {
            let fenced = wanted.leader_epoch < epoch;
            let code = if fenced { Code::FencedLeaderEpoch } else { Code::UnknownLeaderEpoch };
            return Some(FetchedPartition::error(index, code.code()));
        }
        let high_watermark = partition.high_watermark();
        let last_stable_offset = partition.last_stable_offset();
        let mut fetched = FetchedPartition {
            index,
            error_code: error::NONE,
            high_watermark,
            last_stable_offset,
            log_start_offset: partition.log_start_offset(),
            is_read_committed: self.limits.is_read_committed,
            diverging_epoch: None,
            records: None,
        };
        if wanted.last_fetched_epoch >= 0 {
            let ends = partition.state().log.end_offset_of_epoch(wanted.last_fetched_epoch);
            if ends.1 < 0 {
                return Some(FetchedPartition::error(index, Code::OffsetOutOfRange.code()));
            }
            if ends.0 < wanted.last_fetched_epoch || ends.1 < wanted.offset {
                fetched.diverging_epoch = Some(ends);
                return Some(fetched);
            }
        }
        let bytes_max = u64::try_from(wanted.bytes_max).unwrap_or(0).min(left);
        let indexes = self.broker.partitions.indexes();
        let offset = wanted.offset;
        let end = if self.limits.is_read_committed { last_stable_offset } else { Offset::MAX };
        let read =
            reader::read_to(partition, indexes, offset, end, bytes_max, whole_batch, patience);
        match read {
            Ok(Read::Slice(slice)) => fetched.records = Some(slice),
            Ok(Read::Empty) => {}
            Ok(Read::Cold) => return None,
            Err(error) => {
                return Some(FetchedPartition::error(index, error::read_code(&error)));
            }
        }
        Some(fetched)
    }

    /// Whether an answer leaves without waiting for more.
    fn is_enough(&self, fetched: &[FetchedPartition]) -> bool {
        let bytes: u64 = fetched.iter().map(FetchedPartition::record_bytes).sum();
        bytes >= self.limits.bytes_min
            || fetched.is_empty()
            || self.limits.deadline.is_none_or(|deadline| deadline <= Instant::now())
            || fetched.iter().any(must_answer)
    }

    /// Answers at once if there is enough, or else waits.
    async fn answer_in_turns(self) -> FetchResponse {
        match self.read_in_turns().await {
            Attempt::Read(fetched) if self.is_enough(&fetched) => self.finish(fetched),
            _ => self.wait().await,
        }
    }

    /// Reads until there is enough or the time is up.
    async fn wait(self) -> FetchResponse {
        let plan = Arc::new(self);
        let waiter = FetchWaiter::new(i64::MAX);
        // Registered before reading, so that nothing appended in between is missed.
        let mut watch = Watch::begin(&plan, &waiter).await;
        let fetched = plan.fetch_waiting(&waiter).await;
        watch.end().await;
        plan.finish(fetched)
    }

    /// Reads until there is enough or the time is up.
    async fn fetch_waiting(self: &Arc<Plan>, waiter: &FetchWaiter) -> Vec<FetchedPartition> {
        let plan = self;
        loop {
            waiter.want(i64::MAX);
            let fetched = match plan.read_in_turns().await {
                Attempt::Read(fetched) => fetched,
                Attempt::Cold => Plan::read_cold(plan).await,
            };
            if plan.is_enough(&fetched) {
                return fetched;
            }
            let bytes: u64 = fetched.iter().map(FetchedPartition::record_bytes).sum();
            let missing = plan.limits.bytes_min.saturating_sub(bytes);
            waiter.want(i64::try_from(missing).unwrap_or(i64::MAX));
            // Appended after the read and before the line above: looked at once more.
            if plan.has_grown(&fetched) {
                tokio::task::yield_now().await;
                continue;
            }
            match plan.limits.deadline {
                Some(deadline) => {
                    let mut stopping = plan.broker.stopping.clone();
                    tokio::select! {
                        // Cancel-safe: a wake-up that is not taken is there the next time.
                        () = waiter.woken() => {}
                        // The next round is the last.
                        () = tokio::time::sleep_until(deadline) => {}
                        Ok(_) = stopping.wait_for(|stop| *stop) => return fetched,
                    }
                }
                None => return fetched,
            }
        }
    }

    fn has_grown(&self, fetched: &[FetchedPartition]) -> bool {
        self.partitions.iter().zip(fetched).any(|(partition, fetched)| match partition {
            // A partition that went away meanwhile is news too.
            Ok(partition) => {
                partition.check_online().is_err()
                    || partition.high_watermark() != fetched.high_watermark
            }
            Err(_) => false,
        })
    }

    async fn read_cold(plan: &Arc<Plan>) -> Vec<FetchedPartition> {
        let blocking = Arc::clone(plan);
        let read = tokio::task::spawn_blocking(move || blocking.read(Patience::Wait)).await;
        match read {
            Ok(Attempt::Read(fetched)) => fetched,
            _ => {
                let code = Code::KafkaStorageError.code();
                let wanted = plan.opened.wanted.iter();
                wanted.map(|wanted| FetchedPartition::error(wanted.partition, code)).collect()
            }
        }
    }

    /// Remembers the answer in its session and shapes it.
    fn finish(&self, fetched: Vec<FetchedPartition>) -> FetchResponse {
        let mut throttle_time_ms = 0;
        if let Some(cx) = &self.counted {
            let bytes = fetched.iter().map(FetchedPartition::wire_bytes).sum();
            let (delay_ms, is_sent) = cx.throttle_fetch(bytes);
            if !is_sent {
                return self.throttled(delay_ms);
            }
            throttle_time_ms = delay_ms;
        }
        let named = if self.opened.session_id == session::NO_SESSION {
            vec![true; fetched.len()]
        } else {
            let answered: Vec<Answered> = fetched.iter().map(answered).collect();
            self.broker.fetch_sessions.lock().answer(&self.opened, &answered)
        };
        for (partition, fetched) in self.partitions.iter().zip(&fetched) {
            if let (Ok(partition), Some(_)) = (partition, &fetched.records) {
                partition.count_out(fetched.record_bytes());
            }
        }
        let mut topics: Vec<FetchedTopic> = Vec::new();
        let mut previous: Option<&TopicKey> = None;
        for ((wanted, fetched), named) in self.opened.wanted.iter().zip(fetched).zip(named) {
            if !named {
                continue;
            }
            if previous != Some(&wanted.topic) {
                topics.push(empty_topic(&wanted.topic));
                previous = Some(&wanted.topic);
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(fetched);
            }
        }
        let session_id = self.opened.session_id;
        FetchResponse { throttle_time_ms, session_id, topics, ..FetchResponse::default() }
    }

    /// An answer above the quota is empty. It begins no session, since it says nothing about the
    /// partitions that one would remember.
    fn throttled(&self, throttle_time_ms: i32) -> FetchResponse {
        let mut session_id = self.opened.session_id;
        if !self.opened.incremental {
            self.broker.fetch_sessions.lock().forget(session_id);
            session_id = session::NO_SESSION;
        }
        FetchResponse { throttle_time_ms, session_id, ..FetchResponse::default() }
    }
}

fn empty_topic(key: &TopicKey) -> FetchedTopic {
    let (name, id) = match key {
        TopicKey::Name(name) => (Arc::clone(name), Uuid::ZERO),
        TopicKey::Id(id) => (Arc::from(""), *id),
    };
    FetchedTopic { name, id, partitions: Vec::new() }
}

fn must_answer(fetched: &FetchedPartition) -> bool {
    fetched.error_code != error::NONE || fetched.diverging_epoch.is_some()
}

fn answered(fetched: &FetchedPartition) -> Answered {
    Answered {
        high_watermark: fetched.high_watermark,
        log_start_offset: fetched.log_start_offset,
        has_records: fetched.records.is_some(),
        must_answer: must_answer(fetched),
    }
}

/// Registers a waiter with every partition for as long as it lives, so many in a turn.
struct Watch {
    plan: Arc<Plan>,
    waiter: Arc<FetchWaiter>,
    /// How many of the partitions know of it.
    watched: usize,
}

impl Watch {
    async fn begin(plan: &Arc<Plan>, waiter: &Arc<FetchWaiter>) -> Watch {
        plan.broker.metrics.fetches_waiting.inc();
        let (plan, waiter) = (Arc::clone(plan), Arc::clone(waiter));
        let mut watch = Watch { plan, waiter, watched: 0 };
        loop {
            let left = &watch.plan.partitions[watch.watched..];
            let turn = &left[..left.len().min(TURN)];
            turn.iter().flatten().for_each(|partition| partition.watch(&watch.waiter));
            watch.watched += turn.len();
            if watch.watched == watch.plan.partitions.len() {
                return watch;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends it without holding up others; dropping it does so at once.
    async fn end(&mut self) {
        while self.watched > TURN {
            self.leave(self.watched - TURN);
            tokio::task::yield_now().await;
        }
    }

    /// Ends it with all partitions but the first `rest`.
    fn leave(&mut self, rest: usize) {
        let partitions = self.plan.partitions[rest..self.watched].iter().flatten();
        partitions.for_each(|partition| partition.unwatch(&self.waiter));
        self.watched = rest;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.plan.broker.metrics.fetches_waiting.dec();
        self.leave(0);
    }
}
