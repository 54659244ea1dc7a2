"""A slice of librdkafka's own test-runner, from the sources inside its npm package."""

import json
import os
import re
import tarfile

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

PACKAGE = "@confluentinc/kafka-javascript@1.10.1"
# Those that need one broker, no security, no transactions and no stand-in broker.
TESTS = """0001 0004 0011 0012 0017 0018 0019 0022 0026 0030 0031 0033 0039 0045 0050 0054 0055 0059
0069 0073 0083 0085 0090 0099 0102 0113 0118 0122 0125 0127 0130 0132 0140""".split()
# Tests that end where a subtest needs security or transactions; the other subtests are run alone.
PARTS = {
    "0081": """unclean_destroy CreateTopics DeleteTopics CreatePartitions AlterConfigs
IncrementalAlterConfigs DescribeConfigs DescribeConfigs_groups DeleteRecords ListConsumerGroups
DescribeConsumerGroups DescribeTopics DescribeCluster DeleteGroups DeleteConsumerGroupOffsets
ListOffsets AlterConsumerGroupOffsets ListConsumerGroupOffsets""".split(),
    "0137": """consume_batch_with_seek consume_batch_store_offset consume_batch_eof_position
consume_batch_with_pause_and_resume_different_batch
consume_batch_with_pause_and_resume_same_batch""".split(),
}
SUBTEST = re.compile(r"^\[(\w+)\s*/.*?\] \[ (.+): (PASS|FAIL|SKIP)\b", re.M)
STATES = {"PASSED": PASS, "SKIPPED": SKIP}
SECONDS_MAX = 900


class Librdkafka(Suite):
    """test-runner without -Q, which would silently leave most subtests out."""

    name = "librdkafka test-runner"
    version = "2.15 (in kafka-javascript 1.10.1)"
    about = f"tests {' '.join(sorted([*TESTS, *PARTS]))}; a test and each of its subtests count"
    # Some of its tests count on the three seconds in which a new group waits for more members.
    settings = ["num.partitions=4", "group.initial.rebalance.delay.ms=3000"]
    folder = None

    def prepare(self):
        machine.apt("librdkafka is fetched with npm", "npm", "npm")
        machine.apt("librdkafka is built", "g++", "make", "g++", "zlib1g-dev")
        with machine.built("librdkafka", PACKAGE) as (folder, stale):
            self.folder = folder / "package" / "deps" / "librdkafka"
            if not stale:
                return
            machine.say("building librdkafka and its test-runner")
            machine.install(["npm", "pack", "--silent", PACKAGE], cwd=folder)
            [packed] = folder.glob("*.tgz")
            with tarfile.open(packed) as archive:
                archive.extractall(folder, filter="data")
            # The archive names no file executable.
            machine.install(["chmod", "-R", "u+x", self.folder])
            machine.install(["./configure", "--disable-sasl"], cwd=self.folder)
            machine.install(["make", "-j2", "libs"], cwd=self.folder)
            machine.install(["make", "-j2", "-C", "tests", "test-runner"], cwd=self.folder)

    def run(self, broker, folder, only=None):
        wanted = {test[:4] for test in only} if only else {*TESTS, *PARTS}
        results = self.runner(broker, folder / "all", wanted.intersection(TESTS))
        for number in sorted(wanted.intersection(PARTS)):
            for index, part in enumerate(PARTS[number]):
                if only and not any(each in test for each in labels(part) for test in only):
                    continue
                place = folder / f"{number}-{index}"  # the runner cuts long paths
                results.update(self.runner(broker, place, {number}, part))
        return results

    def runner(self, broker, folder, numbers, part=None):
        """The results of some tests, or of the subtests of a function `do_test_PART`."""
        if not numbers:
            return {}
        folder.mkdir()
        config = folder / "test.conf"
        config.write_text(f"metadata.broker.list={broker.address}\ntest.topic.random=true\n")
        report, log = folder / "report.json", folder / "log"
        tests = self.folder / "tests"
        paths = f"{self.folder / 'src'}:{self.folder / 'src-cpp'}"
        env = dict(os.environ, RDKAFKA_TEST_CONF=str(config), TESTS=",".join(sorted(numbers)))
        env.update(TEST_REPORT=str(report), LD_LIBRARY_PATH=paths, TEST_KAFKA_VERSION="4.3.1")
        if part:
            env["SUBTESTS"] = labels(part)[0]
        env.pop("CI", None)
        code = machine.bounded([tests / "test-runner", "-p4"], SECONDS_MAX, log, cwd=tests, env=env)
        output = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
        results = subtests(output)
        label = " " + labels(part)[1] if part else ""
        for test, each in whole(report, output).items():
            if not part or test[:4] in numbers or each.outcome == FAIL:
                results[test + label] = each
        if code is None:
            results[f"0000 the suite ends in time{label}"] = Result(FAIL, output[-1500:])
        return results


def labels(part):
    """What the names of a part's subtests hold, and that of its end."""
    return f"do_test_{part}:", f"(only {part})"


def subtests(output):
    """The outcomes that subtests print."""
    outcomes = {"PASS": PASS, "FAIL": FAIL, "SKIP": SKIP}
    results = {}
    for test, name, word in SUBTEST.findall(output):
        # A subtest is named by its function, line and description, which may hold random names.
        name = re.sub(r"rdkafkatest\w+|rdtest\w+|0x[0-9a-f]+|(?<=#producer-)\d+", "X", name)
        name = re.sub(r"(?<=#consumer-)\d+", "X", name)
        results[f"{test}: {name}"] = Result(outcomes[word], name)
    return results


def whole(report, output):
    """The outcomes of the tests themselves, from the report the runner writes at its end."""
    if not report.exists():
        return {"0000 the runner writes its report": Result(FAIL, output[-1500:])}
    results = {}
    for name, test in json.loads(report.read_text())["tests"].items():
        if name != "<MAIN>" and test["state"] != "DISABLED":
            lines = [line for line in output.splitlines() if f"[{name}" in line]
            detail = "\n".join(lines[-12:])
            results[name] = Result(STATES.get(test["state"], FAIL), f"{test['state']}\n{detail}")
    return results
