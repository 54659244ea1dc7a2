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

# Without eligible leader replicas, which only a cluster has, and which turn min.insync.replicas into
# a dynamic configuration of the brokers.
FORMAT = "--feature eligible.leader.replicas.version=0"
READY_S_MAX = 60
STOP_S_MAX = 30


class Failed(Exception):
    """The broker did not do what a broker must before anything can be tested."""


class Broker:
    """One broker; `name` is what the report calls it."""

    def __init__(self, name, program, folder, settings, port=0):
        self.name = name
        self.program = program
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.settings = settings
        self.port = port
        self.process = None
        self.start()

    def start(self):
        """Starts the process and waits until it says that it is ready."""
        command = [self.program, "serve", "--listen", f"127.0.0.1:{self.port}"]
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
        self.close()
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
        shutil.rmtree(self.folder / "data", ignore_errors=True)
