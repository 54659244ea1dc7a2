//! The group coordinator's rules for the groups of one partition of `__consumer_offsets`: classic
//! membership (KIP-62, 345, 394, 429, 559, 814) and committed offsets.
//!
//! `Groups::step` takes one event and the time and appends effects: records for the partition and
//! replies. Everything that must survive is in the records; replaying them into a fresh `Groups`
//! gives the same groups and offsets back. It deliberately knows no sockets, no clock, no Kafka
//! error codes and no API versions, and it does not check that topics exist or who may do what.

mod classic;
pub mod consumer_protocol;
mod error;
mod event;
pub mod glance;
mod join;
mod member;
mod offsets;
mod read;
mod rebalance;
pub mod records;
mod replay;
mod session;
mod sync;
mod timers;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::types::TimestampMs;

use classic::Group;
pub use classic::State;
pub use error::Error;
pub use event::*;
use records::Record;
use timers::{Timer, Timers};

/// Limits and times, under Kafka's names where Kafka has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `group.min.session.timeout.ms`
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`
    pub session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`: how long the first join phase waits for more members.
    pub initial_rebalance_delay_ms: i64,
    /// How long a new member's JoinGroup may be parked before the member is dropped.
    pub new_member_join_timeout_ms: i64,
    /// `group.max.size`: members, and separately members that were only given an ID.
    pub group_size_max: usize,
    /// Groups of one partition of `__consumer_offsets`.
    pub groups_max: usize,
    /// `offset.metadata.max.bytes`: counted, as Kafka does, in UTF-16 units.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval_ms: i64,
    /// Largest record value that the partition takes, in bytes.
    pub record_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            new_member_join_timeout_ms: 300_000,
            group_size_max: 10_000,
            groups_max: 100_000,
            offset_metadata_max: 4_096,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            offsets_retention_check_interval_ms: 600_000,
            record_bytes_max: 1_000_000,
        }
    }
}

/// Whether requests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Active,
    Unloaded,
}

/// The groups of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct Groups {
    config: Config,
    phase: Phase,
    /// In order of ID, so that the same events have the same effects in the same order.
    groups: BTreeMap<Arc<str>, Group>,
    timers: Timers,
    retention_check_at: Option<i64>,
    skipped_records: u64,
}

/// The moment of a step, by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The date, which somebody may set: records carry it, and offsets age by it.
    pub date: TimestampMs,
    /// Milliseconds since any moment, which run evenly: sessions and rebalances end by them.
    pub elapsed: i64,
}

/// What the rules of one group need from around it during one step.
struct Step<'a> {
    now: Now,
    config: &'a Config,
    timers: &'a mut Timers,
    out: &'a mut Vec<Effect>,
}

impl Step<'_> {
    fn reply(&mut self, ticket: Ticket, response: Response) {
        self.out.push(Effect::Reply { ticket, response });
    }

    fn append(&mut self, record: Record) {
        self.out.push(Effect::Append(record));
    }

    fn schedule(&mut self, timer: Timer, delay_ms: i64) {
        self.timers.schedule(timer, self.now.elapsed.saturating_add(delay_ms.max(0)));
    }
}

impl Groups {
    /// No groups yet: feed the partition's records as `Replay`, then `Loaded`.
    pub fn new(config: Config) -> Self {
        Groups {
            config,
            phase: Phase::Loading,
            groups: BTreeMap::new(),
            timers: Timers::default(),
            retention_check_at: None,
            skipped_records: 0,
        }
    }

