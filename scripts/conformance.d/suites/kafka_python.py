"""kafka-python's own integration tests, from its source distribution."""

import os
import sys
import tarfile
from xml.etree import ElementTree

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

VERSION = "3.0.12"
SECONDS_MAX = 420
PACKAGES = ["pytest==8.4.2", "pytest-timeout==2.4.0", "lz4==4.4.5", "zstandard==0.25.0"]
PACKAGES += ["python-snappy==0.7.3"]
TESTS = ["admin", "consumer", "producer"]
# The distribution leaves out test/service.py, which starts brokers; ours runs already.
SERVICE = """
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass


class SpawnedService:
    pass
"""


class KafkaPython(Suite):
    """Its admin, consumer and producer tests; those of SASL and TLS need brokers of their own."""

    name = "kafka-python"
    version = VERSION
    about = "test/integration of the source distribution: admin, consumer, producer"
    settings = ["node.id=0", "num.partitions=4", "group.initial.rebalance.delay.ms=0"]
    settings += ["group.min.session.timeout.ms=1000"]
    settings += ["advertised.listeners=PLAINTEXT://127.0.0.1:9092"]
    port = 9092
    folder = None

    def prepare(self):
        with machine.built("kafka-python", VERSION, SERVICE, *PACKAGES) as (folder, stale):
            self.folder = folder
            if not stale:
                return
            machine.say("fetching kafka-python's tests")
            machine.install([sys.executable, "-m", "venv", folder / "venv"])
            pip = [folder / "venv" / "bin" / "pip", "-q"]
            machine.install([*pip, "install", "--only-binary", ":all:", *PACKAGES])
            source = ["--no-deps", "--no-binary", "kafka-python", f"kafka-python=={VERSION}"]
            machine.install([*pip, "download", "-d", folder, *source])
            with tarfile.open(folder / f"kafka_python-{VERSION}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
            # Without it, Python's own package `test` is found in place of this one.
            tests = folder / f"kafka_python-{VERSION}" / "test"
            (tests / "__init__.py").touch()
            (tests / "service.py").write_text(SERVICE)

    def run(self, broker, folder, only=None):
        source = self.folder / f"kafka_python-{VERSION}"
        files = [f"test/integration/test_{each}_integration.py" for each in TESTS]
        chosen = sorted(f"test/integration/{each}" for each in only) if only else files
        report = folder / "report.xml"
        command = [self.folder / "venv" / "bin" / "python", "-m", "pytest", "-q"]
        command += ["-p", "no:cacheprovider", "--timeout=60", f"--junitxml={report}", *chosen]
        env = dict(os.environ, KAFKA_URI=f"kafka://{broker.address}", KAFKA_VERSION="4.3.1")
        env.update(PYTHONPATH=str(source), KAFKA_ROOT=str(folder))
        command = [*broker.inside, *command]
        machine.bounded(command, SECONDS_MAX, folder / "log", cwd=source, env=env)
        if not report.exists():
            tail = (folder / "log").read_text()[-1500:]
            return {"the suite ends in time": Result(FAIL, tail)}
        return {name(case): result(case) for case in ElementTree.parse(report).iter("testcase")}


def name(case):
    """The test as pytest is called with it."""
    return f"{case.get('classname').rpartition('.')[2]}.py::{case.get('name')}"


def result(case):
    """The outcome of a test in pytest's report."""
    for bad in [*case.findall("failure"), *case.findall("error")]:
        return Result(FAIL, (bad.get("message") or "") + "\n" + (bad.text or "")[-1200:])
    return Result(SKIP if case.find("skipped") is not None else PASS)
