"""The least that passes requests on, and a server to pass them to: `WHAT [URL] --port N`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop

_REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n"


class Answering(asyncio.Protocol):
    """Answers every request with one score as soon as its body is whole."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._got = transport, b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if found and len(body) >= int(length or 0):
            self._got = b""
            self._transport.write(_REPLY + b'{"predictions":[0.5]}')


async def answering(port: int) -> None:
    loop = asyncio.get_running_loop()
    await (await loop.create_server(Answering, "127.0.0.1", port)).serve_forever()


def bare(url: str) -> Any:
    """An ASGI application that passes requests on with one aiohttp session."""
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not sessions:
            connector = aiohttp.TCPConnector(limit=0)
            sessions.append(aiohttp.ClientSession(connector=connector, auto_decompress=False))
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = [
            (name.decode(), value.decode())
            for name, value in scope["headers"]
            if name not in (b"host", b"connection", b"content-length")
        ]
        target, method = url + scope["path"], scope["method"]
        async with sessions[0].request(method, target, headers=headers, data=body) as reply:
            content = await reply.read()
            back = [(n, v) for n, v in reply.raw_headers if n.lower() != b"date"]
            await send({"type": "http.response.start", "status": reply.status, "headers": back})
            await send({"type": "http.response.body", "body": content})

    return app


def lean(url: str) -> Any:
    """The same over the connections that the gateway itself uses."""
    from seawall.adapters.upstream import Upstream

    upstreams: list[Upstream] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not upstreams:
            upstreams.append(Upstream("bench", url, timeout=10.0))
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path, method = scope["path"], scope["method"]
        reply = await upstreams[0].forward(path, scope["headers"], body, method=method)
        size = (b"content-length", b"%d" % len(reply.body))
        back = [*(pair for pair in reply.headers if pair[0].lower() != b"date"), size]
        await send({"type": "http.response.start", "status": reply.status, "headers": back})
        await send({"type": "http.response.body", "body": reply.body})

    return app


def main(what: str, *rest: str) -> None:
    port = int(rest[-1])
    if what == "server":
        uvloop.run(answering(port))
        return
    application = {"bare": bare, "lean": lean}[what](rest[0])
    uvicorn.run(
        application, port=port, http="httptools", loop="uvloop", ws="none", lifespan="off",
        log_config=None, access_log=False, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
