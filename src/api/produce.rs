//! Produce: appends record batches. The client's bytes are stored as they came.
//!
//! Behaviour: each partition is judged for itself, in Kafka's order of checks; batches of all
//! requests that arrived together are written at once per partition. `acks=0` has no answer, and
//! an error closes the connection; `acks=1` is answered from the page cache; `acks=-1` once the
//! batch is durable. `flush.messages` of a topic lets every answer wait for a sync, as Kafka does.
//!
//! Version notes: 5+ log start offset; 7+ zstd (KIP-110); 8+ record errors (KIP-467); 9+ flexible;
//! 13+ topic IDs (KIP-516). 0–2 are named by ApiVersions but not served, because librdkafka
//! switches compression off without them (KAFKA-18659).

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

use super::error;
use super::{Api, Cx, Reply};
use super::topics;
use crate::kernel::batch::{BatchHeader, HEADER_SIZE};
use crate::kernel::recompress::recompress;
use crate::kernel::types::{Offset, TimestampMs, TopicIdPartition};
use crate::kernel::validate::{RecordError, Rejection, Rules, validate};
use crate::config::dynamic::TopicConfig;
use crate::config::node::Validation;
use crate::storage::append::{AppendResult, Prepared};
use crate::storage::error::StorageError;
use crate::storage::partition::Partition;

/// Compressed batches above this many bytes are checked off the network thread.
const INLINE_BYTES_MAX: usize = 64 * 1024;
/// So are smaller ones that hold more than this many bytes.
const INLINE_DECOMPRESSED_MAX: usize = 1024 * 1024;
const ADMIN_CLIENT: &str = "__admin_client";

/// The API.
pub struct Produce;

impl Api for Produce {
    type Request = ProduceRequest;
    type Response = ProduceResponse;
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    const ADVERTISED_MIN: i16 = 0;
    const NAME: &'static str = "Produce";

    async fn handle(cx: Cx, request: ProduceRequest) -> Reply<ProduceResponse> {
        let acks = request.acks;
        let version = cx.version;
        let delay_ms = cx.throttle_produce();
        let mut topics = Vec::with_capacity(request.topic_data.len());
        let transaction = Transaction::of(&request, version);
        let mut seen = Seen::of(&request);
        for topic in request.topic_data {
            topics.push(stage_topic(&cx, acks, &transaction, &mut seen, topic).await);
        }
        if acks == 0 {
            return reply_without_acks(topics);
        }
        Reply::Later(Box::pin(async move {
            let mut response = ProduceResponse::default().with_throttle_time_ms(delay_ms);
            for topic in topics.into_iter().filter(|topic| !topic.partitions.is_empty()) {
                response.responses.push(topic.answer(acks, version).await);
            }
            Some(response)
        }))
    }
}

/// Partitions this request has named: one named twice is appended to once.
enum Seen {
    /// There is only one.
    One,
    Many(HashSet<TopicIdPartition>),
}

impl Seen {
    fn of(request: &ProduceRequest) -> Seen {
        let count: usize = request.topic_data.iter().map(|topic| topic.partition_data.len()).sum();
        if count <= 1 { Seen::One } else { Seen::Many(HashSet::with_capacity(count)) }
    }

    /// Whether the partition is named for the first time.
    fn insert(&mut self, id: TopicIdPartition) -> bool {
        match self {
            Seen::One => true,
            Seen::Many(ids) => ids.insert(id),
        }
    }
}

/// What the request says about transactions.
struct Transaction {
    has_empty_id: bool,
    has_id: bool,
    implicit: bool,
}

impl Transaction {
    fn of(request: &ProduceRequest, version: i16) -> Transaction {
        let id = request.transactional_id.as_ref();
        Transaction {
            has_empty_id: id.is_some_and(|id| id.0.is_empty()),
            has_id: id.is_some(),
            implicit: version >= 12,
        }
    }

    /// No producer has a transaction open here, so a transactional batch fails as it does at a
    /// broker that does not know the producer.
    fn code_of_transactional_batch(&self) -> i16 {
        match (self.has_id, self.implicit) {
            _ if self.has_empty_id => Code::InvalidRequest.code(),
            (false, _) => Code::TransactionalIdAuthorizationFailed.code(),
            (true, false) => Code::InvalidTxnState.code(),
            (true, true) => Code::InvalidProducerIdMapping.code(),
        }
    }
}

struct StagedTopic {
    name: TopicName,
    id: uuid::Uuid,
    partitions: Vec<StagedPartition>,
}

struct StagedPartition {
    index: i32,
    state: Staged,
}

enum Staged {
    Refused(Refusal),
    Waiting {
        partition: Arc<Partition>,
        result: oneshot::Receiver<AppendResult>,
        log_append_time: TimestampMs,
    },
}

#[derive(Default)]
struct Refusal {
    code: i16,
    message: Option<String>,
    record_errors: Vec<(i32, String)>,
    /// Whether the log refused: Kafka tells where it starts then, and not where it refuses before.
    by_log: bool,
    /// Where the log starts, filled in for what it refused.
    log_start_offset: Option<Offset>,
}

