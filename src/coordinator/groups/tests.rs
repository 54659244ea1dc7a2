//! The coordinator on real files and a real RocksDB: what it answered survives its end, and the
//! offsets topic may go and come back. Rules of groups are tested with the kernel.

use bytes::Bytes;

use super::*;
use crate::clock::Manual;
use crate::config::Sources;
use crate::kernel::group::CommitPartition;
use crate::kernel::meta::command::TopicRef;
use crate::kernel::meta::record::RegisterBrokerRecord;
use crate::kernel::types::Offset;
use crate::storage::flusher::Flusher;
use crate::storage::metadata_log::{self, MetadataLog};
use crate::storage::partition::Durability;
use crate::storage::partitions::ToOpen;
use crate::storage::tests::place::{Open, Place};

impl GroupCoordinator {
    /// Brings the view up to date, for those who let nothing happen by itself.
    pub(crate) async fn step_view(&self) {
        self.shared.update_view().await;
    }

    /// Lets the deadlines that are over have their effects.
    pub(crate) fn step_deadlines(&self) {
        self.shared.tick();
    }

    /// A group as it is in memory, whether that is durable or not; `None` if it cannot be told.
    pub(crate) fn look_at(&self, group: &str) -> Option<Option<GroupDescription>> {
        let shard = self.shared.shard_of(group).ok()?;
        Some(shard.look(|groups| groups.describe(group)))
    }

    /// All that is kept in a partition, in words; `None` if it cannot be told.
    pub(crate) fn picture(&self, id: TopicIdPartition) -> Option<Vec<String>> {
        let shard = self.shared.shard(id).ok()?;
        Some(shard.look(picture))
    }
}

/// All that is kept in a partition, in words. A group that never had a generation and has no offset
/// left is nothing: no record tells of it.
fn picture(groups: &Groups) -> Vec<String> {
    let all = groups.list(&[], &[]).into_iter().filter_map(|listing| {
        let id = &listing.group_id;
        let (group, offsets) = (groups.describe(id)?, groups.fetch_offsets(id, None));
        let is_nothing = group.generation == 0 && group.members.is_empty() && offsets.is_empty();
        (!is_nothing).then(|| format!("{id}: {group:?} {offsets:?}"))
    });
    all.collect()
}

/// What the records of a log of groups come to.
pub(crate) fn fold(log: &[u8]) -> Vec<String> {
    let mut groups = Groups::new(Config::default());
    for (_, batch) in crate::kernel::batch::batches(log).filter_map(Result::ok) {
        for record in crate::kernel::records::read_records(batch, 1 << 20).filter_map(Result::ok) {
            let (Some(key), value) = (record.key, record.value) else { continue };
            groups.step(Now::default(), Event::Replay { key, value }, &mut Vec::new());
        }
    }
    picture(&groups)
}

/// What a coordinator of groups stands on.
struct Stand {
    partitions: Arc<Partitions>,
    control: Control,
    config: NodeConfig,
    // Ends before its folder goes.
    _flusher: Flusher,
    _place: Place,
}

async fn stand() -> Stand {
    let place = Place::empty();
    let config = NodeConfig::load(&Sources::default()).unwrap();
    let Open { partitions, flusher } = place.open();
    let partitions = Arc::new(partitions);
    let id = TopicIdPartition { topic_id: metadata_log::TOPIC_ID, partition: 0 };
    let defaults = config.broker_defaults.clone();
    let topic = crate::config::dynamic::TopicConfig::resolve(&defaults, &Default::default());
    let wanted = ToOpen { id, topic: Arc::from("m"), config: Arc::new(topic), leader_epoch: 1 };
    let folder = place.folder.join("meta");
    let (log, _) = partitions.open_alone(folder, &wanted, Durability::Fsync, 0).unwrap();
    let (log, image) = MetadataLog::open(log, partitions.indexes()).unwrap();
    let control = Control::new(Clock::System, &config, Arc::clone(&partitions), log, image);
    let broker = RegisterBrokerRecord { broker_id: 1, ..RegisterBrokerRecord::default() };
    control.execute(Command::RegisterBroker(broker)).await.unwrap();
    Stand { partitions, control, config, _flusher: flusher, _place: place }
}

