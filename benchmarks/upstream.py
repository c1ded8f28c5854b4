"""The pooled client to a remote model beside the bare client it is made of, and beside httpx.

One server in a process of its own answers 30 scores' worth of JSON; sixteen callers ask over and
over. The three take turns, so that what else the machine does touches each alike.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import uvloop

from benchmarks.gateway import answers, free_port
from benchmarks.measure import Result, Size

LIMIT = 0.85
CALLERS = 16
ROUNDS = 5
BODY = msgspec.json.encode({"dataframe_split": {"columns": [f"f{i}" for i in range(30)],
                                                "data": [[0.123456] * 30]}})  # fmt: skip
HEADERS = {"content-type": "application/json"}


def run(size: Size) -> Iterator[Result]:
    rates = uvloop.run(_measure(float(size.rows(1, 4))))
    ours, bare, other = sorted(zip(*rates, strict=True), key=lambda r: r[0] / r[1])[ROUNDS // 2]
    yield Result(
        "upstream, pass through", ours, "requests/s", "aiohttp alone", bare,
        f"{LIMIT:g} x at least", ours >= LIMIT * bare,
    )  # fmt: skip
    yield Result("upstream, pass through", ours, "requests/s", "httpx alone", other)


class _Answering(asyncio.Protocol):
    _REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n"

    def connection_made(self, transport: Any) -> None:
        self._transport, self._got = transport, b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        if len(self._got.partition(b"\r\n\r\n")[2]) >= len(BODY):
            self._got = b""
            self._transport.write(self._REPLY + b'{"predictions":[0.5]}')


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", port)
    await server.serve_forever()


def _server(port: int) -> None:
    uvloop.run(_serve(port))


async def _measure(seconds: float) -> tuple[list[float], list[float], list[float]]:
    import aiohttp
    import httpx

    from seawall.adapters.upstream import Upstream

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = multiprocessing.get_context("spawn").Process(target=_server, args=(port,))
    process.start()
    try:
        while not answers(port):
            await asyncio.sleep(0.05)
        async with (
            Upstream("bench", url) as upstream,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session,
            httpx.AsyncClient(trust_env=False) as client,
        ):

            async def ours() -> None:
                await upstream.forward("/invocations", HEADERS, BODY)

            async def bare() -> None:
                async with session.post(url + "/invocations", data=BODY, headers=HEADERS) as reply:
                    await reply.read()

            async def other() -> None:
                await client.post(url + "/invocations", content=BODY, headers=HEADERS)

            rates: tuple[list[float], list[float], list[float]] = ([], [], [])
            for _ in range(ROUNDS):
                for way, found in zip((ours, bare, other), rates, strict=True):
                    found.append(await _rate(way, seconds))
            return rates
    finally:
        process.terminate()
        process.join()


async def _rate(ask: Callable[[], Awaitable[None]], seconds: float) -> float:
    began, done = time.perf_counter(), 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await ask()
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - began)
