"""Callers' tokens and certificates, checked by the gateway alone."""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.authority import Authority
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, START, Control, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.signing.envelope import seal, unseal
from seawall.adapters.signing.keys import private_pem, public_pem
from seawall.gateway.access import PAYLOAD_TYPE, SCOPES, Access, Scope, new_token, revoke_token
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


KEY = Ed25519PrivateKey.generate()
PUBLIC = public_pem(KEY.public_key())


def make(file: Path, name: str, *scopes: Scope, endpoint: str = "m", **given: Any) -> str:
    key = given.get("key", KEY)
    return new_token(file, key, name, [endpoint], scopes or ("decide",), given.get("expires"))


def opened(file: Path, clock: FixedClock | None = None) -> Access:
    return Access(file, clock or FixedClock(START), [KEY.public_key()], file.parent / "callers")


def callers(served: Served) -> list[str | None]:
    return [record.caller for record in served.gateway.log.pending(START - timedelta(days=1))]


def test_each_scope_opens_its_own_doors_and_no_other(control: Control, serve: Serve, file: Path):
    control.issue(bundle())
    secrets = {scope: make(file, f"{scope}r", scope) for scope in SCOPES}
    other = make(file, "elsewhere", *SCOPES, endpoint="n")
    served = serve(tokens=file, public_keys=(control.public_key, PUBLIC))
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
    served = serve(tokens=file, public_keys=(control.public_key, PUBLIC))
    headers = bearer(secret) | {"seawall-caller": "the-bank"}
    assert served.http.post("/invocations", json=BODY, headers=headers).status_code == 200
    assert callers(served) == ["shop"]


def test_limits_a_caller_are_by_token(control: Control, serve: Serve, file: Path):
    limits = Limits(caller_requests_per_second=0.001, caller_burst=1)
    control.issue(bundle(limits=limits))
    first, second = make(file, "first"), make(file, "second")
    http = serve(tokens=file, public_keys=(control.public_key, PUBLIC)).http
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
    access = opened(file, clock)
    header = f"Bearer {secret}".encode()
    assert access.caller(header, ["m"], "decide") == "brief"
    clock.advance(timedelta(hours=1))
    with pytest.raises(Unauthenticated, match="expired"):
        access.caller(header, ["m"], "decide")


def test_a_changed_file_is_taken_up_and_a_broken_one_is_not(file: Path):
    first = f"Bearer {make(file, 'first')}".encode()
    access = opened(file)
    second = f"Bearer {make(file, 'second')}".encode()
    access.reload()
    assert access.caller(second, ["m"], "decide") == "second"
    revoke_token(file, KEY, "first")
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
    _, payload = unseal(file.read_bytes(), [KEY.public_key()])
    assert b"shop" in payload
    for told in (file.read_bytes(), payload):
        assert secret.removeprefix("swl_shop_").encode() not in told
    assert file.stat().st_mode & 0o077 == 0


def forged(file: Path, how: str) -> bytes:
    """The file as somebody without the key could leave it, to let `mallory` in."""
    envelope = file.read_bytes()
    _, payload = unseal(envelope, [KEY.public_key()])
    document = msgspec.json.decode(payload)
    token = document["tokens"][0] | {"name": "mallory", "scopes": ["decide", "kill"]}
    document["tokens"].append(token | {"sha256": hashlib.sha256(b"swl_mallory_x").hexdigest()})
    document["number"] += 1
    changed = msgspec.json.encode(document)
    if how == "unsigned":
        return changed
    if how == "another key":
        return seal(PAYLOAD_TYPE, changed, Ed25519PrivateKey.generate())
    if how == "another document":
        return seal("application/vnd.seawall.bundle+msgpack", changed, KEY)
    parts = msgspec.json.decode(envelope)
    return msgspec.json.encode(parts | {"payload": base64.b64encode(changed).decode()})


