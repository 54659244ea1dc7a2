//! The only place that turns typed errors of the kernel, storage and coordinators into Kafka's
//! error codes. Every map is exhaustive, so a new error does not compile until someone decides.

use std::sync::LazyLock;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::protocol::StrBytes;

use super::FETCH_KEY;
use crate::kernel::group;
use crate::kernel::meta;
use crate::kernel::session;
use crate::kernel::telemetry::instances as telemetry;
use crate::kernel::validate::Rejection;
use crate::storage::error::{AppendError, DeletionError, ReadError, StorageError};

/// Kafka's code for "no error".
pub const NONE: i16 = 0;

/// Longest text beside an error, in bytes: versions that are not flexible carry 32767.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// A text beside an error, cut where it repeats something long of the request's.
pub fn message(text: impl ToString) -> StrBytes {
    let mut text = text.to_string();
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    StrBytes::from_string(text)
}

/// Kafka's name of a code, `UNKNOWN_TOPIC_OR_PARTITION` for 3.
pub fn name(code: i16) -> &'static str {
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| (-1..=CODE_MAX).map(constant_case).collect());
    let name = usize::try_from(i32::from(code) + 1).ok().and_then(|index| NAMES.get(index));
    name.map_or("UNKNOWN", String::as_str)
}

/// Whether a code in an answer to Produce or Fetch says that the broker is at fault.
pub fn is_own_fault(api_key: i16, code: i16) -> bool {
    let own = [Code::KafkaStorageError.code(), Code::UnknownServerError.code()];
    own.contains(&code) || (api_key == FETCH_KEY && code == Code::CorruptMessage.code())
}

/// Largest code that is looked for a name.
const CODE_MAX: i16 = 200;

fn constant_case(code: i16) -> String {
    let Some(error) = Code::try_from_code(code) else {
        return if code == NONE { "NONE".to_owned() } else { "UNKNOWN".to_owned() };
    };
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Code of a failed read.
pub fn read_code(error: &ReadError) -> i16 {
    match error {
        ReadError::OffsetOutOfRange => Code::OffsetOutOfRange.code(),
        ReadError::Corrupt => Code::CorruptMessage.code(),
        ReadError::Storage(error) => storage_code(error),
    }
}

/// Code of a failed storage operation.
pub fn storage_code(error: &StorageError) -> i16 {
    match error {
        StorageError::Poisoned | StorageError::Full | StorageError::Io(_) => {
            Code::KafkaStorageError.code()
        }
        StorageError::Deleted => Code::UnknownTopicOrPartition.code(),
    }
}

/// What a client is told of an append that found no room, which code alone does not say.
pub fn storage_message(error: &AppendError) -> Option<String> {
    match error {
        AppendError::Storage(full @ StorageError::Full) => Some(full.to_string()),
        _ => None,
    }
}

/// Code of a refused deletion of records.
pub fn deletion_code(error: &DeletionError) -> i16 {
    match error {
        DeletionError::OffsetOutOfRange => Code::OffsetOutOfRange.code(),
        DeletionError::CompactedOnly => Code::PolicyViolation.code(),
        DeletionError::Storage(error) => storage_code(error),
    }
}

/// Code of a refused append, and whether its answer tells where the log starts, as Kafka's does
/// for what it does not expect of a producer.
pub fn append_code(error: &AppendError) -> (i16, bool) {
    match error {
        AppendError::OutOfOrderSequence => (Code::OutOfOrderSequenceNumber.code(), true),
        AppendError::InvalidProducerEpoch => (Code::InvalidProducerEpoch.code(), true),
        AppendError::RecordListTooLarge => (Code::RecordListTooLarge.code(), false),
        AppendError::Storage(error) => (storage_code(error), false),
    }
}

/// The same question for records that may not be appended.
pub fn is_refused_by_log(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::BaseOffset(_)
        | Rejection::RecordCount { .. }
        | Rejection::ControlBatch
        | Rejection::Sequence(_)
        | Rejection::Malformed(_)
        | Rejection::UnknownCodec
        | Rejection::Undecompressable
        | Rejection::InvalidRecords(_)
        | Rejection::InvalidTimestamps(_) => true,
        Rejection::NoBatch
        | Rejection::SeveralBatches
        | Rejection::OldMagic(_)
        | Rejection::Length(_)
        | Rejection::UnknownMagic(_)
        | Rejection::Crc
        | Rejection::ZstdTooOld
        | Rejection::TooLarge { .. }
        | Rejection::DecompressedTooLarge { .. }
        | Rejection::LargerThanSegment { .. } => false,
    }
}

/// Code of records that may not be appended.
pub fn rejection_code(rejection: &Rejection) -> i16 {
    match rejection {
        Rejection::NoBatch
        | Rejection::SeveralBatches
        | Rejection::OldMagic(_)
        | Rejection::BaseOffset(_)
        | Rejection::RecordCount { .. }
        | Rejection::ControlBatch
        | Rejection::Sequence(_)
        | Rejection::Malformed(_)
        | Rejection::InvalidRecords(_) => Code::InvalidRecord.code(),
        Rejection::Length(_)
        | Rejection::UnknownMagic(_)
        | Rejection::Crc
        | Rejection::UnknownCodec
        | Rejection::Undecompressable => Code::CorruptMessage.code(),
        Rejection::ZstdTooOld => Code::UnsupportedCompressionType.code(),
        Rejection::TooLarge { .. } | Rejection::DecompressedTooLarge { .. } => {
            Code::MessageTooLarge.code()
        }
        Rejection::InvalidTimestamps(_) => Code::InvalidTimestamp.code(),
        Rejection::LargerThanSegment { .. } => Code::RecordListTooLarge.code(),
    }
}