impl Refusal {
    fn code(code: Code) -> Refusal {
        Refusal { code: code.code(), ..Refusal::default() }
    }

    fn of(rejection: &Rejection) -> Refusal {
        let errors: &[RecordError] = match rejection {
            Rejection::InvalidRecords(errors) | Rejection::InvalidTimestamps(errors) => errors,
            _ => &[],
        };
        Refusal {
            code: error::rejection_code(rejection),
            message: Some(rejection.to_string()),
            record_errors: errors.iter().map(|e| (e.index, e.cause.to_string())).collect(),
            by_log: error::is_refused_by_log(rejection),
            log_start_offset: None,
        }
    }

    fn at(self, partition: &Partition) -> Refusal {
        let log_start_offset = self.by_log.then(|| partition.log_start_offset());
        Refusal { log_start_offset, ..self }
    }
}

async fn stage_topic(
    cx: &Cx,
    acks: i16,
    transaction: &Transaction,
    seen: &mut Seen,
    topic: TopicProduceData,
) -> StagedTopic {
    let mut partitions = Vec::with_capacity(topic.partition_data.len());
    for data in topic.partition_data {
        let bytes = data.records.as_ref().map_or(0, Bytes::len);
        let found = topics::resolve(cx, topic.topic_id, &topic.name.0, data.index);
        let state = match found {
            Err(code) => Staged::Refused(Refusal { code, ..Refusal::default() }),
            // Named twice in one request: one answer and one append, as Kafka has it.
            Ok(partition) if !seen.insert(partition.id) => continue,
            Ok(partition) => match stage(cx, acks, transaction, &partition, data.records).await {
                Ok((result, log_append_time)) => {
                    Staged::Waiting { partition, result, log_append_time }
                }
                Err(refusal) => Staged::Refused(refusal.at(&partition)),
            },
        };
        if matches!(state, Staged::Refused(_)) {
            cx.broker.metrics.bytes_rejected.inc_by(bytes as u64);
        }
        partitions.push(StagedPartition { index: data.index, state });
    }
    StagedTopic { name: topic.name, id: topic.topic_id, partitions }
}

async fn stage(
    cx: &Cx,
    acks: i16,
    transaction: &Transaction,
    partition: &Arc<Partition>,
    records: Option<Bytes>,
) -> Result<(oneshot::Receiver<AppendResult>, TimestampMs), Refusal> {
    if !(-1..=1).contains(&acks) {
        return Err(Refusal::code(Code::InvalidRequiredAcks));
    }
    if topics::is_internal(&partition.topic) && &*cx.client_id != ADMIN_CLIENT {
        return Err(Refusal::code(Code::InvalidTopicException));
    }
    let records = records.ok_or_else(|| Refusal::code(Code::InvalidRequest))?;
    let transactional =
        BatchHeader::parse(&records).is_ok_and(|header| header.is_transactional());
    if transactional {
        let code = transaction.code_of_transactional_batch();
        return Err(Refusal { code, ..Refusal::default() });
    }
    let now = cx.broker.clock.now();
    let (prepared, log_append_time) = prepare_aside(cx, partition, records, now).await?;
    let result = cx.connection.drain.stage(Arc::clone(partition), prepared, acks == -1);
    Ok((result, log_append_time))
}

/// Prepares a batch, off the network thread if that takes long: what is compressed and large, or
/// turns out to be.
async fn prepare_aside(
    cx: &Cx,
    partition: &Partition,
    records: Bytes,
    now: TimestampMs,
) -> Result<(Prepared, TimestampMs), Refusal> {
    let (rules, config) = (rules(cx, partition), partition.config());
    let compressed = BatchHeader::parse(&records).is_ok_and(|h| h.attributes & 7 != 0);
    let decompresses = (compressed && !rules.header_only) || rules.compression.is_some();
    if !decompresses {
        return prepare(&records, &rules, &config, now);
    }
    if records.len() <= INLINE_BYTES_MAX {
        let decompressed_max = rules.decompressed_max.min(INLINE_DECOMPRESSED_MAX);
        let inline = Rules { decompressed_max, ..rules };
        match prepare(&records, &inline, &config, now) {
            Err(refusal) if refusal.code == Code::MessageTooLarge.code() && inline != rules => {}
            judged => return judged,
        }
    }
    // Earlier batches of this connection must not wait for a decompression.
    cx.connection.drain.commit(now);
    let task = tokio::task::spawn_blocking(move || prepare(&records, &rules, &config, now));
    task.await.unwrap_or_else(|_| Err(Refusal::code(Code::UnknownServerError)))
}

fn rules(cx: &Cx, partition: &Partition) -> Rules {
    let config = partition.config();
    let node = &cx.broker.config;
    Rules {
        max_message_bytes: config.max_message_bytes as usize,
        segment_bytes: config.segment_bytes as usize,
        compacted: config.cleanup_compact,
        timestamp_type: topics::timestamp_type(&config),
        before_max_ms: config.message_timestamp_before_max_ms,
        after_max_ms: config.message_timestamp_after_max_ms,
        decompressed_max: node.log.decompression_bytes_max,
        zstd_allowed: cx.version >= 7,
        header_only: node.log.validation == Validation::Header,
        compression: topics::codec(&config),
    }
}

