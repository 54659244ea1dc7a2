"""The two brokers under test: how each is prepared, started, watched and stopped.

Both offer the same methods, so that no row of the table can treat them differently except where
its name says so (`fsync`). Nothing is measured here but starting and stopping.
"""

import base64
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import uuid

import machine
import wire

GIB = 1 << 30


def free_port():
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Broker:
    """A broker process with its data folder and, where the machine allows it, its cgroup."""

    name = ""
    memory_limit = 0

    def __init__(self, folder, settings):
        self.settings = settings
        self.topics = set()
        self.home = pathlib.Path(folder)
        self.home.mkdir(parents=True)
        self.port = free_port()
        self.process = None
        self.group = None
        self.idle_cpu = 0.0  # share of one core, measured before any load

    def limit(self):
        """Puts every later start into a memory cgroup of this broker's limit."""
        if machine.can_use_cgroups():
            self.group = machine.Group(self.name, self.memory_limit)

    def command(self):
        raise NotImplementedError

    def fsync_topic(self):
        """Topic configuration under which acks=all waits for the disk."""
        return {}

    def use(self, durability):
        """Makes `fsync` or `page cache` what acks=all means, restarting when that takes it."""

    def start(self):
        """Starts the process; returns the seconds from before fork to the first good Metadata."""
        log = open(self.home / "output.log", "ab")
        prefix = self.group.enter() if self.group else []
        begin = time.monotonic()
        self.process = subprocess.Popen(
            prefix + self.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        try:
            wire.wait_for_metadata(self.port, self.process)
        except wire.Refused as problem:
            tail = (self.home / "output.log").read_text(errors="replace")[-1500:]
            raise wire.Refused(f"{self.name}: {problem}; its output ends:\n{tail}") from None
        return time.monotonic() - begin

    def stop(self):
        """SIGTERM; returns the seconds until the process is gone."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
        took = time.monotonic() - begin
        self.process = None
        return took

    def kill(self):
        """SIGKILL to the whole process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        return self.group.pids() if self.group else machine.tree(self.process.pid)

    def cpu(self):
        return self.group.cpu() if self.group else machine.tree_cpu(self.pids())

    def create(self, name, partitions, configs=None):
        """Creates a topic and waits until all its partitions can be used."""
        with wire.Connection(self.port, timeout=60) as connection:
            connection.create_topics([(name, partitions, configs or {})])
        wire.wait_for_topics(self.port, [(name, partitions)])

    def close(self):
        """Ends the process if it runs, removes the cgroup and the data."""
        if self.alive():
            self.kill()
        if self.group:
            self.group.remove()
        shutil.rmtree(self.home, ignore_errors=True)


class Felice(Broker):
    """Felice's release binary; the durability of acks=all is a setting of the broker."""

    name = "Felice"
    memory_limit = 2 * GIB

    def __init__(self, folder, program, settings=None):
        super().__init__(folder, settings or {})
        self.program = str(program)
        self.durability = "os"

    def command(self):
        return [
            self.program,
            "serve",
            "--listen",
            f"127.0.0.1:{self.port}",
            "--data-dir",
            str(self.home / "data"),
            "--set",
            f"durability={self.durability}",
            *(word for pair in self.settings.items() for word in ("--set", "=".join(pair))),
        ]

    def use(self, durability):
        wanted = "fsync" if durability == "fsync" else "os"
        if wanted != self.durability:
            self.durability = wanted
            if self.alive():
                self.stop()
                self.start()


class Kafka(Broker):
    """Apache Kafka as one node, broker and controller in one JVM of 1 GiB of heap."""

    name = "Kafka"
    memory_limit = 3 * GIB
    # What Kafka's own start script passes to the JVM.
    JVM = [
        "-Xmx1G",
        "-server",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExplicitGCInvokesConcurrent",
    ]

    def __init__(self, folder, jars, settings=None):
        super().__init__(folder, settings or {})
        self.classes = f"{jars}/*"
        self.properties = self.home / "server.properties"
        self.write_properties()
        self.format()

    def write_properties(self):
        controller = free_port()
        one_copy = [
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr",
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.min.isr",
        ]
        lines = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={self.home / 'data'}",
            "group.initial.rebalance.delay.ms=0",
        ]
        lines += [f"{key}=1" for key in one_copy]
        lines += [f"{key}={value}" for key, value in self.settings.items()]
        self.properties.write_text("\n".join(lines) + "\n")

    def format(self):
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A leading dash would be taken for an option.
        identity = "A" + identity[1:] if identity.startswith("-") else identity
        done = subprocess.run(
            [
                "java",
                "-cp",
                self.classes,
                "kafka.tools.StorageTool",
                "format",
                "-t",
                identity,
                "-c",
                str(self.properties),
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise wire.Refused(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")

    def command(self):
        return ["java", *self.JVM, "-cp", self.classes, "kafka.Kafka", str(self.properties)]

    def fsync_topic(self):
        return {"flush.messages": "1"}
