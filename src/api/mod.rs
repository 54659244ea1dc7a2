//! The API layer: what every handler is given, what it answers, and the one table that the
//! dispatcher, ApiVersions, metric labels and the tests derive from. Rules live in the kernel and
//! state in the coordinators and storage; a handler only translates.

pub mod client;
pub mod codes;
pub mod configs;
pub mod error;
pub mod groups;
pub mod throttle;
pub mod topics;

use std::future::Future;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message, Request};

use self::client::Client;
use self::codes::ErrorCodes;
use crate::broker::Broker;
use crate::storage::append::Drain;
use crate::wire::chunk::{Errors, Frame};

/// A boxed future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a handler knows besides its request. Cheap to clone.
#[derive(Clone)]
pub struct Cx {
    /// The parts of the broker.
    pub broker: Arc<Broker>,
    /// The connection the request came in on.
    pub connection: Arc<Connection>,
    /// Version of the request; for `read` and `shape` only.
    pub version: i16,
    /// Bytes of the request with its header.
    pub request_bytes: usize,
    /// The client's own name for itself, empty when it gave none.
    pub client_id: Arc<str>,
}

/// Facts of a connection; but for what its client tells they stay while it lives.
pub struct Connection {
    /// Number of this connection since start; fetch sessions and logs name it.
    pub id: u64,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Address the client connected to.
    pub local: SocketAddr,
    /// Position of the listener in the configuration.
    pub listener: usize,
    /// Who the client is, as far as quotas are concerned.
    pub user: Arc<str>,
    /// Until when no request is read, in elapsed milliseconds; 0 if it was never muted.
    pub muted_until: AtomicI64,
    /// Nanoseconds of a core spent on this connection and not yet counted against a quota.
    pub spent_nanos: AtomicU64,
    /// Who the client says it is.
    pub client: Client,
    /// Batches staged by the requests that arrived together, appended in one write.
    pub drain: Drain,
}

/// What a handler answers.
pub enum Reply<T> {
    /// The answer is known.
    Now(T),
    /// The order of the request's effects is fixed; the answer follows, for example once durable.
    Later(BoxFuture<Option<T>>),
    /// The client expects no answer (`acks=0`); `false` closes the connection.
    Unanswered(BoxFuture<bool>),
    /// The connection must be closed.
    Close,
}

/// One Kafka API. Each lives in a file of its own and is named once in the table below.
pub trait Api {
    /// Request message of the codec crate.
    type Request: Request + Send;
    /// The answer: the codec crate's response, or our own encoder.
    type Response: Respond + ErrorCodes + Send + 'static;
    /// Versions that are served.
    const VERSIONS: RangeInclusive<i16>;
    /// Lowest version that ApiVersions names. Only Produce names versions it does not serve.
    const ADVERTISED_MIN: i16 = *Self::VERSIONS.start();
    /// Metric label and log name.
    const NAME: &'static str;

    /// Handles one request. When the future is done the order of its effects is fixed.
    fn handle(cx: Cx, request: Self::Request)
    -> impl Future<Output = Reply<Self::Response>> + Send;
}

/// Turns an answer into bytes on the wire.
pub trait Respond {
    /// Appends the encoded body. Fails only if the answer cannot be expressed in this version.
    fn respond(self, version: i16, frame: &mut Frame) -> Result<(), EncodeError>;
}

/// An answer that the version asked for cannot carry: our own bug, the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("answer does not fit version: {0}")]
pub struct EncodeError(pub String);

impl<T: Encodable> Respond for T {
    fn respond(self, version: i16, frame: &mut Frame) -> Result<(), EncodeError> {
        self.encode(frame.tail(), version).map_err(|error| EncodeError(error.to_string()))
    }
}

/// An answer ready to be written, or the reason there is none.
pub enum Outcome {
    /// Encoded answer.
    Now(Frame),
    /// Encoded answer that follows; `None` closes the connection.
    Later(BoxFuture<Option<Frame>>),
    /// No answer is expected; `false` closes the connection.
    Unanswered(BoxFuture<bool>),
    /// Close the connection.
    Close,
}

type Run = fn(Cx, i32, Bytes) -> BoxFuture<Outcome>;

/// A row of the API table.
pub struct Entry {
    /// API key.
    pub key: i16,
    /// Name, as in Kafka's message definitions.
    pub name: &'static str,
    /// Lowest and highest version served.
    pub served: (i16, i16),
    /// Lowest and highest version named by ApiVersions.
    pub advertised: (i16, i16),
    /// Decodes, handles and encodes one request.
    pub run: Run,
}

impl Entry {
    const fn of<A: Api>() -> Entry
    where
        A::Request: 'static,
    {
        let decodable = <A::Request as Message>::VERSIONS;
        let served = (*A::VERSIONS.start(), *A::VERSIONS.end());
        assert!(served.0 >= decodable.min, "serves a version that the codec cannot decode");
        assert!(served.1 <= decodable.max, "serves a version that the codec cannot decode");
        Entry {
            key: <A::Request as Request>::KEY,
            name: A::NAME,
            served,
            advertised: (A::ADVERTISED_MIN, served.1),
            run: run::<A>,
        }
    }
}

