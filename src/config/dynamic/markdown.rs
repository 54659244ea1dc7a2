//! `docs/configuration.md`, written from the table, so that the two cannot disagree. Deliberately
//! no template engine: a page of headings and tables.

use super::{Check, Key, Reason, accepted_keys, broker_parts, topic_keys};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

This page is written by `felice config --markdown` from the table that the broker itself uses.

Felice starts without any configuration. What you want otherwise comes from the first of these that
sets it:

1. `--listen HOST:PORT` and `--data-dir DIR`;
2. `--set KEY=VALUE`, as often as you like; of a repeated key the last one wins;
3. `--properties FILE`: Kafka's `server.properties` as it is; of a repeated key the last one wins;
4. `--config FILE`: TOML; `felice config --defaults` prints one with every key explained;
5. the default.

Keys have Kafka's names wherever Kafka has one. In TOML, dotted keys, tables and quoted keys mean
the same: `log.retention.ms = 1`, `[log]` with `retention.ms = 1`, `\"log.retention.ms\" = 1`. Where
one key is the beginning of another (`max.connections`, `max.connections.per.ip`), TOML wants
quotes.

A key that neither Kafka nor Felice knows is an error that names the file, the line and the nearest
known key. A key of Kafka's that has no effect here is accepted and named in one warning at the
start.

## Behind a port mapping

Where `advertised.listeners` is not set, a client is answered with the address that it connected to.
That is right wherever both sides see the same address. Behind a port mapping, as containers have
it, name the address from the client's side:

    felice serve --listen 0.0.0.0:9092 --set advertised.listeners=PLAINTEXT://localhost:9092
";

/// The whole page.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, keys) in broker_parts() {
        section(&mut page, title, &keys.iter().filter(|key| !key.hidden).collect::<Vec<_>>());
    }
    let topic_keys = |wanted: bool| {
        let shown = topic_keys().iter().filter(|key| !key.hidden);
        shown.filter(|key| key.is_effective() == wanted).collect::<Vec<_>>()
    };
    section(&mut page, "Topics: settings of one topic", &topic_keys(true));
    section(&mut page, "Topics: settings without effect", &topic_keys(false));
    section(&mut page, "Groups: settings of one group", &all(super::group_keys()));
    let subscriptions = all(super::client_metrics_keys());
    section(&mut page, "Client metrics: settings of one subscription", &subscriptions);
    without_effect(&mut page);
    page
}

fn all(keys: &'static [Key]) -> Vec<&'static Key> {
    keys.iter().collect()
}

fn section(page: &mut String, title: &str, keys: &[&Key]) {
    let with_synonyms = keys.iter().any(|key| !key.synonyms.is_empty());
    let (head, rule) = if with_synonyms { (" broker's default |", "---|") } else { ("", "") };
    line(page, format_args!("\n## {title}\n"));
    line(page, format_args!("| key | type | default | range |{head} what it does |"));
    line(page, format_args!("|---|---|---|---|{rule}---|"));
    for key in keys {
        let synonyms = if with_synonyms { synonyms(key) } else { String::new() };
        let kind = key.kind.name().to_ascii_lowercase();
        let doc = key.documentation().replace('|', "\\|");
        line(
            page,
            format_args!(
                "| `{}`{} | {kind} | {} | {} |{synonyms} {doc} |",
                key.name,
                if key.own { " (Felice's own)" } else { "" },
                default(key),
                range(key.check),
            ),
        );
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("writing to a String cannot fail");
}

fn default(key: &Key) -> String {
    match key.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some("9223372036854775807") => "2^63-1".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

fn range(check: Check) -> String {
    let choices = |choices: &[&str]| {
        choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ")
    };
    match check {
        Check::Any => String::new(),
        Check::Min(min) => format!("at least {min}"),
        Check::Between(min, max) => format!("{min} to {max}"),
        Check::BetweenOr(min, max, other) => format!("{min} to {max}, or {other}"),
        Check::OneOf(texts) | Check::OneOfAnyCase(texts) => choices(texts),
        Check::ListOf(texts) => format!("any of {}", choices(texts)),
        Check::AddressCounts => "`address:count` pairs".to_owned(),
        Check::Distinct => String::new(),
        Check::OffsetReset => "`earliest`, `latest`, `by_duration:PnDTnHnMn.nS`".to_owned(),
        Check::ThrottledReplicas => "`*`, or `partition:broker` pairs".to_owned(),
    }
}

fn synonyms(key: &Key) -> String {
    let names: Vec<String> = key.synonyms.iter().map(|(name, _)| format!("`{name}`")).collect();
    format!(" {} |", names.join(", "))
}

fn without_effect(page: &mut String) {
    line(page, format_args!("\n## Kafka's settings of brokers without effect"));
    for reason in [
        Reason::Cluster,
        Reason::Internals,
        Reason::Security,
        Reason::Tiered,
        Reason::Later,
        Reason::Java,
    ] {
        let fits = |key: &&Key| key.without_effect == Some(reason) && !key.hidden;
        let names: Vec<String> =
            accepted_keys::KEYS.iter().filter(fits).map(|key| format!("`{}`", key.name)).collect();
        line(page, format_args!("\n{}\n\n{}", reason.sentence(), names.join(", ")));
    }
}
