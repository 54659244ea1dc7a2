//! Consumer groups in the simulated histories: clients that join, sync, send heartbeats, commit,
//! leave, vanish and come back under their instance ID, and what must be true of all that they are
//! told. It keeps no rules of groups: only what a client could hold against the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};

use super::Mistake;
use super::commits::{Commits, Number};
use super::house::House;
use crate::coordinator::groups::delete::Deleted;
use crate::coordinator::groups::tests::commit_request;
use crate::kernel::group::{
    Error, HeartbeatRequest, JoinFailed, JoinRequest, Joined, JoinedMember, LeaveResult,
    LeavingMember, SyncRequest, Synced,
};
use crate::kernel::types::Offset;
use crate::storage::sim_disk::Chance;

/// Groups with members.
const GROUPS: usize = 2;

/// Clients of each; the last one has an instance ID.
const CLIENTS: usize = 3;

/// Partitions that a leader hands out.
const PARTITIONS: u8 = 5;

type Answer<T> = Pin<Box<dyn Future<Output = T>>>;

/// A request and its answer to come.
enum Asked {
    Join(Answer<Result<Joined, JoinFailed>>),
    Sync(Answer<Result<Synced, Error>>),
    Heartbeat(Answer<Result<(), Error>>),
    Leave(Answer<Result<Vec<LeaveResult>, Error>>),
    Commit(Answer<Result<Vec<Result<(), Error>>, Error>>, Number),
    Delete(Answer<Vec<Deleted>>, Vec<Number>),
}

/// A request that waits.
struct Waiting {
    group: usize,
    client: usize,
    /// Who asked.
    who: Identity,
    /// The newest generation that was known to be durable.
    newest: i32,
    incarnation: u32,
    /// Why it must be refused, if it must.
    stale: Option<&'static str>,
    asked: Asked,
}

/// What a client calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    member_id: Arc<str>,
    generation: i32,
}

#[derive(Debug)]
struct Client {
    instance: Option<Arc<str>>,
    is: Identity,
    /// What it, or another life of it, once was.
    was: Option<Identity>,
    /// Whom it has to assign partitions to.
    leads: Vec<(Arc<str>, Option<Arc<str>>)>,
    has_synced: bool,
}

/// An assignment that a leader sent.
#[derive(Debug)]
struct Said {
    generation: i32,
    by_member: BTreeMap<Arc<str>, Bytes>,
    /// Static members keep what is theirs when they come back as somebody else.
    by_instance: BTreeMap<Arc<str>, Bytes>,
}

#[derive(Debug, Default)]
struct Group {
    name: Arc<str>,
    /// How often it was seen to be gone.
    incarnation: u32,
    clients: Vec<Client>,
    said: BTreeMap<u32, Said>,
    /// Which leader's word was given out in each generation.
    given: BTreeMap<i32, u32>,
    /// The newest of them: it is durable.
    newest: i32,
    /// The newest generation that somebody joined in this life of the broker.
    told: i32,
    /// Members that left or were replaced in this life of the broker.
    gone: BTreeSet<Arc<str>>,
    by_instance: BTreeMap<Arc<str>, Arc<str>>,
}

/// All groups with members.
pub struct Crowd {
    groups: Vec<Group>,
    waiting: Vec<Waiting>,
    members: u32,
    says: u32,
    /// Whether no full disk makes the broker read its groups anew.
    is_strict: bool,
    mistake: Mistake,
    /// Assignments, commits and heartbeats of members that were taken.
    pub heard: [u64; 3],
}

impl Group {
    fn new(number: usize) -> Group {
        let client = |at: usize| Client {
            instance: (at + 1 == CLIENTS).then(|| Arc::from(format!("i{number}"))),
            is: Identity { member_id: "".into(), generation: -1 },
            was: None,
            leads: Vec::new(),
            has_synced: false,
        };
        Group {
            name: format!("m{number}").into(),
            clients: (0..CLIENTS).map(client).collect(),
            ..Group::default()
        }
    }

