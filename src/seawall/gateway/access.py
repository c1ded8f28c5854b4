"""Who may ask a gateway for what: callers' tokens, checked without the control plane.

The file holds hashes only. A token has 256 random bits, so that one pass of SHA-256 is enough:
there is no dictionary to try. It is looked up by its hash, and what the time of a look-up tells of
a hash tells nothing of a token that has it.

The file is signed by the control plane's key and numbered, so that whoever can write it can neither
add a token nor, while the gateway knows the newer one, bring an earlier file back.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from seawall.adapters.signing.envelope import seal, unseal
from seawall.gateway.state import replace
from seawall.kernel import (
    BadInput,
    Clock,
    Conflict,
    Corrupt,
    Forbidden,
    NotFound,
    Unauthenticated,
    nearest,
)

Scope = Literal["decide", "outcomes", "actions", "overrides", "events", "kill"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PAYLOAD_TYPE = "application/vnd.seawall.callers+json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_log: Any = structlog.get_logger("seawall.gateway")


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A caller's name and what it may do; `sha256` is of the whole token, in hexadecimal."""

    name: str
    sha256: str
    endpoints: tuple[str, ...]
    scopes: tuple[Scope, ...]
    expires: datetime | None = None


class Callers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All tokens, under a number that grows with every change."""

    number: int = 0
    tokens: tuple[Token, ...] = ()


class Access:
    """The tokens of a file, read again when the file has changed.

    A file that is not signed by one of `keys`, or older than the last, is refused and the last good
    one goes on; a copy of that is kept at `kept`, for a start when the file is no good.
    """

    def __init__(
        self, path: Path, clock: Clock, keys: Sequence[Ed25519PublicKey], kept: Path
    ) -> None:
        self._path, self._clock, self._keys, self._kept = path, clock, tuple(keys), kept
        self.refused = 0
        """Files that were not taken since the process started."""
        self._stamp = _stamp(path)
        held = Callers()
        with contextlib.suppress(BadInput):
            held = read_callers(kept, self._keys)
        try:
            self._take(held)
        except BadInput as error:
            if not held.number:
                raise
            self._refuse(error)
            self._hold(held)

    def reload(self) -> None:
        """Take a changed file; what is refused is logged, and the tokens stay as they were."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._take(self._callers)
        except BadInput as error:
            self._refuse(error)
        else:
            _log.info("tokens", count=len(self._tokens), number=self._callers.number)

    def _take(self, held: Callers) -> None:
        envelope = _read(self._path)
        callers = _opened(envelope, self._keys, self._path)
        if callers.number < held.number:
            raise BadInput(
                f"these are tokens {callers.number}, older than {held.number}, which are held",
                where=str(self._path),
                remedy="bring the newest file",
            )
        if callers != held or not self._kept.exists():
            replace(self._kept, envelope)
        self._hold(callers)

    def _hold(self, callers: Callers) -> None:
        self._callers = callers
        self._tokens = {t.sha256: t for t in callers.tokens}

    def _refuse(self, error: BadInput) -> None:
        self.refused += 1
        _log.error("tokens refused; the last ones stay", error=str(error))

    def caller(self, authorization: bytes | None, endpoints: Sequence[str], scope: Scope) -> str:
        """The name of whoever may do this at all of these endpoints.

        Raises `Unauthenticated` without a valid token, `Forbidden` for one that is not enough.
        """
        kind, _, secret = (authorization or b"").partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthenticated("no token", remedy="send `authorization: Bearer TOKEN`")
        token = self._tokens.get(hashlib.sha256(secret.strip()).hexdigest())
        if token is None:
            raise Unauthenticated("the token is not known here")
        if token.expires is not None and token.expires.timestamp() * 1e9 <= self._clock.now_ns():
            raise Unauthenticated(f"the token of {token.name} expired at {token.expires}")
        if scope not in token.scopes:
            raise Forbidden(f"the token of {token.name} has no scope {scope}")
        for endpoint in endpoints:
            if endpoint not in token.endpoints:
                raise Forbidden(f"the token of {token.name} is not for endpoint {endpoint}")
        return token.name


def read_callers(path: Path, keys: Iterable[Ed25519PublicKey]) -> Callers:
    """What a file says that one of these keys signed; raises `BadInput`."""
    return _opened(_read(path), keys, path)


def new_token(
    path: Path,
    key: Ed25519PrivateKey,
    name: str,
    endpoints: Sequence[str],
    scopes: Sequence[Scope],
    expires: datetime | None,
) -> str:
    """Add a caller to a file that this key signs, and give its token, which is kept nowhere.

    Raises `BadInput` for a name that is none and for a file that another key signed, `Conflict` for
    a name that is there.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name[:80]!r} is no name", remedy="use letters, digits and hyphens")
    held = read_callers(path, [key.public_key()]) if path.exists() else Callers()
    if any(t.name == name for t in held.tokens):
        raise Conflict(f"{name} has a token", where=str(path), remedy="choose another name")
    secret = f"swl_{name}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    made = Token(name, digest, tuple(endpoints), tuple(scopes), expires)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, key, held, (*held.tokens, made))
    return secret


def revoke_token(path: Path, key: Ed25519PrivateKey, name: str) -> None:
    """Take a caller out of a file; raises `NotFound`, or `BadInput` as `new_token` does."""
    held = read_callers(path, [key.public_key()])
    names = [t.name for t in held.tokens]
    if name not in names:
        raise NotFound(f"no token of {name[:80]!r}", where=str(path), remedy=nearest(name, names))
    _write(path, key, held, tuple(t for t in held.tokens if t.name != name))


def _write(path: Path, key: Ed25519PrivateKey, held: Callers, tokens: tuple[Token, ...]) -> None:
    following = msgspec.json.encode(Callers(held.number + 1, tokens))
    replace(path, seal(PAYLOAD_TYPE, following, key) + b"\n")
    path.chmod(0o600)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        remedy = "`seawall gateway token new` makes the file"
        raise BadInput(f"no tokens: {error.strerror}", where=str(path), remedy=remedy) from None


def _opened(envelope: bytes, keys: Iterable[Ed25519PublicKey], path: Path) -> Callers:
    try:
        kind, payload = unseal(envelope, keys)
        if kind != PAYLOAD_TYPE:
            raise Corrupt(f"an envelope of {kind[:80]!r}")
        return msgspec.json.decode(payload, type=Callers)
    except (Corrupt, msgspec.DecodeError) as error:
        raise BadInput(
            f"these are no tokens that the control plane signed: {_why(error)}",
            where=str(path),
            remedy="make them with `seawall gateway token new` and its key",
        ) from None


def _why(error: Exception) -> str:
    return error.what if isinstance(error, Corrupt) else str(error)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
