//! Somebody else's light load: a producer and a consumer that do a little, two hundred times a
//! second, and note how long it takes. They share nothing with the load but the broker.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{CreateTopicsRequest, FetchRequest, ProduceRequest};
use protocol_tests::client::Client;

use crate::requests::{self, FETCH, PRODUCE};

const TOPIC: &str = "probe";
/// Time between two produced records.
const PACE: Duration = Duration::from_millis(5);
/// Of so many records one is produced with acks=all.
const DURABLE_EVERY: usize = 4;

/// Times of one kind, in microseconds.
#[derive(Clone, Default)]
pub struct Times(Vec<u64>);

impl Times {
    /// The time that a share of all does not exceed, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
        sorted.get(at).map_or(f64::NAN, |micros| *micros as f64 / 1000.0)
    }

    fn note(&mut self, since: Instant) {
        self.0.push(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

/// What was measured.
#[derive(Clone, Default)]
pub struct Probed {
    /// From sending to the answer, acks=1.
    pub ack: Times,
    /// From sending to the record in a waiting consumer's hands.
    pub tail: Times,
    /// From sending to the answer, acks=all: the record is on disk.
    pub durable: Times,
}

/// The two clients.
pub struct Probe {
    producer: Client,
    consumer: Client,
    next_offset: i64,
    batch: Bytes,
}

impl Probe {
    /// Connects and makes the topic.
    pub fn new(address: SocketAddr) -> Probe {
        let mut producer = Client::connect(address).named("probe");
        let topic = CreatableTopic::default()
            .with_name(requests::topic(TOPIC))
            .with_num_partitions(1)
            .with_replication_factor(1);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
        let answer = producer.call(request, 7);
        assert_eq!(answer.topics[0].error_code, 0, "the probe's topic");
        let consumer = Client::connect(address).named("probe");
        Probe { producer, consumer, next_offset: 0, batch: requests::small_batch() }
    }

    /// Measures for a while.
    pub fn measure(&mut self, time: Duration) -> Probed {
        let mut probed = Probed::default();
        let begun = Instant::now();
        let mut due = begun;
        for count in 1.. {
            let durable = count % DURABLE_EVERY == 0;
            self.one(durable, &mut probed);
            due += PACE;
            let now = Instant::now();
            if now.duration_since(begun) >= time {
                break;
            }
            // A slow answer is measured once; those that it made late are not.
            due = due.max(now);
            std::thread::sleep(due - now);
        }
        probed
    }

    fn one(&mut self, durable: bool, probed: &mut Probed) {
        let wanted = [(0, self.next_offset)].into_iter();
        let fetch = requests::fetch(TOPIC, wanted, (0, -1), 10_000, 1 << 20);
        self.consumer.send(&fetch, FETCH);
        let acks = if durable { -1 } else { 1 };
        let frame = requests::produce(TOPIC, [0].into_iter(), acks, &self.batch);
        // Lets the consumer's request arrive and both be at rest.
        std::thread::sleep(Duration::from_millis(1));
        let since = Instant::now();
        self.producer.send_bytes(&frame);
        let (_, answer) = self.producer.receive::<ProduceRequest>(PRODUCE);
        if durable {
            probed.durable.note(since)
        } else {
            probed.ack.note(since)
        }
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "the probe's Produce");
        let (_, answer) = self.consumer.receive::<FetchRequest>(FETCH);
        if !durable {
            probed.tail.note(since);
        }
        let partition = &answer.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0, "the probe's Fetch");
        self.next_offset = partition.high_watermark;
    }
}
