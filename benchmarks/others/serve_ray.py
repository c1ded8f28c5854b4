"""Ray Serve, one replica."""

import signal
import sys

import ray
from ray import serve
from scoring import load, matrix_of
from starlette.requests import Request
from starlette.responses import JSONResponse


@serve.deployment(num_replicas=1)
class Scorer:
    def __init__(self):
        self.score = load()

    async def __call__(self, request: Request):
        scores = self.score(matrix_of((await request.json())["dataframe_records"]))
        return JSONResponse({"predictions": scores})


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Scorer.bind())
    signal.sigwait([signal.SIGTERM])
    serve.shutdown()
    ray.shutdown()
