//! The newest values that clients have pushed, bounded in number. Sums of which only the growth is
//! pushed are added up again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::instances::INSTANCES_MAX;
use super::otlp::{Kind, Point};
use crate::kernel::types::Uuid;

/// Series of all instances together; what does not fit is counted, not kept.
const SERIES_MAX: usize = 20_000;
/// Series of one instance.
pub const SERIES_PER_INSTANCE_MAX: usize = 1_000;
/// Longest text of attributes, in bytes; series with longer ones are not kept.
const ATTRIBUTES_BYTES_MAX: usize = 512;

/// What a series is named by: the metric, and the attributes as `key=value,…`.
pub type Series = (String, String);

/// A value with its meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Whether it is a sum, since the first push that is remembered.
    pub is_sum: bool,
    /// The value.
    pub value: f64,
}

/// Series of one instance.
#[derive(Debug)]
pub struct Pushed {
    /// Name of the client.
    pub client_id: Arc<str>,
    /// Values.
    pub series: BTreeMap<Series, Value>,
}

/// Series of all instances.
#[derive(Debug, Default)]
pub struct Values {
    instances: HashMap<Uuid, Pushed>,
    count: usize,
}

impl Values {
    /// Number of series.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes the points of a push. Answers how many found no place.
    pub fn push(&mut self, instance: Uuid, client_id: &Arc<str>, points: Vec<Point>) -> usize {
        if self.instances.len() >= INSTANCES_MAX && !self.instances.contains_key(&instance) {
            return points.len();
        }
        let pushed = self.instances.entry(instance).or_insert_with(|| Pushed {
            client_id: Arc::clone(client_id),
            series: BTreeMap::new(),
        });
        let mut dropped = 0;
        for point in points {
            let series = (point.name, text(&point.attributes));
            let is_sum = point.kind != Kind::Gauge;
            if let Some(known) = pushed.series.get_mut(&series) {
                let before = if point.kind == Kind::Delta { known.value } else { 0.0 };
                *known = Value { is_sum, value: before + point.value };
                continue;
            }
            let is_long = series.1.len() > ATTRIBUTES_BYTES_MAX;
            let is_full =
                self.count >= SERIES_MAX || pushed.series.len() >= SERIES_PER_INSTANCE_MAX;
            if is_long || is_full {
                dropped += 1;
                continue;
            }
            pushed.series.insert(series, Value { is_sum, value: point.value });
            self.count += 1;
        }
        dropped
    }

    /// Forgets instances that are no longer there.
    pub fn retain(&mut self, is_there: impl Fn(&Uuid) -> bool) {
        self.instances.retain(|id, _| is_there(id));
        self.count = self.instances.values().map(|pushed| pushed.series.len()).sum();
    }

    /// All instances.
    pub fn iter(&self) -> impl Iterator<Item = (&Uuid, &Pushed)> {
        self.instances.iter()
    }
}

fn text(attributes: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}
