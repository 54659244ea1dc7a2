//! ApiVersions (KIP-35, KIP-511, KIP-584): which APIs, versions and features there are. Derived
//! from the API table, so it cannot name what is not served.
//!
//! Version notes: 3+ carry the client's software name and version, which must match a pattern;
//! 0–3 leave out features whose lowest version is 0, because older parsers fail on them; 5+ may say
//! which broker of which cluster the client believes it talks to, and is sent back to its bootstrap
//! servers if that is another one (KIP-1242).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;

use super::{Api, Cx, Entry, Reply, TABLE};
use crate::wire::messages::api_versions_response::ApiVersion;
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};

/// Stands for "the client does not know which broker this is".
const NO_NODE: i32 = -1;

/// The API.
pub struct ApiVersions;

impl Api for ApiVersions {
    type Request = ApiVersionsRequest;
    type Response = ApiVersionsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const NAME: &'static str = "ApiVersions";

    async fn handle(cx: Cx, request: ApiVersionsRequest) -> Reply<ApiVersionsResponse> {
        let is_named = is_software_name(&request.client_software_name)
            && is_software_name(&request.client_software_version);
        if cx.version >= 3 && !is_named {
            return refuse(Code::InvalidRequest);
        }
        match (request.cluster_id, request.node_id) {
            (None, NO_NODE) => {}
            (None, _) | (Some(_), NO_NODE) => return refuse(Code::InvalidRequest),
            (Some(cluster_id), node_id) => {
                let broker = &cx.broker;
                if *cluster_id != *broker.cluster_id || node_id != broker.config.node_id {
                    return refuse(Code::RebootstrapRequired);
                }
            }
        }
        if cx.version >= 3 {
            let (name, version) = (&request.client_software_name, &request.client_software_version);
            cx.connection.client.identify(name, version);
        }
        Reply::Now(ApiVersionsResponse { api_keys: rows(), ..ApiVersionsResponse::default() })
    }
}

fn refuse(code: Code) -> Reply<ApiVersionsResponse> {
    let error_code = code.code();
    Reply::Now(ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() })
}

fn rows() -> Vec<ApiVersion> {
    let row = |entry: &Entry| ApiVersion {
        api_key: entry.key,
        min_version: entry.advertised.0,
        max_version: entry.advertised.1,
    };
    TABLE.iter().map(row).collect()
}

/// Letters, digits, `-` and `.`, beginning and ending with a letter or digit (KIP-511).
fn is_software_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_names() {
        for good in ["a", "apache-kafka-java", "4.3.1", "1.2-rc.1"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "ä", "."] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
