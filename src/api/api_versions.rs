//! ApiVersions (KIP-35, KIP-511, KIP-584): which APIs, versions and features there are. Derived
//! from the API table, so it cannot name what is not served.
//!
//! Version notes: 3+ carry the client's software name and version, which must match a pattern;
//! 0–3 leave out features whose lowest version is 0, because older parsers fail on them; 5+ may say
//! which broker of which cluster the client believes it talks to, and is sent back to its bootstrap
//! servers if that is another one (KIP-1242).

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Entry, Reply, TABLE};
use crate::kernel::meta::features::{SUPPORTED, Supported};
use crate::wire::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
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
        Reply::Now(describe(&cx))
    }
}

fn describe(cx: &Cx) -> ApiVersionsResponse {
    let image = cx.broker.control.image();
    let can_tell = |supported: &&Supported| cx.version >= 4 || supported.min > 0;
    let supported = |supported: &Supported| SupportedFeatureKey {
        name: StrBytes::from_static_str(supported.name),
        min_version: supported.min,
        max_version: supported.max,
    };
    let finalized = |(name, level): (&Arc<str>, i16)| FinalizedFeatureKey {
        name: StrBytes::from_string(name.to_string()),
        max_version_level: level,
        min_version_level: level,
    };
    ApiVersionsResponse {
        api_keys: rows(),
        supported_features: SUPPORTED.iter().filter(can_tell).map(supported).collect(),
        finalized_features_epoch: image.revision,
        finalized_features: image.features().map(finalized).collect(),
        ..ApiVersionsResponse::default()
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
