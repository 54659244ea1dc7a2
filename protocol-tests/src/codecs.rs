//! Every request type of the codec, the crate's or our own, as a table that tests can sweep over.
//!
//! It holds nothing of the broker; which of these requests are served is the API table's business.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Message, Request};

use crate::wire::messages::{
    ApiVersionsRequest, DeleteGroupsRequest, DescribeLogDirsRequest, ListOffsetsRequest,
    OffsetCommitRequest, OffsetFetchRequest,
};

/// A request type of the codec.
pub struct Codec {
    /// API key.
    pub key: i16,
    /// Lowest version it decodes.
    pub min: i16,
    /// Highest version it decodes.
    pub max: i16,
    /// Decodes a body in a version; the bytes it leaves behind the body, or its error.
    pub decode: fn(Bytes, i16) -> Result<usize, String>,
}

fn decode<R: Decodable>(body: Bytes, version: i16) -> Result<usize, String> {
    let mut body = body;
    R::decode(&mut body, version).map(|_| body.remaining()).map_err(|error| error.to_string())
}

macro_rules! codecs {
    ($($request:ident)*) => {
        /// Every request type, in order of name.
        pub const CODECS: &[Codec] = &[$(Codec {
            key: <$request as Request>::KEY,
            min: <$request as Message>::VERSIONS.min,
            max: <$request as Message>::VERSIONS.max,
            decode: decode::<$request>,
        }),*];
    };
}

codecs! {
    AddOffsetsToTxnRequest AddPartitionsToTxnRequest AddRaftVoterRequest
    AllocateProducerIdsRequest AlterClientQuotasRequest AlterConfigsRequest
    AlterPartitionReassignmentsRequest AlterPartitionRequest AlterReplicaLogDirsRequest
    AlterShareGroupOffsetsRequest AlterUserScramCredentialsRequest ApiVersionsRequest
    AssignReplicasToDirsRequest BeginQuorumEpochRequest BrokerHeartbeatRequest
    BrokerRegistrationRequest ConsumerGroupDescribeRequest ConsumerGroupHeartbeatRequest
    ControllerRegistrationRequest CreateAclsRequest CreateDelegationTokenRequest
    CreatePartitionsRequest CreateTopicsRequest DeleteAclsRequest DeleteGroupsRequest
    DeleteRecordsRequest DeleteShareGroupOffsetsRequest DeleteShareGroupStateRequest
    DeleteTopicsRequest DescribeAclsRequest DescribeClientQuotasRequest DescribeClusterRequest
    DescribeConfigsRequest DescribeDelegationTokenRequest DescribeGroupsRequest
    DescribeLogDirsRequest DescribeProducersRequest DescribeQuorumRequest
    DescribeShareGroupOffsetsRequest DescribeTopicPartitionsRequest DescribeTransactionsRequest
    DescribeUserScramCredentialsRequest ElectLeadersRequest EndQuorumEpochRequest EndTxnRequest
    EnvelopeRequest ExpireDelegationTokenRequest FetchRequest FetchSnapshotRequest
    FindCoordinatorRequest GetTelemetrySubscriptionsRequest HeartbeatRequest
    IncrementalAlterConfigsRequest InitProducerIdRequest InitializeShareGroupStateRequest
    JoinGroupRequest LeaveGroupRequest ListConfigResourcesRequest ListGroupsRequest
    ListOffsetsRequest ListPartitionReassignmentsRequest ListTransactionsRequest MetadataRequest
    OffsetCommitRequest OffsetDeleteRequest OffsetFetchRequest OffsetForLeaderEpochRequest
    ProduceRequest PushTelemetryRequest ReadShareGroupStateRequest
    ReadShareGroupStateSummaryRequest RemoveRaftVoterRequest RenewDelegationTokenRequest
    SaslAuthenticateRequest SaslHandshakeRequest ShareAcknowledgeRequest ShareFetchRequest
    ShareGroupDescribeRequest ShareGroupHeartbeatRequest SyncGroupRequest TxnOffsetCommitRequest
    UnregisterBrokerRequest UpdateFeaturesRequest UpdateRaftVoterRequest VoteRequest
    WriteShareGroupStateRequest WriteTxnMarkersRequest
}
