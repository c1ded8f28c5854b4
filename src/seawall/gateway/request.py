"""Request bodies of the protocols we speak, as rows: records of fields, or columns of values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import numpy as np

from seawall.kernel import BadInput, nearest
from seawall.serving.output import Output
from seawall.serving.signature import Field, Signature
from seawall.serving.validate import Column

DATATYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}


_BINARY = "binary_data"


class Wanted(msgspec.Struct, frozen=True):
    """An output that is asked for by name, in JSON or in binary."""

    name: str
    binary: bool


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: rows as `records`, or as `columns` of equal length, never both.

    `wanted` are the outputs of an inference in the order asked for; `single` is whether one object
    was sent rather than a list of one.
    """

    rows: int
    records: list[dict[str, Any]] | None = None
    columns: dict[str, Column] | None = None
    parameters: dict[str, Any] = {}
    id: str | None = None
    wanted: tuple[Wanted, ...] = ()
    single: bool = False

    def column(self, name: str) -> Sequence[Any] | None:
        """The values of a field, or None when no row has it."""
        if self.records is not None:
            values = [r.get(name) for r in self.records]
            return values if any(v is not None for v in values) else None
        assert self.columns is not None
        found = self.columns.get(name)
        return found.tolist() if isinstance(found, np.ndarray) else found


class _Tensor(msgspec.Struct, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] = {}


class _Output(msgspec.Struct, gc=False):
    name: str
    parameters: dict[str, Any] = {}


class _Infer(msgspec.Struct, gc=False):
    inputs: list[_Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[_Output] = []


class _Split(msgspec.Struct, frozen=True):
    columns: list[str]
    data: list[list[Any]]


class _Invocation(msgspec.Struct, frozen=True):
    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: dict[str, list[Any]] | list[Any] | None = None
    params: dict[str, Any] = {}


_infer = msgspec.json.Decoder(_Infer)
_invocation = msgspec.json.Decoder(_Invocation)
_records = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]])


def decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Read JSON; raises `BadInput` saying where it is wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not what is asked for here: {error}") from None
    except RecursionError:
        raise BadInput("the body is nested too deeply") from None


def outputs_of(output: Output) -> dict[str, str]:
    """The tensors that answer an inference of a model of this kind, and their datatypes."""
    texts = output.kind == "multiclass" and isinstance(output.classes[0], str)
    label = "FP64" if output.kind == "regression" else "BYTES" if texts else "INT64"
    found = {"score": "FP64", "label": label}
    if output.kind == "multiclass":
        found["probabilities"] = "FP64"
    return found | dict.fromkeys(("decision_id", "arm", "verdict", "reason"), "BYTES")


def parse_infer(
    body: bytes, header_length: str | None, fields: Sequence[str], outputs: Collection[str]
) -> Ask:
    """Read an Open Inference Protocol V2 request: a tensor a field, or one (rows × fields).

    `outputs` are the names of the tensors that can be asked for.
    """
    asked, rows, columns = _inputs(body, header_length, fields)
    wanted = _wanted(asked, outputs)
    return _ask(rows, columns=columns, parameters=asked.parameters, id=asked.id, wanted=wanted)


def parse_inputs(body: bytes, header_length: str | None, fields: Sequence[str]) -> Ask:
    """The same of a request for another server, whose outputs are its own."""
    asked, rows, columns = _inputs(body, header_length, fields)
    return _ask(rows, columns=columns, parameters=asked.parameters, id=asked.id)


