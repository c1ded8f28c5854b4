from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from seawall.audit.checkpoint import (
    Checkpoint,
    VerifierKey,
    checkpoint_body,
    open_checkpoint,
    sign_note,
    verify_note,
)
from seawall.audit.merkle import EMPTY_ROOT
from seawall.kernel import BadInput, Corrupt

# the key and note of the signed-note reference implementation (golang.org/x/mod/sumdb/note)
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    b"If you think cryptography is the answer to your problem,\n"
    b"then you don't know what your problem is.\n"
)
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"  # noqa: E501
).encode()
NOTE = TEXT + b"\n" + SIGNATURE
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
KEY = VerifierKey.parse(VKEY)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_signing_gives_the_published_note_byte_for_byte() -> None:
    assert sign_note(TEXT, "PeterNeumann", PRIVATE) == NOTE
    assert str(VerifierKey.of("PeterNeumann", PRIVATE)) == VKEY


def test_the_published_note_verifies() -> None:
    assert verify_note(NOTE, KEY) == TEXT


def test_no_altered_byte_verifies() -> None:
    for at in range(len(NOTE)):
        for bit in range(8):
            altered = NOTE[:at] + bytes([NOTE[at] ^ 1 << bit]) + NOTE[at + 1 :]
            with pytest.raises(Corrupt):
                verify_note(altered, KEY)


def test_unknown_signatures_are_passed_over() -> None:
    other = sign_note(TEXT, "witness.example", OTHER).rpartition(b"\n\n")[2]
    assert verify_note(NOTE + other, KEY) == TEXT
    assert verify_note(NOTE + other, [VerifierKey.of("witness.example", OTHER)]) == TEXT


def test_a_wrong_signature_of_a_known_key_rejects_the_note() -> None:
    key = VerifierKey.of("witness.example", OTHER)
    forged = b64encode(key.id + bytes(64)).decode()
    with pytest.raises(Corrupt, match=r"witness\.example does not match"):
        verify_note(NOTE + f"— witness.example {forged}\n".encode(), [KEY, key])


def test_a_note_that_nobody_known_signed_is_refused() -> None:
    with pytest.raises(Corrupt, match="not signed by"):
        verify_note(NOTE, VerifierKey.of("PeterNeumann", OTHER))
    with pytest.raises(Corrupt, match="no key"):
        verify_note(NOTE, [])


@pytest.mark.parametrize(
    "note",
    [
        b"", TEXT, TEXT + b"\n", NOTE[:-1], NOTE + b"\n", b"\xff" + NOTE, b"\t" + NOTE,
        NOTE + b"-- PeterNeumann AAAA\n", NOTE + "— PeterNeumann AAAA\n".encode(),
        NOTE + "— Peter Neumann AAAAAAAA\n".encode(),
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(Corrupt):
        verify_note(note, KEY)


def test_no_mangled_verifier_key_is_read() -> None:
    for start in range(len(VKEY)):
        for end in range(start, len(VKEY) + 1):
            if (start, end) != (0, len(VKEY)):
                with pytest.raises(BadInput):
                    VerifierKey.parse(VKEY[start:end])
    for at in range(len(VKEY)):
        with pytest.raises(BadInput):
            VerifierKey.parse(VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :])
    for bad in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ):
        with pytest.raises(BadInput):
            VerifierKey.parse(bad)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_a_key_name_has_no_spaces_or_plus_signs(name: str) -> None:
    with pytest.raises(BadInput):
        VerifierKey.of(name, OTHER)


@given(st.integers(0, 2**63), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size: int, root: bytes) -> None:
    body = checkpoint_body("example.com/log", size, root)
    note = sign_note(body, "example.com/log", OTHER)
    key = VerifierKey.of("example.com/log", OTHER)
    assert open_checkpoint(note, key) == Checkpoint("example.com/log", size, root)


def test_a_checkpoint_is_written_as_in_the_specification() -> None:
    root = b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    body = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert checkpoint_body("example.com/behind-the-sofa", 20852163, root) == body
    assert Checkpoint.parse(body + b"an extension line\n").size == 20852163


@pytest.mark.parametrize(
    "body",
    [
        b"", b"o\n1\n", b"o\n01\n%s\n", b"o\n-1\n%s\n", b"o\nx\n%s\n", b"\n1\n%s\n",
        b"o\n1\nAAAA\n", b"o\n1\n%s", b"o\n1\n%s\n\n",
        b"o\n1\n!%s\n", b"o\n 1\n%s\n", b"\xff\n1\n%s\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(body: bytes) -> None:
    text = body.replace(b"%s", b64encode(EMPTY_ROOT))
    with pytest.raises(Corrupt, match="not a checkpoint"):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, EMPTY_ROOT), ("a\nb", 1, EMPTY_ROOT), ("a", -1, EMPTY_ROOT), ("a", 1, b"")],
)
def test_no_checkpoint_is_made_of_nonsense(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(BadInput):
        checkpoint_body(origin, size, root)
    with pytest.raises(BadInput):
        sign_note(b"no newline", "name", OTHER)
