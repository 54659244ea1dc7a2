//! What groups may have committed in a simulated history: everything that was tried, less what an
//! answer ruled out.

use std::collections::BTreeMap;

use super::house::House;
use crate::kernel::types::{Offset, TimestampMs};

/// Names an attempt.
pub type Number = u64;

/// A commit, or a deletion, which leaves the offset -1.
#[derive(Clone, Copy, Debug)]
struct Tried {
    number: Number,
    offset: Offset,
    date: TimestampMs,
}

/// By group and topic, what may be committed, oldest first: only one, if the last was answered.
#[derive(Debug, Default)]
pub struct Commits {
    by_key: BTreeMap<(String, String), Vec<Tried>>,
    last: Number,
}

impl Commits {
    /// Notes a commit that is asked for.
    pub fn tried(&mut self, group: &str, topic: &str, offset: Offset, date: TimestampMs) -> Number {
        self.last += 1;
        let none = || vec![Tried { number: 0, offset: -1, date }];
        let tried = self.by_key.entry((group.to_owned(), topic.to_owned())).or_insert_with(none);
        tried.push(Tried { number: self.last, offset, date });
        self.last
    }

    /// Notes that a group is to be deleted.
    pub fn deleting(&mut self, group: &str, date: TimestampMs) -> Vec<Number> {
        let of_it = self.by_key.keys().filter(|(other, _)| other == group);
        let topics: Vec<String> = of_it.map(|(_, topic)| topic.clone()).collect();
        topics.iter().map(|topic| self.tried(group, topic, -1, date)).collect()
    }

    fn of(&mut self, number: Number) -> Option<(&mut Vec<Tried>, usize)> {
        self.by_key.values_mut().find_map(|tried| {
            let at = tried.iter().position(|one| one.number == number)?;
            Some((tried, at))
        })
    }

    /// Notes that an attempt was acknowledged: nothing before it counts any more.
    pub fn accepted(&mut self, number: Number) {
        if let Some((tried, at)) = self.of(number) {
            tried.drain(..at);
        }
    }

    /// Notes that an attempt was refused by the rules: it must have left nothing.
    pub fn refused(&mut self, number: Number) {
        if let Some((tried, at)) = self.of(number) {
            tried.remove(at);
        }
    }

    /// A topic is gone, and what was committed for it with it.
    pub fn topic_gone(&mut self, gone: &str) {
        self.by_key.retain(|(_, topic), _| topic != gone);
    }

    /// Compares all with what the broker has, whose answer is durable.
    pub fn check(
        &mut self,
        house: &House,
        now: TimestampMs,
        retention_ms: i64,
    ) -> Result<(), String> {
        for ((group, topic), tried) in &mut self.by_key {
            let found = house.committed(group, topic)?;
            let is_old = |tried: &Tried| now >= tried.date.saturating_add(retention_ms);
            let known = tried.iter().rev().find(|tried| tried.offset == found).copied();
            let expired = (found == -1 && tried.iter().any(is_old)).then_some(Tried {
                number: 0,
                offset: -1,
                date: now,
            });
            match known.or(expired) {
                Some(one) => *tried = vec![one],
                None => {
                    return Err(format!("{group} has committed {found} of {topic}: {tried:?}"));
                }
            }
        }
        Ok(())
    }
}
