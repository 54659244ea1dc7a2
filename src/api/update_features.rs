//! UpdateFeatures: sets the levels of features that are in force, all or none (KIP-584).
//!
//! Behaviour: the rules are the kernel's ([`crate::kernel::meta::features`]). Nothing is waited
//! for but the disk, so the timeout does not matter, as in Kafka.
//!
//! Version notes: 0 says whether a level may go down, 1+ the type of the upgrade, and may ask only
//! (KIP-778); 0–1 answer for each feature, 2+ for the whole.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::update_features_response::UpdatableFeatureResult;
use kafka_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};

use super::error::{message, meta_code, storage_code};
use super::{Api, Cx, Reply};
use crate::kernel::meta::features::{self, Direction, Wanted};
use crate::kernel::meta::{Command, Outcome};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// The API.
pub struct UpdateFeatures;

impl Api for UpdateFeatures {
    type Request = UpdateFeaturesRequest;
    type Response = UpdateFeaturesResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "UpdateFeatures";

    async fn handle(cx: Cx, request: UpdateFeaturesRequest) -> Reply<UpdateFeaturesResponse> {
        let command = Command::UpdateFeatures(features::UpdateFeatures {
            wanted: request.feature_updates.iter().map(|update| read(&cx, update)).collect(),
            validate_only: request.validate_only,
        });
        let response = UpdateFeaturesResponse::default().with_error_message(None);
        Reply::Now(match cx.broker.control.execute(command).await {
            Ok(Outcome::UpdateFeatures(Ok(()))) if cx.version < 2 => {
                let updated = request.feature_updates.into_iter().map(|update| {
                    UpdatableFeatureResult::default()
                        .with_feature(update.feature)
                        .with_error_message(None)
                });
                response.with_results(updated.collect())
            }
            Ok(Outcome::UpdateFeatures(Ok(()))) => response,
            Ok(Outcome::UpdateFeatures(Err(error))) => response
                .with_error_code(meta_code(&error))
                .with_error_message(Some(message(&error))),
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => response.with_error_code(storage_code(&error)),
        })
    }
}

fn read(cx: &Cx, update: &FeatureUpdateKey) -> Wanted {
    let direction = match (cx.version, update.upgrade_type) {
        (..1, _) if update.allow_downgrade => Direction::Downgrade,
        (..1, _) | (_, UPGRADE) => Direction::Upgrade,
        (_, SAFE_DOWNGRADE | UNSAFE_DOWNGRADE) => Direction::Downgrade,
        _ => Direction::Unknown,
    };
    Wanted { name: Arc::from(&*update.feature), level: update.max_version_level, direction }
}
