"""LitServe, one worker."""

import sys

import litserve
from scoring import load, matrix_of


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 -- LitServe passes it by name
        self.score = load()

    def decode_request(self, request):
        return matrix_of(request["dataframe_records"])

    def predict(self, matrix):
        return self.score(matrix)

    def encode_response(self, scores):
        return {"predictions": scores}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="error",
        generate_client_file=False,
    )  # fmt: skip