impl Stand {
    async fn open(&self) -> GroupCoordinator {
        self.open_with(Clock::System).await
    }

    async fn open_with(&self, clock: Clock) -> GroupCoordinator {
        let (control, partitions) = (self.control.clone(), Arc::clone(&self.partitions));
        let groups = GroupCoordinator::new(clock, control, partitions, &self.config);
        groups.open().await;
        groups
    }

    async fn delete_topic(&self, name: &str) {
        let command = Command::DeleteTopics(vec![TopicRef::Name(Arc::from(name))]);
        self.control.execute(command).await.unwrap();
    }

    async fn create_topic(&self, name: &str, id: u8) {
        let topic = NewTopic {
            name: Arc::from(name),
            id: Uuid([id; 16]),
            partition_count: 1,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        let defaults = Defaults { partition_count: 1, replication_factor: 1 };
        let topics = CreateTopics {
            topics: vec![topic],
            validate_only: false,
            defaults,
            partitions_max: 10,
        };
        self.control.execute(Command::CreateTopics(topics)).await.unwrap();
    }
}

/// A commit for one partition by nobody in particular.
pub(crate) fn commit_request(group: &str, topic: &str, offset: Offset) -> CommitRequest {
    CommitRequest {
        group_id: group.into(),
        member_id: "".into(),
        group_instance_id: None,
        generation: -1,
        retention_ms: None,
        offsets: vec![CommitPartition {
            topic: topic.into(),
            topic_id: Uuid::ZERO,
            partition: 0,
            offset,
            leader_epoch: -1,
            metadata: "".into(),
        }],
    }
}

async fn committed(groups: &GroupCoordinator, group: &str, topic: &str) -> Offset {
    let topics = [(Arc::from(topic), vec![0])];
    groups.fetch(group, Some(&topics)).await.unwrap()[0].1[0].offset
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_in_the_middle_of_commits_loses_none_of_them() {
    let stand = stand().await;
    stand.create_topic("t", 3).await;
    let groups = stand.open().await;
    groups.create_topic(Uuid([9; 16])).await.unwrap();
    groups.close().await;
    for round in 0..15 {
        let groups = stand.open().await;
        let mut tasks = Vec::new();
        for task in 0..6 {
            let groups = groups.clone();
            tasks.push(tokio::spawn(async move {
                for step in 0..1000 {
                    // A group that is committed to once depends on that one commit.
                    let group = format!("g-{round}-{task}-{step}");
                    groups.commit(commit_request(&group, "t", 7)).await.unwrap();
                    if *groups.shared.closing.borrow() {
                        return step;
                    }
                }
                1000
            }));
        }
        tokio::time::sleep(Duration::from_millis(20 + round)).await;
        groups.close().await;
        let groups = stand.open().await;
        for (task, done) in tasks.into_iter().enumerate() {
            // The last one may have come after the end.
            for step in 0..done.await.unwrap() {
                let group = format!("g-{round}-{task}-{step}");
                assert_eq!(committed(&groups, &group, "t").await, 7, "{group}");
            }
        }
        groups.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_offsets_topic_takes_its_groups_along() {
    let stand = stand().await;
    stand.create_topic("t", 3).await;
    let groups = stand.open().await;
    groups.create_topic(Uuid([9; 16])).await.unwrap();
    groups.commit(commit_request("g", "t", 5)).await.unwrap();
    assert_eq!(groups.list(&[], &[]).await.len(), 1);

    stand.delete_topic(OFFSETS_TOPIC).await;
    groups.topics_deleted(&[Arc::from(OFFSETS_TOPIC)]).await;
    assert!(groups.list(&[], &[]).await.is_empty());
    assert_eq!(groups.describe("g").await, Err(Error::NotCoordinator));

    groups.create_topic(Uuid([10; 16])).await.unwrap();
    assert_eq!(committed(&groups, "g", "t").await, -1);
    groups.commit(commit_request("g", "t", 6)).await.unwrap();
    assert_eq!(groups.list(&[], &[]).await.len(), 1);
    groups.close().await;
    let mut left = 0;
    stand.partitions.rocks().scan(&[3], |key, _| left += usize::from(key.starts_with(&[3, 9])));
    assert_eq!(left, 0, "the view of the deleted topic is gone");
    let groups = stand.open().await;
    assert_eq!(committed(&groups, "g", "t").await, 6);
    groups.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_a_topic_that_went_before_a_crash_do_not_come_back() {
    let stand = stand().await;
    stand.create_topic("t", 3).await;
    stand.create_topic("kept", 4).await;
    let groups = stand.open().await;
    groups.create_topic(Uuid([9; 16])).await.unwrap();
    groups.commit(commit_request("g", "t", 5)).await.unwrap();
    groups.commit(commit_request("g", "kept", 5)).await.unwrap();
    stand.delete_topic("t").await;
    // The groups were never told.
    groups.close().await;
    let groups = stand.open().await;
    assert_eq!(committed(&groups, "g", "t").await, -1);
    assert_eq!(committed(&groups, "g", "kept").await, 5);
    groups.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_set_forward_ends_no_session() {
    let stand = stand().await;
    let clock = Arc::new(Manual::at(1_000_000));
    let groups = stand.open_with(Clock::Manual(Arc::clone(&clock))).await;
    groups.create_topic(Uuid([9; 16])).await.unwrap();
    let request = JoinRequest {
        group_id: "g".into(),
        member_id: "".into(),
        group_instance_id: None,
        client_id: "".into(),
        client_host: "".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))],
        new_member_id: "m".into(),
        require_known_member_id: false,
        supports_skip_assignment: false,
    };
    let joined = groups.join(request);
    clock.advance(3_000);
    groups.shared.tick();
    assert_eq!(joined.await.unwrap().generation, 1);
    let members = async || groups.describe("g").await.unwrap().unwrap().members.len();
    clock.set_date_forward(24 * 3_600_000);
    groups.shared.tick();
    assert_eq!(members().await, 1);
    clock.advance(10_000);
    groups.shared.tick();
    assert_eq!(members().await, 0);
    groups.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_cannot_be_read_is_read_again_only_at_the_next_start() {
    let stand = stand().await;
    stand.create_topic("t", 3).await;
    let groups = stand.open().await;
    groups.create_topic(Uuid([9; 16])).await.unwrap();
    groups.commit(commit_request("g", "t", 5)).await.unwrap();
    groups.close().await;
    let id = TopicIdPartition { topic_id: Uuid([9; 16]), partition: partition_of("g", 50) };
    let mut changes = Changes::default();
    shard::delete_view(id, &mut changes);
    stand.partitions.rocks().commit(changes);
    let folder = stand.partitions.get(&id).unwrap().folder.clone();
    let segment = folder.join("00000000000000000000.log");
    let whole = std::fs::read(&segment).unwrap();
    let mut broken = whole.clone();
    broken[70] ^= 1;
    std::fs::write(&segment, broken).unwrap();
    let groups = stand.open().await;
    assert_eq!(groups.describe("g").await, Err(Error::NotCoordinator));
    assert!(!groups.is_coordinator_of("g"));
    std::fs::write(&segment, whole).unwrap();
    assert_eq!(groups.describe("g").await, Err(Error::NotCoordinator));
    groups.close().await;
    let partition = stand.partitions.get(&id).unwrap();
    stand.partitions.open(id, &partition.topic, partition.config(), 0, 0).unwrap();
    let groups = stand.open().await;
    assert_eq!(committed(&groups, "g", "t").await, 5);
    groups.close().await;
}

#[test]
fn groups_go_where_kafka_puts_them() {
    // Java: "".hashCode() = 0, "test".hashCode() = 3556498, "connect-cluster" negative,
    // "polygenelubricants".hashCode() = Integer.MIN_VALUE.
    assert_eq!(partition_of("", 50), 0);
    assert_eq!(partition_of("test", 50), 3_556_498 % 50);
    assert_eq!(partition_of("polygenelubricants", 50), 0);
    assert_eq!(partition_of("f\u{fc}r", 50), ((102 * 31 + 252) * 31 + 114) % 50);
    assert!((0..50).contains(&partition_of("connect-cluster", 50)));
}
