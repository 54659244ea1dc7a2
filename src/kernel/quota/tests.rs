//! Tests of the rules of quotas. The delays were computed by Kafka 4.3.1's own `Rate` and
//! `TokenBucket` from the same events.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entity::Quotas;
use super::limits::Scope;
use super::meter::{Bucket, Rate, Window};
use super::sensors::{SENSORS_MAX, Sensors, User};
use super::{EntityType, Key, Limits};

const WINDOW: Window = Window { samples: 11, sample_ms: 1000 };

/// Time, value, and the delay after it.
const RATE: [(i64, f64, i64); 12] = [
    (1000, 5000.0, 0),
    (1100, 6000.0, 900),
    (1999, 1.0, 2),
    (2000, 100.0, 1101),
    (2500, 30000.0, 30601),
    (9000, 0.0, 31101),
    (12000, 1.0, 30102),
    (12500, 500.0, 30102),
    (13600, 10.0, 0),
    (30000, 20000.0, 10000),
    (30010, 1.0, 9991),
    (44000, 5.0, 0),
];

const BUCKET: [(i64, f64, i64); 10] = [
    (101_000, 30.0, 0),
    (101_000, 60.0, 0),
    (101_000, 30.0, 1000),
    (101_500, 1.0, 600),
    (102_500, 0.0, 0),
    (109_000, 70.0, 100),
    (160_000, 109.0, 0),
    (160_000, 1.0, 0),
    (160_000, 1.0, 100),
    (160_100, 1.0, 100),
];

#[test]
fn a_rate_is_delayed_as_kafka_delays_it() {
    let mut rate = Rate::default();
    for (now, value, delay_ms) in RATE {
        rate.record(&WINDOW, now, value);
        assert_eq!(rate.delay_ms(&WINDOW, now, 1000.0), delay_ms, "at {now}");
    }
    // What is taken back was never there.
    let mut rate = Rate::default();
    rate.record(&WINDOW, 0, 1e6);
    rate.record(&WINDOW, 0, -1e6);
    assert_eq!(rate.delay_ms(&WINDOW, 0, 1.0), 0);
}

#[test]
fn a_bucket_is_delayed_as_kafka_delays_it() {
    let mut bucket = Bucket::default();
    for (now, value, delay_ms) in BUCKET {
        bucket.take(&WINDOW, now, 10.0, value);
        assert_eq!(bucket.delay_ms(&WINDOW, now, 10.0), delay_ms, "at {now}");
    }
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let (mut rate, mut bucket) = (Rate::default(), Bucket::default());
    let late = 1_000_000_000;
    rate.record(&WINDOW, late, 20_000.0);
    bucket.take(&WINDOW, late, 10.0, 10.0);
    assert!(rate.delay_ms(&WINDOW, late, 1000.0) > 0);
    assert_eq!(rate.delay_ms(&WINDOW, 5, 1000.0), 0);
    assert_eq!(bucket.delay_ms(&WINDOW, 5, 10.0), 0);
    for extreme in [i64::MIN, i64::MAX] {
        rate.record(&WINDOW, extreme, 1.0);
        rate.delay_ms(&WINDOW, -extreme.saturating_add(1), f64::MIN_POSITIVE);
        bucket.take(&WINDOW, extreme, f64::MIN_POSITIVE, f64::MAX);
        bucket.delay_ms(&WINDOW, 0, f64::MIN_POSITIVE);
    }
}

fn quotas(set: &[(Option<&str>, Option<&str>, f64)]) -> Quotas {
    let name = |name: &str| if name == "*" { None } else { Some(Arc::from(name)) };
    let one = |(user, client, value): &(Option<&str>, Option<&str>, f64)| {
        let user = user.map(|user| (EntityType::User, name(user)));
        let client = client.map(|client| (EntityType::ClientId, name(client)));
        let entity = user.into_iter().chain(client).collect();
        (entity, Arc::new(BTreeMap::from([(Key::ProducerByteRate, *value)])))
    };
    set.iter().map(one).collect()
}

#[test]
fn the_most_specific_of_eight_levels_counts() {
    use Scope::{Client, User, UserAndClient};
    let levels = [
        (Some("u"), Some("c"), 1.0, UserAndClient),
        (Some("u"), Some("*"), 2.0, UserAndClient),
        (Some("u"), None, 3.0, User),
        (Some("*"), Some("c"), 4.0, UserAndClient),
        (Some("*"), Some("*"), 5.0, UserAndClient),
        (Some("*"), None, 6.0, User),
        (None, Some("c"), 7.0, Client),
        (None, Some("*"), 8.0, Client),
    ];
    for first in 0..levels.len() {
        let set: Vec<_> = levels[first..].iter().map(|level| (level.0, level.1, level.2)).collect();
        let limits = Limits::new(&quotas(&set));
        let (_, _, value, scope) = levels[first];
        assert_eq!(limits.of(Key::ProducerByteRate, "u", "c"), Some((value, scope)));
        assert_eq!(limits.of(Key::ConsumerByteRate, "u", "c"), None, "each key for itself");
        assert!(limits.has(Key::ProducerByteRate) && !limits.has(Key::RequestPercentage));
    }
    let limits = Limits::new(&quotas(&[(Some("u"), Some("c"), 1.0), (None, Some("c"), 2.0)]));
    assert_eq!(limits.of(Key::ProducerByteRate, "u", "d"), None);
    assert_eq!(limits.of(Key::ProducerByteRate, "v", "c"), Some((2.0, Client)));
}

#[test]
fn addresses_have_their_own_quota_or_the_default() {
    let ip = |name: Option<&str>, value| {
        let entity = BTreeMap::from([(EntityType::Ip, name.map(Arc::from))]);
        (entity, Arc::new(BTreeMap::from([(Key::ConnectionCreationRate, value)])))
    };
    let own = Limits::new(&Quotas::from([ip(Some("10.0.0.1"), 1.0)]));
    assert!(own.has(Key::ConnectionCreationRate));
    assert_eq!(own.of_ip("::ffff:10.0.0.1".parse().unwrap()), Some(1.0));
    assert_eq!(own.of_ip("10.0.0.2".parse().unwrap()), None);
    let both = Limits::new(&Quotas::from([ip(Some("10.0.0.1"), 1.0), ip(None, 2.0)]));
    assert_eq!(both.of_ip("10.0.0.1".parse().unwrap()), Some(1.0));
    assert_eq!(both.of_ip("::1".parse().unwrap()), Some(2.0));
}

#[test]
fn meters_are_bounded_in_number_and_dropped_when_idle() {
    let mut sensors: Sensors<User, Rate> = Sensors::new(WINDOW);
    let user: Arc<str> = "u".into();
    for number in 0..SENSORS_MAX + 100 {
        let client = number.to_string().into();
        let rate = sensors.get(1_000_000, User::of(Scope::UserAndClient, &user, &client));
        rate.record(&WINDOW, 1_000_000, 1.0);
    }
    assert_eq!(sensors.len(), SENSORS_MAX);
    // Names that differ far behind are one name.
    let long: Arc<str> = "\u{e4}".repeat(20_000).into();
    let longer: Arc<str> = "\u{e4}".repeat(20_001).into();
    let cut = |name| User::of(Scope::Client, &user, name);
    assert_eq!(cut(&long), cut(&longer));
    let later = 1_000_000 + WINDOW.total_ms();
    sensors.get(later, cut(&long));
    assert_eq!(sensors.len(), 1);
}
