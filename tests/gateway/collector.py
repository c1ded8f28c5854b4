"""An OTLP/HTTP receiver in a thread: decodes with OpenTelemetry's own protobuf messages."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """`spans` are those taken; with another `status` than 200 none are."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self.asked = 0
        self.resources: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> Span:
        """The one span of this name."""
        (found,) = (s for s in self.spans if s.name == name)
        return found

    def _take(self, body: bytes) -> None:
        self.bodies.append(body)
        for part in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(attributes(part.resource))
            for scope in part.scope_spans:
                self.spans += scope.spans

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                right = self.path == "/v1/traces"
                right &= self.headers["content-type"] == "application/x-protobuf"
                status = collector.status if right else 404
                collector.asked += 1
                if status == 200:
                    collector._take(body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        return Handler


def attributes(of: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "", None)
        for one in of.attributes
    }
