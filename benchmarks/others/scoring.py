"""A model file as a function of a matrix: scikit-learn by joblib, or an ONNX session."""

import os

import numpy as np

MODEL = "BENCH_MODEL"
"""The environment variable that names the file."""


def load():
    path = os.environ[MODEL]
    if path.endswith(".joblib"):
        import joblib

        fitted = joblib.load(path)
        return lambda matrix: fitted.predict_proba(matrix)[:, 1].tolist()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    return lambda matrix: session.run(["probabilities"], {entry: matrix})[0][:, 1].tolist()


def matrix_of(records):
    return np.array([list(row.values()) for row in records], dtype=np.float32)