/// Judges the records and makes the batch that is stored.
fn prepare(
    records: &Bytes,
    rules: &Rules,
    config: &TopicConfig,
    now: TimestampMs,
) -> Result<(Prepared, TimestampMs), Refusal> {
    let validated = validate(records, rules, now).map_err(|rejection| Refusal::of(&rejection))?;
    let mut batch = records.slice(..validated.size);
    let mut header = validated.header;
    if let Some(rebuild) = validated.rebuild {
        let level = topics::compression_level(config, rebuild.codec);
        batch = recompress(&batch, rebuild, level, rules.decompressed_max)
            .map_err(|_| Refusal::code(Code::CorruptMessage))?;
        rules.check_size(batch.len()).map_err(|rejection| Refusal::of(&rejection))?;
        header = BatchHeader::parse(&batch).map_err(|_| Refusal::code(Code::CorruptMessage))?;
    }
    if let Some(patch) = validated.patch {
        let mut whole = batch.to_vec();
        patch.apply(&mut whole);
        batch = Bytes::from(whole);
        header = BatchHeader::parse(&batch).map_err(|_| Refusal::code(Code::CorruptMessage))?;
    }
    debug_assert!(batch.len() >= HEADER_SIZE);
    Ok((Prepared::new(header, batch), validated.log_append_time))
}

/// `acks=0`: nothing is answered. An error can only be told by closing the connection, and the
/// result of the append is known once the drain has committed, so refusals are told at once and
/// failures of the append later.
fn reply_without_acks(topics: Vec<StagedTopic>) -> Reply<ProduceResponse> {
    let mut results = Vec::new();
    for partition in topics.into_iter().flat_map(|topic| topic.partitions) {
        match partition.state {
            Staged::Refused(_) => return Reply::Close,
            Staged::Waiting { result, .. } => results.push(result),
        }
    }
    Reply::Unanswered(Box::pin(async move {
        for result in results {
            if !matches!(result.await, Ok(Ok(_))) {
                return false;
            }
        }
        true
    }))
}

impl StagedTopic {
    async fn answer(self, acks: i16, version: i16) -> TopicProduceResponse {
        let mut answers = Vec::with_capacity(self.partitions.len());
        for partition in self.partitions {
            let answer = partition.answer(acks, version).await;
            answers.push(answer);
        }
        let response = TopicProduceResponse::default().with_partition_responses(answers);
        if version >= 13 { response.with_topic_id(self.id) } else { response.with_name(self.name) }
    }
}

impl StagedPartition {
    async fn answer(self, acks: i16, version: i16) -> PartitionProduceResponse {
        let answer = PartitionProduceResponse::default().with_index(self.index);
        let (partition, result, log_append_time) = match self.state {
            Staged::Refused(refusal) => return shape_refusal(answer, refusal, version),
            Staged::Waiting { partition, result, log_append_time } => {
                (partition, result, log_append_time)
            }
        };
        let appended = match result.await {
            Ok(Ok(appended)) => appended,
            Ok(Err(failure)) => {
                if acks == -1 {
                    // What the batch was judged against may not be on disk yet. Whether it gets
                    // there changes nothing in the answer.
                    let _ = partition.durable(partition.high_watermark()).await;
                }
                let (code, by_log) = error::append_code(&failure);
                let message = error::storage_message(&failure);
                let refusal = Refusal { code, by_log, message, ..Refusal::default() };
                let refusal = refusal.at(&partition);
                return shape_refusal(answer, refusal, version);
            }
            Err(_) => return shape_refusal(answer, Refusal::code(Code::KafkaStorageError), version),
        };
        if (acks == -1 || partition.is_forced(appended.end_offset))
            && let Err(failure) = partition.durable(appended.end_offset).await
        {
            return shape_refusal(answer, storage_refusal(&failure), version);
        }
        // A duplicate is answered with the time of what it repeats, whoever set that time.
        answer
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.duplicate_of.unwrap_or(log_append_time))
            .with_log_start_offset(if version >= 5 { appended.log_start_offset } else { -1 })
    }
}

fn storage_refusal(failure: &StorageError) -> Refusal {
    Refusal { code: error::storage_code(failure), ..Refusal::default() }
}

fn shape_refusal(
    answer: PartitionProduceResponse,
    refusal: Refusal,
    version: i16,
) -> PartitionProduceResponse {
    let answer = answer
        .with_error_code(refusal.code)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(refusal.log_start_offset.filter(|_| version >= 5).unwrap_or(-1));
    if version < 8 {
        return answer;
    }
    let record_errors = refusal
        .record_errors
        .into_iter()
        .map(|(index, message)| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(index)
                .with_batch_index_error_message(Some(StrBytes::from_string(message)))
        })
        .collect();
    answer
        .with_record_errors(record_errors)
        .with_error_message(refusal.message.map(StrBytes::from_string))
}
