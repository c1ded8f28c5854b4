"""A server of bytes: what each path answers is written by hand, wrong on purpose."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np


def reply(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


def oip(values: list[object], shape: list[int] | None = None, datatype: str = "FP64") -> bytes:
    output = {"name": "score", "shape": shape or [len(values)], "datatype": datatype}
    return reply(json.dumps({"outputs": [output | {"data": values}]}).encode())


def binary(values: list[float], size: int | None = None) -> bytes:
    raw = np.array(values, "<f4").tobytes()
    about = {"binary_data_size": len(raw) if size is None else size}
    tensor = {"name": "score", "shape": [len(values)], "datatype": "FP32", "parameters": about}
    head = json.dumps({"outputs": [tensor]}).encode()
    return reply(head + raw, more=f"inference-header-content-length: {len(head)}\r\n")


def mlflow(predictions: object) -> bytes:
    return reply(json.dumps({"predictions": predictions}).encode())


class Misbehaving:
    """Answers with `answer`; `how` is one of the branches below, or `plain`."""

    def __init__(self) -> None:
        self.answer, self.how = b"", "plain"
        self.asked: list[bytes] = []
        self.open = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.go_on = threading.Event()
        """Of `chunks`: send the other one."""
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self.writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        self.asked.append(head + await reader.readexactly(length))
        if self.how == "hang":
            await reader.read()
            return False
        if self.how == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST
            writer.transport.abort()
            return False
        if self.how == "half":
            writer.write(self.answer[:-3])
            return False
        if self.how == "drip":
            for byte in self.answer:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
            return False
        if self.how == "chunks":
            part = b"%x\r\n%b\r\n" % (len(self.answer), self.answer)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + part)
            await writer.drain()
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
            writer.write(part + b"0\r\n\r\n")
            await writer.drain()
            return True
        if self.how == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await writer.drain()
        writer.write(self.answer)
        await writer.drain()
        return True


@asynccontextmanager
async def misbehaving() -> AsyncIterator[Misbehaving]:
    made = Misbehaving()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        made.go_on.set()
        for writer in list(made.writers):
            writer.transport.abort()
        while made.open:
            await asyncio.sleep(0.01)
        await server.wait_closed()
