"""BentoML, one worker."""

import os
import sys
from pathlib import Path

import bentoml
from scoring import load, matrix_of


@bentoml.service(workers=1)
class Scorer:
    def __init__(self) -> None:
        self.score = load()

    @bentoml.api
    def predict(self, dataframe_records: list[dict[str, float]]) -> list[float]:
        return self.score(matrix_of(dataframe_records))


if __name__ == "__main__":
    words = [sys.executable, "-m", "bentoml", "serve", "serve_bentoml:Scorer"]
    words += ["--working-dir", str(Path(__file__).parent), "--host", "127.0.0.1"]
    os.execv(sys.executable, [*words, "--port", sys.argv[1]])
