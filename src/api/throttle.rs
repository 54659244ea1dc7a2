//! Clients above their quota: the answer leaves at once and says for how long the connection is
//! not read from afterwards (KIP-219). What a quota allows is told by
//! [`crate::coordinator::quotas`]. Produce and Fetch have their own and ask for them themselves.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Connection, Cx};
use crate::coordinator::quotas::Client;
use crate::kernel::meta::command::TopicRef;
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::quota::Key;
use crate::kernel::types::TimestampMs;
use crate::wire::chunk::Frame;

impl Connection {
    /// Stops reading requests until so many milliseconds from now.
    fn mute(&self, now: TimestampMs, delay_ms: i64) {
        self.muted_until.fetch_max(now.saturating_add(delay_ms), Ordering::Relaxed);
    }

    /// For how many more milliseconds no request is read. `now` is only asked if any were ever
    /// told to wait.
    pub fn muted_ms(&self, now: impl FnOnce() -> TimestampMs) -> u64 {
        match self.muted_until.load(Ordering::Relaxed) {
            0 => 0,
            until => match u64::try_from(until.saturating_sub(now())).unwrap_or(0) {
                0 => {
                    self.muted_until.store(0, Ordering::Relaxed);
                    0
                }
                left => left,
            },
        }
    }
}

impl Cx {
    fn client(&self) -> Client<'_> {
        Client { user: &self.connection.user, id: &self.client_id }
    }

    /// Stops reading from the client for a time, and gives it as it stands in an answer.
    fn throttle(&self, delay_ms: i64) -> i32 {
        if delay_ms > 0 {
            self.connection.mute(self.broker.clock.elapsed(), delay_ms);
        }
        i32::try_from(delay_ms).unwrap_or(i32::MAX)
    }

    /// Counts the bytes of this Produce request; answers the time to tell.
    pub(super) fn throttle_produce(&self) -> i32 {
        let quotas = &self.broker.quotas;
        if !quotas.is_set(Key::ProducerByteRate) {
            return 0;
        }
        self.throttle(quotas.produce(self.client(), self.request_bytes))
    }

    /// What a Fetch needs later on, if anything is to be counted at all.
    pub(super) fn counted_fetch(&self) -> Option<Cx> {
        let quotas = &self.broker.quotas;
        let is_set = quotas.is_set(Key::ConsumerByteRate) || quotas.is_set(Key::RequestPercentage);
        is_set.then(|| self.clone())
    }

    /// Most bytes that an answer to Fetch may hold.
    pub(super) fn fetch_bytes_max(&self) -> u64 {
        let quotas = &self.broker.quotas;
        let is_set = quotas.is_set(Key::ConsumerByteRate);
        let most = is_set.then(|| quotas.fetch_bytes_max(self.client())).flatten();
        most.unwrap_or(u64::MAX)
    }

    /// Counts an answer to Fetch. Answers the time to tell, and whether the records are to be
    /// sent all the same.
    pub(super) fn throttle_fetch(&self, bytes: u64) -> (i32, bool) {
        let quotas = &self.broker.quotas;
        let bytes_delay_ms = quotas.fetch(self.client(), bytes);
        let delay_ms = bytes_delay_ms.max(self.time_delay_ms());
        // A single batch above the limits of a window would never get through.
        let is_sent = delay_ms == 0 || bytes > self.fetch_bytes_max();
        if !is_sent {
            quotas.unfetch(self.client(), bytes);
        }
        (self.throttle(delay_ms), is_sent)
    }

    fn time_delay_ms(&self) -> i64 {
        if !self.broker.quotas.is_set(Key::RequestPercentage) {
            return 0;
        }
        let nanos = self.connection.spent_nanos.swap(0, Ordering::Relaxed);
        self.broker.quotas.request(self.client(), nanos)
    }

    /// What is needed to count the time of this request, if that is to be done.
    pub(super) fn counted_request(&self) -> Option<Box<Cx>> {
        self.broker.quotas.is_set(Key::RequestPercentage).then(|| Box::new(self.clone()))
    }

    /// Counts the time this connection has taken, and tells the client if it was too much.
    pub(super) fn throttle_request(&self, api_key: i16, frame: &mut Frame) {
        if api_key == FETCH_KEY {
            return;
        }
        let delay_ms = self.throttle(self.time_delay_ms());
        let Some(place) = place(api_key, self.version) else { return };
        if delay_ms > 0 {
            raise(place, delay_ms, frame);
        }
    }
}

const FETCH_KEY: i16 = 1;

/// Where the body of an answer holds the time, in bytes.
#[derive(Clone, Copy)]
enum Place {
    FromStart(usize),
    FromEnd(usize),
}

