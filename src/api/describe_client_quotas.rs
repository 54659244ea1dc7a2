//! DescribeClientQuotas: the quotas of the entities that a filter takes (KIP-546).
//!
//! Behaviour: an exact name, the default, or any name of each type; `strict` leaves out entities
//! with further types. A filter that contradicts itself is INVALID_REQUEST, a type that is not
//! known UNSUPPORTED_VERSION, as in Kafka.
//!
//! Version notes: 1 differs from 0 in its encoding alone.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_client_quotas_response::{
    EntityData, EntryData, ValueData,
};
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use kafka_protocol::protocol::StrBytes;

use super::error::message;
use super::{Api, Cx, Reply};
use crate::kernel::quota::entity::{Filter, Match, Values};
use crate::kernel::quota::{Entity, EntityType};

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// The API.
pub struct DescribeClientQuotas;

impl Api for DescribeClientQuotas {
    type Request = DescribeClientQuotasRequest;
    type Response = DescribeClientQuotasResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const NAME: &'static str = "DescribeClientQuotas";

    async fn handle(
        cx: Cx,
        request: DescribeClientQuotasRequest,
    ) -> Reply<DescribeClientQuotasResponse> {
        let response = DescribeClientQuotasResponse::default();
        Reply::Now(match read(&request) {
            Ok(filter) => {
                let image = cx.broker.control.image();
                let found = image.quotas().iter().filter(|(entity, _)| filter.takes(entity));
                let entries = found.map(|(entity, values)| shape(entity, values));
                let entries = entries.collect();
                // Kafka sends an empty text, not none.
                response.with_error_message(Some(StrBytes::new())).with_entries(Some(entries))
            }
            Err((code, text)) => response
                .with_error_code(code.code())
                .with_error_message(Some(message(text)))
                .with_entries(None),
        })
    }
}

type Refusal = (Code, String);

fn read(request: &DescribeClientQuotasRequest) -> Result<Filter, Refusal> {
    let mut filter = Filter { strict: request.strict, ..Filter::default() };
    for component in &request.components {
        let name = &*component.entity_type;
        if name.is_empty() {
            return Err((Code::InvalidRequest, "Unexpected empty filter component type.".into()));
        }
        let kind = EntityType::parse(name).ok_or_else(|| {
            (Code::UnsupportedVersion, format!("Custom entity type '{name}' is not supported."))
        })?;
        if filter.components.insert(kind, wanted(component)?).is_some() {
            let text = format!("Entity type {name} cannot appear more than once in the filter.");
            return Err((Code::InvalidRequest, text));
        }
    }
    if filter.components.contains_key(&EntityType::Ip) && filter.components.len() > 1 {
        let text = "An IP filter component cannot be combined with user or client-id.";
        return Err((Code::InvalidRequest, text.into()));
    }
    Ok(filter)
}

fn wanted(component: &ComponentData) -> Result<Match, Refusal> {
    let refuse = |text: String| Err((Code::InvalidRequest, text));
    match (component.match_type, &component._match) {
        (EXACT, Some(name)) => Ok(Match::Exact(Some(Arc::from(&**name)))),
        (EXACT, None) => refuse("An exact match needs a name.".into()),
        (DEFAULT, None) => Ok(Match::Exact(None)),
        (ANY, None) => Ok(Match::Any),
        (DEFAULT | ANY, Some(_)) => refuse("This type of match takes no name.".into()),
        (other, _) => refuse(format!("Unknown match type {other}.")),
    }
}

fn shape(entity: &Entity, values: &Values) -> EntryData {
    let parts = entity.iter().map(|(kind, name)| {
        EntityData::default()
            .with_entity_type(StrBytes::from_static_str(kind.name()))
            .with_entity_name(name.as_ref().map(|name| StrBytes::from_string(name.to_string())))
    });
    let values = values.iter().map(|(key, value)| {
        ValueData::default().with_key(StrBytes::from_static_str(key.name())).with_value(*value)
    });
    EntryData::default().with_entity(parts.collect()).with_values(values.collect())
}
