//! Incremental fetch sessions (KIP-227): what a session asks for is remembered, and an answer
//! names only the partitions with something new. Pure; how partitions are read is not its matter.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::types::{LeaderEpoch, Offset, PartitionIndex, Uuid};

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

/// Session epoch of a request that wants no session.
pub const FINAL_EPOCH: i32 = -1;
/// Session epoch of a request that asks for a new session.
pub const INITIAL_EPOCH: i32 = 0;
/// Session ID that stands for none.
pub const NO_SESSION: i32 = 0;

/// A session that was not used for so long may be evicted for another, as in Kafka.
const EVICTABLE_AFTER_MS: i64 = 120_000;
/// For so long the session of a connection that ended waits for its client to connect again. Kafka
/// keeps it until another takes its slot; a client that finds it gone asks for everything once.
const LEFT_KEPT_MS: i64 = 10_000;

/// A topic as the request names it: by ID since version 13, by name before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKey {
    /// By name.
    Name(Arc<str>),
    /// By ID.
    Id(Uuid),
}

/// What a request wants of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Topic.
    pub topic: TopicKey,
    /// Partition.
    pub partition: PartitionIndex,
    /// Offset to read from.
    pub offset: Offset,
    /// Most bytes.
    pub bytes_max: i32,
    /// Leader epoch the client believes in, -1 if it does not say.
    pub leader_epoch: LeaderEpoch,
    /// Epoch of the last record it read, -1 if it does not say.
    pub last_fetched_epoch: LeaderEpoch,
}

/// The part of a Fetch request that concerns sessions.
#[derive(Clone, Debug)]
pub struct Request {
    /// Session ID, 0 for none.
    pub id: i32,
    /// Session epoch.
    pub epoch: i32,
    /// Whether topics are named by ID.
    pub by_id: bool,
    /// Partitions wanted: all of them, or those added and changed.
    pub wanted: Vec<Wanted>,
    /// Partitions no longer wanted.
    pub forgotten: Vec<(TopicKey, PartitionIndex)>,
    /// A fresh random session ID above 0, used if a session is made.
    pub new_id: i32,
    /// The connection that asks.
    pub connection: u64,
}

/// Why a session cannot be used. The session itself lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No session has this ID.
    #[error("unknown fetch session")]
    UnknownId,
    /// The epoch is not the next one.
    #[error("fetch session epoch out of order")]
    WrongEpoch,
    /// The session names topics the other way.
    #[error("fetch session mixes topic names and IDs")]
    TopicIdMismatch,
}

/// What is to be read for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Session to answer with, 0 for none.
    pub session_id: i32,
    /// Whether only news is answered.
    pub incremental: bool,
    /// Partitions in the order in which they are read and answered.
    pub wanted: Vec<Wanted>,
    /// Their places in the session, in the same order and so ascending; none without a session.
    places: Vec<u64>,
}

impl Opened {
    fn without_session(wanted: Vec<Wanted>) -> Opened {
        Opened { session_id: NO_SESSION, incremental: false, wanted, places: Vec::new() }
    }
}

/// What became of one partition, as far as a session remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// High watermark, -1 in an error.
    pub high_watermark: Offset,
    /// Log start offset, -1 in an error.
    pub log_start_offset: Offset,
    /// Whether there are records.
    pub has_records: bool,
    /// Whether it must be answered in any case: an error, a diverging epoch.
    pub must_answer: bool,
}

type Key = (TopicKey, PartitionIndex);

#[derive(Debug)]
struct Remembered {
    wanted: Wanted,
    high_watermark: Offset,
    log_start_offset: Offset,
}

/// Most partitions of one session: a request for more is answered without a session.
const SESSION_PARTITIONS_MAX: usize = 100_000;
/// Most partitions of all sessions together.
const PARTITIONS_MAX: usize = 500_000;

