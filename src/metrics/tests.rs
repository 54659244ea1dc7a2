//! Names and kinds of metrics, and their text. What the numbers mean is tested from outside.

use super::*;
use std::collections::BTreeSet;

struct Two;

impl Gather for Two {
    fn gather(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.gauges("felice_topics", [([], 3u64)])?;
        writer.gauges("felice_groups", [([("state", "a\"b\\c\nd")], 1u64)])
    }
}

#[test]
fn rows_are_named_after_what_they_are() {
    let mut names = BTreeSet::new();
    for row in table::rows() {
        assert!(names.insert(row.name), "{} is there twice", row.name);
        let is_counter = row.name.ends_with("_total");
        assert_eq!(is_counter, row.kind == Kind::Counter, "{}", row.name);
        assert!(row.kind != Kind::Histogram || row.name.ends_with("_seconds"), "{}", row.name);
        let own = row.name.starts_with("felice_") || row.name.starts_with("process_");
        assert!(own, "{}", row.name);
        assert!(row.help.ends_with('.') && !row.help.contains(['\n', '|']), "{}", row.name);
    }
}

#[test]
fn what_is_counted_and_what_is_gathered_is_written() {
    let metrics = Metrics::new([(0, "Produce")].into_iter(), std::iter::empty());
    metrics.errors.get_or_create(&[("api", "Produce"), ("error", "NOT_LEADER")]).inc_by(2);
    let text = metrics.encode(Two).unwrap();
    for line in [
        "# TYPE felice_request_errors counter",
        "felice_request_errors_total{api=\"Produce\",error=\"NOT_LEADER\"} 2",
        "felice_requests_refused_total 0",
        "# TYPE felice_topics gauge",
        "felice_topics 3",
        "felice_groups{state=\"a\\\"b\\\\c\\nd\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|written| written == line), "no {line} in\n{text}");
    }
    assert!(!text.contains(".."), "a full stop too many:\n{text}");
}

#[test]
fn the_page_is_the_one_in_the_documentation() {
    let page = include_str!("../../docs/metrics.md");
    let regenerate = "run `felice config --metrics > docs/metrics.md`";
    assert!(table::markdown() == page, "{regenerate}");
}
