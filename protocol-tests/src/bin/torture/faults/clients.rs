//! What the clients of the load under faults do: on each partition three producers, one for each
//! promise that a broker makes, and a consumer; beside them members of a group and a group without
//! members, which commit, and topics that come and go. Each notes what it was told before it does
//! the next thing. None of them judges.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use felice::kernel::batch::{BatchBuilder, Codec};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;
use protocol_tests::batches;
use protocol_tests::ledger::{Name, value};

use super::ask;
use super::load::{PARTITIONS, PATIENCE, Shared, TOPIC, now};
use crate::member::Member;
use crate::requests::{self, FETCH, PRODUCE};
use crate::wire::Wire;

/// The group without members that commits.
pub const GROUP: &str = "faults";
/// The group with members, each of which commits for the partition of its number.
pub const MEMBERS_GROUP: &str = "faults-members";
const MEMBERS: u32 = 2;
/// Clients that tell when they get on: all but the one that changes topics.
pub const WITH_PROGRESS: usize = (4 * PARTITIONS + MEMBERS + 1) as usize;
/// Batches that a producer has on their way at a time, at most: as many as Kafka's clients, and as
/// many as a broker can tell from new ones when they are sent again.
const IN_FLIGHT_MAX: u64 = 5;
/// Pause of a producer between two rounds.
const PACE: Duration = Duration::from_millis(10);
/// Pause after an error.
const REST: Duration = Duration::from_millis(20);
/// Pause between two commits of a group.
const COMMIT_PACE: Duration = Duration::from_millis(10);

/// A client over all its connections.
pub enum Client {
    /// Writes to a partition.
    Producer(Producer),
    /// Reads a partition.
    Consumer(Consumer),
    /// Commits as a member of a group.
    Member(Seat),
    /// Commits for a group without members; its next offset.
    Group(i64),
    /// Creates and deletes topics; the number of the next one.
    Topics(u64),
}

impl Client {
    /// All clients of the load.
    pub fn all() -> impl Iterator<Item = Client> {
        let of_partitions = (0..PARTITIONS).flat_map(|partition| {
            let promises = [Promise::Once, Promise::Durable, Promise::Ordered].into_iter();
            let producers = promises.map(move |promise| {
                Client::Producer(Producer { partition, promise, id: None, next: 0 })
            });
            producers.chain([Client::Consumer(Consumer { partition, next: 0 })])
        });
        let members = (0..MEMBERS).map(|partition| Client::Member(Seat::new(partition)));
        of_partitions.chain(members).chain([Client::Group(1), Client::Topics(0)])
    }

    /// Does its work over one connection, until that breaks.
    pub async fn visit(&mut self, shared: &Shared) -> io::Result<()> {
        let mut wire = Wire::connect(shared.address).await?;
        loop {
            let step = async {
                match self {
                    Client::Producer(producer) => producer.step(shared, &mut wire).await,
                    Client::Consumer(consumer) => consumer.step(shared, &mut wire).await,
                    Client::Member(seat) => seat.step(shared, &mut wire).await,
                    Client::Group(next) => commit(shared, &mut wire, next).await,
                    Client::Topics(next) => churn(shared, &mut wire, next).await,
                }
            };
            match tokio::time::timeout(PATIENCE, step).await {
                Ok(done) => done?,
                Err(late) => {
                    shared.told().wrong.push(format!("an answer did not come within {PATIENCE:?}"));
                    return Err(late.into());
                }
            }
        }
    }
}

/// What a producer asks a broker to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// acks=all, and each batch stands there once however often it is sent.
    Once,
    /// acks=all.
    Durable,
    /// acks=1: it is there until the power goes.
    Ordered,
}

/// Some batches at a time, in one of three forms.
pub struct Producer {
    partition: u32,
    promise: Promise,
    id: Option<i64>,
    /// Records that need not be sent any more.
    next: u64,
}

impl Producer {
    fn name(&self, sequence: u64) -> Name {
        let producer = match self.promise {
            Promise::Durable => 0,
            Promise::Once => 1,
            Promise::Ordered => 2,
        };
        Name { producer, sequence }
    }

    /// The next batches, by first record and count. What is sent again has the same bounds.
    fn plan(&self) -> Vec<(Name, u64)> {
        let mut next = self.next;
        let batches = (0..1 + self.next % IN_FLIGHT_MAX).map(|_| {
            let (first, count) = (self.name(next), 1 + next % 13);
            next += count;
            (first, count)
        });
        batches.collect()
    }