@pytest.mark.parametrize("how", ["unsigned", "another key", "another document", "changed"])
def test_who_can_write_the_file_cannot_add_a_token(file: Path, how: str):
    shop = f"Bearer {make(file, 'shop')}".encode()
    access = opened(file)
    file.write_bytes(forged(file, how))
    access.reload()
    # neither while the gateway runs nor after a restart: the last good file goes on
    for held in (access, opened(file)):
        assert held.refused == 1
        assert held.caller(shop, ["m"], "decide") == "shop"
        with pytest.raises(Unauthenticated, match="not known"):
            held.caller(b"Bearer swl_mallory_x", ["m"], "decide")
    # and our own command does not sign what somebody slipped in
    with pytest.raises(BadInput, match="no tokens that the control plane signed"):
        make(file, "second")
    with pytest.raises(BadInput, match="no tokens that the control plane signed"):
        revoke_token(file, KEY, "shop")
    (file.parent / "callers").write_bytes(file.read_bytes())
    with pytest.raises(BadInput, match="no tokens that the control plane signed"):
        opened(file)


def test_an_earlier_file_does_not_bring_a_revoked_token_back(file: Path):
    shop = f"Bearer {make(file, 'shop')}".encode()
    earlier = file.read_bytes()
    access = opened(file)
    revoke_token(file, KEY, "shop")
    access.reload()
    file.write_bytes(earlier)
    access.reload()
    for held in (access, opened(file)):
        with pytest.raises(Unauthenticated, match="not known"):
            held.caller(shop, ["m"], "decide")


def test_a_file_that_is_gone_or_put_right_again_is_no_end(file: Path):
    shop = f"Bearer {make(file, 'shop')}".encode()
    access = opened(file)
    good = file.read_bytes()
    file.unlink()
    access.reload()
    assert access.refused == 1
    assert opened(file).caller(shop, ["m"], "decide") == "shop"
    file.write_bytes(good)
    access.reload()
    assert access.refused == 1
    assert access.caller(shop, ["m"], "decide") == "shop"
    with pytest.raises(BadInput, match="no tokens"):
        opened(file.parent / "elsewhere" / "tokens.json")


def test_a_token_that_is_revoked_opens_nothing_within_a_moment(
    control: Control, start: Callable[..., Process], tmp_path: Path
):
    control.issue(bundle())
    key, file = tmp_path / "seawall.pem", tmp_path / "tokens.json"
    key.write_bytes(private_pem(control.key))
    key.chmod(0o600)

    def token(*words: str) -> str:
        told = [*words, "--file", str(file), "--key", str(key)]
        command = [sys.executable, "-m", "seawall", "gateway", "token", *told]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    first = token("new", "first", "--endpoint", "m")
    second = token("new", "second", "--endpoint", "m")
    process = start(workers=2, tokens=file)

    def statuses(secret: str) -> set[int]:
        """What some connections, of either worker, are answered."""
        url = f"http://127.0.0.1:{process.port}/invocations"
        return {
            httpx.post(url, json=BODY, headers=bearer(secret), trust_env=False).status_code
            for _ in range(8)
        }

    assert statuses(first) == statuses(second) == {200}
    assert token("revoke", "first") == "first has no token any more"
    wait(lambda: statuses(first) == {401})
    assert statuses(second) == {200}


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", b"\xff\xfe \x00"]
)
def test_what_is_no_token_is_told_how_to_send_one(file: Path, header: bytes | None):
    make(file, "shop")
    with pytest.raises(Unauthenticated):
        opened(file).caller(header, ["m"], "decide")


def test_a_name_is_given_once_and_must_be_one(file: Path):
    make(file, "shop")
    with pytest.raises(Conflict, match="shop"):
        make(file, "shop")
    with pytest.raises(BadInput, match="no name"):
        make(file, "a b")


def test_no_error_repeats_a_token(file: Path):
    secret = make(file, "shop")
    access = opened(file)
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
