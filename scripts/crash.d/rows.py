"""What the test writes and what it takes down: records that can be recognised, and files of rows.

A record's value names its producer, its partition and its place in that producer's sequence, and is
otherwise a function of these three, so that any foreign byte is noticed. It decides nothing about
right or wrong: check.py does.
"""

import pathlib
import random
import struct
import zlib

TOPIC = "crash"
SCRATCH_TOPIC = "crash-scratch"
PARTITIONS = 3
GROUP = "crash"

IDEMPOTENT, ALL, LEADER = 1, 2, 3
PRODUCERS = {IDEMPOTENT: "idempotent", ALL: "acks-all", LEADER: "acks-1"}

_HEAD = struct.Struct(">BHq")
_ALPHABET = b"abcdefghijklmnopqrstuvwxyz0123456789 etaoin"
_FILLER = bytes(random.Random(7).choices(_ALPHABET, k=131072))


def value(producer, partition, sequence):
    """The value of one record, 11 bytes to 60 KiB long."""
    mixed = (sequence * 2654435761 + producer * 97 + partition) & 0xFFFFFFFF
    length = mixed % 400 if mixed % 997 else 60000
    begin = (mixed >> 8) % 65536
    return _HEAD.pack(producer, partition, sequence) + _FILLER[begin : begin + length]


def name_of(data):
    """(producer, partition, sequence) that a value claims to be, or None for a foreign one."""
    if len(data) < _HEAD.size:
        return None
    return _HEAD.unpack_from(data)


def checksum(data):
    """What is kept of a value that a consumer saw."""
    return zlib.crc32(data)


ACKED = struct.Struct("<iqq")  # partition, offset, sequence
SEEN, COMMITTED = 0, 1
CONSUMED = struct.Struct("<BiqI")  # SEEN or COMMITTED, partition, offset, checksum
CREATED, DELETING, DELETED = 0, 1, 2
TOPICS = struct.Struct("<Bq")  # CREATED, DELETING or DELETED, number of the topic


def topic_name(number):
    """A topic that is created to be deleted."""
    return f"crash-topic-{number}"


class Writer:
    """Appends rows to a file; `flush` hands them to the operating system."""

    def __init__(self, path, form):
        self.file = open(path, "ab", buffering=0)
        self.form = form
        self.rows = []

    def add(self, *row):
        self.rows.append(self.form.pack(*row))

    def flush(self):
        if self.rows:
            data = b"".join(self.rows)
            self.rows = []
            self.file.write(data)


class Follower:
    """Reads the rows of a file that grows, whole rows only, and keeps them all."""

    def __init__(self, path, form):
        self.path, self.form = pathlib.Path(path), form
        self.rows = []
        self.position = 0

    def news(self):
        """Rows added since the last call."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.position)
            data = file.read()
        data = data[: len(data) - len(data) % self.form.size]
        self.position += len(data)
        fresh = list(self.form.iter_unpack(data))
        self.rows += fresh
        return fresh
