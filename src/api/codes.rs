//! Where the error codes of each answer are, so that the metrics can count them. One row for each
//! API; without it the API does not compile.

use kafka_protocol::messages::*;

use crate::wire::chunk::Errors;
use crate::wire::fetch::FetchResponse;
use crate::wire::messages::{
    ApiVersionsResponse, DeleteGroupsResponse, DescribeLogDirsResponse, ListOffsetsResponse,
    OffsetCommitResponse, OffsetFetchResponse,
};

/// An answer that can tell its error codes.
#[diagnostic::on_unimplemented(message = "`{Self}` needs a row in src/api/codes.rs")]
pub trait ErrorCodes {
    /// Adds all of them. What is called on the way of every Produce must not allocate.
    fn error_codes(&self, errors: &mut Errors);
}

macro_rules! rows {
    ($($response:ident: |$answer:ident, $errors:ident| $add:expr;)*) => {
        $(impl ErrorCodes for $response {
            fn error_codes(&self, $errors: &mut Errors) {
                let $answer = self;
                $add;
            }
        })*
    };
}

/// The code of each element.
macro_rules! each {
    ($list:expr) => {
        $list.iter().map(|one| one.error_code)
    };
    ($list:expr, $inner:ident) => {
        $list.iter().flat_map(|outer| &outer.$inner).map(|one| one.error_code)
    };
}

rows! {
    AlterClientQuotasResponse: |r, e| e.add_all(each!(r.entries));
    AlterConfigsResponse: |r, e| e.add_all(each!(r.responses));
    AlterPartitionReassignmentsResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.responses, partitions))
    };
    AlterReplicaLogDirsResponse: |r, e| e.add_all(each!(r.results, partitions));
    ApiVersionsResponse: |r, e| e.add(r.error_code);
    CreatePartitionsResponse: |r, e| e.add_all(each!(r.results));
    CreateTopicsResponse: |r, e| e.add_all(each!(r.topics));
    DeleteGroupsResponse: |r, e| e.add_all(each!(r.results));
    DeleteRecordsResponse: |r, e| e.add_all(each!(r.topics, partitions));
    DeleteTopicsResponse: |r, e| e.add_all(each!(r.responses));
    DescribeClientQuotasResponse: |r, e| e.add(r.error_code);
    DescribeClusterResponse: |r, e| e.add(r.error_code);
    DescribeConfigsResponse: |r, e| e.add_all(each!(r.results));
    DescribeGroupsResponse: |r, e| e.add_all(each!(r.groups));
    DescribeLogDirsResponse: |r, e| { e.add(r.error_code); e.add_all(each!(r.results)) };
    DescribeProducersResponse: |r, e| e.add_all(each!(r.topics, partitions));
    DescribeQuorumResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.topics, partitions))
    };
    DescribeTopicPartitionsResponse: |r, e| {
        e.add_all(each!(r.topics));
        e.add_all(each!(r.topics, partitions))
    };
    ElectLeadersResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.replica_election_results, partition_result))
    };
    FetchResponse: |r, e| { e.add(r.error_code); e.add_all(each!(r.topics, partitions)) };
    FindCoordinatorResponse: |r, e| { e.add(r.error_code); e.add_all(each!(r.coordinators)) };
    GetTelemetrySubscriptionsResponse: |r, e| e.add(r.error_code);
    HeartbeatResponse: |r, e| e.add(r.error_code);
    IncrementalAlterConfigsResponse: |r, e| e.add_all(each!(r.responses));
    InitProducerIdResponse: |r, e| e.add(r.error_code);
    JoinGroupResponse: |r, e| e.add(r.error_code);
    LeaveGroupResponse: |r, e| { e.add(r.error_code); e.add_all(each!(r.members)) };
    ListConfigResourcesResponse: |r, e| e.add(r.error_code);
    ListGroupsResponse: |r, e| e.add(r.error_code);
    ListPartitionReassignmentsResponse: |r, e| e.add(r.error_code);
    ListOffsetsResponse: |r, e| e.add_all(each!(r.topics, partitions));
    MetadataResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.topics));
        e.add_all(each!(r.topics, partitions))
    };
    OffsetCommitResponse: |r, e| e.add_all(each!(r.topics, partitions));
    OffsetDeleteResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.topics, partitions))
    };
    OffsetFetchResponse: |r, e| {
        e.add(r.error_code);
        e.add_all(each!(r.topics, partitions));
        e.add_all(each!(r.groups));
        let topics = r.groups.iter().flat_map(|group| &group.topics);
        e.add_all(topics.flat_map(|topic| &topic.partitions).map(|one| one.error_code))
    };
    OffsetForLeaderEpochResponse: |r, e| e.add_all(each!(r.topics, partitions));
    ProduceResponse: |r, e| e.add_all(each!(r.responses, partition_responses));
    PushTelemetryResponse: |r, e| e.add(r.error_code);
    SyncGroupResponse: |r, e| e.add(r.error_code);
    UnregisterBrokerResponse: |r, e| e.add(r.error_code);
    UpdateFeaturesResponse: |r, e| { e.add(r.error_code); e.add_all(each!(r.results)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::leave_group_response::MemberResponse;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponsePartition, MetadataResponseTopic,
    };

    fn codes(answer: &impl ErrorCodes) -> Vec<(i16, u32)> {
        let mut errors = Errors::default();
        answer.error_codes(&mut errors);
        errors.iter().collect()
    }

    #[test]
    fn every_level_of_an_answer_is_counted() {
        assert_eq!(codes(&HeartbeatResponse::default()), []);
        assert_eq!(codes(&HeartbeatResponse::default().with_error_code(-1)), [(-1, 1)]);
        let member = |code| MemberResponse::default().with_error_code(code);
        let left = LeaveGroupResponse::default().with_members(vec![member(25), member(0)]);
        assert_eq!(codes(&left.with_error_code(16)), [(16, 1), (25, 1)]);
        let partition = |code| MetadataResponsePartition::default().with_error_code(code);
        let partitions = vec![partition(5), partition(0), partition(5)];
        let topic = MetadataResponseTopic::default().with_error_code(3).with_partitions(partitions);
        let metadata = MetadataResponse::default().with_topics(vec![topic.clone(), topic]);
        assert_eq!(codes(&metadata), [(3, 2), (5, 4)]);
    }
}
