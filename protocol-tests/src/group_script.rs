//! Runs scripts against the group kernel. A script is a text file of commands, each followed by
//! the effects it must have, indented by four spaces. The words of a command are positional or
//! `key=value`; `-` stands for an empty member ID. It knows no network and no clock: `+MS` lets
//! time pass, `set-date MS` sets the date forward or back while none does.
//!
//! ```text
//! config delay=0 …                     a fresh coordinator (first command, optional)
//! +3000 · set-date -3600000             time passes · the date is set
//! join T GROUP MEMBER as=NEW protocols=range:t1+t2,sticky:t1#user [static=I] [v=9] [type=consumer]
//!      [session=10000] [rebalance=60000] [client=c]
//! sync T GROUP MEMBER GENERATION [assign=A:x,B:y] [static=I] [type=…] [protocol=…]
//! heartbeat T GROUP MEMBER GENERATION [static=I]
//! leave T GROUP MEMBER[/INSTANCE],…
//! commit T GROUP MEMBER GENERATION topic-0=5@epoch!metadata … [static=I] [retention=MS]
//! delete-groups T GROUP,… · delete-offsets T GROUP topic-0,… · delete-topics topic,… ·
//! abandon T
//! fetch GROUP [topic-0 …] · describe GROUP · list [states=…] [types=…] · deadline
//! restart [size=N]                     replays everything appended so far into a new coordinator
//! load · unload                        `config unloaded` leaves the loading to `load`
//! ```
//!
//! At the end of each script everything appended is replayed, and the groups at rest and all
//! offsets must come back the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use felice::kernel::group::records::{self, Entry, Record};
use felice::kernel::group::{
    CommitPartition, CommitRequest, Config, Effect, Event, Groups, HeartbeatRequest, JoinRequest,
    JoinedMember, LeavingMember, Now, Response, State, SyncRequest, Ticket,
};
use felice::kernel::types::{PartitionIndex, TimestampMs, Uuid};

/// The words of a command after its name.
struct Words<'a> {
    positional: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    /// A word with a `=` is named, unless its name looks like a partition (`topic-0=5`).
    fn new(words: &[&'a str]) -> Words<'a> {
        let mut positional = Vec::new();
        let mut named = BTreeMap::new();
        for word in words {
            match word.split_once('=') {
                Some((name, value)) if !name.contains('-') => {
                    named.insert(name, value);
                }
                _ => positional.push(*word),
            }
        }
        Words { positional, named }
    }

    fn at(&self, position: usize) -> &'a str {
        let word = self.positional.get(position);
        word.unwrap_or_else(|| panic!("word {position} is missing: {:?}", self.positional))
    }

    fn number<T: std::str::FromStr>(&self, position: usize) -> T {
        number(self.at(position))
    }

    fn text(&self, position: usize) -> Arc<str> {
        text(self.at(position))
    }

    fn option(&self, name: &str) -> Option<Arc<str>> {
        self.named.get(name).map(|value| text(value))
    }

    fn named_number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.named.get(name).map_or(default, |value| number(value))
    }

    fn list(&self, name: &str) -> Vec<&'a str> {
        self.named.get(name).map_or(Vec::new(), |value| value.split(',').collect())
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn text(word: &str) -> Arc<str> {
    Arc::from(if word == "-" { "" } else { word })
}

/// `topic-0`
fn partition(word: &str) -> (Arc<str>, PartitionIndex) {
    let (topic, index) = word.rsplit_once('-').unwrap_or_else(|| panic!("{word}: no partition"));
    (Arc::from(topic), number(index))
}

/// Metadata as a consumer sends it: version 0, the topics, and user data to tell it apart. After
/// `raw/` it is taken as it is, with `\0` for a zero byte.
fn subscription(word: &str) -> Bytes {
    if let Some(raw) = word.strip_prefix("raw/") {
        return Bytes::from(raw.replace("\\0", "\0").replace("\\x", "\u{7f}").into_bytes());
    }
    let (topics, user_data) = word.split_once('#').unwrap_or((word, ""));
    let topics: Vec<&str> = topics.split('+').filter(|topic| !topic.is_empty()).collect();
    let mut out = vec![0, 0];
    out.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        out.extend((topic.len() as i16).to_be_bytes());
        out.extend(topic.as_bytes());
    }
    out.extend((user_data.len() as i32).to_be_bytes());
    out.extend(user_data.as_bytes());
    Bytes::from(out)
}

