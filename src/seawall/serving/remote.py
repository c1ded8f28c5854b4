"""A model that runs on a server elsewhere: the artefact of its version says where, and how to ask.

The bytes are the JSON of a `RemoteServer`, so its digest is approved, signed and checked like that
of any artefact. They hold no secret: a header's value names an environment variable or a file.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from seawall.kernel import BadInput
from seawall.serving.breaker import Breaking
from seawall.serving.output import Kind, Label, Output

FORMAT = "remote"
Protocol = Literal["oip", "mlflow"]
SECRET = re.compile(r"\$\{([^{}]+)\}")
"""`${NAME}` of an environment variable, or `${file:PATH}`."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")


class RemoteServer(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What people write (`kind: RemoteModel`) and register as a version's artefact.

    `url` is `http://HOST:PORT/PREFIX`. Over `oip` the server's `model` (and `version`, which pins
    what it serves) is sent one FP32 tensor `input` (rows × fields), as JSON or `binary`, and asked
    for `output`, by default all of them; over `mlflow` it is sent a `dataframe_split`. By `task` it
    answers a probability a row, one of each of the `classes` in this order, or a value. A reply
    that takes longer than `timeout_ms` is none. At most `concurrency` requests of a worker are
    under way, fewer when the server slows down. `headers` go with every request that Seawall makes.
    """

    kind: ClassVar[str] = "remote_model"

    name: str
    url: str
    protocol: Protocol = "oip"
    model: str = ""
    version: str = ""
    input: str = "input"
    output: str = ""
    binary: bool = False
    task: Kind = "binary"
    classes: tuple[Label, ...] = ()
    timeout_ms: float = 1_000.0
    concurrency: int = 64
    headers: dict[str, str] = {}
    breaker: Breaking = Breaking()

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"remote model {self.name[:80]!r}: {problem}")

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def answers(self) -> Output:
        """What its numbers mean."""
        return Output(kind=self.task, classes=self.classes)

    def _problem(self) -> str:
        try:
            parts = urlsplit(self.url)
            given = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            return f"{self.url[:80]!r} is no address; write http://HOST:PORT"
        if not given or parts.query or parts.fragment:
            return f"{self.url[:80]!r} is no address; write http://HOST:PORT"
        if parts.username or parts.password:
            return "the address holds a secret; write it as a header, ${NAME} or ${file:PATH}"
        if self.protocol == "oip" and not self.model:
            return "the Open Inference Protocol asks for a model by name; add model: NAME"
        if self.protocol == "mlflow" and (self.model or self.version or self.output or self.binary):
            return "an MLflow server has one model; leave out model, version, output and binary"
        if self.classes and self.task != "multiclass":
            return "classes go with task: multiclass"
        if wrong := self.answers.problem():
            return f"{wrong}; write classes: [NAME, …] in the order of its probabilities"
        if not 0.0 < self.timeout_ms <= 600_000.0 or not 1 <= self.concurrency <= 4_096:
            return "timeout_ms lies in (0, 600000], concurrency in 1 to 4096"
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or "\n" in value or "\r" in value:
                return f"{name[:40]!r} is no header"
            if name.lower() in _SECRET_HEADERS and not SECRET.search(value):
                return f"the header {name} is a secret; write ${{NAME}} or ${{file:PATH}} for it"
        return ""

    def to_bytes(self) -> bytes:
        """The artefact: JSON with sorted keys, the same for equal values."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_bytes(cls, data: bytes) -> RemoteServer:
        """Read an artefact; raises `BadInput` when the bytes are not one."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadInput(f"the artefact tells of no remote model: {error}") from None
