//! Felice's answers against those that Apache Kafka gave to the same requests, as they are kept in
//! `data/differential`. `scripts/differential` asks Kafka itself.

use protocol_tests::differential::compare::{Difference, Reasons, compare, judge, matches};
use protocol_tests::differential::player::Seen;
use protocol_tests::differential::recording::Recording;
use protocol_tests::differential::schema::Schema;
use protocol_tests::differential::{play_felice, scenarios};
use serde_json::json;

#[test]
fn every_answer_is_kafkas_but_for_what_has_a_reason() {
    let scenarios = scenarios().unwrap();
    let recording = Recording::load().unwrap();
    let reasons = Reasons::load().unwrap();
    let felice = play_felice(&Schema::load(), &scenarios, &recording.served).unwrap();
    let verdict = judge(&scenarios, &recording, &felice, &reasons).unwrap();
    assert!(verdict.compared > 5_000, "{verdict}");
    assert!(verdict.differences.is_empty(), "{verdict}");
    assert_eq!(reasons.unused(&verdict), [""; 0], "reasons without a difference");
}

#[test]
fn a_difference_is_found_wherever_it_is() {
    let reasons = Reasons::read("```allow\na/* | 3-4 | X.Y | 1 | *\n```").unwrap();
    let seen = |version, outcome| vec![Seen { case: "a/0 Api".to_owned(), version, outcome }];
    let judged = |version, kafka, felice| {
        let mut verdict = Default::default();
        compare(&seen(version, kafka), &seen(version, felice), &reasons, &mut verdict);
        verdict.differences.into_keys().collect::<Vec<Difference>>()
    };
    let deep = |y: i64| json!({"X": [{"Y": 0}, {"Y": y}]});
    assert_eq!(judged(3, deep(1), deep(1)), []);
    assert_eq!(judged(3, deep(1), deep(2)), []);
    let found = judged(5, deep(1), deep(2));
    assert_eq!((found[0].path.as_str(), found[0].felice.as_str()), ("X.Y", "2"));
    assert_eq!(judged(3, deep(2), deep(1)).len(), 1);
    assert_eq!(judged(3, json!({"X": []}), json!({})).len(), 1);
    assert_eq!(judged(3, json!("closed"), json!({})).len(), 1);
    assert_eq!(judged(3, json!({"X": null}), json!("unserved")), []);
}

#[test]
fn a_pattern_fits_the_whole_text() {
    assert!(matches("a*c", "abbc") && matches("*", "") && matches("a", "a"));
    assert!(!matches("a", "ab") && !matches("a*c", "abcd") && !matches("", "a"));
}