/// A subscription in the words of a script, other bytes with their odd characters escaped.
fn show_metadata(metadata: &[u8]) -> String {
    let mut topics = BTreeSet::new();
    match felice::kernel::group::consumer_protocol::read_topics(metadata, &mut topics) {
        Ok(()) => {
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let user_data = metadata.len() - names.iter().map(|n| n.len() + 2).sum::<usize>() - 10;
            let user_data = String::from_utf8_lossy(&metadata[metadata.len() - user_data..]);
            let mark = if user_data.is_empty() { "" } else { "#" };
            format!("{}{mark}{user_data}", names.join("+"))
        }
        Err(_) => metadata.escape_ascii().to_string(),
    }
}

/// A coordinator with its clock and its log.
pub struct Runner {
    config: Config,
    groups: Groups,
    now: Now,
    log: Vec<Record>,
    answered: HashSet<Ticket>,
    group_ids: BTreeSet<Arc<str>>,
}

impl Default for Runner {
    fn default() -> Self {
        Runner::new()
    }
}

impl Runner {
    /// A loaded coordinator without groups.
    pub fn new() -> Runner {
        let config = Config::default();
        let now = Now { date: 1_000_000, elapsed: 5 };
        let groups = loaded(&config, now, &[]);
        Runner {
            config,
            groups,
            now,
            log: Vec::new(),
            answered: HashSet::new(),
            group_ids: BTreeSet::new(),
        }
    }

    /// Runs one command and tells what came of it, one line each.
    pub fn run(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, words) = words.split_first().expect("a command has a name");
        let words = Words::new(words);
        if let Some(delay_ms) = name.strip_prefix('+') {
            self.now.date += number::<i64>(delay_ms);
            self.now.elapsed += number::<i64>(delay_ms);
            return self.step(Event::Tick);
        }
        match *name {
            "set-date" => {
                self.now.date += words.number::<i64>(0);
                self.step(Event::Tick)
            }
            "config" => self.configure(&words),
            "restart" => {
                self.config.group_size_max = words.named_number("size", self.config.group_size_max);
                self.groups = loaded(&self.config, self.now, &self.log);
                Vec::new()
            }
            "fetch" => self.fetch(&words),
            "describe" => show_description(&self.groups, words.at(0)),
            "list" => self.list(&words),
            "deadline" => match self.groups.next_deadline() {
                Some(at) => vec![format!("in {} ms", at - self.now.elapsed)],
                None => vec!["none".into()],
            },
            _ => {
                let event = event(name, &words);
                self.group_ids.extend(group_id(&event));
                self.step(event)
            }
        }
    }

    fn configure(&mut self, words: &Words<'_>) -> Vec<String> {
        self.check_replay("before config");
        self.log.clear();
        self.group_ids.clear();
        let default = Config::default();
        self.config = Config {
            initial_rebalance_delay_ms: words
                .named_number("delay", default.initial_rebalance_delay_ms),
            group_size_max: words.named_number("size", default.group_size_max),
            groups_max: words.named_number("groups", default.groups_max),
            offset_metadata_max: words.named_number("metadata", default.offset_metadata_max),
            offsets_retention_ms: words.named_number("retention", default.offsets_retention_ms),
            record_bytes_max: words.named_number("record", default.record_bytes_max),
            ..default
        };
        self.groups = if words.positional.contains(&"unloaded") {
            Groups::new(self.config.clone())
        } else {
            loaded(&self.config, self.now, &[])
        };
        Vec::new()
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        let mut effects = Vec::new();
        self.groups.step(self.now, event, &mut effects);
        effects.into_iter().map(|effect| self.take(effect)).collect()
    }

    fn take(&mut self, effect: Effect) -> String {
        match effect {
            Effect::Append(record) => {
                let shown = show_record(&record, self.now.date);
                self.log.push(record);
                shown
            }
            Effect::Reply { ticket, response } => {
                assert!(self.answered.insert(ticket), "request {ticket} is answered twice");
                format!("reply {ticket} {}", show_response(&response))
            }
        }
    }

    fn fetch(&self, words: &Words<'_>) -> Vec<String> {
        let group_id = words.text(0);
        let named: Vec<(Arc<str>, Vec<PartitionIndex>)> = words.positional[1..]
            .iter()
            .map(|word| partition(word))
            .map(|(topic, index)| (topic, vec![index]))
            .collect();
        let topics = if named.is_empty() { None } else { Some(&named[..]) };
        show_offsets(&self.groups, &group_id, topics)
    }

    fn list(&self, words: &Words<'_>) -> Vec<String> {
        let listings = self.groups.list(&words.list("states"), &words.list("types"));
        let show = |listing: &felice::kernel::group::GroupListing| {
            let (state, kind) = (listing.state.name(), listing.group_type.name());
            format!(
                "{} {} {} {}",
                or_dash(&listing.group_id),
                state,
                kind,
                or_dash(&listing.protocol_type)
            )
        };
        listings.iter().map(show).collect()
    }

    /// Replays the log and compares what can be asked for.
    pub fn check_replay(&self, script: &str) {
        let replayed = loaded(&self.config, self.now, &self.log);
        assert_eq!(replayed.skipped_records(), 0, "{script}");
        for group_id in &self.group_ids {
            assert_eq!(
                show_offsets(&replayed, group_id, None),
                show_offsets(&self.groups, group_id, None),
                "{script}: offsets of {group_id} after a replay"
            );
            let is_at_rest = match self.groups.describe(group_id) {
                Some(group) => {
                    group.state == State::Stable
                        || (group.state == State::Empty && group.generation > 0)
                }
                None => true,
            };
            if is_at_rest {
                assert_eq!(
                    show_description(&replayed, group_id),
                    show_description(&self.groups, group_id),
                    "{script}: {group_id} after a replay"
                );
            }
        }
    }
}

