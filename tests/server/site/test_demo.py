from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.server.site.filled import with_demo
from tests.server.site.test_forms import send

from seawall.server.pages import paths


class Panel:
    """What a running demo offers, on the loopback."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        panel = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                state = {
                    "faults": [{"name": "older", "title": "People <b>older", "active": True}],
                    "sent": 1200,
                    "hour": 8,
                    "clock": "2016-01-04T08:00:00Z",
                }
                self.answer(state if self.path == "/state" else {})

            def do_POST(self) -> None:
                panel.orders.append(self.path)
                self.answer({"answers": [{"decision_id": "d-1", "label": 1}], "refusal": None})

            def answer(self, content: object) -> None:
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def panel() -> Iterator[Panel]:
    panel = Panel()
    yield panel
    panel.close()


def test_without_a_demo_there_is_no_panel(fresh, browse) -> None:
    client = browse(fresh, fresh.otto)
    assert client.get("/demo").status_code == 404
    assert f'href="{paths.DEMO}"' not in client.get("/").text


def test_the_panel_shows_faults_and_passes_orders_on(fresh, browse, panel) -> None:
    with_demo(fresh, panel.url)
    client = browse(fresh, fresh.otto)
    text = client.get("/demo").text
    assert "1,200 people" in text
    assert "People &lt;b&gt;older" in text
    assert "Roll back" in text
    assert send(client, "/demo/fault/older").status_code == 303
    assert send(client, "/demo/send").status_code == 303
    assert "d-1" in client.get("/demo").text
    assert send(client, "/demo/calm").status_code == 303
    assert send(client, "/demo/state").status_code == 404
    assert panel.orders == ["/fault/older", "/send", "/calm"]


def test_only_operators_give_orders(fresh, browse, panel) -> None:
    with_demo(fresh, panel.url)
    assert send(browse(fresh, fresh.iris), "/demo/fault/older").status_code == 403
    assert panel.orders == []


def test_a_demo_that_has_gone_is_told_on_the_page(fresh, browse, panel) -> None:
    panel.close()
    with_demo(fresh, panel.url)
    client = browse(fresh, fresh.otto)
    assert "The demo does not answer" in client.get("/demo").text
    assert send(client, "/demo/calm").status_code == 503