/// Code of a fetch session that cannot be used.
pub fn session_code(error: &session::Error) -> i16 {
    match error {
        session::Error::UnknownId => Code::FetchSessionIdNotFound.code(),
        session::Error::WrongEpoch => Code::InvalidFetchSessionEpoch.code(),
        session::Error::TopicIdMismatch => Code::FetchSessionTopicIdError.code(),
    }
}

/// Code of a request that the group coordinator refuses.
pub fn group_code(error: &group::Error) -> i16 {
    use group::Error;
    match error {
        Error::CoordinatorLoadInProgress => Code::CoordinatorLoadInProgress.code(),
        Error::CoordinatorNotAvailable => Code::CoordinatorNotAvailable.code(),
        Error::NotCoordinator => Code::NotCoordinator.code(),
        Error::InvalidGroupId => Code::InvalidGroupId.code(),
        Error::GroupIdNotFound => Code::GroupIdNotFound.code(),
        Error::InvalidSessionTimeout => Code::InvalidSessionTimeout.code(),
        Error::UnknownMemberId => Code::UnknownMemberId.code(),
        Error::MemberIdRequired => Code::MemberIdRequired.code(),
        Error::FencedInstanceId => Code::FencedInstanceId.code(),
        Error::IllegalGeneration => Code::IllegalGeneration.code(),
        Error::InconsistentGroupProtocol => Code::InconsistentGroupProtocol.code(),
        Error::RebalanceInProgress => Code::RebalanceInProgress.code(),
        // Clients retry "not available" for ever; a full coordinator is final.
        Error::GroupMaxSizeReached | Error::TooManyGroups => Code::GroupMaxSizeReached.code(),
        Error::OffsetMetadataTooLarge => Code::OffsetMetadataTooLarge.code(),
        Error::NonEmptyGroup => Code::NonEmptyGroup.code(),
        Error::GroupSubscribedToTopic => Code::GroupSubscribedToTopic.code(),
        Error::RecordTooLarge => Code::UnknownServerError.code(),
        Error::InvalidRequest => Code::InvalidRequest.code(),
    }
}

/// Code of refused telemetry.
pub fn telemetry_code(error: &telemetry::Error) -> i16 {
    use telemetry::Error;
    match error {
        Error::InvalidRequest => Code::InvalidRequest.code(),
        Error::TooSoon => Code::ThrottlingQuotaExceeded.code(),
        Error::UnknownSubscription => Code::UnknownSubscriptionId.code(),
        Error::UnsupportedCompression => Code::UnsupportedCompressionType.code(),
        Error::TooLarge => Code::TelemetryTooLarge.code(),
        Error::Malformed => Code::InvalidRecord.code(),
    }
}

/// Kafka's code of a refused change of the metadata.
pub fn meta_code(error: &meta::Error) -> i16 {
    let code = match error {
        meta::Error::UnknownTopic(_)
        | meta::Error::UnknownPartition(_)
        | meta::Error::UnknownPartitionOf(..) => Code::UnknownTopicOrPartition,
        meta::Error::UnknownTopicId(_) => Code::UnknownTopicId,
        meta::Error::TopicExists(_) => Code::TopicAlreadyExists,
        meta::Error::InvalidTopicName(_) => Code::InvalidTopicException,
        meta::Error::InvalidPartitions(_) => Code::InvalidPartitions,
        meta::Error::InvalidReplicationFactor(_) => Code::InvalidReplicationFactor,
        meta::Error::InvalidReplicaAssignment(_) => Code::InvalidReplicaAssignment,
        meta::Error::InvalidConfig(_) => Code::InvalidConfig,
        meta::Error::InvalidRequest(_) => Code::InvalidRequest,
        meta::Error::PolicyViolation(_) => Code::PolicyViolation,
        meta::Error::QuotaExceeded => Code::ThrottlingQuotaExceeded,
        meta::Error::UnknownBroker(_) => Code::BrokerIdNotRegistered,
        meta::Error::InvalidFeatureLevel(_) => Code::InvalidUpdateVersion,
        meta::Error::ElectionNotNeeded => Code::ElectionNotNeeded,
        meta::Error::PreferredLeaderNotAvailable => Code::PreferredLeaderNotAvailable,
        meta::Error::EligibleLeadersNotAvailable => Code::EligibleLeadersNotAvailable,
        meta::Error::NoReassignmentInProgress => Code::NoReassignmentInProgress,
        meta::Error::ProducerIdsExhausted => Code::UnknownServerError,
    };
    code.code()
}

#[cfg(test)]
mod tests {
    use super::{message, name};

    #[test]
    fn codes_have_kafkas_names() {
        let names = [-1, 0, 3, 17, 42, 56, 133, 999, i16::MAX, i16::MIN].map(name);
        assert_eq!(names[..2], ["UNKNOWN_SERVER_ERROR", "NONE"]);
        assert_eq!(
            names[2..5],
            ["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION", "INVALID_REQUEST"]
        );
        assert_eq!(names[5..7], ["KAFKA_STORAGE_ERROR", "SHARE_SESSION_LIMIT_REACHED"]);
        assert_eq!(names[7..], ["UNKNOWN"; 3]);
    }

    #[test]
    fn a_message_fits_every_version() {
        assert_eq!(&*message("short"), "short");
        let long = message("\u{fc}".repeat(40_000));
        assert!(long.len() <= 2_000 && long.chars().all(|c| c == '\u{fc}'));
    }
}
