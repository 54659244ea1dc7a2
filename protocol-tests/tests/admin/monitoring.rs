//! The dashboard for Grafana and the rules for Prometheus: whatever they ask for exists. Where
//! Prometheus' own checker is installed, it judges every expression; otherwise it says that it is
//! skipped.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

use felice::metrics::table::{self, Kind};
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../../docs/grafana-dashboard.json");
const RULES: &str = include_str!("../../../docs/prometheus-rules.yml");

/// All texts under a key, at any depth.
fn collect<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == key => found.push(text),
                    other => collect(other, key, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|one| collect(one, key, found)),
        _ => {}
    }
}

fn texts<'a>(dashboard: &'a Value, key: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    collect(dashboard, key, &mut found);
    found
}

/// The metrics that a text names, which must exist as they are named.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character| !is_part(character));
    let named: BTreeSet<&str> =
        words.filter(|word| word.starts_with("felice_") || word.starts_with("process_")).collect();
    for name in &named {
        let exists = table::rows().any(|row| match row.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|part| name.strip_suffix(part) == Some(row.name)),
            Kind::Counter | Kind::Gauge => row.name == *name,
        });
        assert!(exists, "there is no metric {name}");
    }
    named
}

/// Checks that there are the labels by which expressions gather.
fn check_labels(expression: &str) {
    let labels = labels();
    for list in expression.split(" by (").skip(1) {
        for label in list.split(')').next().unwrap_or_default().split(',').map(str::trim) {
            assert!(labels.contains(label), "there is no label {label}");
        }
    }
}

/// All labels of all metrics, and those that Prometheus gives.
fn labels() -> BTreeSet<&'static str> {
    let mut labels: BTreeSet<&str> = table::rows().flat_map(|row| row.labels).copied().collect();
    labels.extend(["instance", "job", "le"]);
    labels
}

#[test]
fn the_dashboard_asks_for_metrics_and_labels_that_exist() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let expressions = texts(&dashboard, "expr");
    assert!(expressions.len() > 40, "{}", expressions.len());
    let mut used = BTreeSet::new();
    for expression in &expressions {
        let named = metrics(expression);
        assert!(!named.is_empty(), "{expression} shows nothing of the broker's");
        used.extend(named);
    }
    // A dashboard that forgets most of what there is would be no use.
    assert!(used.len() * 4 > table::rows().count() * 3, "only {} metrics are shown", used.len());
    expressions.iter().for_each(|expression| check_labels(expression));
    let labels = labels();
    for legend in texts(&dashboard, "legendFormat") {
        for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(labels.contains(label), "there is no label {label}");
        }
    }
}

#[test]
fn the_rules_ask_for_metrics_and_labels_that_exist() {
    let used = metrics(RULES);
    assert!(used.contains("felice_ready") && used.contains("felice_group_lag"), "{used:?}");
    check_labels(RULES);
    let (labels, is_part) = (labels(), |c: char| c.is_ascii_alphanumeric() || c == '_');
    let mut named = RULES.split("$labels.").skip(1).peekable();
    assert!(named.peek().is_some());
    for rest in named {
        let label = rest.split(|c| !is_part(c)).next().unwrap_or_default();
        assert!(labels.contains(label), "there is no label {label}");
    }
}

#[test]
fn prometheus_understands_every_expression() {
    if Command::new("promtool").arg("--version").output().is_err() {
        // Past the capture of the test's output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "promtool: SKIPPED: Prometheus is not installed");
        return;
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let expressions = texts(&dashboard, "expr");
    let filled = expressions.iter().map(|text| text.replace("$__rate_interval", "1m"));
    let rules: Vec<Value> = filled
        .enumerate()
        .map(|(number, text)| json!({"record": format!("panel:{number}"), "expr": text}))
        .collect();
    // What is JSON is YAML too.
    let panels = json!({"groups": [{"name": "panels", "rules": rules}]}).to_string();
    for (name, text) in [("rules", RULES), ("panels", &panels)] {
        let file = std::env::temp_dir().join(format!("felice-{name}-{}.yml", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let checked = Command::new("promtool").args(["check", "rules"]).arg(&file).output();
        let output = checked.unwrap();
        std::fs::remove_file(file).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
