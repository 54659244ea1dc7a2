//! Tests of the rules of telemetry, and of reading and keeping what is pushed.

use std::sync::Arc;

use super::instances::{Error, INSTANCES_MAX, Instances, Push, Subscription};
use super::otlp::{self, Kind, POINTS_MAX, Point};
use super::values::{SERIES_PER_INSTANCE_MAX, Values};
use crate::kernel::types::Uuid;

const INTERVAL_MS: i64 = 5_000;

fn id(number: u128) -> Uuid {
    Uuid(number.to_be_bytes())
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn subscription() -> Subscription {
    Subscription::of(&id(1), [(&names(&["a."])[..], INTERVAL_MS as i32)].into_iter())
}

fn push(instance: Uuid, terminating: bool) -> Push {
    Push {
        instance,
        subscription_id: subscription().id,
        terminating,
        is_codec_known: true,
        bytes: 10,
    }
}

#[test]
fn the_first_push_may_come_early_and_the_next_after_an_interval() {
    let mut instances = Instances::default();
    let mut ask = |now| instances.ask(now, id(1), 1, subscription).map(|s| s.id);
    assert_eq!(ask(1_000), Ok(subscription().id));
    assert_eq!(ask(5_999), Err(Error::TooSoon));
    let mut push = |now| instances.push(now, &push(id(1), false), 10, 1, subscription);
    assert_eq!(push(1_001), Ok(()));
    assert_eq!(push(6_000), Err(Error::TooSoon));
    assert_eq!(push(6_001), Ok(()));
    assert_eq!(push(-50_000), Ok(()), "a clock that was set back");
    let mut ask = |now| instances.ask(now, id(1), 1, subscription);
    assert!(ask(-45_001).is_err() && ask(-45_000).is_ok());
}

#[test]
fn instances_are_bounded_and_forgotten() {
    let mut instances = Instances::default();
    for number in 0..INSTANCES_MAX as u128 + 10 {
        instances.ask(number as i64, id(number), 1, subscription).unwrap();
    }
    assert_eq!(instances.len(), INSTANCES_MAX);
    let is_there = instances.expire(60_020);
    assert!(!is_there(&id(0)) && !is_there(&id(20)) && is_there(&id(21)));
    drop(is_there);
    let is_there = instances.expire(i64::MAX);
    assert!(!is_there(&id(21)));
    drop(is_there);
    assert!(instances.is_empty());
}

fn point(name: &str, kind: Kind, value: f64) -> Point {
    Point { name: name.into(), attributes: vec![("k".into(), "v".into())], kind, value }
}

#[test]
fn growth_is_added_up_and_the_rest_replaced() {
    let mut values = Values::default();
    let client: Arc<str> = "c".into();
    for value in [1.0, 2.0] {
        let points = vec![
            point("gauge", Kind::Gauge, value),
            point("sum", Kind::Sum, value),
            point("growth", Kind::Delta, value),
        ];
        assert_eq!(values.push(id(1), &client, points), 0);
    }
    let (_, pushed) = values.iter().next().unwrap();
    let value = |name: &str| {
        let value = pushed.series[&(name.to_owned(), "k=v".to_owned())];
        (value.is_sum, value.value)
    };
    assert_eq!(value("gauge"), (false, 2.0));
    assert_eq!((value("sum"), value("growth")), ((true, 2.0), (true, 3.0)));
    let many = |count| (0..count).map(|n| point(&n.to_string(), Kind::Gauge, 0.0)).collect();
    assert_eq!(values.push(id(2), &client, many(SERIES_PER_INSTANCE_MAX + 7)), 7);
    assert_eq!(values.len(), SERIES_PER_INSTANCE_MAX + 3);
    values.retain(|instance| *instance == id(1));
    assert_eq!(values.len(), 3);
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}

fn message(name: &str, points: usize) -> Vec<u8> {
    let point = [&[6 << 3 | 1][..], &7i64.to_le_bytes()].concat();
    let data: Vec<u8> = (0..points).flat_map(|_| field(1, &point)).collect();
    let metric = [field(1, name.as_bytes()), field(5, &data)].concat();
    field(1, &field(2, &field(2, &metric)))
}

#[test]
fn points_are_read_up_to_a_bound() {
    let read = otlp::read(&message("m", POINTS_MAX + 1)).unwrap();
    assert_eq!(read.len(), POINTS_MAX);
    let expected = Point { name: "m".into(), attributes: vec![], kind: Kind::Gauge, value: 7.0 };
    assert_eq!(read[0], expected);
    assert_eq!(otlp::read(&message(&"m".repeat(513), 5)), Ok(vec![]));
    assert_eq!(otlp::read(&[]), Ok(vec![]));
}

#[test]
fn no_bytes_make_reading_panic() {
    let whole = message("m", 3);
    for at in 0..whole.len() {
        assert_eq!(otlp::read(&whole[..at]).is_ok(), at == 0, "cut at {at}");
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ = otlp::read(&changed);
        }
    }
    let endless = [0xff; 30];
    assert!(otlp::read(&endless).is_err());
}