/// A coordinator that has loaded a log.
fn loaded(config: &Config, now: Now, log: &[Record]) -> Groups {
    let mut groups = Groups::new(config.clone());
    let mut effects = Vec::new();
    for Record { key, value } in log {
        let event = Event::Replay { key: key.clone(), value: value.clone() };
        groups.step(now, event, &mut effects);
    }
    groups.step(now, Event::Loaded, &mut effects);
    groups
}

fn group_id(event: &Event) -> Option<Arc<str>> {
    match event {
        Event::Join { request, .. } => Some(Arc::clone(&request.group_id)),
        Event::CommitOffsets { request, .. } => Some(Arc::clone(&request.group_id)),
        _ => None,
    }
}

fn event(name: &str, words: &Words<'_>) -> Event {
    match name {
        "join" => join(words),
        "sync" => sync(words),
        "heartbeat" => Event::Heartbeat {
            ticket: words.number(0),
            request: HeartbeatRequest {
                group_id: words.text(1),
                member_id: words.text(2),
                generation: words.number(3),
                group_instance_id: words.option("static"),
            },
        },
        "leave" => leave(words),
        "commit" => commit(words),
        "delete-groups" => Event::DeleteGroups {
            ticket: words.number(0),
            group_ids: words.at(1).split(',').map(text).collect(),
        },
        "delete-offsets" => Event::DeleteOffsets {
            ticket: words.number(0),
            group_id: words.text(1),
            partitions: words.at(2).split(',').map(partition).collect(),
        },
        "delete-topics" => Event::TopicsDeleted(words.at(0).split(',').map(text).collect()),
        "abandon" => Event::Abandon { ticket: words.number(0) },
        "load" => Event::Loaded,
        "unload" => Event::Unload,
        _ => panic!("unknown command {name}"),
    }
}

