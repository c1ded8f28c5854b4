"""The gateway's side of the control plane's API: bundles and artefacts in, telemetry out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from seawall.kernel import Corrupt, Digest, Unavailable
from seawall.serving.gateways import GatewayStatus
from seawall.serving.telemetry import Report

_NONE = frozenset[int]()
_NOT_TO_BE_HAD = frozenset({404, 500})
"""It is there and says that it lacks the bytes, or that its own have changed."""


class Denied(Unavailable):
    """The control plane is there and does not give what is asked: not allowed, or no such thing."""


class Link:
    """Raises `Unavailable` whenever the control plane does not answer as it should."""

    def __init__(self, url: str, token: str, *, timeout: float = 5.0) -> None:
        import httpx

        self._url = url.rstrip("/")
        self._errors = httpx.HTTPError
        self._http = httpx.Client(
            base_url=f"{self._url}/api/v1",
            timeout=timeout,
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
        )

    def bundle(self, endpoint: str, etag: str) -> tuple[bytes, str] | None:
        """The endpoint's envelope and its ETag; None when it is still the one of this ETag."""
        headers = {"if-none-match": etag} if etag else {}
        answer = self._send("GET", f"/bundles/{quote(endpoint, safe='')}", headers=headers)
        if answer.status_code == 304:
            return None
        return answer.content, answer.headers.get("etag", "")

    def artefact(self, digest: Digest) -> bytes:
        """The bytes with this digest; raises `Corrupt` if others came, or none are to be had."""
        answer = self._send("GET", f"/objects/{digest}", but=_NOT_TO_BE_HAD)
        if answer.status_code in _NOT_TO_BE_HAD:
            lacks = "lacks it" if answer.status_code == 404 else "finds it changed, or failed"
            raise Corrupt(f"an artefact is not to be had: its store {lacks}", where=digest.short)
        data = answer.content
        if Digest.of(data) != digest:
            raise Corrupt("an artefact came with another digest", where=digest.short)
        return data

    def report(self, report: Report) -> None:
        """Deliver telemetry; returning means that the control plane has it."""
        headers = {"content-type": "application/msgpack"}
        body = msgspec.msgpack.encode(report)
        self._send("POST", "/telemetry", content=body, headers=headers)

    def present(self, status: GatewayStatus) -> None:
        """Say what this gateway serves; returning means that the control plane knows."""
        headers = {"content-type": "application/json"}
        self._send("POST", "/gateways", content=msgspec.json.encode(status), headers=headers)

    def segment(self, segment: msgspec.Struct) -> None:
        """Tell the root of a shipped segment of the decision log."""
        headers = {"content-type": "application/json"}
        self._send("POST", "/segments", content=msgspec.json.encode(segment), headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(self, method: str, path: str, *, but: frozenset[int] = _NONE, **request: Any) -> Any:
        try:
            answer = self._http.request(method, path, **request)
        except self._errors as error:
            raise Unavailable(
                f"the control plane does not answer: {error}", where=self._url
            ) from None
        if answer.status_code >= 400 and answer.status_code not in but:
            kind = Denied if answer.status_code < 500 else Unavailable
            said = f"the control plane says {answer.status_code} to {method} {path}"
            raise kind(said, where=self._url, remedy=sentence_of(answer.text))
        return answer


def sentence_of(body: str) -> str:
    """What an error says of itself, with its remedy; the text as it is where it is no object."""
    try:
        told = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.DecodeError:
        return body[:200]
    return "; ".join(told[name] for name in ("error", "remedy") if told.get(name))[:300]
