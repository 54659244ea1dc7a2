//! What was measured, as a page of Markdown. It judges nothing.

use std::fmt::Write;

use crate::measure::{Measured, Round, middle};
use crate::probe::{Probed, Times};

/// A table of times and one of what the broker held.
pub fn markdown(all: &[Measured]) -> String {
    let mut text = String::from(
        "| load | req/s of it | broker CPU | ack p99, ms | ratio | tail p99, ms | ratio | \
         ack on disk p99, ms | ratio |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for measured in all {
        times_row(&mut text, measured);
    }
    text.push_str(
        "\n| load | memory before, MiB | most | after | for each, KiB \
         | files before | with | after | threads before | with | after | verdict |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for measured in all {
        held_row(&mut text, measured);
    }
    text
}

fn about(measured: &Measured) -> String {
    let mut size = measured.size.to_string();
    if size.len() > 3 {
        size.insert(size.len() - 3, ',');
    }
    measured.load.about.replace("{}", &size)
}

fn times_row(text: &mut String, measured: &Measured) {
    let of_rounds =
        |number: &dyn Fn(&Round) -> f64| middle(measured.rounds.iter().map(number).collect());
    let rate = of_rounds(&|round| round.rate);
    let cpu = of_rounds(&|round| round.cpu * 100.0);
    let kinds: [fn(&Probed) -> &Times; 3] =
        [|probed| &probed.ack, |probed| &probed.tail, |probed| &probed.durable];
    let _ = write!(text, "| {} | {rate:.0} | {cpu:.1} % ", about(measured));
    for kind in kinds {
        let alone = of_rounds(&|round| kind(&round.alone).quantile(0.99));
        let beside = of_rounds(&|round| kind(&round.beside).quantile(0.99));
        let ratio = measured.ratio(|probed| kind(probed).quantile(0.99));
        let _ = write!(text, "| {alone:.2} → {beside:.2} | {ratio:.2} ");
    }
    text.push_str("|\n");
}

fn held_row(text: &mut String, measured: &Measured) {
    // The first time through makes what stays: the topics of groups, the view's buffers.
    let last = &measured.rounds[measured.rounds.len() - 1];
    let mib = |kib: u64| kib as f64 / 1024.0;
    let peak = measured.rounds.iter().map(|round| round.with.memory_peak).max().unwrap_or(0);
    let mut wrong = measured.leaks();
    wrong.extend(measured.slowness());
    let verdict = if wrong.is_empty() { "met".to_owned() } else { wrong.join("; ") };
    let _ = writeln!(
        text,
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} | {} | {} | {} | {} | {verdict} |",
        about(measured),
        mib(last.before.memory),
        mib(peak),
        mib(last.after.memory),
        measured.grown() as f64 / measured.size as f64,
        last.before.files,
        last.with.files,
        last.after.files,
        last.before.threads,
        last.with.threads,
        last.after.threads,
    );
}