    /// Why a request must be refused.
    fn stale(&self, who: &Identity, is_strict: bool) -> Option<&'static str> {
        if who.generation < self.newest {
            return Some("an older generation");
        }
        if is_strict && who.generation < self.told {
            return Some("a generation that is over");
        }
        (is_strict && self.gone.contains(&who.member_id)).then_some("a member that is gone")
    }

    /// What the leader said of the first member, for all.
    fn first_word(&self, assignment: &Bytes) -> Bytes {
        let number = assignment.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let said = number.and_then(|number| self.said.get(&number));
        let first = said.and_then(|said| said.by_member.values().next());
        first.unwrap_or(assignment).clone()
    }

    fn joined(&mut self, client: usize, newest: i32, joined: &Joined) -> Result<(), String> {
        if joined.generation < newest {
            return Err(format!("{} went back from {newest} to {joined:?}", self.name));
        }
        self.told = self.told.max(joined.generation);
        let one = &mut self.clients[client];
        if let Some(instance) = &one.instance {
            let before = self.by_instance.insert(Arc::clone(instance), joined.member_id.clone());
            if let Some(before) = before.filter(|before| *before != joined.member_id) {
                self.gone.insert(before);
            }
        }
        one.is = Identity { member_id: joined.member_id.clone(), generation: joined.generation };
        one.has_synced = false;
        let named =
            |member: &JoinedMember| (member.member_id.clone(), member.group_instance_id.clone());
        one.leads = match joined.leader == joined.member_id && !joined.skip_assignment {
            true => joined.members.iter().map(named).collect(),
            false => Vec::new(),
        };
        Ok(())
    }

    fn synced(&mut self, waiting: &Waiting, synced: &Synced) -> Result<(), String> {
        let Identity { member_id, generation } = &waiting.who;
        let name = &self.name;
        let number = synced.assignment.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let said = number.and_then(|number| self.said.get(&number));
        let is_said = said.is_some_and(|said| {
            let of_it = match &self.clients[waiting.client].instance {
                Some(instance) => said.by_instance.get(instance),
                None => said.by_member.get(member_id),
            };
            said.generation == *generation && of_it == Some(&synced.assignment)
        });
        let (Some(number), true) = (number, is_said) else {
            return Err(format!(
                "{name} gave {member_id} {synced:?} in {generation}, not {said:?}"
            ));
        };
        if *self.given.entry(*generation).or_insert(number) != number {
            return Err(format!("{name} gave out two assignments in generation {generation}"));
        }
        self.newest = self.newest.max(*generation);
        let client = &mut self.clients[waiting.client];
        client.has_synced |= client.is == waiting.who;
        Ok(())
    }

    fn left(&mut self, client: usize, who: &Identity) {
        self.gone.insert(Arc::clone(&who.member_id));
        if self.clients[client].is == *who {
            self.forget(client);
        }
    }

    fn forget(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if client.is.generation >= 0 {
            client.was = Some(client.is.clone());
        }
        client.is = Identity { member_id: "".into(), generation: -1 };
        client.leads.clear();
        client.has_synced = false;
    }

    /// What its answer tells a client that is refused.
    fn turned_away(&mut self, client: usize, who: &Identity, error: Error) {
        if self.clients[client].is != *who {
            return;
        }
        match error {
            Error::UnknownMemberId | Error::FencedInstanceId => self.forget(client),
            // It joins again as who it is.
            Error::IllegalGeneration | Error::RebalanceInProgress => {
                let client = &mut self.clients[client];
                client.was = Some(client.is.clone());
                client.is.generation = -1;
                client.has_synced = false;
            }
            _ => {}
        }
    }
}

impl Crowd {
    /// Nobody has joined yet.
    pub fn new(is_strict: bool, mistake: Mistake) -> Crowd {
        let groups = (0..GROUPS).map(Group::new).collect();
        Crowd {
            groups,
            waiting: Vec::new(),
            members: 0,
            says: 0,
            is_strict,
            mistake,
            heard: [0; 3],
        }
    }

    /// The broker is gone, and all requests with it.
    pub fn cut_off(&mut self) {
        self.waiting.clear();
        for group in &mut self.groups {
            group.told = 0;
            group.gone.clear();
        }
    }