def _inputs(
    body: bytes, header_length: str | None, fields: Sequence[str]
) -> tuple[_Infer, int, dict[str, Column]]:
    tail = b""
    if header_length is not None:
        if not header_length.isascii() or not header_length.isdigit():
            raise BadInput("Inference-Header-Content-Length is no number")
        body, tail = body[: int(header_length)], body[int(header_length) :]
    asked: _Infer = decode(_infer, body)
    columns: dict[str, Column] = {}
    rows, at = -1, 0
    for tensor in asked.inputs:
        shape, values = tensor.shape, tensor.data
        if not shape:
            raise BadInput("the tensor has no shape", where=tensor.name[:80])
        if tensor.parameters and (size := tensor.parameters.get("binary_data_size")) is not None:
            if type(size) is not int or not 0 <= size <= len(tail) - at:
                raise BadInput("binary_data_size does not fit the body", where=tensor.name[:80])
            values = _binary_values(tensor, tail[at : at + size])
            at += size
        elif tensor.datatype not in DATATYPES and tensor.datatype != "BYTES":
            raise BadInput(f"no datatype {tensor.datatype[:20]!r}", where=tensor.name[:80])
        if rows != shape[0]:
            if rows != -1:
                raise BadInput("the tensors have different numbers of rows", where=tensor.name[:80])
            rows = shape[0]
        if type(values) is list and len(shape) == 1 and len(values) == rows:
            if tensor.name in columns:
                raise BadInput(f"{tensor.name[:80]!r} is sent twice")
            columns[tensor.name] = values
            continue
        found = _columns(tensor, _flat(tensor, values), fields)
        if found.keys() & columns.keys():
            raise BadInput(f"{min(found.keys() & columns.keys())[:80]!r} is sent twice")
        columns |= found
    if at < len(tail):
        raise BadInput(f"{len(tail) - at:,} bytes of the body belong to no tensor")
    return asked, rows, columns


def parse_records(body: bytes) -> Ask:
    """Read plain JSON: one record of fields, or a list of them."""
    given: dict[str, Any] | list[dict[str, Any]] = decode(_records, body)
    if isinstance(given, dict):
        return _ask(1, records=[given], single=True)
    return _ask(len(given), records=given)


