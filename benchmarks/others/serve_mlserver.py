"""MLServer without parallel workers, which is its faster way; its own runtime or ONNX."""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from scoring import MODEL, load


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self.score = load()
        return True

    async def predict(self, payload):
        import numpy as np

        scores = np.array(self.score(self.decode(payload.inputs[0], NumpyCodec)))
        outputs = [NumpyCodec.encode_output("predict_proba", scores)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    path = os.environ[MODEL]
    own = path.endswith(".joblib")
    folder = Path(tempfile.mkdtemp(dir=Path(path).parent))
    model = {
        "name": "bench",
        "implementation": "mlserver_sklearn.SKLearnModel" if own else "serve_mlserver.OnnxModel",
        "parameters": {"uri": path},
    }
    settings = {
        "host": "127.0.0.1", "http_port": int(sys.argv[1]), "grpc_port": free_port(),
        "metrics_port": free_port(), "parallel_workers": 0, "debug": False,
    }  # fmt: skip
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "settings.json").write_text(json.dumps(settings))
    program = Path(sys.executable).with_name("mlserver")
    os.execv(program, [str(program), "start", str(folder)])