    /// Lets some client do something. Answers what.
    pub fn step(
        &mut self,
        house: &House,
        chance: &mut Chance,
        commits: &mut Commits,
        topic: &str,
        (offset, now): (Offset, i64),
    ) -> String {
        let (at, client) = (chance.below(GROUPS), chance.below(CLIENTS));
        match chance.below(20) {
            0..=7 => {
                self.all_go_on(house, chance, at, topic);
                format!("m{at} goes on")
            }
            8..=11 => {
                let who = self.groups[at].clients[client].is.clone();
                self.commit(house, commits, (at, client), who.clone(), (topic, offset, now));
                format!("m{at} commit {topic} {offset} as {who:?}")
            }
            12..=14 => self.haunt(house, commits, (at, client), (topic, offset, now)),
            15 => {
                self.groups[at].forget(client);
                self.waiting.retain(|other| (other.group, other.client) != (at, client));
                format!("m{at}/{client} vanishes")
            }
            16 => {
                self.join(house, chance, at, client, topic);
                format!("m{at}/{client} joins")
            }
            17 => {
                if !self.waiting.is_empty() {
                    let at = chance.below(self.waiting.len());
                    drop(self.waiting.remove(at));
                }
                "a connection ends".to_owned()
            }
            18 => {
                self.leave(house, at, client);
                format!("m{at}/{client} leaves")
            }
            _ => {
                let numbers = commits.deleting(&self.groups[at].name, now);
                let name = Arc::clone(&self.groups[at].name);
                let answer = Box::pin(house.groups.delete_groups(vec![name]));
                self.ask(at, client, Asked::Delete(answer, numbers));
                format!("m{at} is to be deleted")
            }
        }
    }

    /// Lets every client of a group do what it does if nothing is wrong.
    pub fn all_go_on(&mut self, house: &House, chance: &mut Chance, at: usize, topic: &str) {
        for client in 0..CLIENTS {
            self.go_on(house, chance, at, client, topic);
            // What is over at this moment may end a group that the next one founds again.
            self.note_gone(house);
        }
    }

    fn ask(&mut self, at: usize, client: usize, asked: Asked) {
        let who = self.groups[at].clients[client].is.clone();
        self.ask_as(at, client, who, asked);
    }

    fn ask_as(&mut self, at: usize, client: usize, who: Identity, asked: Asked) {
        let group = &self.groups[at];
        let stale = group.stale(&who, self.is_strict);
        let Group { newest, incarnation, .. } = *group;
        self.waiting.push(Waiting { group: at, client, who, newest, incarnation, stale, asked });
    }

    fn is_busy(&self, at: usize, client: usize) -> bool {
        self.waiting.iter().any(|other| {
            (other.group, other.client) == (at, client)
                && matches!(other.asked, Asked::Join(_) | Asked::Sync(_))
        })
    }

    /// What a consumer does next if nothing is wrong.
    fn go_on(&mut self, house: &House, chance: &mut Chance, at: usize, client: usize, topic: &str) {
        if self.is_busy(at, client) {
            return;
        }
        let one = &self.groups[at].clients[client];
        match (one.is.generation < 0, one.has_synced) {
            (true, _) => self.join(house, chance, at, client, topic),
            (false, false) => self.sync(house, at, client),
            (false, true) => {
                let who = one.is.clone();
                self.heartbeat(house, at, client, who);
            }
        }
    }

    fn join(&mut self, house: &House, chance: &mut Chance, at: usize, client: usize, topic: &str) {
        self.members += 1;
        let group = &mut self.groups[at];
        let one = &mut group.clients[client];
        if one.is.generation >= 0 {
            // Whoever asks to join has given up the generation that it was in.
            one.was = Some(one.is.clone());
            one.is.generation = -1;
            (one.has_synced, one.leads) = (false, Vec::new());
        }
        let session_timeout_ms = 6_000 + chance.below(20_000) as i32;
        let mut subscription = BytesMut::new();
        subscription.put_i16(0);
        subscription.put_i32(1);
        subscription.put_i16(topic.len() as i16);
        subscription.put_slice(topic.as_bytes());
        subscription.put_i32(-1);
        let request = JoinRequest {
            group_id: Arc::clone(&group.name),
            member_id: Arc::clone(&one.is.member_id),
            group_instance_id: one.instance.clone(),
            client_id: "c".into(),
            client_host: "/h".into(),
            session_timeout_ms,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![("range".into(), subscription.freeze())],
            new_member_id: format!("n{}", self.members).into(),
            require_known_member_id: chance.happens(5_000),
            supports_skip_assignment: chance.happens(5_000),
        };
        let answer = Box::pin(house.groups.join(request));
        self.ask(at, client, Asked::Join(answer));
    }

