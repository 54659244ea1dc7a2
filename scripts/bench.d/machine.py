"""The machine under the brokers: memory cgroups, CPU and memory of a process tree, canaries.

Works with cgroup v1 as root; elsewhere the figures come from /proc and the note in the table says
so. It starts no broker and judges no figure.
"""

import os
import pathlib
import platform
import socket
import statistics
import threading
import time

CGROUPS = pathlib.Path("/sys/fs/cgroup")
allow_cgroups = True  # --no-cgroups clears it
TICKS = os.sysconf("SC_CLK_TCK")


def can_use_cgroups():
    """Whether memory and CPU can be accounted per broker through cgroup v1."""
    return allow_cgroups and all(
        os.access(CGROUPS / kind / "cgroup.procs", os.W_OK) for kind in ("memory", "cpuacct")
    )


class Group:
    """A memory and CPU-accounting cgroup of one name; `limit` in bytes."""

    def __init__(self, name, limit):
        self.paths = [
            CGROUPS / kind / f"felice-bench-{os.getpid()}-{name}" for kind in ("memory", "cpuacct")
        ]
        for path in self.paths:
            path.mkdir()
        (self.paths[0] / "memory.limit_in_bytes").write_text(str(limit))

    def enter(self):
        """The shell prefix that puts the process it becomes into the group."""
        moves = "".join(f"echo $$ > {path}/cgroup.procs && " for path in self.paths)
        return ["sh", "-c", moves + 'exec "$@"', "sh"]

    def cpu(self):
        """CPU seconds used so far by all that ever ran in the group, user and system."""
        return int((self.paths[1] / "cpuacct.usage").read_text()) / 1e9

    def pids(self):
        return [int(pid) for pid in (self.paths[0] / "cgroup.procs").read_text().split()]

    def remove(self):
        for path in self.paths:
            for _ in range(100):
                try:
                    path.rmdir()
                    break
                except OSError:  # the kernel needs a moment after the last process ended
                    time.sleep(0.02)


def stat_fields(pid):
    """The fields of /proc/PID/stat after the command's name."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def tree(root):
    """The process and all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents.setdefault(int(stat_fields(entry)[1]), []).append(int(entry))
            except OSError:
                continue
    found, open_ = [], [root]
    while open_:
        pid = open_.pop()
        found.append(pid)
        open_.extend(parents.get(pid, []))
    return found


def tree_cpu(pids):
    """CPU seconds of the processes and the children they waited for."""
    total = 0.0
    for pid in pids:
        try:
            total += sum(int(field) for field in stat_fields(pid)[11:15]) / TICKS
        except OSError:
            continue
    return total


def status_sum(pids, key):
    """The sum of one number of /proc/PID/status over the processes."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                total += int(line.split()[1])
    return total


def rss_mib(pids):
    return status_sum(pids, "VmRSS") / 1024


def threads(pids):
    return status_sum(pids, "Threads")


def open_files(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def disk_read(pids):
    """Bytes the processes made the disk read, which a page-cache figure should not contain."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("read_bytes:"):
                total += int(line.split()[1])
    return total


def log_bytes(folder):
    """Bytes of all log segments below a folder; index files are left out, since Kafka makes them
    sparse and far larger than what they hold."""
    return sum(
        path.stat().st_size for path in pathlib.Path(folder).rglob("*.log") if path.is_file()
    )


def describe():
    """One line about the machine: cores, memory, kernel, congestion control."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    try:
        congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    except OSError:
        congestion = "unknown"
    return (
        f"{os.cpu_count()} cores shared with the load generator, {memory:.0f} GiB, "
        f"Linux {platform.release()}, TCP congestion control {congestion}"
    )


class Canaries:
    """What the machine itself gave in each round; a figure next to a bad canary means little."""

    WARM, TIMED = 768 << 20, 256 << 20

    def __init__(self, folder):
        self.folder, self.rounds, self.turn = pathlib.Path(folder), [], 0
        self.group = Group("canary", 512 << 20) if can_use_cgroups() else None

    def measure(self):
        self.turn += 1
        found = {
            "fresh write GB/s": self.fresh_write(),
            "loopback GB/s": self.loopback(),
            "fdatasync p50 ms": self.fdatasync(),
            "load average": os.getloadavg()[0],
        }
        self.rounds.append(found)
        return found

    def fresh_write(self):
        """Page-cache writes into a file's new pages, in a cgroup that is already full: what a
        broker in its own full cgroup can reach at best."""
        path = self.folder / f"canary-{self.turn % 2}"
        receive, send = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for folder in self.group.paths if self.group else []:
                    (folder / "cgroup.procs").write_text(str(os.getpid()))
                os.write(send, str(self.timed_write(path)).encode())
            finally:
                os._exit(0)
        os.close(send)
        with os.fdopen(receive) as answer:
            seconds = float(answer.read() or "nan")
        os.waitpid(child, 0)
        return self.TIMED / seconds / 1e9

    def timed_write(self, path):
        block = os.urandom(1 << 20)
        with open(path, "wb", buffering=0) as file:
            for _ in range(self.WARM >> 20 if self.group else 0):
                file.write(block)
            start = time.monotonic()
            for _ in range(self.TIMED >> 20):
                file.write(block)
            return time.monotonic() - start

    def loopback(self):
        """Bulk transfer between two threads over 127.0.0.1 with the system's settings."""
        total = 512 << 20
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            peer, _ = server.accept()

            def send():
                block = bytes(1 << 20)
                for _ in range(total >> 20):
                    client.sendall(block)
                client.close()

            start = time.monotonic()
            sender = threading.Thread(target=send)
            sender.start()
            space = bytearray(1 << 20)
            while peer.recv_into(space):
                pass
            seconds = time.monotonic() - start
            sender.join()
            peer.close()
        return total / seconds / 1e9

    def fdatasync(self):
        """Median of 200 appends of 4 KiB, each made durable."""
        block, times = os.urandom(4096), []
        with open(self.folder / "canary-sync", "wb", buffering=0) as file:
            for _ in range(200):
                file.write(block)
                start = time.monotonic()
                os.fdatasync(file.fileno())
                times.append((time.monotonic() - start) * 1e3)
        return statistics.median(times)

    def close(self):
        if self.group:
            self.group.remove()
