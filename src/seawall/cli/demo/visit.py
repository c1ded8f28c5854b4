"""`--serve`: traffic goes on, the pages stay up, and a visitor may break things."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from seawall.cli.context import console
from seawall.cli.demo.traffic import Rewrite, Sent
from seawall.cli.demo.trouble import older, renamed, retyped
from seawall.cli.demo.world import World
from seawall.kernel import SeawallError

SECONDS_AN_HOUR = 3.0
"""Real seconds that one hour of the clock takes while somebody looks."""
FAULTS: dict[str, tuple[str, Rewrite]] = {
    "older": ("Everyone arrives 15 years older", older),
    "renamed": ("AGEP comes as age_years", renamed),
    "retyped": ("SCHL comes as text", retyped),
}


class Panel:
    """What the visitor's page controls, behind a loopback service of this process."""

    def __init__(self, world: World) -> None:
        self._world, self._lock = world, threading.Lock()
        self._active: set[str] = set()
        self.sent = Sent()

    def rewrite(self, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """A request with every active fault in it."""
        for name in sorted(self._active):
            columns = FAULTS[name][1](columns)
        return columns

    def state(self) -> dict[str, Any]:
        """What is going on."""
        return {
            "faults": [
                {"name": name, "title": title, "active": name in self._active}
                for name, (title, _) in FAULTS.items()
            ],
            "sent": self.sent.people,
            "refused": self.sent.refused,
            "hour": self._world.now.hour,
            "clock": self._world.now,
        }

    def toggle(self, name: str) -> dict[str, Any]:
        """Begin or end a fault."""
        self._active ^= {name}
        return self.state()

    def calm(self) -> dict[str, Any]:
        """End every fault."""
        self._active.clear()
        return self.state()

    def send(self) -> dict[str, Any]:
        """One request now; returns its answers, or the refusal."""
        sent = Sent()
        with self._lock:
            answers = self._world.doors.request(sent, self.rewrite)
        return {"answers": answers[:1], "refusal": sent.refusal or None}

    def hour(self) -> None:
        """One hour of the clock's traffic."""
        with self._lock:
            if not self._world.doors.left:
                self._world.doors.position = 0
            self._world.doors.hour(self.sent, self.rewrite)


def visit(world: World) -> None:
    """Serve until Ctrl-C."""
    panel = Panel(world)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", world.panel_port), _handler(panel))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    link = world.invite()
    world.admit_challenger()
    terminal = console(err=True)
    terminal.print("\nThe challenger was approved in the approver's name; its rollout has begun.")
    terminal.print(f"The pages are up, traffic flows. Sign in once at\n  {link}", soft_wrap=True)
    terminal.print("There you can inject a fault, send a request, press roll back. Ctrl-C ends it.")
    try:
        while True:
            began = time.monotonic()
            panel.hour()
            time.sleep(max(0.0, SECONDS_AN_HOUR - (time.monotonic() - began)))
    finally:
        server.shutdown()


def _handler(panel: Panel) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"/state": panel.state})

        def do_POST(self) -> None:
            faults = {f"/fault/{name}": (lambda n=name: panel.toggle(n)) for name in FAULTS}
            self._answer({"/send": panel.send, "/calm": panel.calm, **faults})

        def _answer(self, routes: dict[str, Callable[[], dict[str, Any]]]) -> None:
            if self.path not in routes:
                self.send_error(404)
                return
            try:
                status, content = 200, routes[self.path]()
            except SeawallError as error:
                status, content = 503, {"error": str(error)}
            body = msgspec.json.encode(content)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
            """The demo's terminal is for its story."""

    return Handler
