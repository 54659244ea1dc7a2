"""The tests of Kafka clients written in Go, from the sources of their modules."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

TEST_S_MAX = 100
UNENDED = "it did not end"
OUTCOMES = {"pass": PASS, "fail": FAIL, "skip": SKIP}


class Module(Suite):
    """A Go module whose tests find the broker by a fixed port or an environment variable."""

    module = ""
    package = "."
    tags = ""  # of the build
    files = "*_test.go"  # where its tests are
    marks = ""  # a pattern: tests whose text does not hold it ask no broker anything
    replaced = []  # (file, text, what is built in its place)
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
        parts = [self.module, self.version, self.package, self.tags, self.replaced]
        with machine.built(name, *filter(None, parts)) as (folder, stale):
            self.folder = folder / "source" / self.package
            if not stale:
                return
            machine.say(f"fetching {self.module} and building its tests")
            fetch = ["go", "mod", "download", "-json", f"{self.module}@v{self.version}"]
            fetched = machine.install(fetch, env=self.env, cwd=folder)
            shutil.copytree(json.loads(fetched)["Dir"], folder / "source")
            machine.install(["chmod", "-R", "u+w", folder / "source"])
            for file, text, other in self.replaced:
                before = (self.folder / file).read_text()
                (self.folder / file).write_text(before.replace(text, other))
            build = ["go", "test", "-c", f"-tags={self.tags}", "-o", "suite.test", "."]
            machine.install(build, env=self.env, cwd=self.folder)

    def names(self):
        """The tests that ask a broker, in the order of the files."""
        found = []
        for path in sorted(self.folder.glob(self.files)):
            for text in re.split(r"^(?=func )", path.read_text(), flags=re.M):
                test = re.match(r"func (Test\w*)\(\w+ \*testing\.T\)", text)
                if test and re.search(self.marks, text):
                    found.append(test[1])
        return found

    @contextlib.contextmanager
    def surroundings(self, broker, folder):
        """What has to run beside the broker while the tests do."""
        yield

    def run(self, broker, folder, only=None):
        env = dict(self.env)
        for variable, value in self.variables.items():
            env[variable] = value.replace("BROKER", broker.address)
        tests = self.names()
        if only:
            tests = [each for each in tests if each in {test.split("/")[0] for test in only}]
        with self.surroundings(broker, folder):
            return self.each(tests, broker, folder, env)

    def each(self, tests, broker, folder, env):
        """The results of tests that run one at a time, so that a panic takes no other with it, and
        those of subtests once more, that a panic of another did take with it."""
        results, deadline = {}, time.monotonic() + self.seconds_max
        waiting = list(tests)
        while waiting:
            test = waiting.pop(0)
            log = folder / f"{test.replace('/', '-')}.log"
            pattern = "/".join(f"^{re.escape(part)}$" for part in test.split("/"))
            command = ["go", "tool", "test2json", "./suite.test", "-test.v=test2json"]
            command += [f"-test.run={pattern}", f"-test.timeout={TEST_S_MAX}s"]
            seconds = max(1, min(TEST_S_MAX + 5, deadline - time.monotonic()))
            machine.bounded([*broker.inside, *command], seconds, log, cwd=self.folder, env=env)
            found = read(log.read_text(errors="replace"))
            results.update(found)
            if "/" not in test:
                lost = [each for each, result in found.items() if result.detail == UNENDED]
                waiting += [each for each in lost if each.count("/") == 1]
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
            results[test] = Result(FAIL, UNENDED)
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
    """franz-go's tests of its client against a broker; its admin client has none of that kind."""

    name = "franz-go"
    version = "1.22.2"
    module = "github.com/twmb/franz-go"
    package = "pkg/kgo"
    about = "the tests of pkg/kgo that ask a broker, with 20,000 records instead of 500,000"
    marks = r"tmp(Named)?Topic|newTestClient|getSeedBrokers|\badm\(\)|testClientOpts"
    settings = ["num.partitions=3", "group.initial.rebalance.delay.ms=0"]
    variables = {"KGO_SEEDS": "BROKER", "KGO_TEST_RECORDS": "20000", "KGO_TEST_RF": "1"}
    seconds_max = 900


class Sarama(Module):
    """IBM/sarama's functional tests: five brokers behind toxiproxy, of which one is left here."""

    name = "sarama"
    version = "1.61.1"
    module = "github.com/IBM/sarama"
    about = "the functional tests, behind toxiproxy, with 1 broker for 5 and 1 replica for 3"
    tags = "functional"
    files = "functional_*_test.go"
    replaced = [
        ("functional_test.go", "ReplicationFactor: 3", "ReplicationFactor: 1"),
        ("functional_test.go", "i <= 5", "i <= 1"),
    ]
    port = 19091  # the proxy's is the one that clients are told
    settings = ["auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0"]
    settings += ["advertised.listeners=PLAINTEXT://127.0.0.1:29091"]
    variables = {"TOXIPROXY_ADDR": "http://127.0.0.1:8474", "KAFKA_VERSION": "4.3.1"}
    seconds_max = 1200
    proxy = "github.com/Shopify/toxiproxy/v2"
    proxy_version = "2.5.0"

    def prepare(self):
        super().prepare()
        with machine.built("toxiproxy", self.proxy, self.proxy_version) as (folder, stale):
            self.toxiproxy = folder / "server"
            if stale:
                machine.say("building toxiproxy")
                source = f"{self.proxy}/cmd/server@v{self.proxy_version}"
                machine.install(["go", "install", source], env=dict(self.env, GOBIN=str(folder)))

    @contextlib.contextmanager
    def surroundings(self, broker, folder):
        proxies = [{"name": "kafka1", "listen": "127.0.0.1:29091", "enabled": True}]
        proxies[0]["upstream"] = broker.address
        config = folder / "toxiproxy.json"
        config.write_text(json.dumps(proxies))
        command = [*broker.inside, self.toxiproxy, "-host", "127.0.0.1", "-config", config]
        with open(folder / "toxiproxy.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 20
            while b"Started proxy" not in (folder / "toxiproxy.log").read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise machine.Missing("toxiproxy did not start")
                time.sleep(0.1)
            yield
        finally:
            process.kill()
            process.wait()
