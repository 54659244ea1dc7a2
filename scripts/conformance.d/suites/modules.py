"""The tests of Kafka clients written in Go, from the sources of their modules."""

import json
import os
import shutil
import subprocess
import time

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

TEST_S_MAX = 100
OUTCOMES = {"pass": PASS, "fail": FAIL, "skip": SKIP}


class Module(Suite):
    """A Go module whose tests find the broker by a fixed port or an environment variable."""

    module = ""
    package = "."
    tests = "."  # a pattern of names
    left_out = []  # names of tests that are of no use here
    variables = {}
    seconds_max = 600
    folder = None

    def prepare(self):
        machine.clients_runtime("kafka-go")
        wheels = machine.BASE / "clients" / "wheels" / "bin"
        self.env = dict(os.environ, GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
        if not shutil.which("go"):
            self.env["PATH"] = f"{wheels}:{os.environ['PATH']}"
        name = self.name.replace(" ", "-")
        with machine.built(name, self.module, self.version, self.package) as (folder, stale):
            self.folder = folder / "source" / self.package
            if not stale:
                return
            machine.say(f"fetching {self.module} and building its tests")
            fetch = ["go", "mod", "download", "-json", f"{self.module}@v{self.version}"]
            fetched = machine.install(fetch, env=self.env, cwd=folder)
            shutil.copytree(json.loads(fetched)["Dir"], folder / "source")
            machine.install(["chmod", "-R", "u+w", folder / "source"])
            build = ["go", "test", "-c", "-o", "suite.test", "."]
            machine.install(build, env=self.env, cwd=self.folder)

    def run(self, broker, folder, only=None):
        env = dict(self.env)
        for variable, value in self.variables.items():
            env[variable] = value.replace("BROKER", broker.address)
        listed = subprocess.run(
            ["./suite.test", f"-test.list={self.tests}"], cwd=self.folder, capture_output=True
        )
        tests = [each for each in listed.stdout.decode().split() if each.startswith("Test")]
        if only:
            tests = [each for each in tests if each in {test.split("/")[0] for test in only}]
        results, deadline = {}, time.monotonic() + self.seconds_max
        # One at a time, so that a panic takes no other test with it.
        for test in [each for each in tests if each not in self.left_out]:
            log = folder / f"{test}.log"
            command = ["go", "tool", "test2json", "./suite.test", "-test.v=test2json"]
            command += [f"-test.run=^{test}$", f"-test.timeout={TEST_S_MAX}s"]
            seconds = max(1, min(TEST_S_MAX + 5, deadline - time.monotonic()))
            machine.bounded([*broker.inside, *command], seconds, log, cwd=self.folder, env=env)
            results.update(read(log.read_text(errors="replace")))
        return results


def read(output):
    """The results in the events of `go tool test2json`; only tests without subtests count, and
    those that failed by themselves. What began and did not end has failed."""
    results, lines, parents = {}, {}, set()
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        test, action = event.get("Test"), event.get("Action")
        if not test:
            continue
        if "/" in test:
            parents.add(test.rpartition("/")[0])
        if action == "run":
            results[test] = Result(FAIL, "it did not end")
        elif action == "output":
            lines.setdefault(test, []).append(event["Output"])
        elif action in OUTCOMES:
            results[test] = Result(OUTCOMES[action], "".join(lines.get(test, []))[-1500:])
    return {test: result for test, result in results.items() if test not in parents}


class KafkaGo(Module):
    """segmentio/kafka-go, which knows one broker only: localhost:9092."""

    name = "kafka-go"
    version = "0.4.51"
    module = "github.com/segmentio/kafka-go"
    about = "the tests of the root package, in a network namespace of their own"
    settings = ["num.partitions=1", "group.initial.rebalance.delay.ms=0"]
    settings += ["message.max.bytes=200000000", "replica.fetch.max.bytes=200000000"]
    settings += ["advertised.listeners=PLAINTEXT://localhost:9092"]
    port = 9092
    variables = {"KAFKA_SKIP_NETTEST": "1", "KAFKA_VERSION": "3.7.0"}


class FranzGo(Module):
    """franz-go's tests of groups and transactions against a real broker."""

    name = "franz-go"
    version = "1.22.2"
    module = "github.com/twmb/franz-go"
    package = "pkg/kgo"
    about = "the tests of pkg/kgo, with 20,000 records where it would take 500,000"
    settings = ["num.partitions=3", "group.initial.rebalance.delay.ms=0"]
    variables = {"KGO_SEEDS": "BROKER", "KGO_TEST_RECORDS": "20000", "KGO_TEST_RF": "1"}
