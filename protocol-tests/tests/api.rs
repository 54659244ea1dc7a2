//! Every API at the wire against the felice binary: each served version, the error codes and the
//! order of checks. One module per file of `src/api`, and some for what several of them share.

#[path = "api/requests.rs"]
mod requests;

#[path = "api/api_versions.rs"]
mod api_versions;
#[path = "api/create_topics.rs"]
mod create_topics;
#[path = "api/delete_topics.rs"]
mod delete_topics;
#[path = "api/describe_cluster.rs"]
mod describe_cluster;
#[path = "api/describe_configs.rs"]
mod describe_configs;
#[path = "api/describe_topic_partitions.rs"]
mod describe_topic_partitions;
#[path = "api/fetch.rs"]
mod fetch;
#[path = "api/fetch_sessions.rs"]
mod fetch_sessions;
#[path = "api/init_producer_id.rs"]
mod init_producer_id;
#[path = "api/list_offsets.rs"]
mod list_offsets;
#[path = "api/metadata.rs"]
mod metadata;
#[path = "api/offset_for_leader_epoch.rs"]
mod offset_for_leader_epoch;
#[path = "api/produce.rs"]
mod produce;
