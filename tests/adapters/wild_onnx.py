"""ONNX models over (age, hours, grade) that misbehave on some rows, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def _constant(name: str, value: Any, dtype: Any) -> Any:
    return numpy_helper.from_array(np.array(value, dtype=dtype), name)


def _model(nodes: list[Any], constants: list[Any], fields: int | str = 3) -> bytes:
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", fields])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "wild", [rows], [score], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()


def _age() -> list[Any]:
    return [helper.make_node("Gather", ["rows", "first"], ["age"], axis=1)]


FIRST = _constant("first", [0], np.int64)


def plain(fields: int | str = 3) -> bytes:
    """Age by 100, of so many fields."""
    nodes = [*_age(), helper.make_node("Div", ["age", "hundred"], ["score"])]
    return _model(nodes, [FIRST, _constant("hundred", [100.0], np.float32)], fields)


def nan_above(age: float) -> bytes:
    """The root of what `age` is above the row's age: NaN for older rows."""
    nodes = [
        *_age(),
        helper.make_node("Sub", ["limit", "age"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Div", ["root", "ten"], ["score"]),
    ]
    constants = [FIRST, _constant("limit", [age], np.float32), _constant("ten", [10.0], np.float32)]
    return _model(nodes, constants)


def endless_above(age: float) -> bytes:
    """Age by 100, after a loop of 2⁵⁰ rounds when any row is older than `age`."""
    step = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Sqrt", ["state"], ["next"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        *_age(),
        helper.make_node("ReduceMax", ["age"], ["oldest"], keepdims=0),
        helper.make_node("Greater", ["oldest", "limit"], ["older"]),
        helper.make_node("Cast", ["older"], ["many"], to=TensorProto.INT64),
        helper.make_node("Mul", ["many", "huge"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "yes", "one"], ["end"], body=step),
        helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        helper.make_node("Div", ["age", "hundred"], ["share"]),
        helper.make_node("Add", ["share", "nothing"], ["score"]),
    ]
    constants = [
        FIRST,
        _constant("limit", age, np.float32),
        _constant("huge", 1 << 50, np.int64),
        _constant("yes", True, bool),
        _constant("one", 1.0, np.float32),
        _constant("zero", 0.0, np.float32),
        _constant("hundred", [100.0], np.float32),
    ]
    return _model(nodes, constants)


def greedy_above(age: float) -> bytes:
    """Age by 100, after filling 64 GiB when any row is older than `age`."""
    nodes = [
        *_age(),
        helper.make_node("ReduceMax", ["age"], ["oldest"], keepdims=1),
        helper.make_node("Greater", ["oldest", "limit"], ["older"]),
        helper.make_node("Cast", ["older"], ["many"], to=TensorProto.INT64),
        helper.make_node("Mul", ["many", "huge"], ["size"]),
        helper.make_node("Reshape", ["size", "flat"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["filled"]),
        helper.make_node("ReduceSum", ["filled"], ["sum"], keepdims=0),
        helper.make_node("Div", ["age", "hundred"], ["share"]),
        helper.make_node("Add", ["share", "sum"], ["score"]),
    ]
    constants = [
        FIRST,
        _constant("limit", age, np.float32),
        _constant("huge", 1 << 34, np.int64),
        _constant("flat", [1], np.int64),
        _constant("hundred", [100.0], np.float32),
    ]
    return _model(nodes, constants)
