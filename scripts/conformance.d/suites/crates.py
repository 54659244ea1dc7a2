"""The integration tests of Kafka clients written in Rust, from the sources of their crates."""

import json
import os
import pathlib
import re
import shutil

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

OUTCOMES = {"ok": PASS, "FAILED": FAIL, "ignored": SKIP}
MANIFEST = """[package]
name = "suite-source"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
{crate} = "={version}"
"""


class Crate(Suite):
    """A crate whose tests find the broker by an environment variable."""

    crate = ""
    tests = []  # names of the test programs
    variables = {}  # BROKER stands for the address
    arguments = []  # of the test programs
    seconds_max = 100  # for one test program
    updates = {}  # newer versions of what its lock file names, where that no longer compiles
    programs = {}

    def prepare(self):
        machine.apt("librdkafka is built", "make", "make", "g++", "pkg-config", "zlib1g-dev")
        parts = [self.version, *self.tests, *self.updates]
        with machine.built(self.crate, *parts) as (folder, stale):
            if stale:
                machine.say(f"building the tests of the crate {self.crate}: a few minutes")
                self.build(folder)
            self.programs = json.loads((folder / "programs.json").read_text())

    def build(self, folder):
        """Fetches the source and builds the test programs."""
        manifest = MANIFEST.format(crate=self.crate, version=self.version)
        (folder / "Cargo.toml").write_text(manifest)
        (folder / "lib.rs").touch()
        where = ["--manifest-path", folder / "Cargo.toml"]
        metadata = machine.install(["cargo", "metadata", "-q", "--format-version=1", *where])
        packages = json.loads(metadata[metadata.index("{") :])["packages"]
        found = [each for each in packages if each["name"] == self.crate][0]
        source = folder / "source"
        shutil.copytree(pathlib.Path(found["manifest_path"]).parent, source)
        (source / "rust-toolchain.toml").unlink(missing_ok=True)  # ours builds it as well
        target = folder / "target"
        for name, version in self.updates.items():
            update = ["cargo", "update", "-q", "-p", name, "--precise", version]
            machine.install(update, cwd=source)
        wanted = [part for test in self.tests for part in ("--test", test)]
        build = ["cargo", "test", "--no-run", "-j2", "--target-dir", target, *wanted]
        env = dict(os.environ, CARGO_TERM_COLOR="never", CARGO_PROFILE_DEV_DEBUG="0")
        output = machine.install(build, cwd=source, env=env)
        programs = dict(re.findall(r"Executable tests/(\w+)\.rs \((.+)\)", output))
        if set(programs) != set(self.tests):
            raise machine.Missing(f"cargo named other test programs: {programs}")
        (folder / "programs.json").write_text(json.dumps(programs))

    def run(self, broker, folder, only=None):
        env = dict(os.environ, RUST_LOG="off", RUST_BACKTRACE="0")
        for variable, value in self.variables.items():
            env[variable] = value.replace("BROKER", broker.address)
        results = {}
        for test, program in self.programs.items():
            mine = [each for each in only or [] if each.startswith(f"{test}::")]
            chosen = [each.partition("::")[2] for each in mine]
            if only and not chosen:
                continue
            log = folder / f"{test}.log"
            names = ["--exact", *chosen] if chosen else []
            command = [*broker.inside, program, "--test-threads=1", *self.arguments, *names]
            source = machine.CACHE / self.crate / "source"
            machine.bounded(command, self.seconds_max, log, cwd=source, env=env)
            results.update(read(test, log.read_text(errors="replace")))
        return results


def read(program, output):
    """The results in what a Rust test program prints; a test without a result did not end."""
    results = {}
    for name, word in re.findall(r"^test ([\w:]+)(?: - should panic)? \.\.\. (\w*)", output, re.M):
        if word in ("ok", "ignored"):
            results[f"{program}::{name}"] = Result(OUTCOMES[word])
            continue
        reason = output.find(f"---- {name} stdout")
        detail = output[reason : reason + 1500] if reason >= 0 else output[-1500:]
        results[f"{program}::{name}"] = Result(FAIL, detail)
    return results


class RustRdkafka(Crate):
    """rust-rdkafka, over the librdkafka it brings; some of its tests know localhost:9092 only."""

    name = "rust-rdkafka"
    crate = "rdkafka"
    version = "0.39.0"
    about = "the crate's tests/, in a network namespace of their own"
    port = 9092
    settings = ["node.id=0", "num.partitions=3", "group.initial.rebalance.delay.ms=0"]
    tests = ["test_admin", "test_high_consumers", "test_high_producers", "test_low_consumers"]
    tests += ["test_low_producers", "test_metadata", "test_transactions"]
    variables = {"KAFKA_HOST": "BROKER", "KAFKA_VERSION": "4.3.1"}


class Rskafka(Crate):
    """rskafka; the tests that need a proxy leave themselves out."""

    name = "rskafka"
    crate = "rskafka"
    version = "0.6.0"
    about = "the crate's tests/, with its Java and librdkafka counterparts"
    updates = {"rsasl": "2.3.1"}
    settings = [*Crate.settings, "auto.create.topics.enable=false"]
    tests = ["client", "consumer", "produce_consume", "producer"]
    variables = {"TEST_INTEGRATION": "1", "KAFKA_CONNECT": "BROKER", "TEST_BROKER_IMPL": "kafka"}
