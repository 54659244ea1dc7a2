//! Every API at the wire against the felice binary: each served version, the error codes and the
//! order of checks. One module per file of `src/api`, and some for what several of them share.

#[path = "api/config_requests.rs"]
mod config_requests;
#[path = "api/group_requests.rs"]
mod group_requests;
#[path = "api/requests.rs"]
mod requests;
#[path = "api/telemetry_requests.rs"]
mod telemetry_requests;

#[path = "api/alter_client_quotas.rs"]
mod alter_client_quotas;
#[path = "api/alter_configs.rs"]
mod alter_configs;
#[path = "api/alter_partition_reassignments.rs"]
mod alter_partition_reassignments;
#[path = "api/alter_replica_log_dirs.rs"]
mod alter_replica_log_dirs;
#[path = "api/api_versions.rs"]
mod api_versions;
#[path = "api/compaction.rs"]
mod compaction;
#[path = "api/create_partitions.rs"]
mod create_partitions;
#[path = "api/create_topics.rs"]
mod create_topics;
#[path = "api/delete_groups.rs"]
mod delete_groups;
#[path = "api/delete_records.rs"]
mod delete_records;
#[path = "api/delete_topics.rs"]
mod delete_topics;
#[path = "api/describe_client_quotas.rs"]
mod describe_client_quotas;
#[path = "api/describe_cluster.rs"]
mod describe_cluster;
#[path = "api/describe_configs.rs"]
mod describe_configs;
#[path = "api/describe_groups.rs"]
mod describe_groups;
#[path = "api/describe_log_dirs.rs"]
mod describe_log_dirs;
#[path = "api/describe_producers.rs"]
mod describe_producers;
#[path = "api/describe_quorum.rs"]
mod describe_quorum;
#[path = "api/describe_topic_partitions.rs"]
mod describe_topic_partitions;
#[path = "api/disk_full.rs"]
mod disk_full;
#[path = "api/durability.rs"]
mod durability;
#[path = "api/elect_leaders.rs"]
mod elect_leaders;
#[path = "api/fetch.rs"]
mod fetch;
#[path = "api/fetch_sessions.rs"]
mod fetch_sessions;
#[path = "files/mod.rs"]
mod files;
#[path = "api/find_coordinator.rs"]
mod find_coordinator;
#[path = "api/get_telemetry_subscriptions.rs"]
mod get_telemetry_subscriptions;
#[path = "api/heartbeat.rs"]
mod heartbeat;
#[path = "api/idempotence.rs"]
mod idempotence;
#[path = "api/incremental_alter_configs.rs"]
mod incremental_alter_configs;
#[path = "api/init_producer_id.rs"]
mod init_producer_id;
#[path = "api/join_group.rs"]
mod join_group;
#[path = "api/leave_group.rs"]
mod leave_group;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/list_config_resources.rs"]
mod list_config_resources;
#[path = "api/list_groups.rs"]
mod list_groups;
#[path = "api/list_offsets.rs"]
mod list_offsets;
#[path = "api/list_partition_reassignments.rs"]
mod list_partition_reassignments;
#[path = "api/metadata.rs"]
mod metadata;
#[path = "api/offset_commit.rs"]
mod offset_commit;
#[path = "api/offset_delete.rs"]
mod offset_delete;
#[path = "api/offset_fetch.rs"]
mod offset_fetch;
#[path = "api/offset_for_leader_epoch.rs"]
mod offset_for_leader_epoch;
#[path = "api/pipelining.rs"]
mod pipelining;
#[path = "api/produce.rs"]
mod produce;
#[path = "api/push_telemetry.rs"]
mod push_telemetry;
#[path = "api/quotas.rs"]
mod quotas;
#[path = "api/recovery.rs"]
mod recovery;
#[path = "api/segment_files.rs"]
mod segment_files;
#[path = "api/sync_group.rs"]
mod sync_group;
#[path = "api/topic_settings.rs"]
mod topic_settings;
#[path = "api/unregister_broker.rs"]
mod unregister_broker;
#[path = "api/update_features.rs"]
mod update_features;
