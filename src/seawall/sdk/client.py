"""A control plane's REST API as Python calls, in the name of one identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seawall.kernel import (
    BadInput,
    Conflict,
    Corrupt,
    Digest,
    Forbidden,
    NotFound,
    SeawallError,
    Unauthenticated,
    Unavailable,
)

_ERRORS: dict[int, type[SeawallError]] = {
    e.http: e for e in (BadInput, Unauthenticated, Forbidden, NotFound, Conflict, Unavailable)
}


class Client:
    """Talks to the control plane at `url` with an API token.

    Every call raises the kernel's error of the same meaning as the server's answer, with the
    server's own sentence; `Unavailable` when nothing answers.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 30.0) -> None:
        import httpx

        self.url, self.token = url.rstrip("/"), token.strip()
        try:
            host = httpx.URL(self.url).host if self.url.startswith(("http://", "https://")) else ""
        except httpx.InvalidURL:
            host = ""
        if not host:
            raise BadInput(
                f"{url!r} is not a control plane's address", remedy="write http://HOST:PORT"
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise BadInput("the token is not one", remedy="tokens look like swl_…_…")
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            headers={"authorization": f"Bearer {self.token}"} if self.token else {},
            trust_env=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at `/api/v1{path}`."""
        given = {k: v for k, v in query.items() if v is not None}
        return msgspec.json.decode(self._send("GET", path, params=given))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send JSON to `/api/v1{path}`; returns the JSON answer."""
        return msgspec.json.decode(
            self._send("POST", path, content=msgspec.json.encode(body or {})) or b"null"
        )

    def put_object(self, data: bytes) -> Digest:
        """Store bytes by their content; returns their digest, which is checked here too."""
        headers = {"content-type": "application/octet-stream"}
        answer = msgspec.json.decode(self._send("PUT", "/objects", content=data, headers=headers))
        if answer["digest"] != Digest.of(data):
            raise Corrupt("an object changed on its way to the store", where=self.url)
        return Digest.parse(answer["digest"])

    def get_object(self, digest: str) -> bytes:
        """The bytes with this digest; raises `Corrupt` if they have another."""
        data = self._send("GET", f"/objects/{digest}")
        if Digest.of(data) != digest:
            raise Corrupt(f"object {digest} arrived altered", where=self.url)
        return data

    def get_proof(self, decision: str) -> bytes:
        """The proof file of a decision, for `seawall-verify`."""
        return self._send("GET", f"/decisions/{decision}/proof")

    def get_log_file(self, path: str) -> bytes:
        """A file of the audit log by its path, such as `checkpoint`."""
        return self._send("GET", f"/audit/log/{path}")

    def apply(self, document: Mapping[str, Any]) -> Any:
        """Declare one document (`apiVersion`, `kind`, `metadata`, `spec`); tells what changed."""
        return self.post("/declared", document)

    def _send(self, method: str, path: str, **options: Any) -> bytes:
        import httpx

        try:
            answer = self._http.request(method, f"/api/v1{path}", **options)
        except httpx.TransportError as error:
            raise Unavailable(
                "the control plane does not answer",
                where=self.url,
                remedy="start it with `seawall serve`, or set SEAWALL_URL",
            ) from error
        if answer.is_success:
            return answer.content
        try:
            told = msgspec.json.decode(answer.content)
            what, where, remedy = (str(told.get(k) or "") for k in ("error", "where", "remedy"))
        except (msgspec.DecodeError, AttributeError):
            what, where, remedy = answer.text[:200].strip(), "", ""
        raise _ERRORS.get(answer.status_code, Unavailable)(
            what or f"the control plane answered {answer.status_code}",
            where=where or path,
            remedy=remedy,
        )
