//! Why the group kernel refuses a request. Kafka's codes for these live with the API handlers.

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The records of this coordinator are still being read.
    #[error("the coordinator is loading")]
    CoordinatorLoadInProgress,
    /// The coordinator was taken away from this broker.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// The coordinator was taken away while this request waited.
    #[error("this broker is not the coordinator")]
    NotCoordinator,
    /// The group ID is empty.
    #[error("the group ID is invalid")]
    InvalidGroupId,
    /// There is no such group.
    #[error("the group does not exist")]
    GroupIdNotFound,
    /// The session timeout lies outside the configured range.
    #[error("the session timeout is out of range")]
    InvalidSessionTimeout,
    /// There is no such member.
    #[error("the member is not known")]
    UnknownMemberId,
    /// KIP-394: join again with the member ID of this answer.
    #[error("a member ID is required")]
    MemberIdRequired,
    /// KIP-345: another member has taken over this instance ID.
    #[error("the instance ID is fenced")]
    FencedInstanceId,
    /// The generation is not the group's.
    #[error("the generation is wrong")]
    IllegalGeneration,
    /// The protocol type differs, or there is no protocol that all members support.
    #[error("the protocols do not fit the group")]
    InconsistentGroupProtocol,
    /// The group is between generations: join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The group has as many members as it may have.
    #[error("the group is full")]
    GroupMaxSizeReached,
    /// The coordinator has as many groups as it may have.
    #[error("the coordinator has too many groups")]
    TooManyGroups,
    /// The text beside a committed offset is too long.
    #[error("the offset metadata is too large")]
    OffsetMetadataTooLarge,
    /// The group still has members.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// The group reads the topic whose offsets should go.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// The group's record would not fit a batch.
    #[error("the group is too large to be stored")]
    RecordTooLarge,
    /// The request contradicts itself: a protocol twice, metadata that is no subscription, a text
    /// too long to be stored.
    #[error("the request is invalid")]
    InvalidRequest,
}
