"""A gateway's state folder as other processes read it: bundles now and then, artefacts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec

from seawall.kernel import BadInput, Corrupt, Digest, NotFound, nearest
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.signature import Signature

if TYPE_CHECKING:
    from seawall.adapters.runtimes import LoadedModel


class GatewayState:
    """Reads `bundles/NAME.current`, `bundles/past/HEX` and `objects/HEX` below a folder.

    With a `public_key` (PEM) a bundle must be signed by it; without one it is trusted like any
    other file of the deployment. Artefacts are checked against the bundle in either case.
    """

    def __init__(self, folder: Path | str, public_key: bytes | None = None) -> None:
        self.folder, self._key = Path(folder), public_key
        if not self.folder.is_dir():
            raise NotFound(
                f"there is no state folder {self.folder}",
                remedy="name the one that its gateway was given as --state-dir",
            )

    def table(self, given: str | None) -> str:
        """Where the log's tables are: what was given, which must be there, or within the folder."""
        if given is None:
            return str(self.folder / "table")
        if "://" not in given and not Path(given).is_dir():
            raise NotFound(f"there is no folder of tables {given}", remedy="name it with --table")
        return given

    def current(self, endpoint: str | None = None) -> Bundle:
        """The bundle in use; `endpoint` is needed when there are several.

        Raises `NotFound`, `Corrupt` or `BadInput`.
        """
        bundles = self.folder / "bundles"
        pattern = "*" if endpoint is None else quote(endpoint, safe="")
        found = sorted(bundles.glob(f"{pattern}.current"))
        if not found:
            if not bundles.is_dir():
                raise NotFound("no gateway keeps its state here", where=str(self.folder))
            kept = [unquote(file.stem) for file in bundles.glob("*.current")]
            what = "there is no bundle" if endpoint is None else f"no bundle of {endpoint!r}"
            raise NotFound(what, where=str(bundles), remedy=nearest(endpoint or "", kept))
        if len(found) > 1:
            names = ", ".join(unquote(file.stem) for file in found)
            remedy = f"give --endpoint, one of {names}"
            raise BadInput("there are several bundles", where=str(bundles), remedy=remedy)
        return self._read(found[0])

    def killed(self, endpoint: str) -> bool:
        """Whether an operator switched the endpoint off here."""
        return (self.folder / "kills" / quote(endpoint, safe="")).exists()

    def stamp(self, endpoint: str) -> tuple[int, ...] | None:
        """What is another once the endpoint's bundle is; None while there is none."""
        try:
            found = (self.folder / "bundles" / f"{quote(endpoint, safe='')}.current").stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def past(self, digest: str) -> Bundle:
        """The bundle with this digest, that was in use once; raises `NotFound` or `Corrupt`."""
        bundles = self.folder / "bundles"
        file = bundles / "past" / Digest.parse(digest).hex
        if file.is_file():
            bundle = self._read(file)
            if bundle.digest != digest:
                raise Corrupt("the file holds another bundle than its name says", where=str(file))
            return bundle
        for kept in sorted([*bundles.glob("*.current"), *bundles.glob("*.safe")]):
            if (bundle := self._read(kept)).digest == digest:
                return bundle
        raise NotFound(f"the bundle {digest[:19]}… is not there", where=str(file))

    def artefact(self, arm: Arm) -> bytes:
        """The bytes of an arm's model; raises `NotFound`, or `Corrupt` when they have changed."""
        file = self.folder / "objects" / arm.artefact.hex
        if not file.exists():
            raise NotFound(f"the artefact of {arm.version} is not there", where=str(file))
        data = file.read_bytes()
        if Digest.of(data) != arm.artefact:
            raise Corrupt(f"the artefact of {arm.version} has changed", where=str(file))
        return data

    def models(self, arms: Iterable[Arm], signature: Signature) -> Mapping[str, LoadedModel]:
        """The models of arms, ready to score rows of this signature."""
        from seawall.sdk.remote import load_model

        return {arm.name: load_model(self.artefact(arm), arm.format, signature) for arm in arms}

    def _read(self, file: Path) -> Bundle:
        return Bundle.from_bytes(_payload(file.read_bytes(), self._key))


def _payload(envelope: bytes, public_key: bytes | None) -> bytes:
    if public_key is not None:
        from seawall.adapters.signing.envelope import unseal
        from seawall.adapters.signing.keys import read_public_pem

        return unseal(envelope, [read_public_pem(public_key)])[1]
    try:
        return base64.b64decode(msgspec.json.decode(envelope)["payload"], validate=True)
    except (msgspec.MsgspecError, KeyError, TypeError, binascii.Error) as error:
        raise Corrupt(f"not a signed envelope: {error}") from None
