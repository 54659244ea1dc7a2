//! AlterClientQuotas: sets and removes quotas, each entity for itself and as a whole; when the
//! answer leaves they are durable and in force (KIP-546).
//!
//! Behaviour: the rules are the kernel's ([`crate::kernel::quota::change`]).
//!
//! Version notes: 1 differs from 0 in its encoding alone.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::messages::alter_client_quotas_request::EntryData as Wanted;
use kafka_protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use kafka_protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use kafka_protocol::protocol::StrBytes;

use super::error::{NONE, message, meta_code, storage_code};
use super::{Api, Cx, Reply};
use crate::kernel::meta::command::AlterQuotas;
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::quota::change::Alteration;

/// The API.
pub struct AlterClientQuotas;

impl Api for AlterClientQuotas {
    type Request = AlterClientQuotasRequest;
    type Response = AlterClientQuotasResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const NAME: &'static str = "AlterClientQuotas";

    async fn handle(cx: Cx, request: AlterClientQuotasRequest) -> Reply<AlterClientQuotasResponse> {
        let command = Command::AlterQuotas(AlterQuotas {
            alterations: request.entries.iter().map(read).collect(),
            validate_only: request.validate_only,
        });
        let answers: Vec<_> = match cx.broker.control.execute(command).await {
            Ok(Outcome::AlterQuotas(answers)) => {
                let answer = |result| match result {
                    Ok(()) => (NONE, None),
                    Err(error) => (meta_code(&error), Some(message(&error))),
                };
                answers.into_iter().map(answer).collect()
            }
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => vec![(storage_code(&error), None); request.entries.len()],
        };
        let entries = request.entries.into_iter().zip(answers);
        let entries = entries.map(|(wanted, (code, message))| {
            EntryData::default()
                .with_error_code(code)
                .with_error_message(message)
                .with_entity(echo(wanted))
        });
        Reply::Now(AlterClientQuotasResponse::default().with_entries(entries.collect()))
    }
}

fn read(entry: &Wanted) -> Alteration {
    let text = |text: &StrBytes| Arc::<str>::from(&**text);
    let entity = entry.entity.iter();
    let ops = entry.ops.iter();
    Alteration {
        entity: entity
            .map(|part| (text(&part.entity_type), part.entity_name.as_ref().map(text)))
            .collect(),
        ops: ops.map(|op| (text(&op.key), (!op.remove).then_some(op.value))).collect(),
    }
}

fn echo(entry: Wanted) -> Vec<EntityData> {
    let parts = entry.entity.into_iter().map(|part| {
        EntityData::default()
            .with_entity_type(part.entity_type)
            .with_entity_name(part.entity_name)
    });
    parts.collect()
}
