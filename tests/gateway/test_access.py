"""Callers' tokens and certificates, checked by the gateway alone."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, START, Control, bundle

from seawall.gateway.access import SCOPES, Access, Scope, new_token, revoke_token
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.tls import context
from seawall.kernel import BadInput, Conflict, FixedClock, Forbidden, Unauthenticated
from seawall.serving.limit import Limits

BODY = {"instances": [GOOD]}


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def make(file: Path, name: str, *scopes: Scope, endpoint: str = "m", **given: Any) -> str:
    return new_token(file, name, [endpoint], scopes or ("decide",), given.get("expires"))


def callers(served: Served) -> list[str | None]:
    return [record.caller for record in served.gateway.log.pending(START - timedelta(days=1))]


def test_each_scope_opens_its_own_doors_and_no_other(control: Control, serve: Serve, file: Path):
    control.issue(bundle())
    secrets = {scope: make(file, f"{scope}r", scope) for scope in SCOPES}
    other = make(file, "elsewhere", *SCOPES, endpoint="n")
    served = serve(tokens=file)
    doors = {
        "decide": ("/invocations", BODY),
        "outcomes": ("/outcomes", []),
        "actions": ("/actions", []),
        "overrides": ("/overrides", []),
        "events": ("/events", []),
        "kill": ("/admin/endpoints/m/unkill", None),
    }
    for scope, (path, body) in doors.items():
        post = served.http.post
        assert post(path, json=body).status_code == 401
        assert post(path, json=body, headers=bearer("swl_x_y")).status_code == 401
        assert post(path, json=body, headers=bearer(other)).status_code == 403
        status = {
            s: post(path, json=body, headers=bearer(t)).status_code for s, t in secrets.items()
        }
        assert status == {s: 200 if s == scope else 403 for s in secrets}
    assert served.http.get("/v2/models/m").status_code == 401
    assert served.http.get("/v2/models/m", headers=bearer(secrets["decide"])).status_code == 200
    assert served.http.get("/readyz").status_code == 200


def test_the_caller_on_record_is_the_tokens_whatever_a_header_says(
    control: Control, serve: Serve, file: Path
):
    control.issue(bundle())
    secret = make(file, "shop")
    served = serve(tokens=file)
    headers = bearer(secret) | {"seawall-caller": "the-bank"}
    assert served.http.post("/invocations", json=BODY, headers=headers).status_code == 200
    assert callers(served) == ["shop"]


def test_limits_a_caller_are_by_token(control: Control, serve: Serve, file: Path):
    limits = Limits(caller_requests_per_second=0.001, caller_burst=1)
    control.issue(bundle(limits=limits))
    first, second = make(file, "first"), make(file, "second")
    http = serve(tokens=file).http
    status = [
        http.post(
            "/invocations", json=BODY, headers=bearer(token) | {"seawall-caller": str(i)}
        ).status_code
        for i, token in enumerate((first, first, second))
    ]
    assert status == [200, 429, 200]


def test_a_token_ends_when_it_expires(file: Path):
    clock = FixedClock(START)
    secret = make(file, "brief", expires=START + timedelta(hours=1))
    access = Access(file, clock)
    header = f"Bearer {secret}".encode()
    assert access.caller(header, ["m"], "decide") == "brief"
    clock.advance(timedelta(hours=1))
    with pytest.raises(Unauthenticated, match="expired"):
        access.caller(header, ["m"], "decide")


def test_a_changed_file_is_taken_up_and_a_broken_one_is_not(file: Path):
    first = f"Bearer {make(file, 'first')}".encode()
    access = Access(file, FixedClock(START))
    second = f"Bearer {make(file, 'second')}".encode()
    access.reload()
    assert access.caller(second, ["m"], "decide") == "second"
    revoke_token(file, "first")
    access.reload()
    with pytest.raises(Unauthenticated):
        access.caller(first, ["m"], "decide")
    file.write_text("{")
    access.reload()
    file.unlink()
    access.reload()
    assert access.caller(second, ["m"], "decide") == "second"


def test_the_file_keeps_no_token_and_is_its_owners_alone(file: Path):
    secret = make(file, "shop")
    assert secret not in file.read_text()
    assert secret.rpartition("_")[2] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", b"\xff\xfe \x00"]
)
def test_what_is_no_token_is_told_how_to_send_one(file: Path, header: bytes | None):
    make(file, "shop")
    with pytest.raises(Unauthenticated):
        Access(file, FixedClock(START)).caller(header, ["m"], "decide")


def test_a_name_is_given_once_and_must_be_one(file: Path):
    make(file, "shop")
    with pytest.raises(Conflict, match="shop"):
        make(file, "shop")
    with pytest.raises(BadInput, match="no name"):
        make(file, "a b")


def test_no_error_repeats_a_token(file: Path):
    secret = make(file, "shop")
    access = Access(file, FixedClock(START))
    for header in (f"Bearer {secret}", f"Bearer {secret}x", f"Basic {secret}"):
        with pytest.raises((Unauthenticated, Forbidden)) as raised:
            access.caller(header.encode(), ["n"], "decide")
        assert secret not in str(raised.value)


def test_an_open_gateway_listens_on_loopback_alone(settings: Callable[..., GatewaySettings]):
    settings(host="::1").check()
    settings(host="localhost").check()
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(BadInput, match=r"loopback only \(.+\); give --tokens"):
            settings(host=host).check()
        settings(host=host, tokens=Path("tokens.json")).check()


class Authority:
    """A certificate authority in a folder, as small as these tests need."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(_pem(self._sign(self._name, self._key, ca=True)))

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for this name on loopback, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert, secret = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        cert.write_bytes(_pem(self._sign(subject, key, ca=False)))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert, secret

    def _sign(self, subject: x509.Name, key: Any, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        named = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(named, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def client(served: Served, trust: Path, own: tuple[Path, Path] | None = None) -> httpx.Client:
    made = ssl.create_default_context(cafile=trust)
    if own:
        made.load_cert_chain(*own)
    url = f"https://localhost:{served.port}"
    return httpx.Client(base_url=url, verify=made, trust_env=False)


def test_with_tls_a_client_that_trusts_the_authority_is_answered(
    control: Control, serve: Serve, tmp_path: Path
):
    control.issue(bundle())
    ours = Authority(tmp_path, "ours")
    cert, key = ours.issue("gateway")
    served = serve(tls_cert=cert, tls_key=key)
    with client(served, ours.path) as http:
        assert http.post("/invocations", json=BODY).status_code == 200
    with client(served, Authority(tmp_path, "theirs").path) as http, pytest.raises(httpx.HTTPError):
        http.get("/healthz")
    with pytest.raises(httpx.HTTPError):
        served.http.get("/healthz")  # plain HTTP


def test_with_mutual_tls_the_caller_is_the_certificates_subject(
    control: Control, serve: Serve, tmp_path: Path
):
    control.issue(bundle())
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    cert, key = ours.issue("gateway")
    served = serve(tls_cert=cert, tls_key=key, tls_client_ca=ours.path)
    with client(served, ours.path, ours.issue("shop")) as http:
        forged = {"seawall-caller": "the-bank"}
        assert http.post("/invocations", json=BODY, headers=forged).status_code == 200
    assert callers(served) == ["shop"]
    for own in (None, theirs.issue("stranger")):
        with client(served, ours.path, own) as http, pytest.raises(httpx.HTTPError):
            http.post("/invocations", json=BODY)
    assert callers(served) == ["shop"]


def test_certificates_that_do_not_fit_are_named(tmp_path: Path):
    ours = Authority(tmp_path, "ours")
    cert, _ = ours.issue("gateway")
    _, other = ours.issue("other")
    with pytest.raises(BadInput, match="gateway"):
        context(cert, other, None)
    with pytest.raises(BadInput, match=os.strerror(2)):
        context(tmp_path / "none", other, None)
