//! ApiVersions (KIP-35, KIP-511, KIP-584): which APIs, versions and features there are. Derived
//! from the API table, so it cannot name what is not served.
//!
//! Version notes: 3+ carry the client's software name and version, which must match a pattern;
//! 0–3 leave out features whose lowest version is 0, because older parsers fail on them.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::{Api, Cx, Reply, TABLE};

/// The API.
pub struct ApiVersions;

impl Api for ApiVersions {
    type Request = ApiVersionsRequest;
    type Response = ApiVersionsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const NAME: &'static str = "ApiVersions";

    async fn handle(cx: Cx, request: ApiVersionsRequest) -> Reply<ApiVersionsResponse> {
        if cx.version >= 3
            && !(is_software_name(&request.client_software_name)
                && is_software_name(&request.client_software_version))
        {
            return Reply::Now(
                ApiVersionsResponse::default()
                    .with_error_code(ResponseError::InvalidRequest.code()),
            );
        }
        Reply::Now(ApiVersionsResponse::default().with_api_keys(rows()))
    }
}

fn rows() -> Vec<ApiVersion> {
    TABLE
        .iter()
        .map(|entry| {
            ApiVersion::default()
                .with_api_key(entry.key)
                .with_min_version(entry.advertised.0)
                .with_max_version(entry.advertised.1)
        })
        .collect()
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
