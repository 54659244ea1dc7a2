//! Client quotas in the metadata: the fold of their records, the records of a snapshot, and those
//! of a change. Which changes are allowed is told by [`crate::kernel::quota::change`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::command::{AlterQuotas, Error};
use super::image::Mismatch;
use super::record::{ClientQuotaRecord, Record};
use crate::kernel::quota::change::{self, Change};
use crate::kernel::quota::entity::{Entity, EntityType, Key, Quotas};

/// Sets or removes a quota.
pub(super) fn apply(quotas: &mut Quotas, record: &ClientQuotaRecord) -> Result<(), Mismatch> {
    let unknown = |name: &Arc<str>| Mismatch::UnknownQuota(Arc::clone(name));
    let mut entity = BTreeMap::new();
    for (kind, name) in &record.entity {
        let kind = EntityType::parse(kind).ok_or_else(|| unknown(kind))?;
        entity.insert(kind, name.clone());
    }
    let key = Key::parse(&record.key).ok_or_else(|| unknown(&record.key))?;
    set(quotas, &(entity, key, record.value_bits.map(f64::from_bits)));
    Ok(())
}

fn set(quotas: &mut Quotas, (entity, key, value): &Change) {
    let Some(value) = value else {
        if let Some(values) = quotas.get_mut(entity) {
            Arc::make_mut(values).remove(key);
            if values.is_empty() {
                quotas.remove(entity);
            }
        }
        return;
    };
    Arc::make_mut(quotas.entry(entity.clone()).or_default()).insert(*key, *value);
}

/// The records that set all quotas.
pub(super) fn records(quotas: &Quotas) -> impl Iterator<Item = Record> + '_ {
    quotas.iter().flat_map(|(entity, values)| {
        values.iter().map(move |(key, value)| record(entity, *key, Some(*value)))
    })
}

fn record(entity: &Entity, key: Key, value: Option<f64>) -> Record {
    let part = |(kind, name): (&EntityType, &Option<Arc<str>>)| (kind.name().into(), name.clone());
    Record::ClientQuota(ClientQuotaRecord {
        entity: entity.iter().map(part).collect(),
        key: key.name().into(),
        value_bits: value.map(f64::to_bits),
    })
}

/// Judges the changes of each entity as a whole, and adds the records of the good ones.
pub(super) fn alter(
    quotas: &Arc<Quotas>,
    request: &AlterQuotas,
    records: &mut Vec<Record>,
) -> Vec<Result<(), Error>> {
    // An entity may be named again, and is judged by what came before.
    let mut after = Arc::clone(quotas);
    let mut one = |alteration| {
        let changes = change::judge(&after, alteration).map_err(Error::InvalidRequest)?;
        for change in changes {
            set(Arc::make_mut(&mut after), &change);
            if !request.validate_only {
                records.push(record(&change.0, change.1, change.2));
            }
        }
        Ok(())
    };
    request.alterations.iter().map(&mut one).collect()
}
