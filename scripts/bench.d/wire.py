"""The few Kafka requests the benchmark sends itself, over a plain socket.

Only versions with fixed-width fields are used, which both brokers serve. This is no client: it
knows one broker, retries nothing and raises what goes wrong.
"""

import socket
import struct
import time

FETCH, METADATA, CREATE_TOPICS, ALTER_CONFIGS = 1, 3, 19, 33


class Refused(Exception):
    """The broker answered with an error code."""


def text(value):
    """A string with its 16-bit length."""
    data = value.encode()
    return struct.pack(">h", len(data)) + data


class Reader:
    """Takes fields off a reply, front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        length = self.number("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at].decode()


class Connection:
    """One connection; `timeout` in seconds bounds every reply."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exactly(self, length):
        parts = bytearray()
        while len(parts) < length:
            part = self.socket.recv(min(length - len(parts), 1 << 20))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts += part
        return bytes(parts)

    def ask(self, api, version, body):
        """Sends one request and returns a reader placed after the reply's header."""
        frame = struct.pack(">hhi", api, version, 1) + text("bench") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        reply = Reader(self.exactly(struct.unpack(">i", self.exactly(4))[0]))
        if reply.number("i") != 1:
            raise ConnectionError("a reply to another request")
        return reply

    def metadata_is_good(self):
        """Whether Metadata names a broker and a controller, so that a client could start."""
        reply = self.ask(METADATA, 1, struct.pack(">i", 0))
        brokers = reply.number("i")
        for _ in range(brokers):
            reply.number("i"), reply.text(), reply.number("i"), reply.text()
        return brokers > 0 and reply.number("i") >= 0

    def fetch(self, topic, partition, offset, limit=4096):
        """Returns (error code, bytes of records) of one Fetch."""
        reply = self.ask(
            FETCH,
            4,
            struct.pack(">iiiibi", -1, 100, 0, limit, 0, 1)
            + text(topic)
            + struct.pack(">iiqi", 1, partition, offset, limit),
        )
        reply.number("i")
        if reply.number("i") != 1:
            raise ConnectionError("a fetch reply without the topic")
        reply.text(), reply.number("i"), reply.number("i")
        error = reply.number("h")
        reply.number("q"), reply.number("q")
        for _ in range(max(0, reply.number("i"))):
            reply.number("q"), reply.number("q")
        return error, reply.number("i")

    def create_topics(self, topics):
        """Creates topics given as (name, partitions, {config: value})."""
        body = struct.pack(">i", len(topics))
        for name, partitions, configs in topics:
            body += text(name) + struct.pack(">ihii", partitions, 1, 0, len(configs))
            for key, value in configs.items():
                body += text(key) + text(value)
        self.check(self.ask(CREATE_TOPICS, 2, body + struct.pack(">ib", 30000, 0)), True)

    def alter_topic(self, topic, configs):
        """Sets the whole configuration of a topic."""
        body = struct.pack(">ib", 1, 2) + text(topic) + struct.pack(">i", len(configs))
        for key, value in configs.items():
            body += text(key) + text(value)
        reply = self.ask(ALTER_CONFIGS, 0, body + struct.pack(">b", 0))
        reply.number("i"), reply.number("i")
        error = reply.number("h")
        if error:
            raise Refused(f"configuration of {topic}: error code {error} {reply.text() or ''}")

    @staticmethod
    def check(reply, with_message):
        reply.number("i")
        for _ in range(reply.number("i")):
            name, error = reply.text(), reply.number("h")
            message = reply.text() if with_message else ""
            if error:
                raise Refused(f"topic {name}: error code {error} {message or ''}")


def wait_for_topics(port, topics, seconds=30.0):
    """Waits until every partition of the topics answers a fetch: Kafka shows a topic before it
    can be used, and the raw load takes an error for a failure."""
    limit = time.monotonic() + seconds
    with Connection(port) as connection:
        for topic, partitions in topics:
            for partition in range(partitions):
                while connection.fetch(topic, partition, 0)[0] != 0:
                    if time.monotonic() > limit:
                        raise Refused(f"{topic}-{partition} cannot be fetched after {seconds} s")
                    time.sleep(0.01)


def wait_for_metadata(port, process, seconds=120.0):
    """Polls each millisecond until the first good Metadata answer, on a new connection each time
    as a client would; raises when the process ends first."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            with Connection(port, timeout=5.0) as connection:
                while not connection.metadata_is_good():
                    time.sleep(0.001)
                return
        except (ConnectionError, socket.timeout, TimeoutError):
            if process.poll() is not None:
                raise Refused(f"the broker ended with status {process.returncode}") from None
            time.sleep(0.001)
    raise Refused(f"no good Metadata answer after {seconds} s")
