"""One broker process and its data directory: start, kill, stop, and the damage that a crash may
leave on disk. It does not know what is tested."""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

import wire

HEADER = struct.Struct(">qiiBIhiqqqhii")  # of a batch in format v2; 61 bytes
START_S_MAX = 30


class Failure(Exception):
    """The broker did something it must not do; the text says what."""


def end_with_parent():
    """Runs in the child: a test that is killed leaves no process behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port(chance):
    """A port below those the system gives to clients: a client that tries in vain to reach a
    stopped broker on loopback could otherwise be given that very port and connect to itself."""
    while True:
        port = chance.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Broker:
    """A broker on one port and one directory, over all its lives."""

    def __init__(self, binary, work, chance):
        self.binary, self.port = str(binary), free_port(chance)
        self.data, self.log = work / "data", work / "broker.log"
        self.process = None

    def launch(self):
        """Starts the process and does not wait."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}"]
                + ["--data-dir", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )

    def start(self):
        """Starts the process; seconds until it answered a Metadata request."""
        begin = time.monotonic()
        self.launch()
        while True:
            try:
                with wire.Connection(self.port, timeout=START_S_MAX) as connection:
                    connection.metadata()
                return time.monotonic() - begin
            except OSError as error:
                status = self.process.poll()
                if status is not None:
                    raise Failure(f"the broker ended with {status} instead of starting") from error
                if time.monotonic() - begin > START_S_MAX:
                    raise Failure(f"no Metadata answer within {START_S_MAX} s: {error}") from error
                time.sleep(0.001)

    def kill(self):
        """kill -9. A broker that is gone already has crashed by itself."""
        status = self.process.poll()
        if status is not None:
            raise Failure(f"the broker ended by itself with {status}")
        self.process.kill()
        self.process.wait()

    def stop(self, wait_s_max=20):
        """SIGTERM; seconds until the process was gone, whose exit code must be 0."""
        begin = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(wait_s_max)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure(f"the broker did not stop within {wait_s_max} s of SIGTERM") from None
        if status != 0:
            raise Failure(f"the broker ended with {status} on SIGTERM")
        return time.monotonic() - begin

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, position):
        with open(self.log, "rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def topic_folders(self):
        return [folder for folder in (self.data / "topics").iterdir() if folder.is_dir()]

    def last_segments(self):
        """The last segment file of every partition that has one, the metadata log included."""
        folders = [self.data / "__cluster_metadata-0"]
        for topic in self.topic_folders():
            folders += sorted(folder for folder in topic.iterdir() if folder.is_dir())
        return [segments[-1] for folder in folders if (segments := segment_files(folder))]

    def remove_rocksdb(self):
        shutil.rmtree(self.data / "rocksdb")


def segment_files(folder):
    return sorted(pathlib.Path(folder).glob("[0-9]" * 20 + ".log"))


def batches(path):
    """(position, size, base offset, record count) of each whole batch of a segment file; what
    follows the last whole batch is left out."""
    found = []
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        position = 0
        while position + HEADER.size <= end:
            file.seek(position)
            head = HEADER.unpack(file.read(HEADER.size))
            size = head[1] + 12
            if size < HEADER.size or position + size > end:
                break
            found.append((position, size, head[0], head[6] + 1))
            position += size
    return found


def torn_tail(path, chance):
    """Appends what a write that was cut short may leave; returns a description."""
    whole = batches(path)
    kind = chance.choice(["bytes", "zeros", "short", "hollow"] if whole else ["bytes", "zeros"])
    if kind == "bytes":
        tail = chance.randbytes(chance.randrange(1, 500))
    elif kind == "zeros":
        tail = bytes(chance.randrange(1, 8192))
    else:
        tail = next_batch(path, whole[-1])
        # Cut anywhere, or of full length with pages that never came.
        cut = chance.randrange(1, len(tail))
        tail = tail[:cut] if kind == "short" else tail[:cut] + bytes(len(tail) - cut)
        if kind == "hollow" and tail == next_batch(path, whole[-1]):
            tail = tail[:-1]
    with open(path, "ab") as file:
        position = file.tell()
        file.write(tail)
    return f"{kind}, {len(tail)} bytes at {position} of {path.parent.name}/{path.name}"


def next_batch(path, last):
    """The last batch once more, with the offsets it would have if it had been written again."""
    position, size, base_offset, count = last
    with open(path, "rb") as file:
        file.seek(position)
        data = bytearray(file.read(size))
    struct.pack_into(">q", data, 0, base_offset + count)
    return bytes(data)


def cut_half(path):
    """Truncates a segment to half its size: a loss that must be noticed."""
    os.truncate(path, path.stat().st_size // 2)


def cut_last_batch(path, chance):
    """Truncates a segment by a few bytes; returns the offset at which its last batch began."""
    position, size, base_offset, _ = batches(path)[-1]
    os.truncate(path, position + size - chance.randrange(1, size))
    return base_offset


def walk(folder):
    """Raises unless the batches of a partition's files follow each other without a gap from offset
    0 to the end of the last file; returns the end offset."""
    wanted = 0
    for path in segment_files(folder):
        if int(path.stem) != wanted:
            raise Failure(f"{path} follows offset {wanted - 1}")
        end = 0
        for position, size, base_offset, count in batches(path):
            if base_offset != wanted:
                raise Failure(f"{path} position {position}: {base_offset} follows {wanted - 1}")
            wanted, end = base_offset + count, position + size
        if end != path.stat().st_size:
            raise Failure(f"{path} position {end}: no whole batch follows")
    return wanted