fn run<A: Api>(cx: Cx, correlation_id: i32, body: Bytes) -> BoxFuture<Outcome>
where
    A::Request: 'static,
{
    Box::pin(async move {
        let version = cx.version;
        let counted = cx.counted_request();
        let mut body = body;
        let request = match A::Request::decode(&mut body, version) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(api = A::NAME, version, %error, "request cannot be decoded");
                return Outcome::Close;
            }
        };
        match A::handle(cx, request).await {
            Reply::Now(response) => match encode::<A>(correlation_id, version, response, counted) {
                Some(frame) => Outcome::Now(frame),
                None => Outcome::Close,
            },
            Reply::Later(response) => Outcome::Later(Box::pin(async move {
                encode::<A>(correlation_id, version, response.await?, counted)
            })),
            Reply::Unanswered(accepted) => Outcome::Unanswered(accepted),
            Reply::Close => Outcome::Close,
        }
    })
}

fn encode<A: Api>(
    correlation_id: i32,
    version: i16,
    response: A::Response,
    counted: Option<Box<Cx>>,
) -> Option<Frame> {
    // The answer to ApiVersions has header version 0 always, so that any client can read it.
    let is_api_versions = <A::Request as Request>::KEY == API_VERSIONS_KEY;
    let flexible = !is_api_versions && A::Request::header_version(version) >= 2;
    let mut frame = Frame::begin(correlation_id, flexible);
    let mut errors = Errors::default();
    response.error_codes(&mut errors);
    if !errors.is_empty() {
        frame.errors = Some(Box::new(errors));
    }
    if let Err(error) = response.respond(version, &mut frame) {
        tracing::error!(api = A::NAME, version, %error, "answer cannot be encoded");
        return None;
    }
    if let Some(cx) = counted {
        cx.throttle_request(<A::Request as Request>::KEY, &mut frame);
    }
    frame.finish();
    Some(frame)
}

/// Key of ApiVersions, which has rules of its own in the dispatcher.
pub const API_VERSIONS_KEY: i16 = 18;
/// Key of Produce: its appends are gathered over the requests that arrived together.
pub const PRODUCE_KEY: i16 = 0;
/// Key of Fetch.
pub const FETCH_KEY: i16 = 1;

macro_rules! apis {
    ($($module:ident :: $api:ident),* $(,)?) => {
        $(pub mod $module;)*
        /// Every API that is served, in order of key.
        pub static TABLE: &[Entry] = &[$(Entry::of::<$module::$api>()),*];
    };
}

apis! {
    produce::Produce,
    fetch::Fetch,
    list_offsets::ListOffsets,
    metadata::Metadata,
    offset_commit::OffsetCommit,
    offset_fetch::OffsetFetch,
    find_coordinator::FindCoordinator,
    join_group::JoinGroup,
    heartbeat::Heartbeat,
    leave_group::LeaveGroup,
    sync_group::SyncGroup,
    describe_groups::DescribeGroups,
    list_groups::ListGroups,
    api_versions::ApiVersions,
    create_topics::CreateTopics,
    delete_topics::DeleteTopics,
    delete_records::DeleteRecords,
    init_producer_id::InitProducerId,
    offset_for_leader_epoch::OffsetForLeaderEpoch,
    describe_configs::DescribeConfigs,
    alter_configs::AlterConfigs,
    alter_replica_log_dirs::AlterReplicaLogDirs,
    describe_log_dirs::DescribeLogDirs,
    create_partitions::CreatePartitions,
    delete_groups::DeleteGroups,
    elect_leaders::ElectLeaders,
    incremental_alter_configs::IncrementalAlterConfigs,
    alter_partition_reassignments::AlterPartitionReassignments,
    list_partition_reassignments::ListPartitionReassignments,
    offset_delete::OffsetDelete,
    describe_client_quotas::DescribeClientQuotas,
    alter_client_quotas::AlterClientQuotas,
    describe_quorum::DescribeQuorum,
    update_features::UpdateFeatures,
    describe_cluster::DescribeCluster,
    describe_producers::DescribeProducers,
    get_telemetry_subscriptions::GetTelemetrySubscriptions,
    push_telemetry::PushTelemetry,
    list_config_resources::ListConfigResources,
    unregister_broker::UnregisterBroker,
    describe_topic_partitions::DescribeTopicPartitions,
}

/// Keys and names of all APIs.
pub fn names() -> impl Iterator<Item = (i16, &'static str)> {
    TABLE.iter().map(|entry| (entry.key, entry.name))
}

/// Finds the row of an API key.
pub fn lookup(key: i16) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.key == key)
}

/// The answer to an ApiVersions request whose version is unknown: a version 0 body with
/// UNSUPPORTED_VERSION and the range of ApiVersions itself (KIP-511).
pub fn api_versions_fallback(correlation_id: i32) -> Frame {
    let mut frame = Frame::begin(correlation_id, false);
    let entry = lookup(API_VERSIONS_KEY).expect("ApiVersions is always in the table");
    let tail: &mut BytesMut = frame.tail();
    tail.put_i16(kafka_protocol::ResponseError::UnsupportedVersion.code());
    tail.put_i32(1);
    tail.put_i16(entry.key);
    tail.put_i16(entry.advertised.0);
    tail.put_i16(entry.advertised.1);
    frame.finish();
    frame
}
