"""What goes over the wire, on asyncio and the standard library alone: requests, answers in chunks, frames of
WebSockets, and the CBOR of binary messages.
"""

import asyncio
import base64
import json
import os
import socket
import struct

# A client that does not read shall be noticed before the buffers of the system have taken all there is.
RECEIVE_BYTES = 16_384


class Gone(Exception):
    """The connection ended."""


class Connection:
    """One connection. Bytes are read from `buffer`, which `more` adds to."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.buffer = reader, writer, bytearray()

    @classmethod
    async def open(cls, port):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            return cls(*await asyncio.open_connection(sock=sock, limit=RECEIVE_BYTES))
        except OSError as error:
            sock.close()
            raise Gone(str(error)) from None

    def write(self, data):
        self.writer.write(data)

    async def more(self):
        try:
            data = await self.reader.read(65_536)
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("closed")
        self.buffer += data

    async def head(self):
        """The status and the fields of an answer."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            await self.more()
        first, *lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        del self.buffer[:end + 4]
        fields = dict(line.split(": ", 1) for line in lines)
        return int(first.split(" ", 2)[1]), {name.lower(): value for name, value in fields.items()}

    async def exactly(self, size):
        while len(self.buffer) < size:
            await self.more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    async def chunk(self):
        """The next part of an answer in chunks; empty at its end. Takes nothing before all of it is there."""
        while True:
            begin = self.buffer.find(b"\r\n") + 2
            if begin >= 2:
                end = begin + int(self.buffer[:begin - 2], 16)
                if len(self.buffer) >= end + 2:
                    data = bytes(self.buffer[begin:end])
                    del self.buffer[:end + 2]
                    return data
            await self.more()

    async def body(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            return await self.exactly(int(fields.get("content-length", 0)))
        parts = []
        while part := await self.chunk():
            parts.append(part)
        return b"".join(parts)

    async def request(self, method, path, body=None, fields=()):
        """Sends one; the answer is for `head` and `body`."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(data)}", *fields]
        if body is not None:
            lines.append("content-type: application/json")
        self.write("\r\n".join([*lines, "", ""]).encode() + data)

    def close(self):
        self.writer.close()

    def reset(self):
        """Ends it with RST."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Http:
    """Requests one after the other over a connection that is made anew where it was lost."""

    def __init__(self, port):
        self.port, self.connection = port, None

    async def call(self, method, path, body=None, fields=()):
        """Status and value of the answer; raises Gone where none came."""
        try:
            if self.connection is None:
                self.connection = await Connection.open(self.port)
            await self.connection.request(method, path, body, fields)
            status, answered = await self.connection.head()
            data = await self.connection.body(answered)
        except BaseException:
            self.close()
            raise
        if answered.get("connection") == "close":
            self.close()
        return status, json.loads(data)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


## WebSockets

TEXT, BINARY, CLOSE = 1, 2, 8


async def websocket(port, path, fields=()):
    connection = await Connection.open(port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", "host: localhost", "connection: Upgrade", "upgrade: websocket",
             "sec-websocket-version: 13", f"sec-websocket-key: {key}", *fields, "", ""]
    try:
        connection.write("\r\n".join(lines).encode())
        status, _ = await connection.head()
    except BaseException:
        connection.close()
        raise
    if status != 101:
        connection.close()
        raise Gone(f"the handshake is answered {status}")
    return connection


def frame(opcode, payload):
    """One of a client, masked with zeros."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | size, 0) + payload
    return struct.pack("!BBHI", 0x80 | opcode, 0x80 | 126, size, 0) + payload


def frames(buffer):
    """Takes the whole frames out of what has come: pairs of opcode and payload."""
    found, at, end = [], 0, len(buffer)
    while end - at >= 2:
        opcode, size, head = buffer[at] & 15, buffer[at + 1] & 127, 2
        if size == 126:
            if end - at < 4:
                break
            size, head = int.from_bytes(buffer[at + 2:at + 4], "big"), 4
        elif size == 127:
            if end - at < 10:
                break
            size, head = int.from_bytes(buffer[at + 2:at + 10], "big"), 10
        if end - at < head + size:
            break
        found.append((opcode, bytes(buffer[at + head:at + head + size])))
        at += head + size
    del buffer[:at]
    return found


def server_message(payload):
    """A binary one: join_ref, ref, topic, event or status, and the value of its data."""
    kind, *sizes = payload[:5 if payload[0] == 1 else 4]
    at, parts = 1 + len(sizes), []
    for size in sizes:
        parts.append(payload[at:at + size].decode())
        at += size
    if kind == 0:
        parts.insert(1, None)
    return [*parts, cbor_value(payload[at:])[0]]


def client_message(join_ref, ref, topic, event, value):
    parts = [part.encode() for part in (join_ref, ref, topic, event)]
    return bytes([0, *map(len, parts)]) + b"".join(parts) + cbor(value)


## CBOR, as far as filters need it


def cbor(value):
    match value:
        case bool() | None:
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return _cbor_head(0, value) if value >= 0 else _cbor_head(1, -1 - value)
        case float():
            return struct.pack("!Bd", 0xfb, value)
        case str():
            data = value.encode()
            return _cbor_head(3, len(data)) + data
        case list():
            return _cbor_head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return _cbor_head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def _cbor_head(major, n):
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | extra]) + n.to_bytes(size, "big")


def cbor_value(data, at=0):
    """A value, and where the next one begins."""
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if n == 27:
            return struct.unpack_from("!d", data, at)[0], at + 8
        if n in (20, 21, 22):
            return {20: False, 21: True, 22: None}[n], at
        raise ValueError(f"CBOR 7.{n}")
    if n == 31:
        # Of no length that is said before; it ends with 255.
        items = []
        while data[at] != 0xff:
            item, at = cbor_value(data, at)
            items.append(item)
        return items if major == 4 else dict(zip(items[::2], items[1::2])), at + 1
    if n >= 24:
        size = 1 << n - 24
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
    match major:
        case 0:
            return n, at
        case 1:
            return -1 - n, at
        case 2:
            return data[at:at + n], at + n
        case 3:
            return data[at:at + n].decode(), at + n
        case 4:
            items = []
            for _ in range(n):
                item, at = cbor_value(data, at)
                items.append(item)
            return items, at
        case 5:
            members = {}
            for _ in range(n):
                name, at = cbor_value(data, at)
                members[name], at = cbor_value(data, at)
            return members, at