#[derive(Debug)]
struct Session {
    epoch: i32,
    by_id: bool,
    created: i64,
    last_used: i64,
    /// The connection that used it last.
    connection: u64,
    /// When that connection ended, if it has.
    left: Option<i64>,
    next_place: u64,
    places: HashMap<Key, u64>,
    partitions: BTreeMap<u64, Remembered>,
}

/// All sessions of a broker.
#[derive(Debug)]
pub struct Sessions {
    slots: usize,
    sessions: HashMap<i32, Session>,
}

impl Sessions {
    /// No sessions; at most `slots` (`max.incremental.fetch.session.cache.slots`) at a time.
    pub fn new(slots: usize) -> Sessions {
        Sessions { slots, sessions: HashMap::new() }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Judges a request and says what to read for it. `now` is elapsed time in milliseconds.
    pub fn open(&mut self, now: i64, request: Request) -> Result<Opened, Error> {
        if request.epoch == FINAL_EPOCH || request.epoch == INITIAL_EPOCH {
            // A full request replaces the session it names.
            self.sessions.remove(&request.id);
            let wanted = last_of_each(request.wanted);
            if request.epoch == FINAL_EPOCH {
                return Ok(Opened::without_session(wanted));
            }
            let (id, by_id, connection) = (request.new_id, request.by_id, request.connection);
            let session_id = self.create(now, id, by_id, connection, &wanted);
            let places = (0..wanted.len() as u64).collect();
            return Ok(Opened { session_id, incremental: false, wanted, places });
        }
        let session = self.sessions.get_mut(&request.id).ok_or(Error::UnknownId)?;
        if session.epoch != request.epoch {
            return Err(Error::WrongEpoch);
        }
        if session.by_id != request.by_id {
            return Err(Error::TopicIdMismatch);
        }
        if session.partitions.len() + request.wanted.len() > SESSION_PARTITIONS_MAX {
            self.sessions.remove(&request.id);
            return Err(Error::UnknownId);
        }
        session.last_used = now;
        (session.connection, session.left) = (request.connection, None);
        session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
        for key in &request.forgotten {
            session.forget(key);
        }
        for wanted in request.wanted {
            session.want(wanted);
        }
        if session.partitions.is_empty() {
            // Kafka closes a session that has nothing left to watch.
            self.sessions.remove(&request.id);
            return Ok(Opened::without_session(Vec::new()));
        }
        let wanted = session.partitions.values().map(|known| known.wanted.clone()).collect();
        let places = session.partitions.keys().copied().collect();
        Ok(Opened { session_id: request.id, incremental: true, wanted, places })
    }

    /// Forgets a session, if there is one of this ID.
    pub fn forget(&mut self, id: i32) {
        self.sessions.remove(&id);
    }

    /// Says that a connection has ended.
    pub fn leave(&mut self, now: i64, connection: u64) {
        for session in self.sessions.values_mut().filter(|session| session.connection == connection)
        {
            session.left = Some(now);
        }
    }

    /// Forgets the sessions of connections that ended a while ago.
    pub fn sweep(&mut self, now: i64) {
        self.sessions.retain(|_, session| session.left.is_none_or(|at| now - at < LEFT_KEPT_MS));
    }

    fn create(
        &mut self,
        now: i64,
        id: i32,
        by_id: bool,
        connection: u64,
        wanted: &[Wanted],
    ) -> i32 {
        let total: usize = self.sessions.values().map(|session| session.partitions.len()).sum();
        let too_many =
            wanted.len() > SESSION_PARTITIONS_MAX || total + wanted.len() > PARTITIONS_MAX;
        if self.sessions.contains_key(&id) || id <= NO_SESSION || too_many {
            return NO_SESSION;
        }
        if self.sessions.len() >= self.slots && !self.evict(now, wanted.len()) {
            return NO_SESSION;
        }
        let mut session = Session {
            epoch: 1,
            by_id,
            created: now,
            last_used: now,
            connection,
            left: None,
            next_place: 0,
            places: HashMap::with_capacity(wanted.len()),
            partitions: BTreeMap::new(),
        };
        wanted.iter().for_each(|wanted| session.want(wanted.clone()));
        self.sessions.insert(id, session);
        id
    }

    /// Makes room: for any session by one that was idle too long, for a larger one also by a
    /// smaller one that has lived its time.
    fn evict(&mut self, now: i64, size: usize) -> bool {
        let victim = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                let idle = now - session.last_used > EVICTABLE_AFTER_MS;
                let old = now - session.created > EVICTABLE_AFTER_MS;
                idle || (old && session.partitions.len() < size)
            })
            .min_by_key(|(_, session)| session.last_used)
            .map(|(id, _)| *id);
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }

    /// Remembers what is answered for the partitions of `wanted`, which stand beside `answered`,
    /// and says which of them an incremental answer must name.
    pub fn answer(&mut self, opened: &Opened, answered: &[Answered]) -> Vec<bool> {
        debug_assert_eq!(opened.wanted.len(), answered.len());
        let Some(session) = self.sessions.get_mut(&opened.session_id) else {
            // Closed meanwhile, or never made: all are named.
            return vec![true; answered.len()];
        };
        let mut news = session.remember(opened, answered);
        if !opened.incremental {
            news.fill(true);
        }
        news
    }
}

