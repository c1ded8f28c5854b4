"""A control plane that only remembers what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seawall.kernel import Digest, NotFound
from seawall.sdk.client import Client


class Recorder(Client):
    """Objects by digest, documents by path, and what was posted."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", "swl_x")
        self.objects: dict[str, bytes] = {}
        self.documents: dict[str, Any] = {}
        self.posted: list[tuple[str, Any]] = []

    def put_object(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.objects[digest] = data
        return digest

    def get_object(self, digest: str) -> bytes:
        return self.objects[digest]

    def get(self, path: str, **query: Any) -> Any:
        if path not in self.documents:
            raise NotFound("there is none", where=path)
        return self.documents[path]

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import msgspec

        self.posted.append((path, msgspec.json.decode(msgspec.json.encode(body))))
        return {"version": "income@1"}

    @property
    def registration(self) -> dict[str, Any]:
        [(path, body)] = self.posted
        assert path == "/models/income/versions"
        return body
