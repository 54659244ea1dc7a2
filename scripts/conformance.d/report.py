"""Compares what a suite answered on the two brokers, and writes the report card.

What Felice fails and Kafka passes is a difference; each needs a reason from known.toml. So does
what Kafka fails, whether Felice passes it or not: a test that nobody understands proves nothing.
"""

import dataclasses
import json
import tomllib

import machine
from suite import PASS, SKIP, Result, Suite

HEAD = """# Conformance

Published test suites and tools, run by `scripts/conformance` against Felice and against Apache
Kafka 4.3.1 started beside it on the same machine, each suite with a fresh broker of either
kind. A test that fails is tried once more on a fresh broker. The bar: what Kafka passes, Felice
passes. What it does not pass is listed with its reason; a difference without a reason fails the
script.

Tests count as the suite counts them: a step of a scripted scenario (whose expected output was
recorded from Kafka), a test function, or a subtest. "Skipped" are those that the suite itself
leaves out on both brokers.

Missing are kcl, kaf and kafkactl, which no package registry has: what they are made of is tested in
their place, franz-go with its admin client and sarama. Debian's burrow asks for offsets in a
version that Kafka 4 has dropped, and learns nothing from either broker.

"""


@dataclasses.dataclass
class Row:
    """One suite's answers."""

    suite: Suite
    kafka: dict
    felice: dict

    def tests(self):
        """Every test that ran on either broker and was not skipped on both."""
        return [test for test in self.all() if not self.skipped(test)]

    def all(self):
        return sorted(set(self.kafka) | set(self.felice))

    def skipped(self, test):
        return outcome(self.kafka, test) == SKIP and outcome(self.felice, test) in (SKIP, None)

    def differences(self):
        """What Kafka passes and Felice does not."""
        return [
            test
            for test in self.all()
            if outcome(self.kafka, test) == PASS and outcome(self.felice, test) != PASS
        ]

    def better(self):
        """What Felice passes and Kafka does not."""
        return [
            test
            for test in self.all()
            if outcome(self.felice, test) == PASS and outcome(self.kafka, test) != PASS
        ]

    def both_fail(self):
        """What neither passes."""
        return [
            test
            for test in self.tests()
            if outcome(self.felice, test) != PASS and outcome(self.kafka, test) != PASS
        ]


def saved(suite):
    """Where the last results of a suite are kept."""
    return machine.CACHE / "results" / f"{suite.name.replace(' ', '-')}.json"


def save(row):
    """Keeps a row for a report that is put together from several runs."""
    path = saved(row.suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = [
        {test: [result.outcome, result.detail[-2000:]] for test, result in results.items()}
        for results in (row.kafka, row.felice)
    ]
    path.write_text(json.dumps({"version": row.suite.version, "results": plain}))


def load(suite):
    """The row of the last run of a suite in this version, or None."""
    path = saved(suite)
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("version") != suite.version:
        return None
    return Row(
        suite,
        *({test: Result(*result) for test, result in each.items()} for each in kept["results"]),
    )


def outcome(results, test):
    """pass, fail, skip, or None for a test that was not reached."""
    return results[test].outcome if test in results else None


class Known:
    """The checked-in reasons of one kind: `known` or `kafka`, as known.toml tells them apart."""

    def __init__(self, path, kind="known"):
        with open(path, "rb") as file:
            read = tomllib.load(file)
        self.entries = read.get(kind, [])
        self.of_kafka = Known(path, "kafka") if kind == "known" else None

    def entry(self, suite, test):
        """The first entry that names a test."""
        for entry in self.entries:
            if entry["suite"] == suite and any(matches(test, each) for each in entry["tests"]):
                return entry
        return None

    def lists(self, suite, test):
        """Whether a test is expected to fail."""
        return self.entry(suite, test) is not None

    def reason(self, suite, test):
        """Why a test may fail, or None; the entry counts as needed."""
        entry = self.entry(suite, test)
        if entry is None:
            return None
        entry["used"] = True
        return entry["why"]


def matches(test, pattern):
    """A name, or the beginning of one before a `*`. Not a full glob: names contain brackets."""
    if pattern.endswith("*"):
        return test.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return test.endswith(pattern[1:])
    return test == pattern


def judge(rows, known):
    """Says every failure without a reason, and every reason that explains nothing any more; returns
    the number of the former."""
    unexplained = 0
    for row in rows:
        kafkas = row.better() + row.both_fail()
        for reasons, word, tests, results in (
            (known, "DIFFERENT", row.differences(), row.felice),
            (known.of_kafka, "KAFKA FAILS", kafkas, row.kafka),
        ):
            for test in tests:
                if reasons.reason(row.suite.name, test):
                    continue
                unexplained += 1
                result = results.get(test)
                detail = result.detail[-1500:] if result else "it did not run"
                print(f"{word} {row.suite.name}: {test}\n{detail}\n")
    names = {row.suite.name for row in rows}
    for entry in known.entries + known.of_kafka.entries:
        if entry["suite"] in names and not entry.get("used"):
            machine.say(f"a reason is not needed any more: {entry['suite']}: {entry['tests']}")
    return unexplained


def table(rows):
    """The table of the report card."""
    lines = ["| suite | version | tests | Kafka passes | Felice passes | skipped by the suite |"]
    lines.append("|---|---|---|---|---|---|")
    for row in rows:
        passes = [
            sum(outcome(results, test) == PASS for test in row.all())
            for results in (row.kafka, row.felice)
        ]
        skipped = len(row.all()) - len(row.tests())
        cells = [row.suite.name, row.suite.version, len(row.tests()), *passes, skipped]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def bullets(row, tests, known):
    """The tests as a list, those with the same reason together."""
    groups = {}
    for test in tests:
        why = known.reason(row.suite.name, test) or "NO REASON KNOWN"
        groups.setdefault(why, []).append(f"`{test}`")
    return "".join(f"- {why}: {', '.join(group)}\n" for why, group in groups.items())


def write(path, rows, known, missing=()):
    """The whole report card; `missing` are the suites that have no results yet."""
    text = [HEAD, table(rows)]
    if missing:
        text.append(f"\nNot run yet: {', '.join(suite.name for suite in missing)}.\n")
    text.append("\n## Differences\n")
    quiet = True
    for row in rows:
        if row.differences():
            quiet = False
            text.append(f"\n**{row.suite.name}** (Kafka passes, Felice does not)\n\n")
            text.append(bullets(row, row.differences(), known))
    if quiet:
        text.append("\nNone.\n")
    text.append("\n## What Kafka does not pass here\n")
    for row in rows:
        if row.better() or row.both_fail():
            text.append(f"\n**{row.suite.name}**\n\n")
        for words, tests in (
            ("Felice passes these and Kafka does not:", row.better()),
            ("Neither passes these:", row.both_fail()),
        ):
            if tests:
                text.append(f"{words}\n\n{bullets(row, tests, known.of_kafka)}\n")
    text.append("\n## The suites\n\n")
    text += [f"- **{row.suite.name}**: {row.suite.about}\n" for row in rows]
    path.write_text("".join(text))