    /// Lets one event happen at `now` and appends what follows from it to `out`.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Vec<Effect>) {
        if self.phase != Phase::Active {
            return self.step_inactive(now, event, out);
        }
        match event {
            Event::Join { ticket, request } => self.join(now, ticket, &request, out),
            Event::Sync { ticket, request } => self.sync(now, ticket, &request, out),
            Event::Heartbeat { ticket, request } => {
                let result = self.heartbeat(now, &request, out);
                out.push(Effect::Reply { ticket, response: Response::Heartbeat(result) });
            }
            Event::Leave { ticket, group_id, members } => {
                self.leave(now, ticket, &group_id, members, out);
            }
            Event::CommitOffsets { ticket, request } => {
                let result = self.commit_offsets(now, &request, out);
                out.push(Effect::Reply { ticket, response: Response::Commit(result) });
            }
            Event::DeleteGroups { ticket, group_ids } => {
                let results = group_ids.iter().map(|id| self.delete_group(id, out)).collect();
                out.push(Effect::Reply { ticket, response: Response::DeleteGroups(results) });
            }
            Event::DeleteOffsets { ticket, group_id, partitions } => {
                let result = self.delete_offsets(&group_id, &partitions, out);
                out.push(Effect::Reply { ticket, response: Response::DeleteOffsets(result) });
            }
            Event::TopicsDeleted(topics) => self.delete_topics(&topics, out),
            Event::Abandon { .. } | Event::Tick | Event::Loaded => {}
            Event::Replay { key, value } => self.replay(now.date, &key, value.as_deref()),
            Event::Unload => self.unload(out),
        }
        self.run_timers(now, out);
    }

    /// When `step` wants to be called with `Tick` at the latest, in elapsed time. Cheap.
    pub fn next_deadline(&self) -> Option<i64> {
        // Without groups nothing can grow old.
        let check = self.retention_check_at.filter(|_| !self.groups.is_empty());
        self.timers.next().into_iter().chain(check).min()
    }

    /// Records that were replayed and could not be read. Others than this broker may have written
    /// them, so they are passed over; the shell should warn.
    pub fn skipped_records(&self) -> u64 {
        self.skipped_records
    }

    /// Before loading ends and after unloading there is one answer for everything, except that a
    /// heartbeat while loading is accepted: no session has started yet.
    fn step_inactive(&mut self, now: Now, event: Event, out: &mut Vec<Effect>) {
        let loading = self.phase == Phase::Loading;
        let error = match self.phase {
            Phase::Loading => Error::CoordinatorLoadInProgress,
            Phase::Active | Phase::Unloaded => Error::CoordinatorNotAvailable,
        };
        let (ticket, response) = match event {
            Event::Join { ticket, request } => {
                let member_id = request.member_id;
                (ticket, Response::Join(Err(JoinFailed { error, member_id })))
            }
            Event::Sync { ticket, .. } => (ticket, Response::Sync(Err(error))),
            Event::Heartbeat { ticket, .. } => {
                (ticket, Response::Heartbeat(if loading { Ok(()) } else { Err(error) }))
            }
            Event::Leave { ticket, .. } => (ticket, Response::Leave(Err(error))),
            Event::CommitOffsets { ticket, .. } => (ticket, Response::Commit(Err(error))),
            Event::DeleteGroups { ticket, group_ids } => {
                (ticket, Response::DeleteGroups(vec![Err(error); group_ids.len()]))
            }
            Event::DeleteOffsets { ticket, .. } => (ticket, Response::DeleteOffsets(Err(error))),
            Event::Replay { key, value } if loading => {
                return self.replay(now.date, &key, value.as_deref());
            }
            Event::Loaded if loading => return self.finish_loading(now, out),
            Event::Unload => return self.unload(out),
            Event::Replay { .. }
            | Event::Loaded
            | Event::TopicsDeleted(_)
            | Event::Abandon { .. }
            | Event::Tick => return,
        };
        out.push(Effect::Reply { ticket, response });
    }

    /// Starts the sessions of all members, as if each had just sent a heartbeat, and rebalances
    /// groups that have become too large for a lowered limit.
    fn finish_loading(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.phase = Phase::Active;
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        for group in self.groups.values_mut() {
            group.start_sessions(&mut step);
        }
        let interval_ms = self.config.offsets_retention_check_interval_ms;
        self.retention_check_at = Some(now.elapsed.saturating_add(interval_ms));
        self.run_timers(now, out);
    }

    fn unload(&mut self, out: &mut Vec<Effect>) {
        for group in self.groups.values_mut() {
            group.dismiss_all(out);
        }
        self.groups.clear();
        self.timers.clear();
        self.retention_check_at = None;
        self.phase = Phase::Unloaded;
    }

    /// Runs what is due. A rule may set a timer that is due at once (a delay of 0), so this goes on
    /// until nothing is.
    fn run_timers(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.elapsed) {
            let (Timer::Join(group_id) | Timer::Sync(group_id) | Timer::Session(group_id, _)) =
                &timer;
            let Some(group) = self.groups.get_mut(group_id) else { continue };
            let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
            match &timer {
                Timer::Join(_) => group.join_phase_expired(&mut step),
                Timer::Sync(_) => group.sync_phase_expired(&mut step),
                Timer::Session(_, member_id) => group.session_expired(&mut step, member_id),
            }
            self.remove_if_vacant(&timer_group(timer));
        }
        if self.retention_check_at.is_some_and(|at| at <= now.elapsed) {
            let interval_ms = self.config.offsets_retention_check_interval_ms.max(1);
            self.retention_check_at = Some(now.elapsed.saturating_add(interval_ms));
            self.expire_offsets(now.date, out);
        }
    }

    /// Forgets a group that exists nowhere but in memory and that nobody is in any more.
    fn remove_if_vacant(&mut self, group_id: &str) {
        if self.groups.get(group_id).is_some_and(Group::is_vacant) {
            self.groups.remove(group_id);
        }
    }
}

fn timer_group(timer: Timer) -> Arc<str> {
    match timer {
        Timer::Join(group_id) | Timer::Sync(group_id) | Timer::Session(group_id, _) => group_id,
    }
}
