"""Serves rendered pages with the headers that the control plane sends, and an event stream."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from seawall.kernel import NotFound
from seawall.server.pages import assets


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes on to the next page hangs up; that is no error."""


class Site:
    """`pages` maps a path to what renders it; `tell` sends a server-sent event to every reader."""

    def __init__(self, pages: dict[str, Callable[[], str]]) -> None:
        self.pages = pages
        self.posted: queue.Queue[tuple[str, str]] = queue.Queue()
        self.readers: list[queue.Queue[bytes | None]] = []
        self.cut = False
        site = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def _send(self, status: int, kind: str, body: bytes, headers=()) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if path == "/events":
                    site._stream(self)
                elif path.startswith("/static/"):
                    try:
                        asset = assets.load(path.rsplit("/", 1)[1])
                    except NotFound as error:
                        self._send(404, "text/plain", str(error).encode())
                        return
                    self._send(200, asset.media_type, asset.body, assets.ASSET_HEADERS)
                elif path in site.pages and not site.cut:
                    body = site.pages[path]().encode()
                    self._send(200, "text/html; charset=utf-8", body, assets.PAGE_HEADERS)
                else:
                    self._send(503 if site.cut else 404, "text/plain", b"")

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                site.posted.put((self.path, self.rfile.read(length).decode()))
                self.send_response(303)
                self.send_header("Location", self.headers.get("Referer", "/"))
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _stream(self, handler: BaseHTTPRequestHandler) -> None:
        if self.cut:
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Cache-Control", "no-store")
        handler.end_headers()
        mine: queue.Queue[bytes | None] = queue.Queue()
        self.readers.append(mine)
        with contextlib.suppress(OSError):
            handler.wfile.write(b"retry: 200\n\n")
            handler.wfile.flush()
            while (data := mine.get()) is not None:
                handler.wfile.write(data)
                handler.wfile.flush()

    def tell(self, event: str, key: str) -> None:
        for reader in self.readers:
            reader.put(f'event: {event}\ndata: {{"key": "{key}"}}\n\n'.encode())

    def lose(self) -> None:
        """Break every stream and answer nothing until `mend`."""
        self.cut = True
        for reader in self.readers:
            reader.put(None)
        self.readers.clear()

    def mend(self) -> None:
        self.cut = False

    def close(self) -> None:
        self.lose()
        self._server.shutdown()
        self._server.server_close()