fn join(words: &Words<'_>) -> Event {
    let version: i16 = words.named_number("v", 9);
    let protocols = words.list("protocols").into_iter().map(|protocol| {
        let (name, metadata) = protocol.split_once(':').unwrap_or((protocol, ""));
        (Arc::from(name), subscription(metadata))
    });
    let request = JoinRequest {
        group_id: words.text(1),
        member_id: words.text(2),
        group_instance_id: words.option("static"),
        client_id: words.option("client").unwrap_or_else(|| Arc::from("client")),
        client_host: Arc::from("/127.0.0.1"),
        session_timeout_ms: words.named_number("session", 10_000),
        rebalance_timeout_ms: words.named_number("rebalance", 60_000),
        protocol_type: words.option("type").unwrap_or_else(|| Arc::from("consumer")),
        protocols: protocols.collect(),
        new_member_id: words.option("as").unwrap_or_else(|| Arc::from("new")),
        require_known_member_id: version >= 4,
        supports_skip_assignment: version >= 9,
    };
    Event::Join { ticket: words.number(0), request: Box::new(request) }
}

fn sync(words: &Words<'_>) -> Event {
    let assignments = words.list("assign").into_iter().map(|assignment| {
        let (member_id, bytes) = assignment.split_once(':').expect("an assignment has a colon");
        (Arc::from(member_id), Bytes::from(bytes.to_owned()))
    });
    let request = SyncRequest {
        group_id: words.text(1),
        member_id: words.text(2),
        group_instance_id: words.option("static"),
        generation: words.number(3),
        protocol_type: words.option("type"),
        protocol_name: words.option("protocol"),
        assignments: assignments.collect(),
    };
    Event::Sync { ticket: words.number(0), request: Box::new(request) }
}

fn leave(words: &Words<'_>) -> Event {
    let member = |word: &str| {
        let (member_id, instance_id) = word.split_once('/').unwrap_or((word, ""));
        LeavingMember {
            member_id: text(member_id),
            group_instance_id: Some(Arc::from(instance_id)).filter(|id: &Arc<str>| !id.is_empty()),
        }
    };
    let members = words.at(2).split(',').map(member).collect();
    Event::Leave { ticket: words.number(0), group_id: words.text(1), members }
}

