"""The brokers that are compared: one process on a free port, with data of its own.

Both programs take the same command line; `protocol-tests/clients/real-kafka` puts Apache Kafka
behind Felice's. Nothing here knows what is tested.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

# Without eligible leader replicas, which only a cluster has, and which turn min.insync.replicas
# into a dynamic configuration of the brokers.
FORMAT = "--feature eligible.leader.replicas.version=0"
READY_S_MAX = 150
STOP_S_MAX = 30


class Failed(Exception):
    """The broker did not do what a broker must before anything can be tested."""


class Namespace:
    """A network of its own with nothing in it but a loopback, held open by a process that waits."""

    def __init__(self):
        unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        script = "ip link set lo up && echo up && exec cat"
        self.holder = subprocess.Popen(
            [*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self.holder.stdout.readline() != b"up\n":
            raise Failed("there can be no network namespace here: unshare or ip failed")
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix = ["nsenter", "--target", str(self.holder.pid), "--net", *user, "--"]

    def close(self):
        """Lets the network go."""
        self.holder.stdin.close()
        self.holder.wait()


class Broker:
    """One broker; `name` is what the report calls it."""

    def __init__(self, name, program, folder, settings, port=0):
        """A port of its own is for suites that know one port only: the broker then lives in a
        network namespace, which `inside` enters for any other program."""
        self.name = name
        self.program = program
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.settings = settings
        self.port = port
        self.process = None
        self.namespace = Namespace() if port else None
        self.inside = self.namespace.prefix if port else []
        try:
            self.start()
        except Failed:
            self.start()  # another program may just have taken Kafka's second port

    def start(self):
        """Starts the process and waits until it says that it is ready."""
        listen = f"127.0.0.1:{self.port}"
        command = [*self.inside, self.program, "serve", "--listen", listen]
        command += ["--data-dir", str(self.folder / "data")]
        for setting in self.settings:
            command += ["--set", setting]
        ready = self.folder / "ready"
        with open(ready, "wb") as out, open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True,
                env=dict(os.environ, KAFKA_FORMAT=FORMAT),
            )
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"127\.0\.0\.1:(\d+)", ready.read_text())
            if found:
                self.port = int(found[1])
                return
            time.sleep(0.02)
        tail = (self.folder / "log").read_text(errors="replace")[-1500:]
        self.stop()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        raise Failed(f"{self.name} did not become ready; its log ends:\n{tail}")

    @property
    def address(self):
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"

    def alive(self):
        """Whether the process still runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM, and SIGKILL for what does not mind it."""
        if not self.alive():
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self):
        """Ends the process and removes its data; the logs stay."""
        self.stop()
        if self.namespace:
            self.namespace.close()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
