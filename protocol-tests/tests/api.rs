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
#[path = "api/fetch.rs"]
mod fetch;
#[path = "api/fetch_sessions.rs"]
mod fetch_sessions;
#[path = "api/list_offsets.rs"]
mod list_offsets;
#[path = "api/metadata.rs"]
mod metadata;
#[path = "api/produce.rs"]
mod produce;