/// Versions that do not tell it have no place, and neither have APIs where it lies between fields
/// of varying length.
fn place(api_key: i16, version: i16) -> Option<Place> {
    let told_since = match api_key {
        0 => return Some(Place::FromEnd(if version >= 9 { 5 } else { 4 })),
        47 => return Some(Place::FromStart(2)),
        10 | 12..=16 | 20 => 1,
        2 | 11 | 19 | 23 => 2,
        3 | 8 | 9 => 3,
        21 | 22 | 24..=26 | 28..=35 | 37 | 42..=46 | 48..=51 | 56 | 57 | 59..=82 | 88..=94 => 0,
        _ => return None,
    };
    (version >= told_since).then_some(Place::FromStart(0))
}

/// Raises the time an answer tells to at least this.
fn raise(place: Place, delay_ms: i32, frame: &mut Frame) {
    let body = frame.body_mut();
    let at = match place {
        Place::FromStart(at) => at,
        Place::FromEnd(before) => body.len().saturating_sub(before),
    };
    let Some(field) = body.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) else { return };
    let told = i32::from_be_bytes(*field);
    *field = told.max(delay_ms).to_be_bytes();
}

/// What the quota of changes said to a command.
#[derive(Default)]
pub(super) struct Throttled {
    /// The time to tell.
    pub(super) delay_ms: i32,
    /// Topics that were taken out of the command.
    pub(super) refused: Vec<TopicRef>,
}

/// Counts the partitions that a command would create or delete (KIP-599). From version
/// `strict_since` on, what exceeds the quota is taken out of the command; older clients do not
/// know the error and are delayed only.
pub(super) fn changes(cx: &Cx, strict_since: i16, command: &mut Command) -> Throttled {
    let quotas = &cx.broker.quotas;
    if !quotas.is_set(Key::ControllerMutationRate) {
        return Throttled::default();
    }
    let strict = cx.version >= strict_since;
    let mut delay_ms = 0;
    let mut refused = Vec::new();
    for (topic, partitions) in partitions_changed(cx, command) {
        let delayed_ms = quotas.change(cx.client(), partitions, strict);
        delay_ms = delay_ms.max(delayed_ms);
        if strict && delayed_ms > 0 {
            refused.push(topic);
        }
    }
    if !refused.is_empty() {
        let out: HashSet<&TopicRef> = refused.iter().collect();
        let named = |name: &Arc<str>| out.contains(&TopicRef::Name(Arc::clone(name)));
        match command {
            Command::CreateTopics(create) => create.topics.retain(|topic| !named(&topic.name)),
            Command::CreatePartitions(create) => create.topics.retain(|topic| !named(&topic.name)),
            Command::DeleteTopics(topics) => topics.retain(|topic| !out.contains(topic)),
            _ => {}
        }
    }
    Throttled { delay_ms: cx.throttle(delay_ms), refused }
}

/// The topics that a command would change now, and by how many partitions.
fn partitions_changed(cx: &Cx, command: &Command) -> Vec<(TopicRef, usize)> {
    let image = cx.broker.control.image();
    let count = |count: i32| usize::try_from(count).unwrap_or(0);
    let partitions = |name: &str| image.topic(name).map_or(0, |topic| topic.partitions.len());
    match (cx.broker.control.judge(command), command) {
        (Outcome::CreateTopics(answers), _) => {
            let created = answers.into_iter().filter_map(|(name, result)| {
                Some((TopicRef::Name(name), count(result.ok()?.partition_count)))
            });
            created.collect()
        }
        (Outcome::CreatePartitions(answers), Command::CreatePartitions(create)) => {
            let grown = create.topics.iter().filter_map(|topic| {
                let grows = answers.iter().any(|(name, r)| *name == topic.name && r.is_ok());
                let more = count(topic.partition_count).saturating_sub(partitions(&topic.name));
                grows.then(|| (TopicRef::Name(Arc::clone(&topic.name)), more))
            });
            grown.collect()
        }
        (Outcome::DeleteTopics(answers), Command::DeleteTopics(topics)) => {
            let gone = topics.iter().filter_map(|topic| {
                let found = answers.iter().find(|answer| match topic {
                    TopicRef::Name(name) => answer.name.as_ref() == Some(name),
                    TopicRef::Id(id) => answer.id == *id,
                })?;
                found.result.as_ref().ok()?;
                Some((topic.clone(), partitions(found.name.as_deref()?)))
            });
            gone.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    #[test]
    fn the_time_is_raised_where_each_answer_holds_it() {
        for (key, version, at, length) in
            [(19, 7, 0, 12), (0, 8, 8, 12), (0, 9, 7, 12), (47, 0, 2, 12), (12, 1, 0, 6)]
        {
            let mut frame = Frame::begin(1, true);
            frame.tail().put_bytes(0, length);
            frame.finish();
            let place = place(key, version).expect("it tells the time");
            raise(place, 0x0102_0304, &mut frame);
            raise(place, 5, &mut frame);
            let mut expected = vec![0; length];
            expected[at..at + 4].copy_from_slice(&[1, 2, 3, 4]);
            assert_eq!(frame.body_mut(), expected, "API {key} version {version}");
        }
        assert!(place(12, 0).is_none() && place(18, 3).is_none() && place(3, 2).is_none());
    }
}