impl Session {
    fn want(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.partition);
        if let Some(known) = self.places.get(&key).and_then(|at| self.partitions.get_mut(at)) {
            known.wanted = wanted;
            return;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(key, place);
        // -1 differs from anything, so that the partition is named at first.
        let remembered = Remembered { wanted, high_watermark: -1, log_start_offset: -1 };
        self.partitions.insert(place, remembered);
    }

    fn forget(&mut self, key: &Key) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.remove(&place);
        }
    }

    /// Says for each partition whether there is news, in one walk: both lists are in the order of
    /// places. Partitions that gave records go to the end, so that the others come first next time.
    fn remember(&mut self, opened: &Opened, answered: &[Answered]) -> Vec<bool> {
        let mut news = vec![true; answered.len()];
        let mut moved = Vec::new();
        let mut known = self.partitions.iter_mut().peekable();
        for (at, (place, answered)) in opened.places.iter().zip(answered).enumerate() {
            while known.next_if(|(other, _)| *other < place).is_some() {}
            let Some((_, known)) = known.next_if(|(other, _)| *other == place) else {
                // Forgotten meanwhile.
                continue;
            };
            news[at] = known.take_in(answered);
            if answered.has_records {
                moved.push(*place);
            }
        }
        moved.into_iter().for_each(|place| self.move_to_end(place));
        news
    }

    fn move_to_end(&mut self, place: u64) {
        let Some(known) = self.partitions.remove(&place) else { return };
        self.places.insert((known.wanted.topic.clone(), known.wanted.partition), self.next_place);
        self.partitions.insert(self.next_place, known);
        self.next_place += 1;
    }
}

impl Remembered {
    /// Takes in an answer; returns whether it tells anything new.
    fn take_in(&mut self, answered: &Answered) -> bool {
        let news = answered.has_records
            || answered.must_answer
            || self.high_watermark != answered.high_watermark
            || self.log_start_offset != answered.log_start_offset;
        self.high_watermark = answered.high_watermark;
        self.log_start_offset = answered.log_start_offset;
        news
    }
}

/// Of a partition that is listed twice the last entry counts, in the place of the first.
fn last_of_each(wanted: Vec<Wanted>) -> Vec<Wanted> {
    if wanted.len() < 2 {
        return wanted;
    }
    let mut places: HashMap<Key, usize> = HashMap::with_capacity(wanted.len());
    let mut kept: Vec<Wanted> = Vec::with_capacity(wanted.len());
    for item in wanted {
        match places.entry((item.topic.clone(), item.partition)) {
            std::collections::hash_map::Entry::Occupied(place) => kept[*place.get()] = item,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(item);
            }
        }
    }
    kept
}
