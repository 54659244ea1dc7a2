"""The few Kafka requests the test sends itself, over a plain socket, in versions with fixed-width
fields. This is no client: one broker, no retries, errors are raised."""

import socket
import struct
import time

LIST_OFFSETS, METADATA, OFFSET_FETCH = 2, 3, 9
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 19, 20, 22
EARLIEST, LATEST = -2, -1


class Refused(Exception):
    """The broker answered with an error code."""

    def __init__(self, what, code):
        super().__init__(f"{what}: error code {code}")
        self.code = code


def text(value):
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

    def list(self):
        return range(max(self.number("i"), 0))


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
            part = self.socket.recv(length - len(parts))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts += part
        return bytes(parts)

    def call(self, api, version, body):
        head = struct.pack(">hhi", api, version, 1) + text("crash")
        self.socket.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        size = struct.unpack(">i", self.exactly(4))[0]
        reader = Reader(self.exactly(size))
        reader.number("i")
        return reader

    def metadata(self):
        """Names of all topics."""
        reply = self.call(METADATA, 1, struct.pack(">i", -1))
        for _ in reply.list():
            reply.number("i"), reply.text(), reply.number("i"), reply.text()
        reply.number("i")
        names = []
        for _ in reply.list():
            reply.number("h")
            names.append(reply.text())
            reply.number("b")
            for _ in reply.list():
                reply.number("h"), reply.number("i"), reply.number("i")
                for _ in range(2):
                    for _ in reply.list():
                        reply.number("i")
        return names

    def create_topic(self, name, partitions, configs):
        body = struct.pack(">i", 1) + text(name) + struct.pack(">ihi", partitions, 1, 0)
        body += struct.pack(">i", len(configs))
        for key, value in configs.items():
            body += text(key) + text(value)
        reply = self.call(CREATE_TOPICS, 2, body + struct.pack(">ib", 30000, 0))
        reply.number("i"), reply.number("i")
        reply.text()
        code = reply.number("h")
        if code:
            raise Refused(f"topic {name} cannot be created", code)

    def delete_topic(self, name):
        body = struct.pack(">i", 1) + text(name) + struct.pack(">i", 30000)
        reply = self.call(DELETE_TOPICS, 1, body)
        reply.number("i"), reply.number("i")
        reply.text()
        code = reply.number("h")
        if code:
            raise Refused(f"topic {name} cannot be deleted", code)

    def producer_id(self):
        """A new producer ID."""
        reply = self.call(INIT_PRODUCER_ID, 0, struct.pack(">hi", -1, 60000))
        reply.number("i")
        code = reply.number("h")
        if code:
            raise Refused("no producer ID", code)
        return reply.number("q")

    def offsets(self, topic, partitions, timestamp):
        """The offset of `timestamp` (EARLIEST or LATEST) in each partition."""
        body = struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">i", partitions)
        for partition in range(partitions):
            body += struct.pack(">iq", partition, timestamp)
        reply = self.call(LIST_OFFSETS, 1, body)
        reply.number("i"), reply.text()
        found = {}
        for _ in reply.list():
            partition, code = reply.number("i"), reply.number("h")
            reply.number("q")
            found[partition] = reply.number("q")
            if code:
                raise Refused(f"offsets of {topic}-{partition}", code)
        return found

    def committed(self, group, topic, partitions):
        """Committed offset per partition, -1 for none. Waits while the group is being loaded."""
        body = text(group) + struct.pack(">i", 1) + text(topic) + struct.pack(">i", partitions)
        body += struct.pack(f">{partitions}i", *range(partitions))
        give_up = time.monotonic() + 5
        while True:
            try:
                return self.committed_once(body)
            except Refused as refused:
                # COORDINATOR_LOAD_IN_PROGRESS and COORDINATOR_NOT_AVAILABLE pass.
                if refused.code not in (14, 15) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def committed_once(self, body):
        reply = self.call(OFFSET_FETCH, 2, body)
        found, codes = {}, []
        for _ in reply.list():
            reply.text()
            for _ in reply.list():
                partition = reply.number("i")
                found[partition] = reply.number("q")
                reply.text()
                codes.append(reply.number("h"))
        for code in [*codes, reply.number("h")]:
            if code:
                raise Refused("committed offsets", code)
        return found
