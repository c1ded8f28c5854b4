"""The gateway with every protocol: what speaks one goes by `call_of`, the rest as it was."""

from __future__ import annotations

from time import perf_counter
from typing import Any
from urllib.parse import unquote

from seawall.gateway.main import Gateway
from seawall.gateway.protocol import call_of
from seawall.gateway.reply import Reply, plain
from seawall.gateway.service import Context, Invalid
from seawall.kernel import SeawallError


def speaking(gateway: Gateway) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = tuple(unquote(p) for p in scope.get("path", "").split("/") if p)
        if scope["type"] != "http" or scope["method"] != "POST" or not _speaks(path):
            await gateway.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = _answer(gateway, path, dict(scope["headers"]), body)
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return app


def _speaks(path: tuple[str, ...]) -> bool:
    return path[-1:] in (("invocations",), ("infer",), ("decide",))


def _answer(gateway: Gateway, path: Any, headers: Any, body: bytes) -> Reply:
    try:
        call = call_of(path, headers, body)
        assert call is not None
        live = gateway.holder.live[call.endpoint or gateway.settings.endpoints[0]]
        ask = call.parse(live)
        return call.answer(gateway.service.decide(live, ask, Context(perf_counter())), ask)
    except Invalid as error:
        return plain(400, {"error": str(error), "fields": error.fields})
    except SeawallError as error:
        return plain(error.http, {"error": str(error)})