    /// Sends some batches and takes in the answers. The idempotent producer sends them until they
    /// are acknowledged, the others once.
    async fn step(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<()> {
        if self.promise == Promise::Once && self.id.is_none() {
            let id = ask::producer_id(wire).await?;
            if !shared.told().producer_ids.insert(id) {
                shared.told().wrong.push(format!("producer ID {id} was given twice"));
            }
            self.id = Some(id);
        }
        let batches = self.plan();
        let frames: Vec<_> =
            batches.iter().map(|(first, count)| self.frame(*first, *count)).collect();
        let end = batches.last().map_or(self.next, |(first, count)| first.sequence + count);
        let ledger = self.partition as usize;
        shared.told().ledgers[ledger].send(self.name(0).producer, end);
        if self.promise != Promise::Once {
            self.next = end;
        }
        for frame in &frames {
            wire.send(frame).await?;
        }
        let mut is_refused = false;
        for (first, count) in batches {
            let answer = produced(wire.receive().await?)?;
            if answer.error_code != 0 {
                refused(shared, first, answer.error_code, is_refused);
                is_refused = true;
                continue;
            }
            let mut told = shared.told();
            match self.promise {
                Promise::Ordered => told.ledgers[ledger].accept(answer.base_offset, first, count),
                _ => told.ledgers[ledger].acknowledge(answer.base_offset, first, count),
            }
            drop(told);
            if self.promise == Promise::Once && !is_refused {
                self.next = first.sequence + count;
            }
            shared.progress(format!("producer {ledger} {:?}", self.promise));
        }
        tokio::time::sleep(if is_refused { REST } else { PACE }).await;
        Ok(())
    }

    fn frame(&self, first: Name, count: u64) -> Vec<u8> {
        let mut batch = BatchBuilder::new();
        if let Some(id) = self.id {
            batch = batch.producer(id, 0, i32::try_from(first.sequence).expect("runs are short"));
        }
        for index in 0..count {
            let name = Name { sequence: first.sequence + index, ..first };
            batch.append(now(), None, Some(&value(self.partition, name)), &[]);
        }
        let (batch, acks) = match self.promise {
            Promise::Once => (batches::compressed(&batch.build(), Codec::Lz4), -1),
            Promise::Durable => (batches::compressed(&batch.build(), Codec::Zstd), -1),
            Promise::Ordered => (batch.build(), 1),
        };
        requests::produce(TOPIC, [self.partition as i32].into_iter(), acks, &batch)
    }
}

/// Takes down that a batch was refused. Behind one that was refused before it in the same round it
/// is out of its order; otherwise nothing was lost that could excuse errors of sequence or epoch.
fn refused(shared: &Shared, first: Name, code: i16, is_behind_refused: bool) {
    const OUT_OF_ORDER: i16 = 45;
    const OF_SEQUENCE: [i16; 4] = [OUT_OF_ORDER, 46, 47, 59];
    if is_behind_refused && code == OUT_OF_ORDER {
        return;
    }
    shared.count("Produce", code);
    if OF_SEQUENCE.contains(&code) {
        shared.told().wrong.push(format!("{first:?} was refused with error {code}"));
    }
}

fn produced(mut answer: Bytes) -> io::Result<PartitionProduceResponse> {
    let decoded = ResponseHeader::decode(&mut answer, 1)
        .and_then(|_| ProduceResponse::decode(&mut answer, PRODUCE));
    let mut answer = decoded.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(answer.responses.remove(0).partition_responses.remove(0))
}

/// Reads on from where it was.
pub struct Consumer {
    partition: u32,
    next: i64,
}

impl Consumer {
    async fn step(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<()> {
        let from = [(self.partition as i32, self.next)].into_iter();
        let asked = requests::fetch(TOPIC, from, (0, -1), 100, 1 << 20);
        let mut answer = wire.call(&asked, FETCH).await?;
        let answer = answer.responses.remove(0).partitions.remove(0);
        const OUT_OF_RANGE: i16 = 1;
        match answer.error_code {
            0 => {}
            OUT_OF_RANGE => self.next = answer.high_watermark.max(0),
            // Whether it may be damaged is for the judge to say.
            ask::CORRUPT_MESSAGE => {
                self.next += 1;
                return Ok(());
            }
            code => {
                shared.count("Fetch", code);
                tokio::time::sleep(REST).await;
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
                drop(told);
                if let Some(last) = all.last() {
                    self.next = last.offset + 1;
                    shared.progress(format!("consumer {}", self.partition));
                }
            }
            Err(error) => {
                told.wrong.push(format!("a batch was served that is broken {error}"));
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A member of a group, which stays one whatever becomes of the broker.
pub struct Seat {
    partition: u32,
    member: Member,
    is_in: bool,
    was_in: bool,
    next: i64,
}

impl Seat {
    fn new(partition: u32) -> Seat {
        let member = Member::new(MEMBERS_GROUP, TOPIC);
        Seat { partition, member, is_in: false, was_in: false, next: 1 }
    }

    async fn step(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<()> {
        if self.is_in {
            // Only a heartbeat tells that others join.
            self.is_in = self.member.heartbeat(wire).await? && self.commit(shared, wire).await?;
            tokio::time::sleep(COMMIT_PACE).await;
        } else {
            self.is_in = self.member.join(wire).await?.is_some();
            self.was_in |= self.is_in;
        }
        if self.was_in && self.member.is_nobody() {
            self.was_in = false;
            let text = format!("member {} was in its group and is unknown to it", self.partition);
            shared.told().wrong.push(text);
        }
        Ok(())
    }

    async fn commit(&mut self, shared: &Shared, wire: &mut Wire) -> io::Result<bool> {
        let (partition, offset) = (self.partition, self.next);
        self.next += 1;
        let is_in = self.member.commit(wire, [(partition as i32, offset)].into_iter()).await?;
        if is_in {
            shared.told().commits.insert((MEMBERS_GROUP, partition), offset);
            shared.progress(format!("member {partition}"));
        }
        Ok(is_in)
    }
}

/// Commits for one partition after the other.
async fn commit(shared: &Shared, wire: &mut Wire, next: &mut i64) -> io::Result<()> {
    let partition = (*next % i64::from(PARTITIONS)) as u32;
    let offset = *next;
    *next += 1;
    match ask::commit(wire, GROUP, TOPIC, partition as i32, offset).await? {
        0 => {
            shared.told().commits.insert((GROUP, partition), offset);
            shared.progress("group".to_owned());
        }
        code => shared.count("OffsetCommit", code),
    }
    tokio::time::sleep(COMMIT_PACE).await;
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
    // From here on it may be gone, and when the answer is there it must be.
    if *next > 2 && shared.told().created.remove(&old) {
        requests::delete(wire, &old).await?;
        shared.told().deleted.insert(old);
    }
    tokio::time::sleep(Duration::from_millis(40)).await;
    Ok(())
}