    fn sync(&mut self, house: &House, at: usize, client: usize) {
        let group = &mut self.groups[at];
        let one = &group.clients[client];
        let generation = one.is.generation;
        let mut assignments = Vec::new();
        if !one.leads.is_empty() {
            self.says += 1;
            let mut by_instance = BTreeMap::new();
            for (place, (member, instance)) in one.leads.iter().enumerate() {
                let mut bytes = BytesMut::new();
                bytes.put_u32(self.says);
                let of_it = (0..PARTITIONS).filter(|p| usize::from(*p) % one.leads.len() == place);
                bytes.extend(of_it);
                let bytes = bytes.freeze();
                by_instance.extend(instance.clone().map(|instance| (instance, bytes.clone())));
                assignments.push((Arc::clone(member), bytes));
            }
            let by_member = assignments.iter().cloned().collect();
            group.said.insert(self.says, Said { generation, by_member, by_instance });
        }
        let request = SyncRequest {
            group_id: Arc::clone(&group.name),
            member_id: Arc::clone(&one.is.member_id),
            group_instance_id: one.instance.clone(),
            generation,
            protocol_type: None,
            protocol_name: None,
            assignments,
        };
        let answer = Box::pin(house.groups.sync(request));
        self.ask(at, client, Asked::Sync(answer));
    }

    fn heartbeat(&mut self, house: &House, at: usize, client: usize, who: Identity) {
        let request = HeartbeatRequest {
            group_id: Arc::clone(&self.groups[at].name),
            member_id: Arc::clone(&who.member_id),
            group_instance_id: self.groups[at].clients[client].instance.clone(),
            generation: self.sent(at, &who).generation,
        };
        let answer = Box::pin(house.groups.heartbeat(request));
        self.ask_as(at, client, who, Asked::Heartbeat(answer));
    }

    fn leave(&mut self, house: &House, at: usize, client: usize) {
        let group = &self.groups[at];
        let one = &group.clients[client];
        if one.is.member_id.is_empty() {
            return;
        }
        let member = LeavingMember {
            member_id: Arc::clone(&one.is.member_id),
            group_instance_id: one.instance.clone(),
        };
        let answer = Box::pin(house.groups.leave(Arc::clone(&group.name), vec![member]));
        self.ask(at, client, Asked::Leave(answer));
    }

    fn commit(
        &mut self,
        house: &House,
        commits: &mut Commits,
        (at, client): (usize, usize),
        who: Identity,
        (topic, offset, now): (&str, Offset, i64),
    ) {
        if who.generation < 0 {
            return;
        }
        let sent = self.sent(at, &who);
        let group = &self.groups[at];
        let mut request = commit_request(&group.name, topic, offset);
        request.member_id = sent.member_id;
        request.generation = sent.generation;
        request.group_instance_id = group.clients[client].instance.clone();
        let number = commits.tried(&group.name, topic, offset, now);
        let answer = Box::pin(house.groups.commit(request));
        self.ask_as(at, client, who, Asked::Commit(answer, number));
    }

    /// Somebody who once was a member speaks again.
    fn haunt(
        &mut self,
        house: &House,
        commits: &mut Commits,
        (at, client): (usize, usize),
        said: (&str, Offset, i64),
    ) -> String {
        let Some(was) = self.groups[at].clients[client].was.clone() else {
            return format!("m{at}/{client} was nobody");
        };
        match said.1 % 2 == 0 {
            true => self.heartbeat(house, at, client, was.clone()),
            false => self.commit(house, commits, (at, client), was.clone(), said),
        }
        format!("m{at}/{client} speaks as {was:?}, {said:?}")
    }

    /// Whom a client says it is: a mistake may be planted.
    fn sent(&self, at: usize, who: &Identity) -> Identity {
        if self.mistake == Mistake::Unfenced && who.generation >= 0 {
            let newest = self.groups[at].clients.iter().map(|client| &client.is);
            if let Some(newest) = newest.max_by_key(|is| is.generation) {
                return newest.clone();
            }
        }
        who.clone()
    }

    /// Hears the answers that have come.
    pub fn settle(&mut self, house: &House, commits: &mut Commits) -> Result<(), String> {
        let mut cx = Context::from_waker(Waker::noop());
        for mut waiting in std::mem::take(&mut self.waiting) {
            let is_open = self.hear(&mut waiting, commits, &mut cx)?;
            if is_open {
                self.waiting.push(waiting);
            }
        }
        self.observe(house)
    }

    /// Looks which groups are gone, and may begin again from nothing.
    pub fn note_gone(&mut self, house: &House) {
        for group in &mut self.groups {
            if house.groups.look_at(&group.name) == Some(None) {
                group.incarnation += 1;
                (group.newest, group.told) = (0, 0);
                group.given.clear();
            }
        }
    }