def parse_csv(body: bytes, signature: Signature) -> Ask:
    """Read rows of comma-separated values under a line of names, as the signature's types.

    An empty cell is null; what is no number or truth value stays a text, for the check to name.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names, *rows = [line for line in lines if line]
    except UnicodeDecodeError:
        raise BadInput("the body is not UTF-8") from None
    except csv.Error as error:
        raise BadInput(f"the body is no CSV: {error}") from None
    except ValueError:
        raise BadInput("there is no line of names", remedy="send one, then the rows") from None
    by_name = {field.name: field for field in signature.fields}
    found = _by_position(rows, names)
    columns = {n: [_cell(by_name.get(n), v) for v in c] for n, c in found.items()}
    return _ask(len(rows), columns=columns)


def parse_invocation(body: bytes, fields: Sequence[str]) -> Ask:
    """Read an MLflow scoring request: records, a split frame, instances or inputs."""
    asked: _Invocation = decode(_invocation, body)
    shapes = (asked.dataframe_split, asked.dataframe_records, asked.instances, asked.inputs)
    if sum(s is not None for s in shapes) != 1:
        names = "dataframe_split, dataframe_records, instances, inputs"
        raise BadInput(f"the body needs exactly one of {names}")
    if asked.dataframe_split is not None:
        split = asked.dataframe_split
        columns = _by_position(split.data, split.columns)
        return _ask(len(split.data), columns=columns, parameters=asked.params)
    if isinstance(asked.inputs, dict):
        lengths = {len(v) for v in asked.inputs.values()}
        if len(lengths) > 1:
            raise BadInput("the columns have different lengths")
        columns = dict(asked.inputs)
        return _ask(lengths.pop() if lengths else 0, columns=columns, parameters=asked.params)
    given: list[Any] = asked.dataframe_records or asked.instances or asked.inputs or []
    if all(type(r) is dict for r in given):
        return _ask(len(given), records=given, parameters=asked.params)
    if all(type(r) is list for r in given):
        columns = _by_position(given, list(fields))
        return _ask(len(given), columns=columns, parameters=asked.params)
    raise BadInput("rows are neither all objects nor all lists")


def _ask(rows: int, **given: Any) -> Ask:
    if rows < 1:
        raise BadInput("there is no row to score", remedy="send one or more")
    return Ask(rows=rows, **given)


def _by_position(data: list[list[Any]], names: Sequence[str]) -> dict[str, Column]:
    if len(set(names)) < len(names):
        raise BadInput("a column is named twice")
    if any(len(row) != len(names) for row in data):
        raise BadInput(f"a row does not have {len(names)} values", remedy=f"send {_list(names)}")
    return dict(zip(names, map(list, zip(*data, strict=True)), strict=True)) if data else {}


def _columns(tensor: _Tensor, values: Column, fields: Sequence[str]) -> dict[str, Column]:
    """A tensor (rows) or (rows, 1) is a field by its name, one (rows, fields) all of them."""
    shape = tensor.shape
    if len(shape) > 2 or min(shape) < 0 or len(values) != math.prod(shape):
        raise BadInput("the shape does not fit the data", where=tensor.name[:80])
    if len(shape) == 1 or (shape[1] == 1 and tensor.name in fields):
        return {tensor.name: values}
    if shape[1] != len(fields):
        raise BadInput(
            f"{shape[1]} columns, expected {len(fields)}",
            where=tensor.name[:80],
            remedy=_list(fields),
        )
    return {name: values[place :: len(fields)] for place, name in enumerate(fields)}


def _flat(tensor: _Tensor, values: Any) -> Column:
    """The values in row-major order, however they are nested."""
    if isinstance(values, np.ndarray):
        return values  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(values, list):
        raise BadInput("the tensor has no list of data", where=tensor.name[:80])
    flat: list[Any] = values
    for _ in range(len(tensor.shape) - 1):
        if flat and isinstance(flat[0], list):
            if not all(isinstance(v, list) for v in flat):
                raise BadInput("the data is ragged", where=tensor.name[:80])
            flat = [v for inner in flat for v in inner]
    return flat


def _wanted(asked: _Infer, outputs: Collection[str]) -> tuple[Wanted, ...]:
    """The outputs to send, all of them where none is named."""
    every = asked.parameters.pop("binary_data_output", False)
    if type(every) is not bool:
        raise BadInput("binary_data_output is not true or false")
    if not asked.outputs:
        return tuple(Wanted(name, every) for name in outputs)
    wanted: list[Wanted] = []
    for output in asked.outputs:
        binary = output.parameters.get(_BINARY, every)
        if output.name not in outputs:
            raise BadInput(
                f"no output {output.name[:80]!r}", remedy=nearest(output.name[:80], outputs)
            )
        if type(binary) is not bool:
            raise BadInput(f"{_BINARY} is not true or false", where=output.name)
        wanted.append(Wanted(output.name, binary))
    return tuple(dict.fromkeys(wanted))


def _cell(field: Field | None, text: str) -> Any:
    if text == "":
        return None
    if field is None or (field.kind == "category" and isinstance(field.categories[0], str)):
        return text
    if field.kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return int(text) if text.lstrip("+-").isdecimal() and len(text) < 20 else float(text)
    except ValueError:
        return text


def _binary_values(tensor: _Tensor, raw: bytes) -> Column:
    if tensor.datatype == "BYTES":
        return _texts(tensor.name[:80], raw)
    dtype = DATATYPES.get(tensor.datatype)
    if dtype is None or len(raw) % dtype.itemsize:
        raise BadInput("the binary data does not fit its datatype", where=tensor.name[:80])
    return np.frombuffer(raw, dtype)


def _texts(name: str, raw: bytes) -> list[str]:
    texts: list[str] = []
    at = 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if end > len(raw):
            raise BadInput("a text runs over the end of the binary data", where=name)
        try:
            texts.append(raw[at + 4 : end].decode())
        except UnicodeDecodeError:
            raise BadInput("a text is not UTF-8", where=name) from None
        at = end
    return texts


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