fn commit(words: &Words<'_>) -> Event {
    let offset = |word: &&str| {
        let (name, value) = word.split_once('=').expect("a partition has an offset");
        let (topic, partition) = partition(name);
        let (value, metadata) = value.split_once('!').unwrap_or((value, ""));
        let (offset, epoch) = value.split_once('@').unwrap_or((value, "-1"));
        CommitPartition {
            topic,
            topic_id: Uuid::ZERO,
            partition,
            offset: number(offset),
            leader_epoch: number(epoch),
            metadata: Arc::from(metadata),
        }
    };
    let request = CommitRequest {
        group_id: words.text(1),
        member_id: words.text(2),
        group_instance_id: words.option("static"),
        generation: words.number(3),
        retention_ms: words.named.get("retention").map(|value| number(value)),
        offsets: words.positional[4..].iter().map(offset).collect(),
    };
    Event::CommitOffsets { ticket: words.number(0), request: Box::new(request) }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn show_optional(text: Option<&Arc<str>>) -> &str {
    text.map_or("none", |text| text)
}

fn show_record(record: &Record, now: TimestampMs) -> String {
    let entry = records::decode(&record.key, record.value.as_deref());
    match entry.expect("own records can be read").expect("own records are known") {
        Entry::Offset { group_id, topic, partition, value: None } => {
            format!("append tombstone of offset {} {topic}-{partition}", or_dash(&group_id))
        }
        Entry::Offset { group_id, topic, partition, value: Some(value) } => {
            assert_eq!(value.commit_timestamp, now);
            let expiry = value
                .expire_timestamp
                .map_or(String::new(), |at| format!(" expires in {} ms", at - now));
            let group_id = or_dash(&group_id);
            let (offset, epoch) = (value.offset, value.leader_epoch);
            format!(
                "append offset {group_id} {topic}-{partition}={offset}@{epoch}!{}{expiry}",
                value.metadata
            )
        }
        Entry::Group { group_id, value: None } => format!("append tombstone of group {group_id}"),
        Entry::Group { group_id, value: Some(value) } => {
            let mut line = format!(
                "append group {group_id} generation={} protocol={} leader={}",
                value.generation,
                show_optional(value.protocol.as_ref()),
                show_optional(value.leader.as_ref()),
            );
            for member in &value.members {
                let instance = member.group_instance_id.as_ref();
                let instance = instance.map_or(String::new(), |id| format!("/{id}"));
                let assignment = member.assignment.escape_ascii();
                let _ = write!(line, " {}{instance}:{assignment}", member.member_id);
            }
            line
        }
    }
}

fn show_response(response: &Response) -> String {
    let show = |result: &Result<(), _>| match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:?}"),
    };
    match response {
        Response::Join(Err(failed)) => {
            format!("join {:?} member={}", failed.error, or_dash(&failed.member_id))
        }
        Response::Join(Ok(joined)) => {
            let mut line = format!(
                "joined member={} generation={} protocol={} leader={}",
                joined.member_id,
                joined.generation,
                show_optional(joined.protocol_name.as_ref()),
                or_dash(&joined.leader),
            );
            if joined.skip_assignment {
                line.push_str(" skip-assignment");
            }
            if !joined.members.is_empty() {
                let members: Vec<String> = joined.members.iter().map(show_joined_member).collect();
                let _ = write!(line, " members={}", members.join(","));
            }
            line
        }
        Response::Sync(Err(error)) => format!("sync {error:?}"),
        Response::Sync(Ok(synced)) => {
            let protocol = show_optional(synced.protocol_name.as_ref());
            format!("synced protocol={protocol} assignment={}", synced.assignment.escape_ascii())
        }
        Response::Heartbeat(result) => format!("heartbeat {}", show(result)),
        Response::Leave(Err(error)) => format!("leave {error:?}"),
        Response::Leave(Ok(results)) => {
            let results = results.iter().map(|result| {
                let error = result.error.map_or("ok".to_owned(), |error| format!("{error:?}"));
                format!("{}:{error}", or_dash(&result.member.member_id))
            });
            format!("left {}", results.collect::<Vec<_>>().join(" "))
        }
        Response::Commit(Err(error)) => format!("commit {error:?}"),
        Response::Commit(Ok(results)) => {
            format!("committed {}", results.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Response::DeleteGroups(results) => {
            format!("deleted {}", results.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Response::DeleteOffsets(Err(error)) => format!("delete-offsets {error:?}"),
        Response::DeleteOffsets(Ok(results)) => {
            format!("deleted {}", results.iter().map(show).collect::<Vec<_>>().join(" "))
        }
    }
}

fn show_joined_member(member: &JoinedMember) -> String {
    let instance = member.group_instance_id.as_ref().map_or(String::new(), |id| format!("/{id}"));
    format!("{}{instance}:{}", member.member_id, show_metadata(&member.metadata))
}

fn show_offsets(
    groups: &Groups,
    group_id: &str,
    topics: Option<&[(Arc<str>, Vec<PartitionIndex>)]>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (topic, offsets) in groups.fetch_offsets(group_id, topics) {
        for offset in offsets {
            let (at, epoch) = (offset.offset, offset.leader_epoch);
            lines.push(format!("{topic}-{}={at}@{epoch}!{}", offset.partition, offset.metadata));
        }
    }
    lines
}

fn show_description(groups: &Groups, group_id: &str) -> Vec<String> {
    let Some(group) = groups.describe(group_id) else { return vec!["Dead".into()] };
    let mut lines = vec![format!(
        "{} generation={} type={} protocol={} leader={}",
        group.state,
        group.generation,
        or_dash(&group.protocol_type),
        or_dash(&group.protocol_name),
        show_optional(group.leader.as_ref()),
    )];
    for member in &group.members {
        let instance = member.group_instance_id.as_ref();
        lines.push(format!(
            "{}{} client={} metadata={} assignment={}",
            member.member_id,
            instance.map_or(String::new(), |id| format!("/{id}")),
            member.client_id,
            show_metadata(&member.metadata),
            member.assignment.escape_ascii(),
        ));
    }
    lines
}

/// Runs a script and gives it back with the effects that it really had.
pub fn run(name: &str, script: &str) -> String {
    let mut runner = Runner::new();
    let mut actual = String::new();
    for line in script.lines() {
        if line.starts_with("    ") {
            continue;
        }
        actual.push_str(line);
        actual.push('\n');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        for effect in runner.run(line) {
            let _ = writeln!(actual, "    {}", effect.trim_end());
        }
    }
    runner.check_replay(name);
    actual
}