    /// The same, and that no other has gone back.
    pub fn observe(&mut self, house: &House) -> Result<(), String> {
        self.note_gone(house);
        for group in &self.groups {
            let now = house.groups.look_at(&group.name).flatten();
            if let Some(now) = now.filter(|now| now.generation < group.newest) {
                return Err(format!("{} went back to {now:?}", group.name));
            }
        }
        Ok(())
    }

    /// Polls one. Says whether it is still open.
    fn hear(
        &mut self,
        waiting: &mut Waiting,
        commits: &mut Commits,
        cx: &mut Context<'_>,
    ) -> Result<bool, String> {
        let Waiting { who, stale, client, .. } = waiting;
        let (who, client) = (who.clone(), *client);
        let group = &mut self.groups[waiting.group];
        let is_over = waiting.incarnation != group.incarnation;
        match &mut waiting.asked {
            Asked::Join(answer) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(_)) if is_over => {}
                Poll::Ready(Ok(mut joined)) => {
                    if self.mistake == Mistake::GenerationBack && group.newest > 0 {
                        joined.generation = group.newest - 1;
                    }
                    group.joined(client, waiting.newest, &joined)?;
                }
                Poll::Ready(Err(JoinFailed { error: Error::MemberIdRequired, member_id })) => {
                    group.clients[client].is = Identity { member_id, generation: -1 };
                }
                Poll::Ready(Err(failed)) => group.turned_away(client, &who, failed.error),
            },
            Asked::Sync(answer) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(_)) if is_over => {}
                Poll::Ready(Ok(mut synced)) => {
                    must_not("a sync", *stale)?;
                    if self.mistake == Mistake::SameForAll {
                        synced.assignment = group.first_word(&synced.assignment);
                    }
                    group.synced(waiting, &synced)?;
                    self.heard[0] += 1;
                }
                Poll::Ready(Err(error)) => group.turned_away(client, &who, error),
            },
            Asked::Heartbeat(answer) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(())) => {
                    must_not("a heartbeat", *stale)?;
                    self.heard[2] += 1;
                }
                Poll::Ready(Err(error)) => group.turned_away(client, &who, error),
            },
            Asked::Leave(answer) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(results)) if results[0].error.is_none() => group.left(client, &who),
                Poll::Ready(_) => {}
            },
            Asked::Commit(..) | Asked::Delete(..) => {
                return self.hear_of_offsets(waiting, commits, cx);
            }
        }
        Ok(false)
    }

    fn hear_of_offsets(
        &mut self,
        waiting: &mut Waiting,
        commits: &mut Commits,
        cx: &mut Context<'_>,
    ) -> Result<bool, String> {
        let group = &mut self.groups[waiting.group];
        match &mut waiting.asked {
            Asked::Commit(answer, number) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(results)) if results[0].is_ok() => {
                    must_not("a commit", waiting.stale)?;
                    commits.accepted(*number);
                    self.heard[1] += 1;
                }
                // It may have been written, and the answer lost.
                Poll::Ready(Err(Error::NotCoordinator | Error::CoordinatorNotAvailable)) => {}
                Poll::Ready(Err(error)) => {
                    commits.refused(*number);
                    group.turned_away(waiting.client, &waiting.who, error);
                }
                Poll::Ready(Ok(_)) => commits.refused(*number),
            },
            Asked::Delete(answer, numbers) => match answer.as_mut().poll(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(results) => match results[0].1 {
                    Ok(()) => numbers.iter().for_each(|number| commits.accepted(*number)),
                    Err(Error::NotCoordinator | Error::CoordinatorNotAvailable) => {}
                    Err(_) => numbers.iter().for_each(|number| commits.refused(*number)),
                },
            },
            _ => {}
        }
        Ok(false)
    }

    /// What is left of the groups after a start is what was promised.
    pub fn restarted(&mut self, house: &House) -> Result<(), String> {
        for group in &self.groups {
            let found = house.groups.look_at(&group.name).flatten();
            let generation = found.as_ref().map_or(0, |found| found.generation);
            if generation < group.newest {
                let (name, newest) = (&group.name, group.newest);
                return Err(format!("{name} had reached {newest}, is {found:?} after a start"));
            }
        }
        Ok(())
    }
}

/// A request that must be refused was not.
fn must_not(what: &str, stale: Option<&str>) -> Result<(), String> {
    match stale {
        Some(why) => Err(format!("{what} was taken from {why}")),
        None => Ok(()),
    }
}
