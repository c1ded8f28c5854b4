"""The fast way for rows in which all is well: JSON read straight into a signature's types.

The reader gives None whenever anything at all is unusual; `Validator` then looks more closely and
says what. So the two agree on every row that the reader takes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from seawall.serving.cross_field import CrossFields
from seawall.serving.signature import Field, Signature

_TOO_LARGE = 2**63
LONGEST = 128
"""Characters of a text that is no input."""
_EXTRA = (
    Annotated[str, msgspec.Meta(max_length=LONGEST)]
    | Annotated[int, msgspec.Meta(ge=-_TOO_LARGE, le=_TOO_LARGE - 1)]
    | float
    | bool
    | None
    | msgspec.UnsetType
)


class TypedRow(NamedTuple):
    """One row: the model's input, and each field that was sent by its name."""

    values: tuple[float, ...]
    sent: dict[str, Any]


class TypedReader:
    """Reads rows of a signature. `also` names fields that may come and are no inputs."""

    def __init__(self, signature: Signature, also: Collection[str] = ()) -> None:
        fields = signature.fields
        extras = [name for name in also if name not in signature.names]
        names = [*signature.names, *extras]
        columns: list[Any] = [(f"c{i}", _type(field)) for i, field in enumerate(fields)]
        columns += [(f"c{i}", _EXTRA, msgspec.UNSET) for i in range(len(fields), len(names))]
        self._row: Any = msgspec.defstruct(
            "Row",
            columns,
            rename={f"c{i}": name for i, name in enumerate(names)},
            forbid_unknown_fields=True,
            gc=False,
        )
        envelope = msgspec.defstruct(
            "Invocation",
            [
                ("dataframe_records", list[self._row]),
                ("params", dict[str, Any], msgspec.field(default_factory=dict)),
            ],
            forbid_unknown_fields=True,
        )
        self._invocation: Any = msgspec.json.Decoder(envelope).decode
        self._holds = CrossFields(signature.rules, fields).hold
        self._names, self._count = tuple(names), len(fields)
        self._codes = [
            (place, {c: float(code) for c, code in f.codes.items()})
            for place, f in enumerate(fields)
            if f.kind == "category"
        ]
        self._plain = not self._codes and not any(f.nullable for f in fields)

    def invocation(self, body: bytes) -> tuple[list[TypedRow], dict[str, Any]] | None:
        """The rows of `{"dataframe_records": […]}` and its parameters."""
        try:
            found = self._invocation(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        rows: list[TypedRow] = []
        for row in found.dataframe_records:
            typed = self._typed(row)
            if typed is None:
                return None
            rows.append(typed)
        return (rows, found.params) if rows else None

    def one(self, body: bytes) -> TypedRow | None:
        """The row of `{"dataframe_records": [ROW]}` without parameters."""
        try:
            found = self._invocation(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        rows = found.dataframe_records
        return None if len(rows) != 1 or found.params else self._typed(rows[0])

    def record(self, record: Mapping[str, Any]) -> TypedRow | None:
        """One row that is in memory already."""
        try:
            return self._typed(msgspec.convert(record, self._row))
        except (msgspec.ValidationError, RecursionError):
            return None

    def _typed(self, row: Any) -> TypedRow | None:
        """The row, or None where it breaks a rule over several fields."""
        given = msgspec.structs.astuple(row)
        sent = dict(zip(self._names, given, strict=True))
        if len(given) > self._count:
            sent = {name: value for name, value in sent.items() if value is not msgspec.UNSET}
            given = given[: self._count]
        if self._plain:
            return TypedRow(given, sent) if self._holds(given) else None
        values = [math.nan if v is None else v for v in given]
        for place, codes in self._codes:
            value = given[place]
            values[place] = math.nan if value is None else codes[value]
        values = tuple(map(float, values))
        return TypedRow(values, sent) if self._holds(values) else None


def _type(field: Field) -> Any:
    own: Any = bool
    if field.kind == "number":
        own = Annotated[float, msgspec.Meta(ge=field.low, le=field.high)]
    elif field.kind == "integer":
        low, high = _whole(math.ceil(field.low)), _whole(math.floor(field.high))
        own = Annotated[int, msgspec.Meta(ge=low, le=high)]
    elif field.kind == "category":
        own = Literal[field.categories]
    return own | None if field.nullable else own


def _whole(bound: int) -> int:
    return max(-_TOO_LARGE, min(_TOO_LARGE - 1, bound))
