import json
import subprocess
import sys
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.adapters.signing.artefact import (
    create_artefact_key,
    sign_artefact,
    verify_artefact,
)
from seawall.adapters.signing.envelope import seal, unseal
from seawall.adapters.signing.keys import (
    create_key,
    key_id,
    load_key,
    load_or_create_key,
    load_public_key,
)
from seawall.kernel import BadInput, Conflict, Corrupt, NotFound

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_a_key_comes_back_from_its_files(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys" / "log.pem")
    public = load_public_key(tmp_path / "keys" / "log.pem.pub")
    assert load_key(tmp_path / "keys" / "log.pem").sign(b"x") == key.sign(b"x")
    assert public == key.public_key()
    assert sorted(file.name for file in (tmp_path / "keys").iterdir()) == ["log.pem", "log.pem.pub"]


def test_a_private_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    create_key(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        load_key(tmp_path / "k")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "k")
    before = (tmp_path / "k").read_bytes()
    with pytest.raises(Conflict):
        create_key(tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == before


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_or_create_key(tmp_path / "k"), range(32)))
    assert len({key_id(key.public_key()) for key in keys}) == 1


def test_a_missing_or_foreign_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_key(tmp_path / "none")
    with pytest.raises(NotFound):
        load_public_key(tmp_path / "none")
    create_artefact_key(tmp_path / "p256")
    with pytest.raises(BadInput, match="Ed25519"):
        load_key(tmp_path / "p256")
    with pytest.raises(BadInput, match="Ed25519"):
        load_public_key(tmp_path / "p256.pub")
    (tmp_path / "text").write_text("no key")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(BadInput):
        load_key(tmp_path / "text")
    with pytest.raises(BadInput):
        load_public_key(tmp_path / "text")


def test_the_other_half_of_a_key_a_folder_or_a_locked_key_is_told_as_what_it_is(
    tmp_path: Path,
) -> None:
    key = create_key(tmp_path / "k")
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked").write_bytes(locked)
    (tmp_path / "text").write_text("no key, and readable by all")
    for name, said in (
        ("k.pub", "public half of a key"), (".", "Is a directory"), ("locked", "has a password"),
        ("text", "not a private key in PEM"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said):
            load_key(tmp_path / name)
    with pytest.raises(BadInput, match="private half of a key"):
        load_public_key(tmp_path / "k")


def test_an_envelope_opens_to_what_was_sealed() -> None:
    envelope = seal("application/x.bundle", b"\x00payload", KEY)
    keys = [OTHER.public_key(), KEY.public_key()]
    assert unseal(envelope, keys) == ("application/x.bundle", b"\x00payload")


def test_an_envelope_follows_the_published_encoding() -> None:
    """The pre-authentication encoding of the DSSE specification's own example."""
    read = json.loads(seal("http://example.com/HelloWorld", b"hello world", KEY))
    encoded = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert b64decode(read["signatures"][0]["sig"]) == KEY.sign(encoded)
    assert read["payload"] == b64encode(b"hello world").decode()
    assert read["payloadType"] == "http://example.com/HelloWorld"
    assert read["signatures"][0]["keyid"] == key_id(KEY.public_key())


def test_no_other_key_opens_an_envelope() -> None:
    envelope = seal("t", b"x", KEY)
    for keys in ([], [OTHER.public_key()]):
        with pytest.raises(Corrupt, match="no trusted key"):
            unseal(envelope, keys)


def test_a_key_id_never_vouches() -> None:
    read = json.loads(seal("t", b"x", OTHER))
    read["signatures"][0]["keyid"] = key_id(KEY.public_key())
    with pytest.raises(Corrupt):
        unseal(json.dumps(read).encode(), [KEY.public_key()])


@pytest.mark.parametrize("field", ["payload", "payloadType"])
def test_an_altered_envelope_is_refused(field: str) -> None:
    read = json.loads(seal("abcd", b"abc", KEY))
    read[field] = b64encode(b"abd").decode()
    with pytest.raises(Corrupt):
        unseal(json.dumps(read).encode(), [KEY.public_key()])


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"payload":"*","payloadType":"t","signatures":[]}', b"\xff"]
)
def test_what_is_no_envelope_is_refused(text: bytes) -> None:
    with pytest.raises(Corrupt, match="not a signed envelope"):
        unseal(text, [KEY.public_key()])


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(bytes(range(256)) * 100)
    create_artefact_key(tmp_path / "artefact.pem")
    sign_artefact(tmp_path / "model.onnx", tmp_path / "model.sig", tmp_path / "artefact.pem")
    return tmp_path


def verify_by_their_tool(folder: Path) -> int:
    tool = Path(sys.executable).with_name("model_signing")
    return subprocess.run(
        [tool, "verify", "key", "--signature", folder / "model.sig",
         "--public_key", folder / "artefact.pem.pub", folder / "model.onnx"],
        capture_output=True, check=False,
    ).returncode  # fmt: skip


def test_the_openssf_tool_verifies_our_signature_of_an_artefact(signed: Path) -> None:
    assert verify_by_their_tool(signed) == 0
    verify_artefact(signed / "model.onnx", signed / "model.sig", signed / "artefact.pem.pub")


def test_an_altered_artefact_fails_here_and_in_the_openssf_tool(signed: Path) -> None:
    data = bytearray((signed / "model.onnx").read_bytes())
    data[1234] ^= 1
    (signed / "model.onnx").write_bytes(data)
    assert verify_by_their_tool(signed) != 0
    with pytest.raises(Corrupt):
        verify_artefact(signed / "model.onnx", signed / "model.sig", signed / "artefact.pem.pub")


def test_an_artefact_signed_by_another_key_fails(signed: Path) -> None:
    create_artefact_key(signed / "other.pem")
    with pytest.raises(Corrupt):
        verify_artefact(signed / "model.onnx", signed / "model.sig", signed / "other.pem.pub")


def test_signing_says_what_is_missing_or_of_the_wrong_kind(signed: Path) -> None:
    with pytest.raises(NotFound, match=r"other\.onnx"):
        sign_artefact(signed / "other.onnx", signed / "s", signed / "artefact.pem")
    create_key(signed / "ed25519.pem")
    with pytest.raises(BadInput, match="P-256"):
        sign_artefact(signed / "model.onnx", signed / "s", signed / "ed25519.pem")
